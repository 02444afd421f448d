"""Push subscriptions: where apps want to be told, at most one an access token. They end with it, by
a trigger of the schema."""

from __future__ import annotations

import re
from typing import Final

from covey.errors import Refused
from covey.limits import (
    PUSH_ENDPOINT_CHARACTERS,
    PUSH_SEALED_BYTES,
    PUSH_SUBSCRIPTIONS_PER_ACCOUNT,
)
from covey.messages import SERVER, ChangePush, Entry, SubscribePush, UnsubscribePush
from covey.state.accounts import require_account
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State

ALERTS: Final = (
    "mention", "status", "reblog", "follow", "follow_request", "favourite", "poll", "update",
    "quote", "quoted_update", "admin.sign_up", "admin.report",
)  # fmt: skip
"""What an app may ask to be told of: types of notifications, in the API's words."""

_ENDPOINT: Final = re.compile(r"https://[A-Za-z0-9.\-_:\[\]]+(/[!-~]*|\?[!-~]*)?")
"""Visible ASCII; no name or password before the host."""
AUTH_BYTES: Final = 16
POINT_BYTES: Final = 65

# the curve P-256: y² = x³ - 3x + b, modulo p
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def sealed_for(token_hash: bytes) -> str:
    """What a token is sealed for (covey.seal)."""
    return f"push/{token_hash.hex()}"


def is_point(data: bytes) -> bool:
    """An uncompressed point of P-256. Any other is a mistake, or asks for our keys."""
    x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    return (
        len(data) == POINT_BYTES
        and data[0] == 4
        and max(x, y) < _P
        and (y * y - x * x * x + 3 * x - _B) % _P == 0
    )


@check_of(SubscribePush)
def check_subscribe(state: State, actor: int, message: SubscribePush, stamp: int) -> None:
    require_account(state, actor)
    _require_token(state, actor, message.token_hash)
    endpoint = message.endpoint
    if len(endpoint) > PUSH_ENDPOINT_CHARACTERS or not _ENDPOINT.fullmatch(endpoint):
        raise Refused("push_endpoint_malformed", limit=PUSH_ENDPOINT_CHARACTERS)
    if not is_point(message.public_key) or len(message.auth) != AUTH_BYTES:
        raise Refused("push_keys_malformed")
    if len(message.sealed) > PUSH_SEALED_BYTES:
        raise Refused("parameter_malformed", name="sealed", why="it is too long")
    _check_alerts(message.alerts)
    count = state.count(
        "select count(*) from push_subscriptions where account = ? and token_hash != ?",
        (actor, message.token_hash),
    )
    if count >= PUSH_SUBSCRIPTIONS_PER_ACCOUNT:
        raise Refused("push_subscriptions_many", limit=PUSH_SUBSCRIPTIONS_PER_ACCOUNT)


@apply_of(SubscribePush)
def apply_subscribe(state: State, entry: Entry, message: SubscribePush, outcome: Outcome) -> None:
    state.execute(
        "insert or replace into push_subscriptions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.number, entry.actor, message.token_hash, message.endpoint, message.public_key,
            message.auth, message.sealed, message.standard, " ".join(message.alerts),
            message.policy,
        ),
    )  # fmt: skip


@check_of(ChangePush)
def check_change(state: State, actor: int, message: ChangePush, stamp: int) -> None:
    require_account(state, actor)
    _check_alerts(message.alerts)
    if not state.row(
        "select 1 from push_subscriptions where token_hash = ? and account = ?",
        (message.token_hash, actor),
    ):
        raise Refused("not_found")


@apply_of(ChangePush)
def apply_change(state: State, entry: Entry, message: ChangePush, outcome: Outcome) -> None:
    state.execute(
        "update push_subscriptions set alerts = ?, policy = ? where token_hash = ?",
        (" ".join(message.alerts), message.policy, message.token_hash),
    )


@check_of(UnsubscribePush)
def check_unsubscribe(state: State, actor: int, message: UnsubscribePush, stamp: int) -> None:
    row = state.row("select account from push_subscriptions where number = ?", (message.number,))
    if row is None or actor not in (SERVER, row[0]):
        raise Refused("not_found")


@apply_of(UnsubscribePush)
def apply_unsubscribe(
    state: State, entry: Entry, message: UnsubscribePush, outcome: Outcome
) -> None:
    state.execute("delete from push_subscriptions where number = ?", (message.number,))


def _require_token(state: State, actor: int, token_hash: bytes) -> None:
    """Raises Refused("not_found")."""
    if not state.row(
        "select 1 from tokens where token_hash = ? and account = ?", (token_hash, actor)
    ):
        raise Refused("not_found")


def _check_alerts(alerts: tuple[str, ...]) -> None:
    if len(set(alerts)) != len(alerts) or not set(alerts) <= set(ALERTS):
        raise Refused("parameter_malformed", name="alerts", why=f"they are {', '.join(ALERTS)}")
