"""The engine behind a Unix socket: what `covey serve` runs as its first child."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

import msgspec

from covey.engine.checkpoint import Checkpointer
from covey.engine.dispatcher import Dispatcher
from covey.engine.engine import Engine
from covey.engine.folder import SOCKET, short_path
from covey.engine.frames import Frame, Splitter, WrongFrame, from_edge, pack

logger: Final = logging.getLogger("covey.engine")

SLOW_BYTES: Final = 8 << 20
"""An edge that leaves more than this unread gets no wakes until it has caught up."""
TICK_SECONDS: Final = 0.25
BEAT_SECONDS: Final = 1.0


class _EdgeConnection(asyncio.Protocol):
    """One edge at the socket."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._splitter = Splitter()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.WriteTransport, though they are one
        self._transport = cast("asyncio.WriteTransport", transport)
        self._dispatcher.connect(self)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._dispatcher.receive(self, from_edge.decode(body))
        except (WrongFrame, msgspec.DecodeError, ValueError) as error:
            logger.error("an edge sent what is no frame, and is cut off: %s", error)
            assert self._transport
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._dispatcher.disconnect(self)
        self._transport = None

    def send(self, frames: list[Frame]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(b"".join(map(pack, frames)))

    @property
    def slow(self) -> bool:
        return bool(self._transport and self._transport.get_write_buffer_size() > SLOW_BYTES)


class Server:
    """Listens in `folder`, which the caller has locked, until `stop`.

    A failure of the storage ends it: `run` raises what went wrong.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        now: Callable[[], int],
        arena_fd: int = -1,
        attempts: Mapping[str, int] | None = None,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._now = now
        self._attempts = attempts
        self._arena_fd = arena_fd
        self._failure: BaseException | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in the inbox, then end."""
        self._stopped.set()

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        loop = asyncio.get_running_loop()
        dispatcher = Dispatcher(
            self._engine,
            now=self._now,
            schedule=lambda run: loop.call_soon(self._guard, run),
            arena_fd=self._arena_fd,
            attempts=self._attempts,
        )
        checkpointer = Checkpointer(self._engine.state)
        self._after_batch = checkpointer.after_batch
        with short_path(self._folder, SOCKET) as path:
            # we hold the folder's lock: a socket that lies there is a dead engine's
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            # 0600 from the start, whatever the umask of who started us
            before = os.umask(0o177)
            try:
                server = await loop.create_unix_server(lambda: _EdgeConnection(dispatcher), path)
            finally:
                os.umask(before)
            timers = [
                asyncio.create_task(self._every(TICK_SECONDS, dispatcher.tick)),
                asyncio.create_task(self._every(BEAT_SECONDS, dispatcher.beat)),
            ]
            try:
                if ready:
                    ready()
                await self._stopped.wait()
                while dispatcher.waiting and not self._failure:
                    await asyncio.sleep(0)
            finally:
                for timer in timers:
                    timer.cancel()
                server.close()
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                checkpointer.close()
        if self._failure:
            raise self._failure

    def _guard(self, run: Callable[[], None]) -> None:
        """A batch. What it raises is the storage failing: memory may be ahead of the disk, so the
        engine ends, and starts again from the disk."""
        if self._failure:
            return
        try:
            run()
        except BaseException as error:
            self._failure = error
            self._stopped.set()
        else:
            self._after_batch()

    async def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            self._guard(act)
