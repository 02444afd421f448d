"""Markers: a view of the reading positions."""

from __future__ import annotations

from typing import Any, Final

from covey.edge.requests import id_of
from covey.errors import Refused
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
        await call.edge.submit(call.account, message)
    with call.edge.snapshot() as snapshot:
        return as_json(_markers(call, snapshot, [message.queue for message in wanted]))
