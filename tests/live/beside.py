"""Engine, dispatcher, client and hub in one process, told when to go on: connections that break and
engines that die between any two batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.engine.simulated import Server
from tests.folders import scratch
from tests.histories import Submission

from covey.engine.client import EngineClient
from covey.engine.dispatcher import Dispatcher
from covey.engine.frames import Submit
from covey.engine.local import LocalConnection
from covey.live.hub import Hub, Stream, StreamEvent

HANG_SECONDS = 100
TURNS = 8
"""Of the loop, until tasks have done all that follows from one thing."""


class Beside:
    """An engine, and a hub at its side."""

    def __init__(self, folder: Path, capacity: int = 64) -> None:
        (folder / "life").mkdir()
        self.server = Server(folder / "life", capacity)
        self.client = EngineClient()
        self.hub = Hub(
            self.client,
            snapshot=lambda: self.server.reader.snapshot(),
            relations=lambda snapshot, account: snapshot.relations(account),
            arena=self.server.arena,
            now=lambda: self.server.now,
        )
        self._batches: list[Callable[[], None]] = []
        self.connection: LocalConnection | None = None
        """Of the hub."""
        self._start()

    def _start(self) -> None:
        self.dispatcher = Dispatcher(
            self.server.engine, now=lambda: self.server.now, schedule=self._batches.append
        )
        # whoever submits is another edge, so that the hub's may be gone
        self._submitting = LocalConnection(self.dispatcher, EngineClient())
        self.hub._arena = self.server.arena

    def connect(self) -> None:
        if self.connection is None:
            self.connection = LocalConnection(self.dispatcher, self.client)

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def crash(self) -> None:
        """The engine dies and is started again; the hub is not connected yet."""
        self.disconnect()
        self.server.crash()
        self._batches.clear()
        self._start()

    @property
    def is_behind(self) -> bool:
        """A wake of the hub's connection was dropped, and it does not know yet."""
        return self.dispatcher._peers[self.connection].is_behind  # type: ignore[index]

    def beat(self) -> None:
        self.dispatcher.beat()

    async def settle(self) -> None:
        """Until nothing is left to do."""
        for _ in range(TURNS):
            while self._batches:
                self._batches.pop(0)()
            await asyncio.sleep(0)

    async def submit(self, batch: Sequence[Submission]) -> None:
        """As one batch."""
        for place, (actor, message, key) in enumerate(batch):
            self.dispatcher.receive(self._submitting, Submit(place, actor, key, message))
        await self.settle()

    def end(self) -> None:
        self.disconnect()
        self.server.end()


@contextmanager
def beside() -> Iterator[Beside]:
    with scratch() as folder:
        made = Beside(folder)
        try:
            yield made
        finally:
            made.end()


def waiting(stream: Stream) -> list[StreamEvent]:
    """What waits for the reader; taken out."""
    events = list(stream._events)
    stream._events.clear()
    return events


def place(event: StreamEvent) -> tuple[int, int, int]:
    """Epoch, number, ordinal."""
    epoch, number, ordinal = map(int, event.cursor.split("."))
    return epoch, number, ordinal


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(HANG_SECONDS):
            await main()

    asyncio.run(within())
