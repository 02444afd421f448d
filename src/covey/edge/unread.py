"""Exact unread counts: what a queue shows above the reading position, by the same rules as its
pages."""

from __future__ import annotations

from itertools import islice
from typing import Final

from msgspec import Struct

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.edge.cursor import Cursor, fill
from covey.edge.home import Home
from covey.edge.queues import pull_notifications, shown_notifications
from covey.limits import UNREAD_MAX
from covey.state.merge import END
from covey.state.queries import NotificationRow, PostGist, Snapshot

COUNTED_POSTS: Final = 256
"""Looked at in one piece."""


class Unread(Struct, frozen=True):
    count: int
    """At most UNREAD_MAX."""
    more: bool
    """Whether there are more than that."""
    since: int
    """Stamp of the oldest unread; 0: there is none."""

    @property
    def words(self) -> str:
        """The count as people are shown it."""
        return f"{self.count:,}{'+' if self.more else ''}"


def unread(snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, queue: str) -> Unread:
    """Of the reader's `queue`, "home" or "notifications", above its reading position there."""
    row = snapshot.position(reader.account, queue)
    position = row.position if row else 0
    if queue == "home":
        return unread_home(snapshot, arena, reader, position)
    return unread_notifications(snapshot, reader, position)


def unread_home(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, position: int
) -> Unread:
    """Of the home, above `position` (post id)."""
    home: Home[PostGist] = Home(snapshot, arena, reader, snapshot.gists)
    newest = list(islice(home.downwards(END, position, COUNTED_POSTS), UNREAD_MAX + 1))
    if len(newest) <= UNREAD_MAX:
        return Unread(len(newest), False, newest[-1].stamp if newest else 0)
    oldest = next(home.upwards(position, END, 1))
    return Unread(UNREAD_MAX, True, oldest.stamp)


def unread_notifications(snapshot: Snapshot, reader: Relations, position: int) -> Unread:
    """Of the notifications, above `position` (log number)."""
    posts: dict[int, PostGist] = {}

    def read(cursor: Cursor) -> list[NotificationRow]:
        return fill(
            cursor,
            pull_notifications(snapshot, reader, cursor.ascending),
            lambda rows: shown_notifications(rows, reader, snapshot.gists, posts),
            lambda row: row.number,
        )

    newest = read(Cursor(since_id=position, limit=UNREAD_MAX + 1))
    if len(newest) <= UNREAD_MAX:
        return Unread(len(newest), False, newest[-1].stamp if newest else 0)
    return Unread(UNREAD_MAX, True, read(Cursor(min_id=position, limit=1))[0].stamp)
