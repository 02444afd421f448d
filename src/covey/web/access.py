"""Settings: who and what can come in as you. Browsers, apps, personal tokens: each can be ended,
and is out at its next request, whichever edge that reaches."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup
from msgspec import Struct
from starlette.responses import Response

from covey.edge.access import SCOPES, SESSION_MS, new_secret, secret_hash
from covey.edge.requests import Parameters
from covey.edge.scope_words import DOES, SEES, may
from covey.errors import Refused
from covey.messages import SERVER, CloseSession, RevokeApp, RevokeToken, Token
from covey.state.queries import Snapshot
from covey.web.forms import Fault, fault, kept
from covey.web.times import day_tag
from covey.web.visit import Visit

_LISTED_MAX: Final = 100
"""Of each."""


class _Session(Struct):
    name: str
    agent: str
    since: Markup
    used: Markup
    here: bool


class _App(Struct):
    number: int
    name: str
    site: str
    """Host of what it says it is from; empty: it says nothing."""
    since: Markup
    may: list[tuple[str, str]]


class _Token(Struct):
    name: str
    hash: str
    since: Markup
    scopes: str


def access_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _page(visit, snapshot, Parameters({}), [], 200)


def _page(
    visit: Visit, snapshot: Snapshot, form: Parameters, errors: list[Fault], status: int
) -> Response:
    factor = snapshot.row("select since from second_factors where account = ?", (visit.account,))
    return visit.page(
        snapshot, "access.html", status=status, errors=errors,
        sessions=_sessions(visit, snapshot), apps=_apps(visit, snapshot),
        tokens=_tokens(visit, snapshot), factor_since=day_tag(factor[0]) if factor else "",
        kept={"name": kept(form, "name"), "scopes": _chosen(form)},
        wide=_WIDE, narrow=_NARROW,
    )  # fmt: skip


def _sessions(visit: Visit, snapshot: Snapshot) -> list[_Session]:
    here = secret_hash(visit.session)
    rows = snapshot.execute(
        "select session_hash, agent, created, used from sessions where account = ? and created > ?"
        " order by session_hash = ? desc, used desc limit ?",
        (visit.account, visit.now - SESSION_MS, here, _LISTED_MAX),
    )
    return [
        _Session(key.hex(), agent_words(agent), day_tag(created), day_tag(used), key == here)
        for key, agent, created, used in rows
    ]


def _apps(visit: Visit, snapshot: Snapshot) -> list[_App]:
    rows = snapshot.execute(
        "select app, name, website, min(created), group_concat(scopes, ' ') from"
        " (select app, apps.name, website, tokens.created, tokens.scopes from tokens"
        " join apps on number = app where account = ?)"
        " group by app order by min(created) desc limit ?",
        (visit.account, _LISTED_MAX),
    )
    return [
        _App(number, name, _host(site), day_tag(since), may([*dict.fromkeys(scopes.split())]))
        for number, name, site, since, scopes in rows
    ]


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _tokens(visit: Visit, snapshot: Snapshot) -> list[_Token]:
    rows = snapshot.execute(
        "select name, token_hash, created, scopes from tokens where account = ? and app = 0"
        " order by created desc",
        (visit.account,),
    )
    return [
        _Token(name, key.hex(), day_tag(since), scopes.replace(" ", ", "))
        for name, key, since, scopes in rows
    ]


# --- browsers -----------------------------------------------------------------------------------

_PROGRAMS: Final = (
    ("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def agent_words(agent: str) -> str:
    """A User-Agent in words: "Firefox on Linux"."""
    program = next((words for sign, words in _PROGRAMS if sign in agent), "")
    system = next((words for sign, words in _SYSTEMS if sign in agent), "")
    if program and system:
        return f"{program} on {system}"
    return program or agent[:40] or "A browser"


async def close_session(visit: Visit, form: Parameters) -> Response:
    """Log out another browser of one's own."""
    message = CloseSession(session_hash=_hash(form, "session"))
    await visit.edge.submit(visit.account, message)
    return visit.redirect("/settings/access?said=session")


async def close_other_sessions(visit: Visit, form: Parameters) -> Response:
    message = CloseSession(session_hash=secret_hash(visit.session), others=True)
    await visit.edge.submit(visit.account, message)
    return visit.redirect("/settings/access?said=sessions")


def _hash(form: Parameters, name: str) -> bytes:
    """Raises Refused("not_found")."""
    try:
        return bytes.fromhex(form.required_text(name))
    except ValueError:
        raise Refused("not_found") from None


# --- apps ---------------------------------------------------------------------------------------


async def revoke_app(visit: Visit, form: Parameters) -> Response:
    number = form.required_text("app")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Refused("not_found")
    await visit.edge.submit(visit.account, RevokeApp(app=int(number)))
    return visit.redirect("/settings/access?said=app")


# --- personal tokens ----------------------------------------------------------------------------

_WIDE: Final = (
    ("read", "Read", "all that I see"),
    ("write", "Write", "act as me in all things"),
    ("profile", "Profile", "know who I am"),
    ("push", "Push", "send notifications"),
)
"""(scope, what it is called, what it means), each with all that lies in it."""
_NARROW: Final = (
    *((f"read:{part}", f"See {words}") for part, words in SEES.items()),
    *((f"write:{part}", f"{words[0].upper()}{words[1:]}") for part, words in DOES.items()),
)


def _chosen(form: Parameters) -> list[str]:
    """The scopes that are ticked, in their order."""
    ticked = form.texts("scope")
    return [scope for scope in SCOPES if scope in ticked]


async def create_token(visit: Visit, form: Parameters) -> Response:
    """Shown once, on the page that answers."""
    edge = visit.edge
    name, scopes = kept(form, "name").strip(), _chosen(form)
    errors = []
    if not name:
        errors.append(Fault("name", "Give it a name, so that you know it again."))
    if not scopes:
        errors.append(Fault("scope", "Tick at least one thing that it may do."))
    if not errors:
        secret = new_secret()
        message = Token(
            token_hash=secret_hash(secret), app=0, account=visit.account,
            scopes=" ".join(scopes), name=name,
        )  # fmt: skip
        try:
            await edge.submit(SERVER, message)
        except Refused as refused:
            if refused.status != 422:
                raise
            errors = [fault(refused, "name")]
        else:
            with edge.snapshot() as snapshot:
                return visit.page(snapshot, "token.html", made=name, secret=secret, may=may(scopes))
    with edge.snapshot() as snapshot:
        return _page(visit, snapshot, form, errors, 422)


async def revoke_token(visit: Visit, form: Parameters) -> Response:
    await visit.edge.submit(visit.account, RevokeToken(token_hash=_hash(form, "token")))
    return visit.redirect("/settings/access?said=token")
