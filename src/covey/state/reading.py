"""Reading positions: how far an account has read each of its queues."""

from __future__ import annotations

from typing import Final

from covey.errors import Refused
from covey.messages import Entry, Read
from covey.state.accounts import require_account
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State

QUEUES: Final = frozenset({"home", "notifications"})
_POSITION_MAX: Final = (1 << 63) - 1


@check_of(Read)
def check_read(state: State, actor: int, message: Read, stamp: int) -> None:
    require_account(state, actor)
    if message.queue not in QUEUES:
        raise Refused("queue_unknown", queue=message.queue[:50])
    if not 0 <= message.position <= _POSITION_MAX:
        raise Refused("position_negative")


@apply_of(Read)
def apply_read(state: State, entry: Entry, message: Read, outcome: Outcome) -> None:
    """A position may also go back."""
    actor = entry.actor
    state.execute(
        "insert into positions values (?, ?, ?, 1, ?) on conflict (account, queue) do update"
        " set position = excluded.position, version = version + 1, stamp = excluded.stamp",
        (actor, message.queue, message.position, entry.stamp),
    )
    state.execute(
        "insert into changes values (?, 'read', 0, ?, ?)", (entry.number, actor, entry.stamp)
    )
    outcome.changes.append((entry.number, "read", 0, actor))
