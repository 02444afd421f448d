"""A reader for tests: it hands each post's words to a sink, and stops where it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.edge.world import World

from covey.messages import Entry, Post
from covey.readers.cursors import FILE, Cursors
from covey.readers.following import Follower
from covey.readers.reader import GiveUp, Job, Reader, Surroundings
from covey.settings import Settings
from covey.state.queries import Snapshot


class Killed(BaseException):
    """The process ends here."""


class Toy(Reader):
    """Its jobs are (number of the post, word). The word "bad" fails `handle` until it is mended,
    "later" its job at first, "never" gives up."""

    name = "toy"
    kinds = (Post,)
    from_the_beginning = True
    jobs_at_once = 2
    job_tries = 3

    def __init__(self, arrow: Callable[[str], None] = lambda name: None) -> None:
        self.arrow = arrow
        self.handled: list[int] = []
        self.performed: Counter[Job] = Counter()
        self.failed: Counter[Job] = Counter()
        self.is_bad = True
        self.closed = False

    def handle(self, entries: Sequence[Entry], snapshot: Snapshot) -> list[Job]:
        self.arrow("handle")
        jobs, handled = [], []
        for entry in entries:
            assert entry.number <= snapshot.applied
            assert isinstance(entry.message, Post)
            words = entry.message.text.split()
            if "bad" in words and self.is_bad:
                raise ValueError("a bad word")
            handled.append(entry.number)
            jobs += [Job(entry.number, word) for word in words]
        self.handled += handled
        self.arrow("handled")
        return jobs

    async def perform(self, job: Job) -> None:
        self.arrow("perform")
        await asyncio.sleep(0)
        if job.target == "never":
            self.failed[job] += 1
            raise GiveUp("never")
        if job.target == "later" and not self.failed[job]:
            self.failed[job] += 1
            raise OSError("not now")
        if job.target == "broken":
            self.failed[job] += 1
            raise OSError("not now, nor ever")
        self.performed[job] += 1
        self.arrow("performed")

    def close(self) -> None:
        self.closed = True


class KillableCursors(Cursors):
    """`arrow` before and after each transaction."""

    arrow: Callable[[str], None] = staticmethod(lambda name: None)

    def _transact(self, name: str, act: Callable[[], None]) -> None:
        self.arrow(f"before {name}")
        act()
        self.arrow(f"after {name}")

    def move(self, *said: object, **more: object) -> None:
        self._transact("move", lambda: Cursors.move(self, *said, **more))  # type: ignore[arg-type]

    def done(self, *said: object) -> None:
        self._transact("done", lambda: Cursors.done(self, *said))  # type: ignore[arg-type]

    def failed(self, *said: object) -> None:
        self._transact("failed", lambda: Cursors.failed(self, *said))  # type: ignore[arg-type]


class Worker:
    """One follower after the other beside a world; its clock jumps to whatever is due."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.waited = 0

    def now(self) -> int:
        return self.world.teller.now + self.waited

    def run(self, toy: Reader, arrow: Callable[[str], None] = lambda name: None) -> Follower:
        """Until there is nothing left to do. Raises Killed as `arrow` does; all files are closed
        as a process leaves them."""
        log = self.world.engine.log
        cursors = KillableCursors(self.folder / FILE, log.id, log.last_number())
        try:
            return asyncio.run(self._run(toy, cursors, arrow))
        except BaseExceptionGroup as group:
            if group.subgroup(Killed):
                raise Killed from None
            raise
        finally:
            cursors.close()

    async def _run(
        self, toy: Reader, cursors: KillableCursors, arrow: Callable[[str], None]
    ) -> Follower:
        engine = self.world.engine
        around = Surroundings(
            self.folder, Settings(), self.world.reader, None, self.now  # type: ignore[arg-type]
        )  # fmt: skip
        follower = Follower(
            toy, around, log=engine.log, cursors=cursors, applied=lambda: engine.state.applied
        )
        cursors.arrow = arrow
        running = asyncio.create_task(follower.run())
        while not running.done():
            waiting = cursors.next_jobs(toy.name, 1)
            if follower.cursor == engine.state.applied and not waiting:
                follower.stop()
            elif waiting and waiting[0][1] > self.now():
                self.waited += waiting[0][1] - self.now()
                follower._look_for_jobs.set()
            await asyncio.sleep(0)
        await running
        return follower
