"""Reading positions: how far an account has read each of its queues.

A queue is known by its name: "home", "notifications", "list/NUMBER", "group/NUMBER", "tag/NAME",
"conversation/ID" (the post that began the thread).
"""

from __future__ import annotations

import re
from typing import Final

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.limits import PLACE_KEPT_MS, POSITIONS_PER_ACCOUNT
from covey.messages import Entry, Read
from covey.state.changes import changed
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.tags import check_tag

_POSITION_MAX: Final = (1 << 63) - 1
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")


def queue_parts(queue: str) -> tuple[str, int, str]:
    """(kind, number, name) of a queue; 0 and empty for what it has not. Raises
    Refused("queue_unknown") for what is no name of a queue, Refused("tag_malformed")."""
    kind, _, rest = queue.partition("/")
    if queue in ("home", "notifications"):
        return queue, 0, ""
    if kind in ("list", "group", "conversation") and _NUMBER.fullmatch(rest):
        return kind, int(rest), ""
    if kind == "tag":
        check_tag(rest)
        return kind, 0, rest
    raise Refused("queue_unknown", queue=queue[:50])


@check_of(Read)
def check_read(state: State, actor: int, message: Read, stamp: int) -> None:
    kind, number, _ = queue_parts(message.queue)
    if not _has(state, actor, kind, number):
        raise Refused("queue_unknown", queue=message.queue)
    if not 0 <= message.position <= _POSITION_MAX:
        raise Refused("position_negative")
    new = not state.row(
        "select 1 from positions where account = ? and queue = ?", (actor, message.queue)
    )
    kept = "select count(*) from positions where account = ?"
    if new and state.count(kept, (actor,)) >= POSITIONS_PER_ACCOUNT:
        raise Refused("positions_many", limit=POSITIONS_PER_ACCOUNT)


def _has(state: State, actor: int, kind: str, number: int) -> bool:
    """Is the queue one of the actor's: its own list, a group it is a member of, direct posts in
    which it takes part? Tags are everybody's."""
    match kind:
        case "list":
            sql, values = "select 1 from lists where number = ? and account = ?", (number, actor)
            return state.row(sql, values) is not None
        case "group":
            return state.graph.members.has(number, actor)
        case "conversation":
            return state.row(
                f"select 1 from posts where thread = ?1 and visibility = {int(Reach.DIRECT)}"
                " and (account = ?2 or exists (select 1 from mentions"
                " where mentions.account = ?2 and mentions.post = posts.id)) limit 1",
                (number, actor),
            ) is not None  # fmt: skip
    return True


@apply_of(Read)
def apply_read(state: State, entry: Entry, message: Read, outcome: Outcome) -> None:
    """A position may also go back. A place that is kept stands through further jumps, until it is
    gone back to: a client that jumps at every start would else lose it at the second."""
    actor, position = entry.actor, message.position
    before, kept, until = state.row(
        "select position, kept, kept_until from positions where account = ? and queue = ?",
        (actor, message.queue),
    ) or (0, 0, 0)
    if until <= entry.stamp:
        kept = until = 0
    if message.keep and not kept and before < position:
        kept, until = before, entry.stamp + PLACE_KEPT_MS if before else 0
    if position <= kept:
        kept = until = 0
    state.execute(
        "insert into positions values (?, ?, ?, 1, ?, ?, ?) on conflict (account, queue) do update"
        " set position = excluded.position, version = version + 1, stamp = excluded.stamp,"
        " kept = excluded.kept, kept_until = excluded.kept_until",
        (actor, message.queue, position, entry.stamp, kept, until),
    )
    changed(state, entry, outcome, "read", 0, actor)
