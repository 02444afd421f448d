"""Access: apps, authorization codes, tokens, sessions. Only hashes of secrets are ever here."""

from __future__ import annotations

import re
from typing import Final

from covey.errors import Refused
from covey.limits import (
    AGENT_CHARACTERS,
    APP_NAME_CHARACTERS,
    GRANT_MS,
    REDIRECT_URIS,
    URL_CHARACTERS,
)
from covey.messages import (
    SERVER,
    App,
    CloseSession,
    Entry,
    Grant,
    OpenSession,
    RevokeToken,
    Token,
)
from covey.state.accounts import require_account
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_active
from covey.state.state import Outcome, State
from covey.state.texts import check_text, check_url

OUT_OF_BAND: Final = "urn:ietf:wg:oauth:2.0:oob"
"""Redirect URI of apps that show the code to be copied."""

_REDIRECT: Final = re.compile(r"[a-z][a-z0-9+.-]*:[^\s#<>\"]+", re.ASCII)


@check_of(App)
def check_app(state: State, actor: int, message: App, stamp: int) -> None:
    if actor != SERVER:
        raise Refused("forbidden", role="server")
    if not message.name.strip():
        raise Refused("parameter_missing", name="client_name")
    check_text("The app's name", message.name, APP_NAME_CHARACTERS, lines=False)
    if message.website:
        check_url("The website", message.website)
    if len(message.redirect_uris) > REDIRECT_URIS:
        raise Refused("redirect_uris_many", limit=REDIRECT_URIS)
    if not message.redirect_uris:
        raise Refused("parameter_missing", name="redirect_uris")
    for uri in message.redirect_uris:
        forbidden = uri.lower().startswith(("javascript:", "data:", "vbscript:", "file:"))
        if uri != OUT_OF_BAND and (
            forbidden or len(uri) > URL_CHARACTERS or not _REDIRECT.fullmatch(uri)
        ):
            raise Refused("redirect_uri_malformed")
    _require_new(state, "apps", "client_id", message.client_id)


def _require_new(state: State, table: str, column: str, secret: bytes | str) -> None:
    """Two random secrets are never the same, so this one was sent before; `apply` may not meet it.
    Raises Refused("already_done")."""
    if state.row(f"select 1 from {table} where {column} = ?", (secret,)):
        raise Refused("already_done")


@apply_of(App)
def apply_app(state: State, entry: Entry, message: App, outcome: Outcome) -> None:
    state.apps = entry.id
    state.execute(
        "insert into apps values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id, message.client_id, message.secret_hash, message.name, message.website,
            "\n".join(message.redirect_uris), message.scopes, entry.stamp,
        ),
    )  # fmt: skip
    outcome.access = entry.number


@check_of(Grant)
def check_grant(state: State, actor: int, message: Grant, stamp: int) -> None:
    require_account(state, actor)
    app = state.row("select redirect_uris from apps where number = ?", (message.app,))
    if app is None:
        raise Refused("app_unknown")
    if message.redirect_uri not in app[0].split("\n"):
        raise Refused("redirect_uri_malformed")
    _require_new(state, "grants", "code_hash", message.code_hash)


@apply_of(Grant)
def apply_grant(state: State, entry: Entry, message: Grant, outcome: Outcome) -> None:
    state.execute(
        "insert into grants values (?, ?, ?, ?, ?, ?, ?)",
        (
            message.code_hash, message.app, entry.actor, message.scopes, message.redirect_uri,
            message.challenge, entry.stamp + GRANT_MS,
        ),
    )  # fmt: skip


@check_of(Token)
def check_token(state: State, actor: int, message: Token, stamp: int) -> None:
    if actor != SERVER:
        raise Refused("forbidden", role="server")
    if not 0 < message.app <= state.apps:
        raise Refused("app_unknown")
    if message.account:
        require_active(state, message.account)
    if message.code_hash:
        grant = state.row(
            "select app, account, scopes, expires from grants where code_hash = ?",
            (message.code_hash,),
        )
        if grant is None or grant[3] <= stamp:
            raise Refused("grant_unknown")
        if grant[:3] != (message.app, message.account, message.scopes):
            raise Refused("grant_unknown")
    _require_new(state, "tokens", "token_hash", message.token_hash)


@apply_of(Token)
def apply_token(state: State, entry: Entry, message: Token, outcome: Outcome) -> None:
    """A grant is good once."""
    if message.code_hash:
        state.execute("delete from grants where code_hash = ?", (message.code_hash,))
    state.execute(
        "insert into tokens values (?, ?, ?, ?, ?)",
        (message.token_hash, message.app, message.account, message.scopes, entry.stamp),
    )
    outcome.access = entry.number


@check_of(RevokeToken)
def check_revoke_token(state: State, actor: int, message: RevokeToken, stamp: int) -> None:
    row = state.row("select account from tokens where token_hash = ?", (message.token_hash,))
    if row is None or actor not in (SERVER, row[0]):
        raise Refused("not_found")


@apply_of(RevokeToken)
def apply_revoke_token(state: State, entry: Entry, message: RevokeToken, outcome: Outcome) -> None:
    state.execute("delete from tokens where token_hash = ?", (message.token_hash,))
    outcome.access = entry.number


@check_of(OpenSession)
def check_open_session(state: State, actor: int, message: OpenSession, stamp: int) -> None:
    require_account(state, actor)
    check_text("The agent", message.agent, AGENT_CHARACTERS, lines=False)
    _require_new(state, "sessions", "session_hash", message.session_hash)


@apply_of(OpenSession)
def apply_open_session(state: State, entry: Entry, message: OpenSession, outcome: Outcome) -> None:
    state.execute(
        "insert into sessions values (?, ?, ?, ?)",
        (message.session_hash, entry.actor, message.agent, entry.stamp),
    )
    outcome.access = entry.number


@check_of(CloseSession)
def check_close_session(state: State, actor: int, message: CloseSession, stamp: int) -> None:
    row = state.row("select account from sessions where session_hash = ?", (message.session_hash,))
    if row is None or row[0] != actor:
        raise Refused("not_found")


@apply_of(CloseSession)
def apply_close_session(
    state: State, entry: Entry, message: CloseSession, outcome: Outcome
) -> None:
    state.execute("delete from sessions where session_hash = ?", (message.session_hash,))
    outcome.access = entry.number
