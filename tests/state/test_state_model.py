"""Random histories: check and apply do what the oracle says, and the log gives the state again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.folders import scratch
from tests.histories import EVERYTHING, START_MS, Step, Submission, Teller, founding, histories
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare, compare_relations
from tests.state.plain_engine import PlainEngine, rebuilt, tables

from covey.errors import Refused
from covey.messages import Entry
from covey.state.state import State

sizes = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def run(folder: Path, history: list[Step], batch_sizes: list[int]) -> tuple[PlainEngine, Oracle]:
    """The history through a state and through the oracle, compared answer by answer."""
    engine, oracle = PlainEngine(folder), Oracle()
    for submission in founding():
        oracle.submit(*submission, START_MS)
        engine.submit(*submission)
    teller = Teller(oracle)
    wanted = itertools.cycle(batch_sizes)
    batch: list[Submission] = []
    expected: list[Accepted | str] = []

    def flush() -> None:
        answers = [
            answer.code if isinstance(answer, Refused) else Accepted(answer.number, answer.id)
            for answer in engine.together(batch)
        ]
        assert answers == expected, list(zip(batch, answers, expected, strict=True))
        batch.clear()
        expected.clear()

    for step in history:
        if step.kind == "wait":
            flush()
        for submission in teller.tell(step):
            # the oracle runs ahead, so that steps of one batch can mean each other
            expected.append(oracle.submit(*submission, teller.now))
            engine.now = teller.now
            batch.append(submission)
            if len(batch) >= next(wanted):
                flush()
    flush()
    return engine, oracle


def check_model(history: list[Step], batch_sizes: list[int]) -> None:
    with scratch() as folder:
        engine, oracle = run(folder, history, batch_sizes)
        compare(engine.state, oracle)
        compare_relations(engine.state.path, oracle)
        again = State(engine.state.path)
        again.load_graph()
        compare(again, oracle)
        again.close()
        engine.close()


def check_rebuild(history: list[Step], batch_sizes: list[int], cuts: set[int]) -> None:
    with scratch() as folder:
        engine, oracle = run(folder, history, batch_sizes)
        expected = tables(engine.state)
        for place, is_boundary in enumerate((lambda n: n in cuts, lambda n: True, lambda n: False)):
            state = rebuilt(folder / str(place), engine.log, is_boundary)
            assert tables(state) == expected
            compare(state, oracle)
            state.close()
        engine.close()


@pytest.mark.timeout(900)
@settings(max_examples=250)
@given(histories(EVERYTHING, mean=50), sizes)
def test_state_is_what_the_oracle_says(history: list[Step], batch_sizes: list[int]) -> None:
    check_model(history, batch_sizes)


@pytest.mark.long
@settings(max_examples=500)
@given(histories(EVERYTHING, mean=100), sizes)
def test_state_is_what_the_oracle_says_at_length(
    history: list[Step], batch_sizes: list[int]
) -> None:
    check_model(history, batch_sizes)


@pytest.mark.timeout(900)
@settings(max_examples=100)
@given(histories(EVERYTHING, mean=50), sizes, st.sets(st.integers(1, 60)))
def test_the_log_into_an_empty_state_gives_equal_rows(
    history: list[Step], batch_sizes: list[int], cuts: set[int]
) -> None:
    check_rebuild(history, batch_sizes, cuts)


@pytest.mark.long
@settings(max_examples=200)
@given(histories(EVERYTHING, mean=100), sizes, st.sets(st.integers(1, 200)))
def test_the_log_into_an_empty_state_gives_equal_rows_at_length(
    history: list[Step], batch_sizes: list[int], cuts: set[int]
) -> None:
    check_rebuild(history, batch_sizes, cuts)


@pytest.mark.timeout(900)
@settings(max_examples=100)
@given(histories(EVERYTHING, mean=25), histories(EVERYTHING, mean=25))
def test_a_batch_that_is_rolled_back_leaves_nothing(history: list[Step], lost: list[Step]) -> None:
    with scratch() as folder:
        engine, oracle = run(folder, history, [5])
        state = engine.state
        before = tables(state)
        facts = (state.applied, state.stamp, state.last_id, state.accounts, state.apps)
        # the lost batch: applied, never committed
        teller = Teller(oracle, engine.now)
        commit, state.commit = state.commit, lambda checksum: None  # type: ignore[method-assign]
        append, engine.log.append = engine.log.append, lambda entries: 0  # type: ignore
        engine.now = teller.now
        answers = engine.together([s for step in lost for s in teller.tell(step)])
        state.commit, engine.log.append = commit, append  # type: ignore[method-assign]
        state.rollback()
        assert tables(state) == before
        assert facts == (state.applied, state.stamp, state.last_id, state.accounts, state.apps)
        compare(state, oracle)
        assert all(isinstance(answer, Entry | Refused) for answer in answers)
        engine.close()
