"""The page on which a person allows an app, and the code that the app gets for it.

Anybody can register an app, with any address. So nobody is sent to it who did not press a button
here, and never to an address that the app did not register, letter by letter.
"""

from __future__ import annotations

import re
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Struct
from starlette.requests import HTTPConnection

from covey.edge import csrf
from covey.edge.access import (
    SESSION_COOKIE,
    cookie_name,
    new_secret,
    secret_hash,
    session_access,
)
from covey.edge.requests import Parameters, header
from covey.errors import Refused
from covey.mastodon.door import Answer, Call, operation
from covey.mastodon.oauth import consent
from covey.mastodon.oauth.apps import AppRow, find_app, scopes_for
from covey.mastodon.oauth.trouble import NO_STORE, OAuthError
from covey.messages import Grant
from covey.state.access import OUT_OF_BAND

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SAFE_IN_URL: Final = ":/?&=%+@!$'()*,;~[]-._"


class Wish(Struct, frozen=True):
    """What an app asks a person for."""

    app: AppRow
    redirect_uri: str
    scopes: str
    state: str | None
    challenge: str

    @property
    def fields(self) -> dict[str, str]:
        """To be sent again with the person's answer."""
        found = {
            "client_id": self.app.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": self.scopes,
        }
        if self.state is not None:
            found["state"] = self.state
        if self.challenge:
            found |= {"code_challenge": self.challenge, "code_challenge_method": "S256"}
        return found


@operation("GET", "/oauth/authorize", needs="anyone", open_to_pages=False)
async def authorize_page(call: Call) -> Answer:
    """`lang` is taken and changes nothing: our pages are in English so far."""
    try:
        wish = _wish(call.parameters, *_asked_by(call))
    except OAuthError as error:
        return consent.sorry(call, error)
    cookie = _session_cookie(call)
    access = session_access(call.edge, cookie)
    log_in = _log_in_address(call)
    if access is None or call.parameters.boolean("force_login"):
        return _redirect(log_in)
    with call.edge.snapshot() as snapshot:
        account = snapshot.account(access.account)
    assert account is not None
    fields = {**wish.fields, csrf.FIELD: csrf.token(call.edge, cookie)}
    return consent.page(
        call, wish.app, account, wish.scopes.split(), wish.redirect_uri, fields, log_in
    )


def _log_in_address(call: Call) -> str:
    """Where one logs in, also as somebody else, and comes back from: not to be told again to."""
    pairs = parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name != "force_login"])
    return f"/login?again=1&next={quote(f'/oauth/authorize?{query}', safe='/')}"


@operation("POST", "/oauth/authorize", needs="anyone", open_to_pages=False)
async def authorize(call: Call) -> Answer:
    try:
        return await _authorize(call)
    except Refused as refused:  # a person reads it
        return consent.sorry(call, OAuthError(refused.code, refused.sentence, refused.status))


async def _authorize(call: Call) -> Answer:
    """Raises Refused."""
    cookie = _session_cookie(call)
    access = session_access(call.edge, cookie)
    if access is None:
        raise Refused("log_in_needed")
    connection = HTTPConnection(call.scope)
    csrf.check(call.edge, connection, cookie, call.parameters.text(csrf.FIELD))
    try:
        app, redirect_uri = _asked_by(call)
    except OAuthError as error:
        return consent.sorry(call, error)
    try:
        wish = _wish(call.parameters, app, redirect_uri)
        if call.parameters.text("decision") != "allow":
            raise OAuthError("access_denied", "The person did not allow it.")
    except OAuthError as error:
        return _refer_back(call, redirect_uri, error)
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
        return consent.code_page(call, app, code)
    answered = {"code": code}
    if wish.state is not None:
        answered["state"] = wish.state
    return _redirect(_with_query(redirect_uri, answered))


def _asked_by(call: Call) -> tuple[AppRow, str]:
    """The app and an address of it. Raises OAuthError that is shown here: nobody is sent to an
    address that is not known to be the app's."""
    parameters = call.parameters
    app = find_app(call.edge, "client_id", parameters.text("client_id"))
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
    scopes = scopes_for(parameters, app)
    challenge = parameters.text("code_challenge")
    method = parameters.text("code_challenge_method")
    if (challenge or method) and method != "S256":
        raise OAuthError("invalid_request", "The code_challenge_method must be S256.")
    if method and not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "The code_challenge must be a SHA-256 in base64url.")
    state = parameters.optional_text("state")
    return Wish(app, redirect_uri, scopes, state, challenge)


def _refer_back(call: Call, redirect_uri: str, error: OAuthError) -> Answer:
    if redirect_uri == OUT_OF_BAND:
        return consent.sorry(call, error)
    answered = {"error": error.error, "error_description": error.description}
    state = call.parameters.tree.get("state")
    if isinstance(state, str):
        answered["state"] = state
    return _redirect(_with_query(redirect_uri, answered))


def _with_query(uri: str, query: dict[str, str]) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(query)}"


def _redirect(location: str) -> Answer:
    value = quote(location, safe=_SAFE_IN_URL).encode()
    return Answer(b"", 303, [(b"location", value), *NO_STORE], b"text/plain; charset=utf-8")


def _session_cookie(call: Call) -> str:
    try:
        morsel = SimpleCookie(header(call.scope, b"cookie")).get(
            cookie_name(call.edge.settings, SESSION_COOKIE)
        )
    except CookieError:
        return ""
    return morsel.value if morsel else ""
