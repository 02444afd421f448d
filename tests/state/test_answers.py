"""Answers by key, recent and settled, against a plain dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.folders import scratch
from tests.histories import Submission
from tests.state.plain_engine import PlainEngine, rebuilt, remembered, tables

from covey.keys import client_key, edge_key
from covey.limits import KEY_CLIENT_MS, KEY_EDGE_MS
from covey.messages import Post
from covey.state import answers
from covey.state.state import State

UUID = client_key("9b2f7c2e-5d3a-4a6e-8f10-2f3a4b5c6d7e")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of all slices takes 12 messages."""
    monkeypatch.setattr(answers, "SLICES", 4)
    monkeypatch.setattr(answers, "SETTLE_EVERY", 3)


@pytest.mark.parametrize("more", [0, 100])
@pytest.mark.parametrize(
    ("key", "until"),
    [(UUID, None), (client_key("hello"), KEY_CLIENT_MS), (edge_key(bytes(16)), KEY_EDGE_MS)],
)
@pytest.mark.usefixtures("small")
def test_an_answer_is_remembered(tmp_path: Path, key: bytes, until: int | None, more: int) -> None:
    """Also when its turn to be settled came, and after a start."""
    engine = PlainEngine(tmp_path, accounts=2)
    number, now = engine.submit(1, Post(text="x"), key).number, engine.now
    for _ in range(more):
        engine.submit(1, Post(text="y"))
    for again in (False, True):
        state = reopened(engine) if again else engine.state
        assert remembered(state, 1, key, now) == number
        assert remembered(state, 2, key, now) == 0
        assert remembered(state, 1, key + b"x", now) == 0
        if until is None:
            assert remembered(state, 1, key, now * 2) == number
        else:
            assert remembered(state, 1, key, now + until - 1) == number
            assert remembered(state, 1, key, now + until) == 0
    engine.close()


def reopened(engine: PlainEngine) -> State:
    """As after a start."""
    engine.state.close()
    engine.state = State(engine.state.path)
    engine.state.check_against(engine.log)
    engine.state.load_graph()
    return engine.state


def test_a_key_that_expires_before_its_turn_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "SLICES", 1)
    monkeypatch.setattr(answers, "SETTLE_EVERY", 8)
    engine = PlainEngine(tmp_path, accounts=2)
    engine.submit(1, Post(text="x"), edge_key(bytes(16)))
    engine.submit(1, Post(text="x"), UUID)
    engine.now += KEY_EDGE_MS
    for n in range(4):
        engine.submit(1, Post(text="x"), client_key(f"{n}"))
    assert engine.state.applied == 8
    rows = engine.state.execute("select number from answers order by number").fetchall()
    assert [number for (number,) in rows if number > 2] == [4, 5, 6, 7, 8]
    engine.close()


KEYS = [b"%c%d" % (kind, n) for kind in b"uce" for n in range(8)]
BATCHES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 2), st.sampled_from(KEYS)), min_size=1, max_size=8),
        st.sampled_from([0, 1, KEY_EDGE_MS // 2, KEY_CLIENT_MS // 2]),
        st.sampled_from(["commit", "commit", "rollback", "start"]),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(batches=BATCHES, slices=st.integers(1, 5), every=st.integers(1, 5))
def test_answers_are_those_of_a_plain_dictionary(
    batches: list[tuple[list[tuple[int, bytes]], int, str]], slices: int, every: int
) -> None:
    lasts = {b"u": 0, b"c": KEY_CLIENT_MS, b"e": KEY_EDGE_MS}
    with scratch() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "SLICES", slices)
        patch.setattr(answers, "SETTLE_EVERY", every)
        engine = PlainEngine(folder / "life", accounts=2)
        model: dict[tuple[int, bytes], tuple[int, int]] = {}

        def known(actor: int, key: bytes) -> int:
            number, until = model.get((actor, key), (0, 0))
            return number if not until or until > engine.now else 0

        for submitted, later, then in batches:
            if then == "rollback":
                undone(engine, submitted)
                continue
            expected, number = [], engine.state.applied
            for actor, key in submitted:
                if not known(actor, key):
                    number += 1
                    last = lasts[key[:1]]
                    model[actor, key] = number, engine.now + last if last else 0
                expected.append(known(actor, key))
            found = engine.together(
                Submission(actor, Post(text="x"), key) for actor, key in submitted
            )
            assert [getattr(answer, "number", 0) for answer in found] == expected
            engine.now += later
            if then == "start":
                reopened(engine)
            for actor in (1, 2):
                for key in KEYS:
                    assert remembered(engine.state, actor, key, engine.now) == known(actor, key)
        again = rebuilt(folder / "again", engine.log, lambda number: number % 7 == 0)
        assert tables(again) == tables(engine.state)
        again.close()
        engine.close()


def undone(engine: PlainEngine, submitted: list[tuple[int, bytes]]) -> None:
    """A batch that fails after it was applied."""

    class Failed(Exception):
        pass

    def fail(_entries: object) -> int:
        raise Failed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.log, "append", fail)
        fresh = [
            Submission(actor, Post(text="x"), key)
            for actor, key in submitted
            if not remembered(engine.state, actor, key, engine.now)
        ]
        if fresh:
            with pytest.raises(Failed):
                engine.together(fresh)
            engine.state.rollback()
