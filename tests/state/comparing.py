"""Rows and bitmaps against the oracle's lists; counts against a recount."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.oracle import Oracle, Told

from covey.state.queries import StateReader
from covey.state.state import State


def compare(state: State, oracle: Oracle) -> None:
    rows = state.execute
    assert state.applied == oracle.number
    assert state.last_id == oracle.last_id
    assert {
        (a, b): (bool(boosts), bool(notify), number)
        for a, b, boosts, notify, number in rows("select * from follows")
    } == oracle.follows
    assert set(rows("select account, target from blocks")) == oracle.blocks
    assert {
        (a, b): (bool(notifications), until)
        for a, b, notifications, until, _ in rows("select * from mutes")
    } == oracle.mutes
    assert {
        (post, account): number for post, account, number in rows("select * from favourites")
    } == oracle.favourites
    told = rows("select account, number, kind, sender, post from notifications").fetchall()
    assert sorted(Told(*row) for row in told) == sorted(oracle.told)
    assert {
        (account, queue): position
        for account, queue, position in rows("select account, queue, position from positions")
    } == oracle.positions
    assert set(rows("select number, at, account, subject from dues")) == {
        (number, *due) for number, due in oracle.dues.items()
    }
    assert dict(rows("select session_hash, account from sessions")) == oracle.sessions
    assert dict(rows("select token_hash, account from tokens")) == oracle.tokens
    # those that have expired are forgotten now and then
    assert set(rows("select code_hash from grants where expires > ?", (state.stamp,))) == {
        (code,) for code, (_, _, _, until) in oracle.grants.items() if until > state.stamp
    }
    for number in oracle.accounts:
        found = rows(
            "select followers_count, following_count, posts_count from accounts where number = ?",
            (number,),
        ).fetchone()
        assert found == oracle.counts(number)
    for row in oracle.posts:
        found = rows(
            "select deleted, replies_count, boosts_count, favourites_count from posts where id = ?",
            (row.id,),
        ).fetchone()
        assert found == (row.deleted, *oracle.post_counts(row.id))
    mentions = {(a, row.id) for row in oracle.posts for a in row.mentioned if not row.deleted}
    assert set(rows("select account, post from mentions")) == mentions
    tags = {
        (tag, row.id)
        for row in oracle.posts
        for tag in row.tags
        if not row.deleted and row.visibility == "public"
    }
    assert set(rows("select tag, post from tags")) == tags
    graph = state.graph
    for a, b in itertools.product(oracle.accounts, repeat=2):
        follow = oracle.follows.get((a, b))
        assert graph.followers.has(b, a) == (follow is not None)
        assert graph.boost_hiders.has(b, a) == (follow is not None and not follow[0])
        assert graph.watchers.has(b, a) == (follow is not None and follow[1])
        assert graph.blocks.has(a, b) == graph.blockers.has(b, a) == ((a, b) in oracle.blocks)
        assert graph.muters.has(b, a) == ((a, b) in oracle.mutes)


def compare_relations(path: Path, oracle: Oracle) -> None:
    reader = StateReader(path)
    with reader.snapshot() as snapshot:
        for account in oracle.accounts:
            found = snapshot.relations(account)
            follows = {b: options for (a, b), options in oracle.follows.items() if a == account}
            assert set(found.following) == set(follows)
            hidden = {b for b, (boosts, *_) in follows.items() if not boosts}
            assert set(found.hides_boosts) == hidden
            assert set(found.blocks) == {b for a, b in oracle.blocks if a == account}
            assert set(found.blocked_by) == {a for a, b in oracle.blocks if b == account}
            assert set(found.aside) == {
                b for b in oracle.accounts if oracle.sets_aside(account, b) and b != account
            }
    reader.close()
