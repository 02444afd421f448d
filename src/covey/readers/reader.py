"""What a reader is: it follows the log, and does what follows from it outside of log and state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from msgspec import Struct

from covey.engine.client import Submitter
from covey.messages import Entry, Message
from covey.settings import Settings
from covey.state.queries import Snapshot, StateReader


class Surroundings(Struct, frozen=True):
    """What a reader may use, handed to it when it is made."""

    folder: Path
    settings: Settings
    state: StateReader
    """For `perform`; `handle` is given a snapshot. No snapshot is held over an `await`."""
    engine: Submitter
    """For readers that come to know something: they submit it as a message, like anybody."""
    now: Callable[[], int]
    """Milliseconds since 1970."""


class Job(NamedTuple):
    """Something to do outside. (reader, number, target) is its key: it is kept once."""

    number: int
    """Of the log entry that it follows from."""
    target: str
    """What it is done to, in the reader's own words: a subscription, an address. Not empty."""


class GiveUp(Exception):
    """Raised by `perform`: trying again can't help. The job is forgotten."""


class Reader(ABC):
    """Base of all readers. Both methods may be called again for what they were called for before:
    after a crash, and `handle` after a failure too."""

    name: ClassVar[str]
    """Its key in `cursors.db`: never another's, never changed."""
    kinds: ClassVar[tuple[type[Message], ...]]
    """Messages that it wants; the others are passed over without being decoded."""
    from_the_beginning: ClassVar[bool] = False
    """Where one begins that has no cursor yet: at the log's first entry (an index), or at its end
    (what sends something: nobody is told of last year)."""
    jobs_at_once: ClassVar[int] = 4
    job_tries: ClassVar[int] = 12
    """Then a job is given up: after about five hours, see `following.retry_ms`."""

    def start(self, cursor: int) -> int:
        """Called once, before anything else, with its durable cursor (0: the beginning). → where to
        go on, at most `cursor`: one with a file of its own may know less than that."""
        return cursor

    @abstractmethod
    def handle(self, entries: Sequence[Entry], snapshot: Snapshot) -> Sequence[Job]:
        """Take in some entries of `kinds`, in the log's order, beside a state that has applied at
        least these. → what remains to be done outside.

        Not for waiting: no network here, and no more than some 50 ms of work."""

    @abstractmethod
    async def perform(self, job: Job) -> None:
        """Do it. Raises GiveUp, or anything else to be called again later."""

    def close(self) -> None:  # noqa: B027 - one without a file has nothing to close
        """Called at the end."""
