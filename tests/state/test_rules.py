"""What every message has in common: it is remembered by its key, and forgotten in time."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.histories import Submission
from tests.state.plain_engine import PlainEngine, rebuilt, remembered, tables

from covey.keys import client_key, due_key
from covey.limits import CHANGES_MS, GRANT_MS, KEY_CLIENT_MS, ROWS_PER_MESSAGE
from covey.messages import KINDS, SERVER, Delete, Due, Entry, Follow, Mute, Post, Read, Unfollow
from covey.state import answers
from covey.state.rules import APPLIES, CHECKS, PRUNE_EVERY, apply
from covey.state.state import Outcome

UUID = client_key("9b2f7c2e-5d3a-4a6e-8f10-2f3a4b5c6d7e")


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few messages bring answers into their table."""
    monkeypatch.setattr(answers, "SLICES", 4)
    monkeypatch.setattr(answers, "SETTLE_EVERY", 1)


def test_every_kind_has_both() -> None:
    assert set(CHECKS) == set(APPLIES) == set(KINDS.values())


def test_a_timers_key_is_not_remembered(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path, accounts=2)
    due = engine.submit(1, Mute(account=2, until=engine.now + 1)).number
    engine.now += 1
    key = due_key(due)
    engine.submit(SERVER, Due(number=due), key)
    assert remembered(engine.state, SERVER, key, engine.now) == 0


def fill(engine: PlainEngine, count: int, key: str = "") -> None:
    """So many messages that change little."""
    acts = [Follow(account=2), Unfollow(account=2)]
    engine.together(
        Submission(1, acts[n % 2], client_key(f"{key}{n} {engine.state.applied}"))
        for n in range(count)
    )


def test_what_expired_is_forgotten(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path, accounts=2)
    state = engine.state
    entry = engine.submit(1, Post(text="x"), UUID)
    post = entry.id
    engine.submit(1, Delete(post=post))
    engine.submit(1, Read(queue="home", position=7))
    fill(engine, 100)
    engine.now += max(CHANGES_MS, KEY_CLIENT_MS, GRANT_MS)
    fill(engine, PRUNE_EVERY - state.applied - 1)
    assert state.count("select count(*) from answers where expires <= ?", (state.stamp,)) > 100
    fill(engine, 1)
    assert state.applied == PRUNE_EVERY
    assert (
        state.count(
            "select count(*) from answers where expires != 0 and expires <= ?", (state.stamp,)
        )
        == 0
    )
    assert remembered(state, 1, UUID, state.stamp) == entry.number
    # of what is too old for a resumed stream the newest stays, so that it can be told
    assert state.execute("select number, kind from changes").fetchall() == [(5, "read")]


def test_forgetting_depends_on_the_log_alone(tmp_path: Path) -> None:
    """Whatever the batches, and when whatever process ran."""
    engine = PlainEngine(tmp_path / "a", accounts=2)
    for _ in range(3):
        for n in range(7):
            engine.now += 1_000
            fill(engine, 50, f"{n}")
            engine.submit(1, Read(queue="home", position=n))
        engine.now += CHANGES_MS // 2
    assert engine.state.applied > 2 * PRUNE_EVERY
    expected = tables(engine.state)
    for place, size in enumerate((1, 2, 511, 512, 513, 10_000)):
        state = rebuilt(tmp_path / f"{place}", engine.log, lambda n, s=size: n % s == 0)  # type: ignore[misc]
        assert tables(state) == expected
        state.close()


def test_a_round_of_forgetting_keeps_to_the_limit_and_keeps_up(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path, accounts=2)
    state = engine.state
    fill(engine, 3 * PRUNE_EVERY)
    engine.now += KEY_CLIENT_MS
    expired = state.count("select count(*) from answers where expires > 0")
    assert expired > ROWS_PER_MESSAGE
    counts = []
    while expired:
        fill(engine, PRUNE_EVERY - state.applied % PRUNE_EVERY)
        left = state.count(
            "select count(*) from answers where expires > 0 and expires <= ?", (state.stamp,)
        )
        counts.append(expired - left)
        expired = left
    assert counts[0] == ROWS_PER_MESSAGE
    assert ROWS_PER_MESSAGE > PRUNE_EVERY  # so it forgets faster than rows can come


def test_apply_does_not_ask(tmp_path: Path) -> None:
    """A check may become stricter, and the past stands."""
    engine = PlainEngine(tmp_path, accounts=2)
    assert engine.refusal(1, Post(text=" ")) == "text_empty"
    engine.state.begin()
    apply(engine.state, Entry(3, engine.now, 1, b"e", 1 << 40, Post(text=" ")), Outcome())
    engine.state.commit(1)
    assert engine.state.last_id == 1 << 40
