"""Readers: nothing is missed, whatever happens, and repeated is only what may be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.world import World, world
from tests.folders import scratch
from tests.readers.toy import Killed, Toy, Worker

from covey.limits import JOB_RETRY_SECONDS, JOB_RETRY_SECONDS_MAX
from covey.messages import Favourite, Post
from covey.readers import following
from covey.readers.cursors import FILE, standings
from covey.readers.following import retry_ms
from covey.readers.reader import Job


@pytest.fixture
def around(tmp_path: Path) -> Iterator[tuple[World, Worker]]:
    with world(accounts=2) as made:
        yield made, Worker(made, tmp_path)


def post(made: World, text: str) -> int:
    """→ its log number."""
    made.post(1, Post(text=text))
    return made.engine.state.applied


def test_what_was_there_and_what_comes(around: tuple[World, Worker]) -> None:
    made, worker = around
    first = post(made, "one two")
    toy = Toy()
    worker.run(toy)
    second = post(made, "three")
    worker.run(toy)
    assert toy.handled == [first, second]
    assert toy.performed == {Job(first, "one"): 1, Job(first, "two"): 1, Job(second, "three"): 1}
    assert toy.closed


def test_only_its_kinds(around: tuple[World, Worker]) -> None:
    made, worker = around
    id_ = made.post(1, Post(text="one"))
    number = made.engine.state.applied
    made.submit(2, Favourite(post=id_))
    toy = Toy()
    follower = worker.run(toy)
    assert toy.handled == [number]
    assert follower.cursor == number + 1


def test_one_that_sends_something_begins_at_the_end(around: tuple[World, Worker]) -> None:
    made, worker = around

    class Sender(Toy):
        name = "sender"
        from_the_beginning = False

    post(made, "old")
    worker.run(Sender())
    new = post(made, "new")
    toy = Sender()
    worker.run(toy)
    assert toy.performed == {Job(new, "new"): 1}


def test_one_that_knows_less_than_its_cursor_goes_back(around: tuple[World, Worker]) -> None:
    """As when its own file was deleted."""
    made, worker = around
    number = post(made, "one")
    worker.run(Toy())

    class Forgetful(Toy):
        def start(self, cursor: int) -> int:
            assert cursor == number
            return 0

    toy = Forgetful()
    worker.run(toy)
    assert toy.handled == [number]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_more_than_a_batch(
    around: tuple[World, Worker], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(following, "READER_BATCH_ENTRIES", batch)
    made, worker = around
    numbers = [post(made, "word") for _ in range(7)]
    toy = Toy()
    worker.run(toy)
    assert toy.handled == numbers


def test_a_job_that_fails_is_tried_again_later(around: tuple[World, Worker]) -> None:
    made, worker = around
    number = post(made, "later soon")
    toy = Toy()
    worker.run(toy)
    assert toy.performed == {Job(number, "later"): 1, Job(number, "soon"): 1}
    assert worker.waited == JOB_RETRY_SECONDS * 1000


def test_a_job_is_given_up(around: tuple[World, Worker]) -> None:
    made, worker = around
    number = post(made, "broken never")
    toy = Toy()
    worker.run(toy)
    assert toy.failed == {Job(number, "broken"): Toy.job_tries, Job(number, "never"): 1}
    assert not toy.performed


def test_a_message_that_fails_is_put_aside(around: tuple[World, Worker]) -> None:
    made, worker = around
    before, bad, after = post(made, "before"), post(made, "bad"), post(made, "after")
    toy = Toy()

    def arrow(name: str) -> None:
        if name == "after failed":
            toy.is_bad = False  # mended meanwhile

    worker.run(toy, arrow)
    assert set(toy.performed) == {Job(before, "before"), Job(bad, "bad"), Job(after, "after")}
    assert toy.handled == [before, after, bad]


def test_too_many_jobs_hold_it_up(
    around: tuple[World, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "JOBS_PER_READER", 2)
    monkeypatch.setattr(following, "READER_BATCH_ENTRIES", 1)
    made, worker = around
    numbers = [post(made, "later and more") for _ in range(4)]
    most = 0

    class Counting(Toy):
        def handle(self, *said: object) -> list[Job]:
            nonlocal most
            most = max(most, standings(worker.folder / FILE)["toy"]["jobs"])
            return super().handle(*said)  # type: ignore[arg-type]

    toy = Counting()
    worker.run(toy)
    assert len(toy.performed) == 3 * len(numbers)
    assert most < 2


def test_growing_delay() -> None:
    seconds = [retry_ms(tries) // 1000 for tries in (1, 2, 3, 8, 9, 100)]
    assert seconds == [JOB_RETRY_SECONDS, 30, 60, 1920, JOB_RETRY_SECONDS_MAX, 3600]


# --- kills ------------------------------------------------------------------------------------

ARROWS = (
    "handle", "handled", "before move", "after move", "perform", "performed", "before done",
    "after done", "before failed", "after failed",
)  # fmt: skip


@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a", "b", "later", "never"]), max_size=3).map(" ".join),
        min_size=1, max_size=6,
    ),
    kills=st.lists(st.tuples(st.sampled_from(ARROWS), st.integers(0, 3)), max_size=5),
    batch=st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=150)
def test_killed_anywhere_nothing_is_missed(
    texts: list[str], kills: list[tuple[str, int]], batch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, world(accounts=2) as made, scratch() as folder:
        patch.setattr(following, "READER_BATCH_ENTRIES", batch)
        worker = Worker(made, folder)
        expected = set()
        for text in texts:
            number = post(made, text or "a")
            expected |= {Job(number, word) for word in (text or "a").split() if word != "never"}
        toy = Toy()
        for kill, after in kills:
            left = after

            def arrow(name: str, kill: str = kill) -> None:
                nonlocal left
                if name == kill:
                    left -= 1
                    if left < 0:
                        raise Killed

            toy.arrow = arrow
            with contextlib.suppress(Killed):
                worker.run(toy, arrow)
        toy.arrow = lambda name: None
        worker.run(toy)
        assert set(toy.performed) == expected
        # only what was under way comes again
        assert sum(toy.performed.values()) <= len(expected) + len(kills) * toy.jobs_at_once


# --- files ------------------------------------------------------------------------------------


def test_standings(around: tuple[World, Worker]) -> None:
    made, worker = around
    assert standings(worker.folder / FILE) == {}
    number = post(made, "one")
    worker.run(Toy())
    assert standings(worker.folder / FILE) == {"toy": {"cursor": number, "jobs": 0, "failing": 0}}
