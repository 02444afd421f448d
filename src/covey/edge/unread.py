"""Exact unread counts: what a queue shows above the reading position, by the same rules as its
pages.

A home's count is kept: the next one counts on from there, unless the position or the reader's
relations changed, or something that may stand above the position was taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations, delivered
from covey.edge.cursor import Cursor, fill
from covey.edge.home import Feed, home_feed, list_feed
from covey.edge.queues import (
    Shared,
    conversation_queue,
    group_queue,
    pull_notifications,
    read_shared,
    shown_notifications,
    tag_queue,
)
from covey.limits import UNREAD_MAX
from covey.state.merge import END
from covey.state.queries import GIST, NotificationRow, PostGist, Snapshot, StateReader, numbers
from covey.state.reading import queue_parts

COUNTED_POSTS: Final = 256
"""Looked at in one piece."""
KEPT_COUNTS: Final = 16_384
"""Readers whose last count an edge keeps."""
DELETES_LOOKED_AT: Final = 256
"""After more deletes than that a kept count is not believed."""


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


class _Kept(Struct, frozen=True):
    """A home's count at one moment."""

    unread: Unread
    position: int
    relations: Relations
    last_id: int
    applied: int


_kept: WeakKeyDictionary[StateReader, dict[int, _Kept]] = WeakKeyDictionary()


def unread(snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, queue: str) -> Unread:
    """Of the reader's `queue` (named as in `state.reading`) above its reading position there.

    Raises Refused("queue_unknown", "tag_malformed"), and Refused("not_found") for a list that is
    not the reader's and a group that it may not read."""
    row = snapshot.position(reader.account, queue)
    position = row.position if row else 0
    kind, number, name = queue_parts(queue)
    match kind:
        case "home":
            return _unread_home_kept(snapshot, arena, reader, position)
        case "notifications":
            return unread_notifications(snapshot, reader, position)
        case "list":
            feed = partial(list_feed, snapshot, reader, number, snapshot.gists)
            return _unread_feed(feed, position)
        case "group":
            return _unread_shared(snapshot, reader, group_queue(reader, number), position)
        case "conversation":
            return _unread_shared(snapshot, reader, conversation_queue(number), position)
    return _unread_shared(snapshot, reader, tag_queue(name), position)


def _unread_home_kept(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, position: int
) -> Unread:
    kept = _kept.setdefault(snapshot.reader, {})
    last = kept.pop(reader.account, None)
    if last is not None and _stands(snapshot, reader, position, last):
        count = _counted_on(snapshot, arena, reader, last)
    else:
        count = unread_home(snapshot, arena, reader, position)
    while len(kept) >= KEPT_COUNTS:
        del kept[next(iter(kept))]
    kept[reader.account] = _Kept(count, position, reader, snapshot.last_id, snapshot.applied)
    return count


def unread_home(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, position: int
) -> Unread:
    """Of the home, above `position` (post id)."""
    return _unread_feed(partial(home_feed, snapshot, arena, reader, snapshot.gists), position)


def _unread_feed(feed: Callable[[], Feed[PostGist]], position: int) -> Unread:
    newest = _newest(feed(), position, UNREAD_MAX + 1)
    if len(newest) <= UNREAD_MAX:
        return Unread(len(newest), False, newest[-1].stamp if newest else 0)
    return Unread(UNREAD_MAX, True, next(feed().upwards(position, END, 1)).stamp)


def _newest(feed: Feed[PostGist], above: int, limit: int) -> list[PostGist]:
    return list(islice(feed.downwards(END, above, min(limit, COUNTED_POSTS)), limit))


def _unread_shared(snapshot: Snapshot, reader: Relations, queue: Shared, position: int) -> Unread:
    def read(cursor: Cursor) -> list[PostGist]:
        return read_shared(snapshot, reader, queue, cursor, GIST, PostGist)

    newest = read(Cursor(since_id=position, limit=UNREAD_MAX + 1))
    if len(newest) <= UNREAD_MAX:
        return Unread(len(newest), False, newest[-1].stamp if newest else 0)
    return Unread(UNREAD_MAX, True, read(Cursor(min_id=position, limit=1))[0].stamp)


def _stands(snapshot: Snapshot, reader: Relations, position: int, last: _Kept) -> bool:
    """Whether all that `last` counted is still to be counted. What came since changes nothing
    below it: a boost window looks at what is older."""
    if position != last.position or snapshot.applied < last.applied or reader != last.relations:
        return False
    oldest = snapshot.row("select min(number) from changes")
    if oldest and oldest[0] is not None and oldest[0] > last.applied:
        return False  # deletes since then may be forgotten already
    deletes = snapshot.rows(
        "select subject from changes where number > ? and kind = 'delete' limit ?",
        (last.applied, DELETES_LOOKED_AT + 1),
    )
    if not deletes:
        return True
    if len(deletes) > DELETES_LOOKED_AT:
        return False
    gone = snapshot.candidates([post for (post,) in deletes if post > position])
    if any(delivered(post, reader) for post in gone.values()):
        return False
    return not snapshot.row(
        "select 1 from posts where boost_of in carray(?) and boost_of != 0 and deleted = 0",
        (numbers([post for (post,) in deletes]),),
    )


def _counted_on(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, last: _Kept
) -> Unread:
    before = last.unread
    if before.more or snapshot.last_id == last.last_id:
        return before
    above = max(last.last_id, last.position)
    feed = home_feed(snapshot, arena, reader, snapshot.gists)
    new = _newest(feed, above, UNREAD_MAX + 1 - before.count)
    if not new:
        return before
    count = before.count + len(new)
    return Unread(min(count, UNREAD_MAX), count > UNREAD_MAX, before.since or new[-1].stamp)


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
