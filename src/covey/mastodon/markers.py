"""Markers: a view of the reading positions.

Apps move them as they please, and some jump to the newest post at every start. So a marker of home
that goes forward over more than JUMP_POSTS unread posts keeps the place it had, to go back to.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from covey.edge import home
from covey.edge.requests import id_of
from covey.errors import Refused
from covey.limits import JUMP_POSTS
from covey.mastodon.door import Answer, Call, as_json, operation
from covey.mastodon.times import iso
from covey.messages import Read
from covey.state.queries import Snapshot

_TIMELINES: Final = ("home", "notifications")


def _markers(call: Call, snapshot: Snapshot, timelines: list[str]) -> dict[str, Any]:
    found = {}
    for timeline in timelines:
        position = snapshot.position(call.account, timeline)
        if position is not None:
            found[timeline] = {
                "last_read_id": str(position.position),
                "version": position.version,
                "updated_at": iso(position.stamp),
            }
    return found


@operation("GET", "/api/v1/markers", "read:statuses")
async def markers(call: Call) -> Answer:
    asked = call.parameters.texts("timeline")
    with call.edge.snapshot() as snapshot:
        return as_json(_markers(call, snapshot, [name for name in _TIMELINES if name in asked]))


@operation("POST", "/api/v1/markers", "write:statuses")
async def mark(call: Call) -> Answer:
    """As sent: a position may also go back."""
    wanted: list[Read] = []
    for timeline in _TIMELINES:
        word = call.parameters.below(timeline).text("last_read_id")
        if not word:
            continue
        position = id_of(word)
        if position is None:
            raise Refused(
                "parameter_malformed", name=f"{timeline}[last_read_id]", why="it is an id"
            )
        wanted.append(Read(queue=timeline, position=position))
    for message in wanted:
        keep = message.queue == "home" and _jumps(call, message.position)
        message = msgspec.structs.replace(message, keep=keep)
        await call.edge.submit(call.account, message)
    with call.edge.snapshot() as snapshot:
        return as_json(_markers(call, snapshot, [message.queue for message in wanted]))


def _jumps(call: Call, position: int) -> bool:
    """Whether a move of home to `position` passes over more unread posts than anybody reads at
    once."""
    edge = call.edge
    with edge.snapshot() as snapshot:
        before = snapshot.position(call.account, "home")
        if before is None or position <= before.position:
            return False
        reader = edge.relations(snapshot, call.account)
        feed = home.home_feed(snapshot, edge.arena, reader, snapshot.gists)
        passed = feed.upwards(before.position, position + 1, JUMP_POSTS + 1)
        return len(list(islice(passed, JUMP_POSTS + 1))) > JUMP_POSTS
