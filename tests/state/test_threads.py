"""Threads: muted, and the direct ones as conversations."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, CYD, POLL, saying, told

from covey.messages import (
    SERVER,
    Boost,
    Delete,
    Due,
    Favourite,
    Follow,
    MuteThread,
    Post,
    UnmuteThread,
    Vote,
)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=3)


def test_a_muted_thread_tells_nothing(engine: PlainEngine) -> None:
    root = engine.submit(ANN, Post(text="one", poll=POLL))
    reply = engine.submit(BOB, saying("@ann two", reply_to=root.id)).id
    other = engine.submit(ANN, Post(text="elsewhere")).id
    assert told(engine) == [(ANN, "mention", BOB, reply)]
    # any post of it names the thread
    engine.submit(ANN, MuteThread(post=reply))
    assert engine.state.execute("select * from muted_threads").fetchall() == [(ANN, root.id)]
    engine.submit(CYD, saying("@ann @bob three", reply_to=reply))
    engine.submit(CYD, Favourite(post=root.id))
    engine.submit(CYD, Boost(post=root.id))
    engine.submit(BOB, Vote(post=root.id, choices=(0,)))
    engine.now += 300_000
    engine.submit(SERVER, Due(number=root.number))
    assert [row for row in told(engine) if row[0] == ANN] == [(ANN, "mention", BOB, reply)]
    assert [row[1] for row in told(engine) if row[0] == BOB] == ["mention", "poll"]
    engine.submit(CYD, Favourite(post=other))
    engine.submit(CYD, Follow(account=ANN))
    assert [row[1] for row in told(engine) if row[0] == ANN] == ["mention", "favourite", "follow"]
    engine.submit(ANN, UnmuteThread(post=root.id))
    engine.submit(CYD, saying("@ann four", reply_to=reply))
    assert [row[1] for row in told(engine) if row[0] == ANN][-1] == "mention"


def test_what_of_a_thread_can_be_muted(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one", visibility="direct")).id
    assert engine.refusal(BOB, MuteThread(post=post)) == "not_found"
    assert engine.refusal(ANN, UnmuteThread(post=post)) == "already_done"
    engine.submit(ANN, MuteThread(post=post))
    assert engine.refusal(ANN, MuteThread(post=post)) == "already_done"


def conversations(engine: PlainEngine) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = engine.state.execute(
        "select account, thread, last_post from conversations order by 1, 2"
    ).fetchall()
    return found


def test_conversations(engine: PlainEngine) -> None:
    root = engine.submit(ANN, Post(text="to all")).id
    one = engine.submit(BOB, saying("@ann psst", reply_to=root, visibility="direct")).id
    assert conversations(engine) == [(ANN, root, one), (BOB, root, one)]
    two = engine.submit(ANN, saying("@bob @cyd what?", reply_to=one, visibility="direct")).id
    three = engine.submit(CYD, saying("@ann only", reply_to=two, visibility="direct")).id
    other = engine.submit(CYD, Post(text="to myself", visibility="direct")).id
    assert conversations(engine) == [
        (ANN, root, three),
        (BOB, root, two),
        (CYD, root, three),
        (CYD, other, other),
    ]
    engine.submit(ANN, Delete(post=two))
    assert conversations(engine) == [
        (ANN, root, three),
        (BOB, root, one),
        (CYD, root, three),
        (CYD, other, other),
    ]
    engine.submit(CYD, Delete(post=three))
    engine.submit(CYD, Delete(post=other))
    assert conversations(engine) == [(ANN, root, one), (BOB, root, one)]
