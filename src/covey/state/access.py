"""Access: apps, authorization codes, tokens, sessions. Only hashes of secrets are ever here; the
second factor is in `second_factor.py`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from covey.errors import Refused
from covey.limits import (
    AGENT_CHARACTERS,
    APP_NAME_CHARACTERS,
    GRANT_MS,
    REDIRECT_URIS,
    ROWS_PER_MESSAGE,
    TOKEN_NAME_CHARACTERS,
    TOKENS_PER_ACCOUNT,
    URL_CHARACTERS,
)
from covey.messages import (
    SERVER,
    App,
    CloseSession,
    Entry,
    Grant,
    OpenSession,
    RevokeApp,
    RevokeToken,
    Token,
    UseSession,
)
from covey.state.accounts import require_account
from covey.state.rules import apply_of, check_of
from covey.state.second_factor import check_second_factor, use_code
from covey.state.standing import require_active, standing_of
from covey.state.state import Outcome, State
from covey.state.texts import check_text, check_url
from covey.state.time import due_of, schedule

OUT_OF_BAND: Final = "urn:ietf:wg:oauth:2.0:oob"
"""Redirect URI of apps that show the code to be copied."""

_REDIRECT: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!$-;=?-~]+")
"""Visible ASCII without `"`, `#`, `<`, `>`."""
_NEVER: Final = ("javascript:", "data:", "vbscript:", "file:", "about:", "blob:")


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
        if uri != OUT_OF_BAND and not is_redirect(uri):
            raise Refused("redirect_uri_malformed")
    _require_new(state, "apps", "client_id", message.client_id)


def is_redirect(uri: str) -> bool:
    """An address that a browser may be sent to, and that says where it leads: no name before the
    host, which people would take for the host."""
    if len(uri) > URL_CHARACTERS or uri.startswith(_NEVER) or not _REDIRECT.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
        return not uri.startswith(("http:", "https:")) or (
            bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


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
        "insert into grants (code_hash, app, account, scopes, redirect_uri, challenge, expires)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            message.code_hash, message.app, entry.actor, message.scopes, message.redirect_uri,
            message.challenge, entry.stamp + GRANT_MS,
        ),
    )  # fmt: skip


@check_of(Token)
def check_token(state: State, actor: int, message: Token, stamp: int) -> None:
    """A pending account may get one: it is good for nothing until the account is approved, and who
    signed up by an app needs no second log-in then."""
    if actor != SERVER:
        raise Refused("forbidden", role="server")
    if message.account and (
        not 0 < message.account <= state.accounts
        or standing_of(state, message.account) != "pending"
    ):
        require_active(state, message.account)
    if message.name:
        _check_personal(state, message)
    elif not 0 < message.app <= state.apps:
        raise Refused("app_unknown")
    if message.code_hash:
        grant = state.row(
            "select app, account, scopes, expires from grants"
            " where code_hash = ? and token_hash = x''",
            (message.code_hash,),
        )
        if grant is None or grant[3] <= stamp:
            raise Refused("grant_unknown")
        if grant[:3] != (message.app, message.account, message.scopes):
            raise Refused("grant_unknown")
    _require_new(state, "tokens", "token_hash", message.token_hash)


def _check_personal(state: State, message: Token) -> None:
    """Raises Refused."""
    if message.app or not message.account or message.code_hash:
        raise Refused("app_unknown")
    check_text("The token's name", message.name, TOKEN_NAME_CHARACTERS, lines=False)
    own = "select {} from tokens where account = ? and app = 0"
    if state.row(f"{own.format(1)} and name = ?", (message.account, message.name)):
        raise Refused("token_name_taken", name=message.name)
    if state.count(own.format("count(*)"), (message.account,)) >= TOKENS_PER_ACCOUNT:
        raise Refused("tokens_many", limit=TOKENS_PER_ACCOUNT)


@apply_of(Token)
def apply_token(state: State, entry: Entry, message: Token, outcome: Outcome) -> None:
    """A grant is good once, and remembers until it would have ended what it became."""
    if message.code_hash:
        state.execute(
            "update grants set token_hash = ? where code_hash = ?",
            (message.token_hash, message.code_hash),
        )
    state.execute(
        "insert into tokens values (?, ?, ?, ?, ?, ?)",
        (
            message.token_hash, message.app, message.account, message.scopes, entry.stamp,
            message.name,
        ),
    )  # fmt: skip
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


@check_of(RevokeApp)
def check_revoke_app(state: State, actor: int, message: RevokeApp, stamp: int) -> None:
    require_account(state, actor)
    if (
        not any(
            state.row(f"select 1 from {table} where account = ? and app = ?", (actor, message.app))
            for table in ("tokens", "grants")
        )
        or not message.app
    ):
        raise Refused("not_found")


@apply_of(RevokeApp)
def apply_revoke_app(state: State, entry: Entry, message: RevokeApp, outcome: Outcome) -> None:
    _end_app(state, entry, outcome, entry.actor, message.app)


def _end_app(state: State, entry: Entry, outcome: Outcome, account: int, app: int) -> None:
    """An app that asked again and again has many; of very many the rest goes in a moment."""
    outcome.access = entry.number
    left = ROWS_PER_MESSAGE // 2
    for table, key in (("tokens", "token_hash"), ("grants", "code_hash")):
        state.execute(
            f"delete from {table} where {key} in (select {key} from {table}"
            f" where account = ? and app = ? order by {key} limit ?)",
            (account, app, left),
        )
        left -= state.connection.changes()
    if left <= 0:
        schedule(state, entry, entry.stamp, "revoke_app", account, app)


@due_of("revoke_app")
def due_revoke_app(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, app: int
) -> None:
    _end_app(state, entry, outcome, account, app)


# --- sessions ---------------------------------------------------------------------------------


@check_of(OpenSession)
def check_open_session(state: State, actor: int, message: OpenSession, stamp: int) -> None:
    require_account(state, actor)
    check_text("The agent", message.agent, AGENT_CHARACTERS, lines=False)
    _require_new(state, "sessions", "session_hash", message.session_hash)
    check_second_factor(state, actor, message)


@apply_of(OpenSession)
def apply_open_session(state: State, entry: Entry, message: OpenSession, outcome: Outcome) -> None:
    state.execute(
        "insert into sessions values (?, ?, ?, ?, ?)",
        (message.session_hash, entry.actor, message.agent, entry.stamp, entry.stamp),
    )
    use_code(state, entry, message)
    outcome.access = entry.number


@check_of(UseSession)
def check_use_session(state: State, actor: int, message: UseSession, stamp: int) -> None:
    _require_session(state, actor, message.session_hash)


@apply_of(UseSession)
def apply_use_session(state: State, entry: Entry, message: UseSession, outcome: Outcome) -> None:
    """Nobody's access changes."""
    state.execute(
        "update sessions set used = ? where session_hash = ?", (entry.stamp, message.session_hash)
    )


def _require_session(state: State, actor: int, session_hash: bytes) -> None:
    """Raises Refused("not_found")."""
    row = state.row("select account from sessions where session_hash = ?", (session_hash,))
    if row is None or row[0] != actor:
        raise Refused("not_found")


@check_of(CloseSession)
def check_close_session(state: State, actor: int, message: CloseSession, stamp: int) -> None:
    _require_session(state, actor, message.session_hash)


@apply_of(CloseSession)
def apply_close_session(
    state: State, entry: Entry, message: CloseSession, outcome: Outcome
) -> None:
    which = "session_hash != ?" if message.others else "session_hash = ?"
    state.execute(
        f"delete from sessions where account = ? and {which}",
        (entry.actor, message.session_hash),
    )
    outcome.access = entry.number
