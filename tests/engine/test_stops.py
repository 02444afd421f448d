"""A stop at every arrow inside the steps: what was answered is there once, what was not is there
wholly or not at all, and may be sent again."""

from __future__ import annotations

import copy
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.simulated import (
    CAPACITIES,
    Server,
    Stop,
    compare_homes,
    compare_raw_homes,
)
from tests.folders import scratch
from tests.histories import (
    READING,
    RELATIONS,
    Step,
    Submission,
    Teller,
    founding,
    histories,
)
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare

from covey.messages import AnyMessage, Follow, Mute, OpenSession, Post, Profile
from covey.state.home import ids_below
from covey.state.merge import END
from covey.state.queries import StateReader

BEFORE_THE_LOG = ["apply", "append", "log write"]
AFTER_THE_LOG = [
    "appended", "dirty", "commit", "committed", "reserved", "chunks", "heads", "floors",
    "published", "numbers", "applied", "clean", "answer",
]  # fmt: skip
ARROWS = [*BEFORE_THE_LOG, *AFTER_THE_LOG]
WHILE_STARTING = ["born", "emptied"]
OF_DELIVERIES = {"reserved", "chunks", "heads"}
OF_FLOORS = {"floors"}


class Crashing:
    """A server that stops, an edge that sends again what was not answered, and an oracle."""

    def __init__(self, server: Server) -> None:
        self.server, self.oracle = server, Oracle()
        self.now = server.now
        self.acknowledged: dict[int, Submission] = {}
        """By number."""
        self.stops = 0
        self.again = ""
        """The arrow to stop at once more while the server starts after a stop."""
        self.send(founding())

    def send(self, batch: list[Submission]) -> None:
        """Until it is answered."""
        self.server.now = self.now
        before = copy.deepcopy(self.oracle)
        expected = [self.oracle.submit(*submission, self.now) for submission in batch]
        try:
            answers, _ = self.server.step(batch)
        except Stop as stop:
            self.stops += 1
            self.restart()
            if str(stop) in BEFORE_THE_LOG:
                self.oracle = before
            self.compare()
            # the same keys again; what stands in the log is not done twice
            expected = [self.oracle.submit(*submission, self.now) for submission in batch]
            answers, _ = self.server.step(batch)
        assert answers == expected
        for submission, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Accepted):
                self.acknowledged.setdefault(answer.number, submission)
        self.compare()

    def restart(self) -> None:
        if self.again:
            self.server.stopping.at = (self.again, 0)
        try:
            self.server.crash()
        except Stop:
            self.stops += 1
            self.server.crash()
        self.server.stopping.at = None

    def compare(self) -> None:
        entries = {entry.number: entry for entry in self.server.log.read()}
        assert list(entries) == list(range(1, self.oracle.number + 1))
        for number, submission in self.acknowledged.items():
            entry = entries[number]
            assert (entry.actor, entry.key) == (submission.actor, submission.key)
        stored = [(entry.actor, entry.key) for entry in entries.values()]
        fresh = [pair for pair in stored if pair[1][:1] == b"e" and pair[1][1:] != bytes(16)]
        assert len(set(fresh)) == len(fresh)
        compare_raw_homes(self.server, self.oracle)
        compare(self.server.state, self.oracle)


def setting() -> list[Submission]:
    """Everybody follows everybody, and there is something to read."""
    made: list[tuple[int, AnyMessage]] = []
    for follower, followed in itertools.permutations(range(1, 6), 2):
        made.append((follower, Follow(account=followed)))
    for place in range(30):
        made.append((1 + place % 5, Post(text=f"before {place}")))
    return numbered(made, b"es")


def numbered(acts: list[tuple[int, AnyMessage]], key: bytes = b"et") -> list[Submission]:
    return [Submission(a, m, key + bytes([n])) for n, (a, m) in enumerate(acts)]


Acts = list[tuple[int, AnyMessage]]

POSTS: Acts = [(1, Post(text="one")), (2, Post(text="two")), (1, Post(text="three"))]
RELATION_BATCH: Acts = [(1, Mute(account=2)), (3, Follow(account=1, boosts=False))]
BATCHES = {
    "posts": POSTS,
    "follows and mutes": RELATION_BATCH,
    "both": [POSTS[0], RELATION_BATCH[0], POSTS[1], RELATION_BATCH[1], POSTS[2]],
}


@pytest.mark.parametrize("kind", list(BATCHES))
@pytest.mark.parametrize("arrow", ARROWS)
@pytest.mark.parametrize("capacity", [4, 1024])
def test_a_stop_at_each_arrow(arrow: str, kind: str, capacity: int) -> None:
    batch = numbered(BATCHES[kind])
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", capacity)
        crashing = Crashing(server)
        crashing.send(setting())
        server.stopping.at = (arrow, 0)
        crashing.send(batch)
        passed = not (
            (arrow in OF_DELIVERIES and kind == "follows and mutes")
            or (arrow in OF_FLOORS and kind == "posts")
        )
        assert crashing.stops == passed  # else the test proves nothing
        assert len(crashing.acknowledged) == crashing.oracle.number
        # and it goes on
        server.stopping.at = None
        crashing.send([Submission(4, Post(text="after"), b"eafter"), *batch])
        compare_homes(server, crashing.oracle)
        server.end()


@pytest.mark.parametrize("again", WHILE_STARTING)
@pytest.mark.parametrize("arrow", ARROWS)
def test_a_stop_while_it_starts_after_a_stop(arrow: str, again: str) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", 16)
        crashing = Crashing(server)
        crashing.send(setting())
        crashing.again = again
        server.stopping.at = (arrow, 0)
        crashing.send(numbered(BATCHES["both"]))
        # an arena that was not touched, or is complete again, needs no emptying
        expected = 1 if arrow in (*BEFORE_THE_LOG, "clean", "answer") else 2
        assert crashing.stops == expected
        crashing.send([Submission(4, Post(text="after"), b"eafter")])
        compare_homes(server, crashing.oracle)
        server.end()


@pytest.mark.parametrize("arrow", ARROWS)
def test_what_edges_cache_is_not_believed_after_a_stop(arrow: str) -> None:
    """An edge outlives the engine: what a cut-off batch changed shows at its next request."""
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life")
        crashing = Crashing(server)
        crashing.send(setting())
        seen = [server.arena.access, server.arena.relations, server.arena.profiles]
        server.stopping.at = (arrow, 0)
        try:
            server.step(
                [
                    Submission(1, OpenSession(session_hash=bytes(32)), b"e1"),
                    Submission(1, Mute(account=2), b"e2"),
                    Submission(1, Profile(display_name="A"), b"e3"),
                    Submission(1, Post(text="one"), b"e4"),
                ]
            )
        except Stop:
            server.crash()
        now = [server.arena.access, server.arena.relations, server.arena.profiles]
        if server.log.last_number() > crashing.oracle.number:
            assert not set(now) & set(seen)
        server.end()


@pytest.mark.parametrize("kind", list(BATCHES))
@pytest.mark.parametrize("capacity", [4, 1024])
def test_a_reader_at_any_arrow_sees_before_or_after(kind: str, capacity: int) -> None:
    """Reads never wait: between any two stores of the engine a page is that of a whole state."""
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", capacity)
        crashing = Crashing(server)
        crashing.send(setting())
        before, after = crashing.oracle, copy.deepcopy(crashing.oracle)
        batch = numbered(BATCHES[kind])
        expected = [after.submit(*submission, server.now) for submission in batch]
        seen: list[int] = []

        def read(_arrow: str) -> None:
            with server.reader.snapshot() as snapshot:
                applied = snapshot.applied
            seen.append(applied)
            oracle = before if applied == before.number else after
            assert applied == oracle.number
            for account in oracle.accounts:
                assert server.home_page(account, True, limit=40) == oracle.home(account)[:40]
                raw = [row.id for row in oracle.candidates(account)]
                assert server.raw_homes(account)["arena"] == raw

        # and one that began before all of it
        old_reader = StateReader(server.state.path)
        with old_reader.snapshot() as old:
            server.stopping.at_each = read
            assert server.step(batch)[0] == expected
            for account in before.accounts:
                relations = old.relations(account)
                raw = list(ids_below(old, server.arena, relations, END))
                assert raw == [row.id for row in before.candidates(account)]
        assert set(seen) == {before.number, after.number}
        old_reader.close()
        server.end()


def test_these_are_all_the_arrows() -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life")
        crashing = Crashing(server)
        crashing.send(setting())
        assert set(server.stopping.passed) == {*ARROWS, *WHILE_STARTING}
        server.end()


def check_stops(
    history: list[Step], size: int, capacity: int, stops: list[tuple[str, int, str]]
) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", capacity)
        crashing = Crashing(server)
        crashing.send(setting())
        # steps mean what stands before their batch, so that they mean the same when sent again
        teller = Teller(crashing.oracle, crashing.now)
        waiting = iter(stops)
        batch: list[Submission] = []
        for step in [*history, Step("wait", 0, 0, 0, 0, 0)]:
            submissions = teller.tell(step)
            batch += submissions
            if len(batch) >= size or not submissions:
                if not server.stopping.at:
                    arrow, left, crashing.again = next(waiting, ("", 0, ""))
                    server.stopping.at = (arrow, left)
                crashing.send(batch)
                crashing.now = teller.now
                teller.oracle = crashing.oracle
                batch = []
        server.stopping.at = None
        compare_homes(server, crashing.oracle)
        server.end()


stops = st.lists(
    st.tuples(st.sampled_from(ARROWS), st.integers(0, 3), st.sampled_from(["", *WHILE_STARTING])),
    min_size=1,
    max_size=6,
)
either = st.sampled_from([READING, RELATIONS]).flatmap(lambda w: histories(w, mean=25))


@pytest.mark.timeout(900)
@settings(max_examples=60)
@given(either, st.integers(1, 10), st.sampled_from(CAPACITIES), stops)
def test_stops_in_any_history(
    history: list[Step], size: int, capacity: int, stops: list[tuple[str, int, str]]
) -> None:
    check_stops(history, size, capacity, stops)


@pytest.mark.long
@settings(max_examples=250)
@given(either, st.integers(1, 30), st.sampled_from(CAPACITIES), stops)
def test_stops_in_any_history_at_length(
    history: list[Step], size: int, capacity: int, stops: list[tuple[str, int, str]]
) -> None:
    check_stops(history, size, capacity, stops)
