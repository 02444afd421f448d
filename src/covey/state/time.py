"""Time passes as messages: what was to happen at some moment happens by a `due`, when the engine's
clock has reached it and `check` finds that it is there.

A row of `dues` has a kind; what a kind does stands where its rows are made, under `due_of`. Whether
it still holds (the mute was prolonged, the draft taken back) is seen there too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

from covey.errors import Refused
from covey.messages import SERVER, Due, Entry
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


class DueRow(Struct, frozen=True):
    """Something that is to happen."""

    number: int
    """Of the message that made it: one message makes at most one."""
    at: int
    """Stamp (ms)."""
    kind: str
    account: int
    subject: int


Happen = Callable[[State, Entry, DueRow, Outcome], None]
H = TypeVar("H", bound=Happen)

_HAPPENINGS: Final[dict[str, Happen]] = {}


def due_of(kind: str) -> Callable[[H], H]:
    """The decorated function, a part of `apply`, is what happens when a row of this kind is due. The
    row is gone already; the entry is the `due`'s, by the server."""

    def register(function: H) -> H:
        _HAPPENINGS[kind] = function
        return function

    return register


def schedule(
    state: State, entry: Entry, at: int, kind: str, account: int, subject: int = 0
) -> None:
    """It is to happen at `at` (stamp, ms), once."""
    state.execute(
        "insert into dues values (?, ?, ?, ?, ?)", (entry.number, at, kind, account, subject)
    )


def due(state: State, number: int) -> DueRow | None:
    """What message `number` made due, as long as it has not happened."""
    row = state.row(
        "select number, at, kind, account, subject from dues where number = ?", (number,)
    )
    return DueRow(*row) if row else None


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
    row = due(state, message.number)
    if row is None:
        raise Refused("due_gone")
    if row.at > stamp:
        raise Refused("not_yet_due")


@apply_of(Due)
def apply_due(state: State, entry: Entry, message: Due, outcome: Outcome) -> None:
    row = due(state, message.number)
    if row is not None:
        state.execute("delete from dues where number = ?", (message.number,))
        _HAPPENINGS[row.kind](state, entry, row, outcome)
