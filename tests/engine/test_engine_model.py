"""Random histories through the engine: answers, homes, live events, over restarts and a circle that
wraps, are what the oracle says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.simulated import (
    CAPACITIES,
    Server,
    compare_homes,
    compare_pages,
    compare_raw_homes,
    order_of,
)
from tests.folders import scratch
from tests.histories import EVERYTHING, READING, Step, Submission, Teller, founding, histories
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=6)
capacities = st.sampled_from(CAPACITIES)
restarts = st.dictionaries(st.integers(0, 30), st.sampled_from(["kept", "emptied", "crash"]), max_size=3)
cursors = st.lists(
    st.tuples(*[st.integers(0, 400)] * 3, st.sampled_from([1, 2, 3, 7, 20, 40])), max_size=4
)


class Model:
    """A server and an oracle that are told the same, batch by batch."""

    def __init__(self, server: Server) -> None:
        self.server, self.oracle = server, Oracle()
        self.teller = Teller(self.oracle)
        self.batch: list[Submission] = []
        self.expected: list[Accepted | str] = []
        self.batches = 0
        for submission in founding():
            self.submit(submission)
        self.flush()

    def submit(self, submission: Submission) -> None:
        # the oracle runs ahead, so that steps of one batch can mean each other
        self.expected.append(self.oracle.submit(*submission, self.teller.now))
        self.batch.append(submission)

    def flush(self) -> None:
        """Hand the batch over; compare answers and events."""
        if not self.batch:
            return
        events = len(self.oracle.events)
        self.server.now = self.teller.now
        answers, found = self.server.step(self.batch)
        assert answers == self.expected, list(zip(self.batch, answers, self.expected, strict=True))
        expected = [e for e in self.oracle.events if e.number not in self.seen()]
        assert found == sorted(expected, key=order_of)
        assert events <= len(self.oracle.events)
        self._seen = self.oracle.number
        self.batch, self.expected = [], []
        self.batches += 1

    _seen = 0

    def seen(self) -> range:
        return range(self._seen + 1)

    def run(self, history: list[Step], batch_sizes: list[int], restarts: dict[int, str]) -> None:
        wanted = itertools.cycle(batch_sizes)
        size = next(wanted)
        for step in history:
            if step.kind == "wait":
                self.flush()
            for submission in self.teller.tell(step):
                self.submit(submission)
                if len(self.batch) >= size:
                    size = next(wanted)
                    self.flush()
                    compare_raw_homes(self.server, self.oracle)
                    if how := restarts.get(self.batches):
                        self.restart(how)
        self.flush()
        compare_raw_homes(self.server, self.oracle)

    def restart(self, how: str) -> None:
        self.server.now = self.teller.now
        if how == "crash":
            self.server.crash()
        else:
            self.server.restart(keep_arena=how == "kept")
        compare_raw_homes(self.server, self.oracle)
        assert list(e.number for e in self.server.log.read()) == list(
            range(1, self.oracle.number + 1)
        )


def check_model(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", capacity)
        model = Model(server)
        model.run(history, batch_sizes, restarts)
        compare_homes(server, model.oracle, (3, 20))
        compare_pages(server, model.oracle, cursors)
        compare(server.state, model.oracle)
        server.end()


@settings(max_examples=100)
@given(histories(READING, max_size=60), sizes, capacities, restarts, cursors)
def test_engine_is_what_the_oracle_says(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
) -> None:
    check_model(history, batch_sizes, capacity, restarts, cursors)


@pytest.mark.long
@settings(max_examples=1_500)
@given(histories(EVERYTHING, max_size=200), sizes, capacities, restarts, cursors)
def test_engine_is_what_the_oracle_says_at_length(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
) -> None:
    check_model(history, batch_sizes, capacity, restarts, cursors)
