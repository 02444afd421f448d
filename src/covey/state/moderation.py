"""Moderation: limit, suspend, restore, approve.

Moderators act on members, administrators on moderators too, the server on everybody; nobody on
itself. Groups have moderators of their own.
"""

from __future__ import annotations

from typing import Final

from covey.errors import Refused
from covey.limits import REASON_CHARACTERS, ROWS_PER_MESSAGE
from covey.messages import SERVER, ApproveAccount, Entry, Limit, Restore, Suspend
from covey.state.rules import apply_of, check_of
from covey.state.standing import stand, standing_of
from covey.state.state import Outcome, State
from covey.state.texts import check_text
from covey.state.time import due_of, schedule

_RANKS: Final = {"member": 0, "moderator": 1, "administrator": 2}
_SERVER_RANK: Final = 3
_ABOVE: Final = ("moderator", "administrator", "server")
"""What it takes to act on an account, by its rank."""


def _rank(state: State, account: int) -> int:
    """Raises Refused("not_found") for what is no person's account."""
    if account == SERVER:
        return _SERVER_RANK
    row = state.row("select role from accounts where number = ? and kind = 'person'", (account,))
    if row is None:
        raise Refused("not_found")
    return _RANKS[row[0]]


def require_rank(state: State, actor: int, account: int) -> None:
    """The actor may act on the account. Raises Refused: "not_found", "forbidden"."""
    theirs = _rank(state, account)
    if _rank(state, actor) <= theirs:
        raise Refused("forbidden", role=_ABOVE[theirs])


def _check(
    state: State, actor: int, account: int, reason: str, done: str, allowed: tuple[str, ...]
) -> None:
    require_rank(state, actor, account)
    check_text("The reason", reason, REASON_CHARACTERS)
    standing = standing_of(state, account)
    if standing == done:
        raise Refused("already_done")
    if standing not in allowed:
        raise Refused("standing_wrong", standing=standing)


@check_of(Limit)
def check_limit(state: State, actor: int, message: Limit, stamp: int) -> None:
    _check(state, actor, message.account, message.reason, "limited", ("active",))


@apply_of(Limit)
def apply_limit(state: State, entry: Entry, message: Limit, outcome: Outcome) -> None:
    stand(state, entry, outcome, message.account, "limited")


@check_of(Suspend)
def check_suspend(state: State, actor: int, message: Suspend, stamp: int) -> None:
    """Of a pending account it is the answer no."""
    allowed = ("active", "limited", "pending")
    _check(state, actor, message.account, message.reason, "suspended", allowed)


@apply_of(Suspend)
def apply_suspend(state: State, entry: Entry, message: Suspend, outcome: Outcome) -> None:
    stand(state, entry, outcome, message.account, "suspended")
    end_access(state, entry, outcome, message.account)


@check_of(Restore)
def check_restore(state: State, actor: int, message: Restore, stamp: int) -> None:
    _check(state, actor, message.account, "", "active", ("limited", "suspended"))


@apply_of(Restore)
def apply_restore(state: State, entry: Entry, message: Restore, outcome: Outcome) -> None:
    stand(state, entry, outcome, message.account, "active")


@check_of(ApproveAccount)
def check_approve(state: State, actor: int, message: ApproveAccount, stamp: int) -> None:
    _check(state, actor, message.account, "", "active", ("pending",))


@apply_of(ApproveAccount)
def apply_approve(state: State, entry: Entry, message: ApproveAccount, outcome: Outcome) -> None:
    stand(state, entry, outcome, message.account, "active")
    outcome.access = entry.number  # the token that it got when it signed up is good from now on


def end_access(state: State, entry: Entry, outcome: Outcome, account: int) -> None:
    """Its sessions and tokens end; of very many the rest in a moment."""
    if not cut_access(state, entry, outcome, account):
        schedule(state, entry, entry.stamp, "end_access", account)


def cut_access(state: State, entry: Entry, outcome: Outcome, account: int) -> bool:
    """Sessions and tokens end, and the codes for new ones. → whether that was all. Until the rest
    is gone it is good for nothing but reading: whoever is suspended or closed can't act."""
    outcome.access = entry.number
    left = ROWS_PER_MESSAGE // 2
    for table, key in (
        ("sessions", "session_hash"),
        ("tokens", "token_hash"),
        ("grants", "code_hash"),
    ):
        state.execute(
            f"delete from {table} where {key} in"
            f" (select {key} from {table} where account = ? order by {key} limit ?)",
            (account, left),
        )
        left -= state.connection.changes()
    return left > 0


@due_of("end_access")
def due_end_access(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, subject: int
) -> None:
    """Also of an account restored meanwhile: it logs in anew."""
    end_access(state, entry, outcome, account)
