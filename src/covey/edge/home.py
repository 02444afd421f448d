"""Home and lists as a reader sees them: raw candidates without tombstones, and without boosts of
what stands near by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Final, Generic

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.edge.cursor import Cursor, Page
from covey.edge.cursor import page as page_of
from covey.edge.shown import Load, Post, is_shown, load_originals
from covey.errors import Refused
from covey.limits import BOOST_WINDOW
from covey.state.home import ids_above, ids_below, list_ids_above, list_ids_below
from covey.state.queries import PostRow, Snapshot

PIECE_POSTS_MAX: Final = 512
"""Looked at in one piece, at most, when many are passed over."""


def page(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, cursor: Cursor
) -> Page[PostRow]:
    """A page of the reader's home. Positions are post ids; `posts` has the originals of boosts."""
    return _page(home_feed(snapshot, arena, reader, snapshot.posts), cursor)


def list_page(snapshot: Snapshot, reader: Relations, number: int, cursor: Cursor) -> Page[PostRow]:
    """A page of one of the reader's lists. Raises Refused("not_found") where it is not."""
    return _page(list_feed(snapshot, reader, number, snapshot.posts), cursor)


def _page(feed: Feed[PostRow], cursor: Cursor) -> Page[PostRow]:
    below, above, limit = cursor.below, cursor.above, cursor.limit
    if cursor.ascending:
        rows = list(islice(feed.upwards(above, below, limit), limit))[::-1]
    else:
        rows = list(islice(feed.downwards(below, above, limit), limit))
    return page_of(cursor, rows, lambda row: row.id, feed.originals)


def home_feed(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, load: Load[Post]
) -> Feed[Post]:
    """The reader's home at one moment. `load` makes rows of ids."""
    place = snapshot, arena, reader
    return Feed(snapshot, reader, load, partial(ids_below, *place), partial(ids_above, *place))


def list_feed(snapshot: Snapshot, reader: Relations, number: int, load: Load[Post]) -> Feed[Post]:
    """One of the reader's lists at one moment. Raises Refused("not_found") where it is not."""
    found = snapshot.listing(reader, number)
    if found is None:
        raise Refused("not_found")
    down, up = partial(list_ids_below, snapshot, found), partial(list_ids_above, snapshot, found)
    return Feed(snapshot, reader, load, down, up)


class Feed(Generic[Post]):
    """What is shown of raw candidates. `down(below, above, wanted)` gives their ids newest first,
    `up(above, below, wanted)` oldest first; `load` makes rows of ids."""

    def __init__(
        self,
        snapshot: Snapshot,
        reader: Relations,
        load: Load[Post],
        down: Callable[[int, int, int], Iterator[int]],
        up: Callable[[int, int, int], Iterator[int]],
    ) -> None:
        self._snapshot = snapshot
        self._reader = reader
        self._load = load
        self._ids_below = down
        self._ids_above = up
        self.originals: dict[int, Post] = {}
        """Of the boosts met so far, by id."""

    def downwards(self, below: int, above: int, wanted: int) -> Iterator[Post]:
        """What is shown with `above` < id < `below`, newest first. `wanted`: how many are likely to
        be taken."""
        raw = self._ids_below(below, above, wanted)

        def older() -> list[int]:
            nonlocal raw
            ahead = list(islice(raw, BOOST_WINDOW))
            raw = chain(ahead, raw)
            return ahead + self._window(above, ahead)

        size, more = wanted, max(wanted // 2, 8)
        while ids := list(islice(raw, size)):
            yield from self._shown(ids, older)
            size, more = more, min(2 * more, PIECE_POSTS_MAX)

    def upwards(self, above: int, below: int, wanted: int) -> Iterator[Post]:
        """The same, oldest first."""
        raw = self._ids_above(above, below, wanted)
        passed: list[int] = []

        def older() -> list[int]:
            return passed + self._window(above, passed)

        size, more = wanted, max(wanted // 2, 8)
        while ids := list(islice(raw, size))[::-1]:
            yield from reversed(self._shown(ids, older))
            passed = (ids + passed)[:BOOST_WINDOW]
            size, more = more, min(2 * more, PIECE_POSTS_MAX)

    def _window(self, above: int, known: Sequence[int]) -> list[int]:
        """What is missing to `known` for a whole window: a cursor ends a page, not a window."""
        missing = BOOST_WINDOW - len(known)
        if not above or missing <= 0:
            return []
        return list(islice(self._ids_below(above + 1, 0, missing), missing))

    def _shown(self, ids: Sequence[int], older: Callable[[], list[int]]) -> list[Post]:
        """Those of the raw candidates `ids`, newest first, that are shown. `older` gives the
        BOOST_WINDOW next ones; it is only asked when there is a boost."""
        rows = self._load(ids)
        repeated: set[int] = set()
        if load_originals(self._load, rows.values(), self.originals):
            boosted = {id_: rows[id_].boost_of for id_ in ids}
            ahead = older()
            repeated = repeated_boosts(ids, boosted | self._snapshot.boosted(ahead), ahead)
        return [
            row
            for id_ in ids
            if id_ not in repeated and is_shown(row := rows[id_], self.originals, self._reader)
        ]


def repeated_boosts(
    ids: Sequence[int], boosted: Mapping[int, int], older: Sequence[int]
) -> set[int]:
    """The boosts among the raw candidates `ids` whose original, or another boost of it, is among
    the BOOST_WINDOW next older ones. Newest first, `older` after `ids`; `boosted` as
    `Snapshot.boosted`."""
    repeated = set()
    places: dict[int, int] = {}  # original → of its nearest older candidate
    for place, id_ in reversed(list(enumerate(chain(ids, older)))):
        original = boosted[id_] or id_
        if boosted[id_] and places.get(original, END_OF_HOME) - place <= BOOST_WINDOW:
            repeated.add(id_)
        places[original] = place
    return repeated


END_OF_HOME: Final = 1 << 62
