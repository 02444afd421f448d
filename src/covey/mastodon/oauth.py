"""OAuth 2: apps, the page on which a person allows one, tokens, and their end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import quote, unquote_plus, urlencode

from msgspec import Struct
from starlette.requests import HTTPConnection

from covey.edge import csrf
from covey.edge.access import (
    SESSION_COOKIE,
    cookie_name,
    new_secret,
    parse_scopes,
    secret_hash,
    session_access,
    within,
)
from covey.edge.edge import Edge
from covey.edge.images import avatar_url
from covey.edge.rates import subject_of
from covey.edge.requests import Parameters, header
from covey.errors import Refused
from covey.mastodon.door import Answer, Call, as_json, encode, operation
from covey.messages import SERVER, App, Grant, RevokeToken, Token
from covey.state.access import OUT_OF_BAND
from covey.state.queries import AccountRow

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NO_STORE: Final = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
_SAFE_IN_URL: Final = ":/?&=%+@!$'()*,;~[]-._"


class AppRow(Struct, frozen=True):
    number: int
    client_id: str
    secret_hash: bytes
    name: str
    website: str
    redirect_uris: str
    """One a line."""
    scopes: str


class OAuthError(Exception):
    """RFC 6749: `error` is one of its words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def answer(self) -> Answer:
        body = {"error": self.error, "error_description": self.description}
        answer = Answer(encode(body), self.status, list(_NO_STORE))
        if self.status == 401:
            answer.headers.append((b"www-authenticate", b'Basic realm="Covey"'))
        return answer


def _app(edge: Edge, where: str, value: object) -> AppRow | None:
    with edge.snapshot() as snapshot:
        row = snapshot.row(
            "select number, client_id, secret_hash, name, website, redirect_uris, scopes"
            f" from apps where {where} = ?",
            (value,),
        )
    return AppRow(*row) if row else None


# --- apps -------------------------------------------------------------------------------------


def _application(app: AppRow) -> dict[str, Any]:
    uris = app.redirect_uris.split("\n")
    return {
        "id": str(app.number),
        "name": app.name,
        "website": app.website or None,
        "scopes": app.scopes.split(),
        "redirect_uri": app.redirect_uris,
        "redirect_uris": uris,
        # push is not there; clients read a string
        "vapid_key": "",
    }


@operation("POST", "/api/v1/apps", needs="anyone")
async def create_app(call: Call) -> Answer:
    parameters = call.parameters
    name = parameters.required_text("client_name")
    lines = "\n".join(parameters.texts("redirect_uris"))
    uris = tuple(dict.fromkeys(uri.strip() for uri in lines.splitlines() if uri.strip()))
    scopes = parse_scopes(parameters.text("scopes"))
    website = parameters.text("website").strip()
    await call.edge.count("app", subject_of(call.address))
    client_id, secret = new_secret(), new_secret()
    message = App(
        client_id=client_id,
        secret_hash=secret_hash(secret),
        name=name,
        redirect_uris=uris,
        scopes=scopes,
        website=website,
    )
    accepted = await call.edge.submit(SERVER, message)
    app = AppRow(accepted.id, client_id, b"", name, website, "\n".join(uris), scopes)
    answer = as_json(
        {
            **_application(app),
            "client_id": client_id,
            "client_secret": secret,
            "client_secret_expires_at": 0,
        }
    )
    answer.headers = list(_NO_STORE)
    return answer


@operation("GET", "/api/v1/apps/verify_credentials", needs="token")
async def verify_app(call: Call) -> Answer:
    app = _app(call.edge, "number", call.access.app)
    if app is None:
        raise Refused("not_found")
    return as_json(_application(app))


# --- the page ---------------------------------------------------------------------------------


class Wish(Struct, frozen=True):
    """What an app asks a person for."""

    app: AppRow
    redirect_uri: str
    scopes: str
    state: str | None
    challenge: str


@operation("GET", "/oauth/authorize", needs="anyone", open_to_pages=False)
async def authorize_page(call: Call) -> Answer:
    try:
        wish = _wish(call.parameters, *_asked_by(call))
    except OAuthError as error:
        # Anybody can register an app: nobody is sent to its address who did not press a button.
        return _sorry(error)
    cookie = _session_cookie(call)
    access = session_access(call.edge, cookie)
    if access is None:
        here = f"/oauth/authorize?{call.scope['query_string'].decode('latin-1')}"
        location = f"/login?next={quote(here, safe='/')}"
        return _redirect(location)
    with call.edge.snapshot() as snapshot:
        account = snapshot.account(access.account)
    assert account is not None
    return _page(
        f"Allow {wish.app.name}?",
        _consent(call, wish, account, csrf.token(call.edge, cookie)),
    )


@operation("POST", "/oauth/authorize", needs="anyone", open_to_pages=False)
async def authorize(call: Call) -> Answer:
    try:
        return await _authorize(call)
    except Refused as refused:  # a person reads it
        return _sorry(OAuthError(refused.code, refused.sentence, refused.status))


async def _authorize(call: Call) -> Answer:
    """Raises Refused."""
    cookie = _session_cookie(call)
    access = session_access(call.edge, cookie)
    if access is None:
        raise Refused("token_missing")
    connection = HTTPConnection(call.scope)
    csrf.check(call.edge, connection, cookie, call.parameters.text(csrf.FIELD))
    try:
        app, redirect_uri = _asked_by(call)
    except OAuthError as error:
        return _sorry(error)
    try:
        wish = _wish(call.parameters, app, redirect_uri)
        if call.parameters.text("decision") != "allow":
            raise OAuthError("access_denied", "The person did not allow it.")
    except OAuthError as error:
        return _refer_back(call.parameters, redirect_uri, error)
    code = new_secret()
    await call.edge.submit(
        access.account,
        Grant(
            code_hash=secret_hash(code),
            app=app.number,
            scopes=wish.scopes,
            redirect_uri=redirect_uri,
            challenge=wish.challenge,
        ),
    )
    if redirect_uri == OUT_OF_BAND:
        body = (
            f"<h1>Your code</h1><p>Copy it into {escape(app.name)}. It is good for ten minutes,"
            f' once.</p><p><code id="code">{escape(code)}</code></p>'
        )
        return _page("Your code", body)
    answered = {"code": code}
    if wish.state is not None:
        answered["state"] = wish.state
    return _redirect(_with_query(redirect_uri, answered))


def _asked_by(call: Call) -> tuple[AppRow, str]:
    """The app and an address of it. Raises OAuthError that is shown here: nobody is sent to an
    address that is not known to be the app's."""
    parameters = call.parameters
    app = _app(call.edge, "client_id", parameters.text("client_id"))
    if app is None:
        raise OAuthError("invalid_client", "There is no app of this client_id on this server.")
    known = app.redirect_uris.split("\n")
    redirect_uri = parameters.text("redirect_uri") or (known[0] if len(known) == 1 else "")
    if redirect_uri not in known:
        raise OAuthError(
            "invalid_request", "The redirect_uri is not one that the app was registered with."
        )
    return app, redirect_uri


def _wish(parameters: Parameters, app: AppRow, redirect_uri: str) -> Wish:
    """Raises OAuthError."""
    if parameters.text("response_type") != "code":
        raise OAuthError("unsupported_response_type", "The response_type must be code.")
    try:
        scopes = parse_scopes(parameters.text("scope"))
    except Refused as refused:
        raise OAuthError("invalid_scope", refused.sentence) from None
    if not within(scopes.split(), app.scopes.split()):
        raise OAuthError("invalid_scope", "The app was not registered with all of these scopes.")
    challenge = parameters.text("code_challenge")
    method = parameters.text("code_challenge_method")
    if (challenge or method) and method != "S256":
        raise OAuthError("invalid_request", "The code_challenge_method must be S256.")
    if method and not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "The code_challenge must be a SHA-256 in base64url.")
    state = parameters.optional_text("state")
    return Wish(app, redirect_uri, scopes, state, challenge)


def _refer_back(parameters: Parameters, redirect_uri: str, error: OAuthError) -> Answer:
    if redirect_uri == OUT_OF_BAND:
        return _sorry(error)
    answered = {"error": error.error, "error_description": error.description}
    state = parameters.tree.get("state")
    if isinstance(state, str):
        answered["state"] = state
    return _redirect(_with_query(redirect_uri, answered))


def _with_query(uri: str, query: dict[str, str]) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(query)}"


def _redirect(location: str) -> Answer:
    value = quote(location, safe=_SAFE_IN_URL).encode()
    return Answer(b"", 303, [(b"location", value), *_NO_STORE], b"text/plain; charset=utf-8")


def _session_cookie(call: Call) -> str:
    try:
        morsel = SimpleCookie(header(call.scope, b"cookie")).get(
            cookie_name(call.edge.settings, SESSION_COOKIE)
        )
    except CookieError:
        return ""
    return morsel.value if morsel else ""


_WORDS: Final = {
    "profile": "see your name and picture",
    "read": "read everything you can read, your private posts and notifications too",
    "write": "act for you: post, delete, follow, block, change your profile",
    "follow": "follow, block and mute for you, and see whom you do",
    "push": "send notifications to your device",
    "read:accounts": "see accounts",
    "read:blocks": "see whom you block",
    "read:bookmarks": "see your bookmarks",
    "read:favourites": "see your favourites",
    "read:filters": "see your filters",
    "read:follows": "see whom you follow",
    "read:lists": "see your lists",
    "read:mutes": "see whom you mute",
    "read:notifications": "see your notifications",
    "read:search": "search for you",
    "read:statuses": "read your timelines and posts",
    "write:accounts": "change your profile",
    "write:blocks": "block for you",
    "write:bookmarks": "bookmark for you",
    "write:conversations": "mute and delete conversations",
    "write:favourites": "favourite posts for you",
    "write:filters": "change your filters",
    "write:follows": "follow and unfollow for you",
    "write:lists": "change your lists",
    "write:media": "upload pictures for you",
    "write:mutes": "mute for you",
    "write:notifications": "clear your notifications",
    "write:reports": "report for you",
    "write:statuses": "post and delete for you",
}


def _consent(call: Call, wish: Wish, account: AccountRow, token: str) -> str:
    wanted = "".join(f"<li>{_WORDS[scope]}</li>" for scope in wish.scopes.split())
    fields = {
        "client_id": wish.app.client_id,
        "redirect_uri": wish.redirect_uri,
        "response_type": "code",
        "scope": wish.scopes,
        csrf.FIELD: token,
    }
    if wish.state is not None:
        fields["state"] = wish.state
    if wish.challenge:
        fields |= {"code_challenge": wish.challenge, "code_challenge_method": "S256"}
    hidden = "".join(
        f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">'
        for key, value in fields.items()
    )
    site = wish.app.website
    where = f" (it says it is from {escape(site)})" if site else ""
    goes_to = (
        "a code to copy into the app"
        if wish.redirect_uri == OUT_OF_BAND
        else escape(wish.redirect_uri)
    )
    title = escape(call.edge.settings.title)
    return f"""<h1>Allow {escape(wish.app.name)}?</h1>
<p><img src="{escape(avatar_url("", account))}" alt="" width="48" height="48">
You are logged in to {title} as <strong>@{escape(account.name)}</strong>.</p>
<p><strong>{escape(wish.app.name)}</strong>{where} wants to:</p>
<ul>{wanted}</ul>
<p>It does not learn your password. The answer goes to {goes_to}.</p>
<form method="post" action="/oauth/authorize">{hidden}
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Do not allow</button></form>"""


_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;"
    "color-scheme:light dark}button{font:inherit;padding:.5rem 1rem;margin-right:.5rem}"
    "code{font-size:1.1rem;word-break:break-all}img{vertical-align:middle;border-radius:.5rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers apply it to the redirect back to the app, too.
_PAGE_HEADERS: Final = [
    (
        b"content-security-policy",
        f"default-src 'none'; img-src 'self'; style-src 'sha256-{_STYLE_HASH}';"
        " frame-ancestors 'none'; base-uri 'none'".encode(),
    ),
    (b"referrer-policy", b"same-origin"),
    *_NO_STORE,
]


def _page(title: str, body: str, status: int = 200) -> Answer:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
    return Answer(html.encode(), status, list(_PAGE_HEADERS), b"text/html; charset=utf-8")


def _sorry(error: OAuthError) -> Answer:
    body = f"<h1>This does not work</h1><p>{escape(error.description)}</p><p>({error.error})</p>"
    return _page("This does not work", body, error.status)


# --- tokens -----------------------------------------------------------------------------------


@operation("POST", "/oauth/token", needs="anyone")
async def token(call: Call) -> Answer:
    parameters = call.parameters
    try:
        kind = parameters.text("grant_type")
        if not kind:
            raise OAuthError("invalid_request", "The parameter grant_type is missing.")
        if kind not in ("client_credentials", "authorization_code"):
            raise OAuthError(
                "unsupported_grant_type", "Only authorization_code and client_credentials work."
            )
        app = _client(call)
        if kind == "client_credentials":
            try:
                scopes = parse_scopes(parameters.text("scope"))
            except Refused as refused:
                raise OAuthError("invalid_scope", refused.sentence) from None
            if not within(scopes.split(), app.scopes.split()):
                raise OAuthError("invalid_scope", "The app was not registered with these scopes.")
            await call.edge.count("app_token", subject_of(call.address))
            return await issue(call.edge, app.number, 0, scopes)
        return await _redeem(call, app)
    except OAuthError as error:
        return error.answer()


async def _redeem(call: Call, app: AppRow) -> Answer:
    """Raises OAuthError."""
    parameters = call.parameters
    code_hash = secret_hash(parameters.text("code"))
    with call.edge.snapshot() as snapshot:
        grant = snapshot.row(
            "select app, account, scopes, redirect_uri, challenge from grants where code_hash = ?",
            (code_hash,),
        )
    invalid = OAuthError("invalid_grant", Refused("grant_unknown").sentence)
    if grant is None:
        raise invalid
    of_app, account, scopes, redirect_uri, challenge = grant
    if of_app != app.number or parameters.text("redirect_uri") != redirect_uri:
        raise invalid
    verifier = parameters.text("code_verifier")
    if challenge:
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(made, challenge):
            raise OAuthError("invalid_grant", "The code_verifier does not fit the code_challenge.")
    elif verifier:
        raise OAuthError("invalid_grant", "The code was asked for without a code_challenge.")
    try:
        return await issue(call.edge, app.number, account, scopes, code_hash)
    except Refused as refused:
        if refused.code != "grant_unknown":
            raise
        raise invalid from None


async def issue(edge: Edge, app: int, account: int, scopes: str, code_hash: bytes = b"") -> Answer:
    """A new token. Raises Refused."""
    secret = new_secret()
    message = Token(
        token_hash=secret_hash(secret),
        app=app,
        account=account,
        scopes=scopes,
        code_hash=code_hash,
    )
    await edge.submit(SERVER, message)
    answer = as_json(
        {
            "access_token": secret,
            "token_type": "Bearer",
            "scope": scopes,
            "created_at": edge.now() // 1000,
        }
    )
    answer.headers = list(_NO_STORE)
    return answer


@operation("POST", "/oauth/revoke", needs="anyone")
async def revoke(call: Call) -> Answer:
    """RFC 7009: a token that is not there is revoked already."""
    try:
        app = _client(call)
    except OAuthError as error:
        return error.answer()
    token_hash = secret_hash(call.parameters.text("token"))
    with call.edge.snapshot() as snapshot:
        row = snapshot.row("select app from tokens where token_hash = ?", (token_hash,))
    if row is not None and row[0] != app.number:
        return OAuthError("unauthorized_client", "This token is another app's.", 403).answer()
    if row is not None:
        try:
            await call.edge.submit(SERVER, RevokeToken(token_hash=token_hash))
        except Refused as refused:
            if refused.code != "not_found":
                raise
    answer = as_json({})
    answer.headers = list(_NO_STORE)
    return answer


@operation("GET", "/oauth/userinfo", "profile")
async def userinfo(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = snapshot.account(call.account)
    assert row is not None
    return as_json(
        {
            "iss": call.public_url,
            "sub": f"{call.public_url}/@{row.name}",
            "name": row.shown_name,
            "preferred_username": row.name,
            "profile": f"{call.public_url}/@{row.name}",
            "picture": avatar_url(call.public_url, row),
        }
    )


def _client(call: Call) -> AppRow:
    """The app that proves it is one, in the body or by Basic. Raises OAuthError."""
    parameters = call.parameters
    client_id, secret = parameters.text("client_id"), parameters.text("client_secret")
    kind, _, coded = header(call.scope, b"authorization").partition(" ")
    if kind.lower() == "basic":
        try:
            pair = base64.b64decode(coded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        basic_id, _, basic_secret = pair.partition(":")
        client_id, secret = unquote_plus(basic_id), unquote_plus(basic_secret)
    app = _app(call.edge, "client_id", client_id)
    known = app.secret_hash if app else bytes(32)
    if not hmac.compare_digest(known, secret_hash(secret)) or app is None:
        raise OAuthError("invalid_client", Refused("app_unknown").sentence, 401)
    return app
