"""Homes by arena and merge, by merge alone and by the oracle; every cursor; nothing missed, nothing
twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covey.delivery.arena import ArenaReader
from covey.edge import home
from covey.edge.cursor import Cursor
from covey.limits import BOOST_WINDOW
from covey.messages import Boost, Delete, Follow, Post
from covey.state import merge as merging
from covey.state.home import candidates_above, candidates_below
from covey.state.merge import END, merge
from covey.state.queries import Snapshot
from tests.edge.world import World, world
from tests.histories import RELATIONS, Step, histories
from tests.oracle import page as oracle_page

batches = st.integers(1, 7)


def ids(
    snapshot: Snapshot, arena: ArenaReader | None, account: int, cursor: Cursor
) -> list[int]:
    page = home.page(snapshot, arena, snapshot.relations(account), cursor)
    for row in page.rows:
        assert not row.boost_of or page.posts[row.boost_of].id == row.boost_of
    assert [page.newest, page.oldest] == (
        [page.rows[0].id, page.rows[-1].id] if page.rows else [0, 0]
    )
    return [row.id for row in page.rows]


@settings(max_examples=60)
@given(histories(), batches, st.integers(1, 9))
def test_a_home_is_what_the_design_says(history: list[Step], batch: int, limit: int) -> None:
    with world() as w:
        w.live(history, batch)
        with w.snapshot() as snapshot:
            for account in w.oracle.accounts:
                expected = w.oracle.home(account)
                for arena in (w.arena, None):
                    assert ids(snapshot, arena, account, Cursor(limit=1_000)) == expected
                    _read_by_pages(snapshot, arena, account, limit, expected)


def _read_by_pages(
    snapshot: Snapshot, arena: ArenaReader | None, account: int, limit: int, expected: list[int]
) -> None:
    """From the newest to the first by max_id, and back up by min_id."""
    down: list[int] = []
    cursor = Cursor(limit=limit)
    while page := ids(snapshot, arena, account, cursor):
        down += page
        cursor = Cursor(max_id=page[-1], limit=limit)
    assert down == expected
    up: list[int] = []
    cursor = Cursor(min_id=0, limit=limit)
    while page := ids(snapshot, arena, account, cursor):
        up += page[::-1]
        cursor = Cursor(min_id=page[0], limit=limit)
    assert up == expected[::-1]


@settings(max_examples=60)
@given(histories(), batches, st.data())
def test_any_cursor(history: list[Step], batch: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        account = data.draw(st.sampled_from(sorted(w.oracle.accounts)))
        places = [0, END, *(row.id + by for row in w.oracle.posts for by in (-1, 0, 1))]
        place = st.none() | st.sampled_from(places)
        cursor = Cursor(*(data.draw(place) for _ in range(3)), limit=data.draw(st.integers(1, 40)))
        expected = w.oracle.home(account)
        if cursor.max_id is not None:
            expected = [id_ for id_ in expected if id_ < cursor.max_id]
        if cursor.min_id is not None:
            expected = [id_ for id_ in expected if id_ > cursor.min_id][-cursor.limit :]
        else:
            expected = [id_ for id_ in expected if id_ > (cursor.since_id or 0)][: cursor.limit]
        with w.snapshot() as snapshot:
            assert ids(snapshot, w.arena, account, cursor) == expected
            assert ids(snapshot, None, account, cursor) == expected
