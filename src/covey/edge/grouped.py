"""Notifications in groups: what happened to one post, or who followed, within half a day.

A group is known by its key: `KIND-POST-SPAN`, where a span is SPAN_MS of time, counted from 1970.
So a group is the same for every page and every edge, and nothing of it is kept: it is made of the
rows that it groups. A group stands at the place of its newest notification. Pages go by that place,
span by span: all that can be in a group is looked at together, so a group is never on two pages and
never in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct, field

from covey.delivery.audience import Relations
from covey.edge.cursor import Cursor, Page, page
from covey.edge.queues import pull_notifications, shown_notifications
from covey.messages import id_at
from covey.state.merge import END
from covey.state.queries import NotificationRow, PostRow, Snapshot

SPAN_MS: Final = 12 * 60 * 60 * 1000
GROUPABLE: Final = frozenset(["favourite", "boost", "follow"])
PIECE: Final = 512
"""Rows looked at at once."""

_KEY: Final = re.compile(r"(favourite|boost|follow)-(\d{1,19})-(\d{1,10})|ungrouped-(\d{1,19})")


class Group(Struct):
    """Newest first; of those that are not grouped there is one of each."""

    key: str
    rows: list[NotificationRow] = field(default_factory=list)

    @property
    def newest(self) -> NotificationRow:
        return self.rows[0]

    @property
    def position(self) -> int:
        return self.rows[0].number

    @property
    def senders(self) -> list[int]:
        """The accounts, those of the newest first, each once."""
        return list(dict.fromkeys(row.sender for row in self.rows))


def group_key(row: NotificationRow, grouped: Collection[str] = GROUPABLE) -> str:
    if row.kind in grouped and row.kind in GROUPABLE:
        return f"{row.kind}-{row.post}-{row.stamp // SPAN_MS}"
    return f"ungrouped-{row.number}"


def groups(
    snapshot: Snapshot,
    reader: Relations,
    cursor: Cursor,
    kinds: Collection[str],
    grouped: Collection[str] = GROUPABLE,
    sender: int = 0,
    filtered_too: bool = False,
) -> Page[Group]:
    """What the reader was told of, in groups. `grouped`: the kinds that are grouped at all; the
    rest is as in `queues.notifications`."""
    found: list[Group] = []
    posts: dict[int, PostRow] = {}
    walk = _Walk(snapshot, reader, kinds, posts, sender, filtered_too)
    for rows in walk.spans(cursor):
        more = _in_groups(rows, grouped)
        more = [one for one in more if cursor.above < one.position < cursor.below]
        found = more + found if cursor.ascending else found + more
        if len(found) >= cursor.limit:
            break
    found = found[-cursor.limit :] if cursor.ascending else found[: cursor.limit]
    return page(cursor, found, _position, posts)


def group_of(
    snapshot: Snapshot, reader: Relations, key: str, kinds: Collection[str]
) -> tuple[Group, dict[int, PostRow]] | None:
    """(the group of this key, the posts it is about), as far as the reader is shown it."""
    known = _KEY.fullmatch(key)
    if known is None:
        return None
    kind, post, span, number = known.groups()
    posts: dict[int, PostRow] = {}
    if number is not None:
        walk = _Walk(snapshot, reader, kinds, posts)
        rows = walk.between(int(number) - 1, int(number) + 1)
    else:
        if kind not in kinds:
            return None
        walk = _Walk(snapshot, reader, [kind], posts)
        begin = int(span) * SPAN_MS
        # ids of posts carry time: it began after this message
        before = snapshot.row(
            "select number from posts where id < ? order by id desc limit 1", (id_at(begin),)
        )
        first = walk.first_since(begin, before[0] if before else 0)
        rows = walk.between(first - 1, walk.first_since(begin + SPAN_MS, first))
        rows = [row for row in rows if row.post == int(post)]
    return (Group(key, rows), posts) if rows else None


def _in_groups(rows: list[NotificationRow], grouped: Collection[str]) -> list[Group]:
    """Of rows of one span, newest first."""
    found: dict[str, Group] = {}
    for row in rows:
        key = group_key(row, grouped)
        one = found.get(key)
        if one is None:
            one = found[key] = Group(key)
        one.rows.append(row)
    return list(found.values())


def _position(one: Group) -> int:
    return one.position


class _Walk:
    """Through a reader's notifications, span by span."""

    def __init__(
        self,
        snapshot: Snapshot,
        reader: Relations,
        kinds: Collection[str],
        posts: dict[int, PostRow],
        sender: int = 0,
        filtered_too: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self._reader = reader
        self._posts = posts
        self._pull = pull_notifications(
            snapshot, reader, kinds=kinds, sender=sender, filtered_too=filtered_too
        )

    def spans(self, cursor: Cursor) -> Iterator[list[NotificationRow]]:
        """What is shown of each span that can have a group between the cursor's ends: whole spans,
        in the cursor's direction, rows newest first."""
        if cursor.ascending:
            at = cursor.above
            while (row := self._next(at, "> ?", "asc")) and row[0] < cursor.below:
                begin, end = self._bounds(*row)
                yield self.between(begin, end)
                at = end - 1
        else:
            at = cursor.below
            while (row := self._next(at, "< ?", "desc")) and row[0] > cursor.above:
                begin, end = self._bounds(*row)
                yield self.between(begin, end)
                at = begin + 1

    def between(self, above: int, below: int) -> list[NotificationRow]:
        """What is shown between two numbers, newest first."""
        found: list[NotificationRow] = []
        while True:
            rows = self._pull(below, above, PIECE)
            found += shown_notifications(rows, self._reader, self._snapshot.posts, self._posts)
            if len(rows) < PIECE:
                return found
            below = rows[-1].number

    def first_since(self, stamp: int, number: int) -> int:
        """The first notification from `number` on that is not older than `stamp`; END: none."""
        row = self._snapshot.row(
            "select number from notifications where account = ? and number >= ? and stamp >= ?"
            " order by number limit 1",
            (self._reader.account, number, stamp),
        )
        return row[0] if row else END

    def _bounds(self, number: int, stamp: int) -> tuple[int, int]:
        """The numbers that enclose the span of a notification: the last one before it (0: none),
        the first one after it (END: none). Stamps never fall, so both are near."""
        begin = stamp // SPAN_MS * SPAN_MS
        before = self._snapshot.row(
            "select number from notifications where account = ? and number < ? and stamp < ?"
            " order by number desc limit 1",
            (self._reader.account, number, begin),
        )
        return before[0] if before else 0, self.first_since(begin + SPAN_MS, number)

    def _next(self, at: int, beyond: str, order: str) -> tuple[int, int] | None:
        """(number, stamp) of the next notification beyond `at`."""
        row = self._snapshot.row(
            f"select number, stamp from notifications where account = ? and number {beyond}"
            f" order by number {order} limit 1",
            (self._reader.account, at),
        )
        return (row[0], row[1]) if row else None
