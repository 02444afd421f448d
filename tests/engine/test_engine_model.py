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
    compare_queues,
    compare_raw_homes,
    order_of,
)
from tests.folders import scratch
from tests.histories import EVERYTHING, READING, Step, Submission, Teller, founding, histories
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare

from covey.keys import edge_key
from covey.messages import AnyMessage, Boost, Delete, Follow, Post, Unboost

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=6)
capacities = st.sampled_from(CAPACITIES)
ways = st.sampled_from(["kept", "emptied", "crash"])
restarts = st.dictionaries(st.integers(0, 30), ways, max_size=3)
"""After which batch, and what becomes of the arena."""
cursors = st.lists(
    st.tuples(*[st.integers(0, 400)] * 3, st.sampled_from([1, 2, 3, 7, 20, 40])), max_size=4
)
positions = st.lists(st.integers(0, 400), max_size=4)


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
        numbers = [entry.number for entry in self.server.log.read()]
        assert numbers == list(range(1, self.oracle.number + 1))


def check_model(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
    positions: list[int],
) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", capacity)
        model = Model(server)
        model.run(history, batch_sizes, restarts)
        compare_homes(server, model.oracle, (5,))
        compare_pages(server, model.oracle, cursors)
        compare_queues(server, model.oracle, positions)
        compare(server.state, model.oracle)
        server.end()


# beyond pytest's usual two minutes: what is found has to be made small
@pytest.mark.timeout(900)
@settings(max_examples=100)
@given(histories(READING, mean=50), sizes, capacities, restarts, cursors, positions)
def test_engine_is_what_the_oracle_says(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
    positions: list[int],
) -> None:
    check_model(history, batch_sizes, capacity, restarts, cursors, positions)


@pytest.mark.long
@settings(max_examples=400)
@given(histories(EVERYTHING, mean=100), sizes, capacities, restarts, cursors, positions)
def test_engine_is_what_the_oracle_says_at_length(
    history: list[Step],
    batch_sizes: list[int],
    capacity: int,
    restarts: dict[int, str],
    cursors: list[tuple[int, int, int, int]],
    positions: list[int],
) -> None:
    check_model(history, batch_sizes, capacity, restarts, cursors, positions)


@pytest.mark.parametrize("between", [37, 38, 39, 40, 41])
@pytest.mark.parametrize("other", ["original", "boost", "undone boost", "deleted between"])
def test_the_boost_window_ends_at_its_limit(between: int, other: str) -> None:
    """A boost goes if its original, or another boost of it, is among the 40 next older candidates;
    a tombstone among them counts, and is one that they are counted by."""
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", 64)
        model = Model(server)

        def act(actor: int, message: AnyMessage) -> int:
            model.submit(Submission(actor, message, edge_key()))
            answer = model.expected[-1]
            assert isinstance(answer, Accepted)
            model.flush()
            return answer.id

        for followed in (2, 3, 4):
            act(1, Follow(account=followed))
        # 5 is not followed: where the original is to be no candidate, it is 5's
        original = act(2 if other in ("original", "deleted between") else 5, Post(text="original"))
        if other in ("boost", "undone boost"):
            act(3, Boost(post=original))
        posts = [act(2 + n % 3, Post(text=f"between {n}")) for n in range(between)]
        if other == "undone boost":
            act(3, Unboost(post=original))
        if other == "deleted between":
            act(2, Delete(post=posts[0]))
        boost = act(4, Boost(post=original))
        assert (boost in model.oracle.home(1)) == (between >= 40)
        compare_homes(server, model.oracle, (1, 20, 40))
        server.end()
