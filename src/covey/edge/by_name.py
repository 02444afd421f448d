"""Any queue by its name: a page of it, and the place of a moment in it.

Names are those of reading positions (`state.reading`), and "public" and "local", which are the same
on a server that knows no others.
"""

from __future__ import annotations

from typing import Final

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.edge import home, queues
from covey.edge.cursor import Cursor, Page
from covey.errors import Refused
from covey.messages import id_at
from covey.state.queries import PostRow, Snapshot
from covey.state.reading import queue_parts

STAMP_MAX: Final = (1 << 47) - 1
"""The last moment (ms) that an id can hold."""


def posts(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, queue: str, cursor: Cursor
) -> Page[PostRow]:
    """A page of a queue of posts.

    Raises Refused("queue_unknown", "tag_malformed"), and Refused("not_found") for a list that is
    not the reader's and a group that it may not read.
    """
    if queue in ("public", "local"):
        return queues.public(snapshot, reader, cursor)
    kind, number, name = queue_parts(queue)
    match kind:
        case "home":
            return home.page(snapshot, arena, reader, cursor)
        case "list":
            return home.list_page(snapshot, reader, number, cursor)
        case "group":
            return queues.group(snapshot, reader, number, cursor)
        case "conversation":
            return queues.conversation(snapshot, reader, number, cursor)
        case "tag":
            return queues.tag(snapshot, reader, name, cursor)
    raise Refused("queue_unknown", queue=queue)


def place_of(snapshot: Snapshot, reader: Relations, queue: str, stamp: int) -> int:
    """The position right below what came to `queue` at `stamp` (ms) or later: a cursor with this
    `min_id` jumps to that moment and reads on from there."""
    if queue == "notifications":
        row = snapshot.row(
            "select max(number) from notifications where account = ? and stamp < ?",
            (reader.account, stamp),
        )
        return (row and row[0]) or 0
    # ids carry time
    return id_at(min(stamp, STAMP_MAX)) - 1 if stamp > 0 else 0
