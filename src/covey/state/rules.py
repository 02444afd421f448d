"""The two functions every kind of message has, found by its type.

`check(state, actor, message, stamp)` refuses, by raising `Refused`; it reads nothing but the state.
`apply(state, entry, outcome)` obeys: a deterministic function of the entry and the state before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from covey.errors import Refused
from covey.keys import expiry
from covey.limits import ROWS_PER_MESSAGE
from covey.messages import Entry, Message
from covey.state.standing import require_active
from covey.state.state import Outcome, State

PRUNE_EVERY: Final = 512
"""Messages between two rounds of forgetting what has expired: a round keeps to ROWS_PER_MESSAGE and
so forgets at least as fast as rows come."""

Check = Callable[[State, int, Any, int], None]
Apply = Callable[[State, Entry, Any, Outcome], None]
C = TypeVar("C", bound=Check)
A = TypeVar("A", bound=Apply)

CHECKS: Final[dict[type[Message], Check]] = {}
APPLIES: Final[dict[type[Message], Apply]] = {}


def check_of(kind: type[Message]) -> Callable[[C], C]:
    """The decorated function is `check` for messages of this kind."""

    def register(function: C) -> C:
        CHECKS[kind] = function
        return function

    return register


def apply_of(kind: type[Message]) -> Callable[[A], A]:
    """The decorated function is `apply` for messages of this kind."""

    def register(function: A) -> A:
        APPLIES[kind] = function
        return function

    return register


def check(state: State, actor: int, message: Message, stamp: int) -> None:
    """Raises Refused when it may not be. That the actor is there and may act is looked at here, for
    every kind of message."""
    try:
        require_active(state, actor)
        CHECKS[type(message)](state, actor, message, stamp)
    except OverflowError:
        # no row has a number of more than 63 bits
        raise Refused("not_found") from None


def apply(state: State, entry: Entry, outcome: Outcome) -> None:
    """Rows and graph after the entry. Never refuses."""
    APPLIES[type(entry.message)](state, entry, entry.message, outcome)
    number, stamp, answers = entry.number, entry.stamp, state.answers
    expires = expiry(entry.key, stamp)
    if expires is not None:
        answers.remember(answers.hash_of(entry.actor, entry.key), number, expires)
    answers.settle(number, stamp)
    state.applied, state.stamp = number, stamp
    if number % PRUNE_EVERY == 0:
        _prune(state, stamp)


def _prune(state: State, stamp: int) -> None:
    from covey.limits import CHANGES_MS

    state.execute(
        "delete from answers where hash in (select hash from answers"
        " where forget != 0 and forget <= ? order by forget, hash limit ?)",
        (stamp, ROWS_PER_MESSAGE),
    )
    state.execute(
        # the newest of the old ones stays: it says how far back the others reached
        "delete from changes where number in (select number from (select number, lead(stamp) over"
        " (order by number) as next from (select number, stamp from changes order by number"
        " limit ?)) where next <= ?)",
        (ROWS_PER_MESSAGE, stamp - CHANGES_MS),
    )
    state.execute(
        "delete from grants where code_hash in (select code_hash from grants"
        " where expires <= ? order by code_hash limit ?)",
        (stamp, ROWS_PER_MESSAGE),
    )
