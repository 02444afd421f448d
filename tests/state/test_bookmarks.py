"""Bookmarks and pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB

from covey import limits
from covey.messages import Bookmark, Boost, Delete, Pin, Post, Unbookmark, Unpin


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=2)


def test_bookmark(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one")).id
    hidden = engine.submit(ANN, Post(text="two", visibility="direct")).id
    boost = engine.submit(BOB, Boost(post=post)).id
    kept = engine.submit(BOB, Bookmark(post=post))
    rows = engine.state.execute
    assert rows("select * from bookmarks").fetchall() == [(BOB, kept.number, post)]
    assert engine.refusal(BOB, Bookmark(post=post)) == "already_done"
    assert engine.refusal(BOB, Bookmark(post=hidden)) == "not_found"
    assert engine.refusal(BOB, Bookmark(post=boost)) == "not_found"
    assert engine.refusal(ANN, Unbookmark(post=post)) == "already_done"
    engine.submit(BOB, Unbookmark(post=post))
    assert not rows("select * from bookmarks").fetchall()


def test_pin(engine: PlainEngine) -> None:
    posts = [engine.submit(ANN, Post(text=f"{n}")).id for n in range(limits.PINS_PER_ACCOUNT + 1)]
    direct = engine.submit(ANN, Post(text="x", visibility="direct")).id
    pinned = [engine.submit(ANN, Pin(post=post)).number for post in posts[:-1]]
    rows = engine.state.execute
    assert rows("select * from pins").fetchall() == [
        (ANN, number, post) for number, post in zip(pinned, posts, strict=False)
    ]
    assert engine.refusal(BOB, Pin(post=posts[0])) == "pin_not_allowed"
    assert engine.refusal(ANN, Pin(post=direct)) == "pin_not_allowed"
    assert engine.refusal(ANN, Pin(post=1)) == "not_found"
    assert engine.refusal(ANN, Pin(post=posts[0])) == "already_done"
    assert engine.refusal(ANN, Pin(post=posts[-1])) == "pins_many"
    engine.submit(ANN, Delete(post=posts[0]))  # makes room
    engine.submit(ANN, Pin(post=posts[-1]))
    engine.submit(ANN, Unpin(post=posts[1]))
    assert engine.refusal(ANN, Unpin(post=posts[1])) == "already_done"
    assert [row[2] for row in rows("select * from pins")] == posts[2:]
