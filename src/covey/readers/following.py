"""How a reader is run: entries from its cursor on, then the jobs that follow from them.

Nothing is missed: the cursor moves in the same transaction as the jobs of what it passes are kept.
What may come twice, after a crash: `handle` of the last batch, and those jobs that were under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import apsw

from covey.database import STORAGE_ERRORS
from covey.limits import (
    JOB_RETRY_SECONDS,
    JOB_RETRY_SECONDS_MAX,
    JOBS_PER_READER,
    READER_BATCH_ENTRIES,
)
from covey.log import Log, LogDamaged
from covey.log.log import entry_of
from covey.messages import Entry
from covey.readers.cursors import Cursors
from covey.readers.doing import Doing
from covey.readers.reader import GiveUp, Job, Reader, Surroundings
from covey.state.queries import Snapshot

logger: Final = logging.getLogger("covey.worker")

AGAIN: Final = ""
"""The target of a job that is to `handle` an entry again which failed."""
LOOK_SECONDS: Final = 0.02
LOOK_SECONDS_MAX: Final = 0.1
"""How often it looks for something new: it looks at a number in shared memory (1 µs), and ever less
often while nothing comes."""
FAILURE_SECONDS_MAX: Final = 60.0
DRAIN_SECONDS: Final = 5.0
"""For jobs under way, at a stop; what then is not done is done after the next start."""


def retry_ms(tries: int) -> int:
    """How long a job waits that has failed so many times: twice as long each time."""
    seconds: int = min(JOB_RETRY_SECONDS_MAX, JOB_RETRY_SECONDS << min(tries - 1, 30))
    return seconds * 1000


class Follower:
    """One reader at work. `applied` gives the newest log number there is to read, cheaply."""

    def __init__(
        self,
        reader: Reader,
        around: Surroundings,
        *,
        log: Log,
        cursors: Cursors,
        applied: Callable[[], int],
        doing: Doing | None = None,
    ) -> None:
        self.reader = reader
        self._around = around
        self._log = log
        self._cursors = cursors
        self._applied = applied
        self._doing = doing
        self._kinds = {str(kind.__struct_config__.tag) for kind in reader.kinds}
        cursor = cursors.number(reader.name)
        if cursor is None:
            cursor = 0 if reader.from_the_beginning else log.last_number()
        self.cursor = min(cursor, reader.start(cursor))
        cursors.move(reader.name, self.cursor)
        self._under_way: dict[Job, asyncio.Task[None]] = {}
        self._look_for_jobs = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` ends, after what is under way."""
        self._stopping.set()
        self._look_for_jobs.set()

    async def run(self) -> None:
        """Until `stop`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._do_jobs())
        finally:
            self.reader.close()

    # --- entries ------------------------------------------------------------------------------

    async def _follow(self) -> None:
        failures = 0
        pause = LOOK_SECONDS
        while not self._stopping.is_set():
            try:
                taken = self._applied() > self.cursor and self._has_room() and self.take()
                failures = 0
            except (*STORAGE_ERRORS, apsw.BusyError, LogDamaged) as error:
                # The disk, not the entry: it is where it was, and all is tried again.
                failures += 1
                pause = min(FAILURE_SECONDS_MAX, 2.0**failures)
                logger.error(
                    "%s stays at %d, again in %d s: %r", self.reader.name, self.cursor, pause, error
                )
            else:
                pause = 0 if taken else min(LOOK_SECONDS_MAX, max(LOOK_SECONDS, pause * 1.5))
            await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        if not seconds:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _has_room(self) -> bool:
        """One that can't do its jobs takes in no more: the log keeps them for it."""
        return self._cursors.waiting(self.reader.name) < JOBS_PER_READER

    def take(self) -> bool:
        """A batch. → whether there was any."""
        # the snapshot first: what it has applied stands in the log
        with self._around.state.snapshot() as snapshot:
            found = list(self._log.rows(self.cursor, snapshot.applied, READER_BATCH_ENTRIES))
            if not found:
                return False
            entries = [entry_of(row) for row in found if row[2] in self._kinds]
            jobs = self._handle(entries, snapshot) if entries else []
        reached = found[-1][0]
        self._cursors.move(self.reader.name, reached, jobs, self._around.now())
        self.cursor = reached
        if jobs:
            self._look_for_jobs.set()
        return True

    def _handle(self, entries: Sequence[Entry], snapshot: Snapshot) -> list[Job]:
        """One bad message does not stop the reader: it is put aside, and tried again like a job."""
        first, last = entries[0].number, entries[-1].number
        try:
            with self._at(f"messages {first} to {last}"):
                return list(self.reader.handle(entries, snapshot))
        except STORAGE_ERRORS:
            raise
        except Exception:
            if first == last:
                logger.exception("%s put message %d aside: it failed", self.reader.name, first)
                return [Job(first, AGAIN)]
        return [job for entry in entries for job in self._handle([entry], snapshot)]

    # --- jobs ---------------------------------------------------------------------------------

    async def _do_jobs(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping.is_set():
                self._look_for_jobs.clear()
                due_in = self._start_jobs(tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(due_in):
                        await self._look_for_jobs.wait()
            if self._under_way:
                await asyncio.wait(self._under_way.values(), timeout=DRAIN_SECONDS)
            for task in self._under_way.values():
                task.cancel()

    def _start_jobs(self, tasks: asyncio.TaskGroup) -> float | None:
        """As many as may be under way at once. → seconds until the next one is due; None: another
        look is only worth it when something has happened."""
        at_once, under_way = self.reader.jobs_at_once, self._under_way
        now = self._around.now()
        for job, at, tries in self._cursors.next_jobs(self.reader.name, at_once + len(under_way)):
            if job in under_way:
                continue
            if len(under_way) == at_once:
                break
            if at > now:
                return (at - now) / 1000
            under_way[job] = tasks.create_task(self._do(job, tries))
        return None

    async def _do(self, job: Job, tries: int) -> None:
        name, now = self.reader.name, self._around.now
        more: list[Job] = []
        try:
            with self._at(f"message {job.number}, {job.target}"):
                if job.target == AGAIN:
                    more = self._handle_again(job.number)
                else:
                    await self.reader.perform(job)
        except GiveUp as reason:
            logger.info("%s gives up message %d, %s: %s", name, *job, reason)
            self._cursors.done(name, job)
        except Exception as error:
            tries += 1
            if tries >= self.reader.job_tries:
                logger.error("%s gives up message %d, %s: %r", name, *job, error)
                self._cursors.done(name, job)
            else:
                logger.info("%s failed at message %d, %s: %r", name, *job, error)
                self._cursors.failed(name, job, now() + retry_ms(tries), repr(error))
        else:
            self._cursors.done(name, job, more, now())
        finally:
            del self._under_way[job]
            self._look_for_jobs.set()

    def _handle_again(self, number: int) -> list[Job]:
        row = self._log.row(number)
        if row is None:
            raise GiveUp("the log does not hold it any more")
        with self._around.state.snapshot() as snapshot:
            return list(self.reader.handle([entry_of(row)], snapshot))

    @contextlib.contextmanager
    def _at(self, what: str) -> Iterator[None]:
        """For the supervisor, should we not come back."""
        if self._doing is None:
            yield
            return
        said = self._doing.say(f"{self.reader.name} at {what}")
        try:
            yield
        finally:
            self._doing.unsay(said)
