"""Unread counts are what the queue shows above the position, no more and no less."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.test_home import batches
from tests.edge.world import world
from tests.histories import READING, Step, histories

from covey.edge.unread import Unread, unread, unread_home, unread_notifications
from covey.limits import UNREAD_MAX
from covey.messages import Block, Boost, Delete, Favourite, Follow, Post, Read, Unblock


@settings(max_examples=60)
@given(histories(), batches, st.data())
def test_counts_are_exact(history: list[Step], batch: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        places = [0, *(row.id + by for row in w.oracle.posts for by in (-1, 0))]
        position = data.draw(st.sampled_from(places))
        number = data.draw(st.integers(0, w.oracle.number))
        with w.snapshot() as snapshot:
            stamps = {id_: row.stamp for id_, row in snapshot.posts(places).items()}
            for account in w.oracle.accounts:
                reader = snapshot.relations(account)
                above = [id_ for id_ in w.oracle.home(account) if id_ > position]
                expected = Unread(len(above), False, stamps[above[-1]] if above else 0)
                assert unread_home(snapshot, w.arena, reader, position) == expected
                assert unread_home(snapshot, None, reader, position) == expected

                count = unread_notifications(snapshot, reader, number)
                assert count.count == w.oracle.unread_notifications(account, number)
                assert bool(count.since) == bool(count.count)

                home = unread(snapshot, w.arena, reader, "home")
                read = w.oracle.positions.get((account, "home"), 0)
                assert home.count == w.oracle.unread_home(account, read)
                told = unread(snapshot, w.arena, reader, "notifications")
                read = w.oracle.positions.get((account, "notifications"), 0)
                assert told.count == w.oracle.unread_notifications(account, read)


@settings(max_examples=60)
@given(histories({**READING, "delete": 6, "unboost": 4}), batches, st.integers(1, 12))
def test_a_count_that_goes_on_is_exact(history: list[Step], batch: int, every: int) -> None:
    with world() as w:
        for start in range(0, len(history), every):
            w.live(history[start : start + every], batch)
            with w.snapshot() as snapshot:
                for account in w.oracle.accounts:
                    position = w.oracle.positions.get((account, "home"), 0)
                    reader = snapshot.relations(account)
                    count = unread(snapshot, w.arena, reader, "home")
                    assert count.count == w.oracle.unread_home(account, position)
                    assert count == unread_home(snapshot, None, reader, position)


def test_a_count_goes_on_from_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(accounts=3, chunks=1_024) as w:
        w.submit(1, Follow(account=2))
        w.submit(1, Read(queue="home", position=1))
        w.submit(3, Delete(post=w.post(3, Post(text="of a stranger"))))
        for _ in range(5):
            w.post(2, Post(text="unread"))

        def count() -> int:
            with w.snapshot() as snapshot:
                return unread(snapshot, w.arena, snapshot.relations(1), "home").count

        assert count() == 5
        counted = unread_home
        monkeypatch.setattr("covey.edge.unread.unread_home", None)
        w.submit(3, Delete(post=w.post(3, Post(text="of a stranger"))))
        last = w.post(2, Post(text="one more"))
        assert count() == 6
        assert count() == 6
        monkeypatch.setattr("covey.edge.unread.unread_home", counted)
        w.submit(2, Delete(post=last))
        assert count() == 5
        boost = w.post(2, Boost(post=w.post(3, Post(text="to be boosted"))))
        assert count() == 6
        with w.snapshot() as snapshot:
            row = snapshot.post(boost)
        assert row
        w.submit(3, Delete(post=row.boost_of))
        assert count() == 5


@pytest.mark.parametrize("chunks", [8, 1_024])
def test_more_than_are_counted(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covey.edge.unread.UNREAD_MAX", 20)
    monkeypatch.setattr("covey.edge.unread.COUNTED_POSTS", 7)
    with world(accounts=2, chunks=chunks) as w:
        w.submit(1, Follow(account=2))
        posts = []
        for _ in range(30):
            w.teller.now += 1_000
            posts.append(w.post(2, Post(text="unread")))
        for post in posts:
            w.submit(1, Favourite(post=post))
        with w.snapshot() as snapshot:
            rows = snapshot.posts(posts)
            reader, author = snapshot.relations(1), snapshot.relations(2)
            for read, more in ((0, True), (9, False), (8, True)):
                count = unread_home(snapshot, w.arena, reader, posts[read])
                assert count.more == more
                assert count.count == 20
                assert count.since == rows[posts[read + 1]].stamp
            last = snapshot.applied
            assert unread_notifications(snapshot, author, last - 20).words == "20"
            assert unread_notifications(snapshot, author, last - 21).words == "20+"


def test_reading_moves_the_count_down() -> None:
    with world(accounts=2) as w:
        w.submit(1, Follow(account=2))
        posts = [w.post(2, Post(text="unread")) for _ in range(5)]
        w.submit(1, Read(queue="home", position=posts[2]))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            assert unread(snapshot, w.arena, reader, "home").count == 2
            position = snapshot.position(1, "home")
            assert position
            assert (position.position, position.version) == (posts[2], 1)


def test_what_a_blocker_did_before_is_no_more_counted() -> None:
    with world(accounts=2) as w:
        w.submit(2, Favourite(post=w.post(1, Post(text="a post"))))
        for block, count in ((None, 1), (Block(account=1), 0), (Unblock(account=1), 1)):
            if block:
                w.submit(2, block)
            with w.snapshot() as snapshot:
                reader = snapshot.relations(1)
                assert unread(snapshot, w.arena, reader, "notifications").count == count


def test_words() -> None:
    assert Unread(0, False, 0).words == "0"
    assert Unread(UNREAD_MAX, True, 1).words == "1,000+"
