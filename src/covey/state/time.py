"""Time passes as messages: what was to happen at some moment happens by a `due`, when the engine's
clock has reached it and `check` finds that it still holds.

A kind of due is a function, beside the messages that make it: `@due_of("unmute")`. It finds out
itself whether what it was made for still holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from covey.errors import Refused
from covey.messages import SERVER, Due, Entry
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State

WhenDue = Callable[[State, Entry, Outcome, int, int, int], None]
"""(state, entry of the due, outcome, at, account, subject); `at` is the stamp it was made for."""
F = TypeVar("F", bound=WhenDue)

DUES: Final[dict[str, WhenDue]] = {}


def due_of(kind: str) -> Callable[[F], F]:
    """The decorated function is what happens when a row of this kind is due."""

    def register(function: F) -> F:
        DUES[kind] = function
        return function

    return register


def schedule(
    state: State, entry: Entry, at: int, kind: str, account: int, subject: int = 0
) -> None:
    """At `at` (stamp; now: as soon as the timer comes) what `kind` says happens. One a message."""
    state.execute(
        "insert into dues values (?, ?, ?, ?, ?)", (entry.number, at, kind, account, subject)
    )


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
    row = state.row(
        "select kind, at, account, subject from dues where number = ?", (message.number,)
    )
    state.execute("delete from dues where number = ?", (message.number,))
    if row is not None:
        kind, at, account, subject = row
        DUES[kind](state, entry, outcome, at, account, subject)
