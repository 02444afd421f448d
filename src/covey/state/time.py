"""Time passes as messages: what was to happen at some moment happens by a `due`, when the engine's
clock has reached it and `check` finds that it still holds."""

from __future__ import annotations

from covey.errors import Refused
from covey.messages import SERVER, Due, Entry
from covey.state.relations import unmute
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


def due_numbers(state: State, stamp: int, limit: int) -> list[int]:
    """What is due at `stamp`, oldest first."""
    rows = state.execute(
        "select number from dues where at <= ? order by at, number limit ?", (stamp, limit)
    ).fetchall()
    return [row[0] for row in rows]


def next_due(state: State) -> int | None:
    """The stamp at which something is due next."""
    row = state.row("select min(at) from dues")
    return row[0] if row else None


@check_of(Due)
def check_due(state: State, actor: int, message: Due, stamp: int) -> None:
    if actor != SERVER:
        raise Refused("forbidden", role="server")
    row = state.row("select at from dues where number = ?", (message.number,))
    if row is None:
        raise Refused("due_gone")
    if row[0] > stamp:
        raise Refused("not_yet_due")


@apply_of(Due)
def apply_due(state: State, entry: Entry, message: Due, outcome: Outcome) -> None:
    row = state.row("select at, account, subject from dues where number = ?", (message.number,))
    state.execute("delete from dues where number = ?", (message.number,))
    if row is None:
        return
    at, account, target = row
    # the only kind there is: a mute's end, unless it was ended or prolonged since
    if state.row(
        "select 1 from mutes where account = ? and target = ? and until = ?",
        (account, target, at),
    ):
        unmute(state, entry, outcome, account, target)
