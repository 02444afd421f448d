"""How commands write: through the engine, like everybody, many messages at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from covey.clock import boot_clock
from covey.delivery.arena import Arena
from covey.engine.client import Accepted, EngineClient, Submitter
from covey.engine.dispatcher import Dispatcher
from covey.engine.engine import Engine
from covey.engine.local import LocalConnection
from covey.engine.server import folder_lock
from covey.errors import Refused
from covey.keys import edge_key
from covey.limits import ACCOUNTS_MAX
from covey.log import Log
from covey.messages import AnyMessage
from covey.state.state import State, state_path

BUSY_SECONDS: Final = 0.05
"""Before a message is sent again that found the inbox full."""

T = TypeVar("T")


@asynccontextmanager
async def running_engine(folder: Path) -> AsyncIterator[EngineClient]:
    """The engine that runs for `folder`, or one of our own for as long as this lasts."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    client = EngineClient()
    arena = Arena.in_memory(64 << 20, ACCOUNTS_MAX)
    with folder_lock(folder):
        now = boot_clock()
        engine = Engine(log=Log(folder/"log.db", write=True), state=State(state_path(folder)), arena=arena, now=now)
        engine.recover()
        dispatcher = Dispatcher(engine, now=now, schedule=asyncio.get_running_loop().call_soon)
        connection = LocalConnection(dispatcher, client)
        try:
            yield client
        finally:
            connection.close()
            engine.close()


async def submit(
    engine: Submitter, actor: int, message: AnyMessage, key: bytes | None = None
) -> Accepted:
    """Like `Submitter.submit`, but it waits while the server is busy."""
    key = key or edge_key()
    while True:
        try:
            return await engine.submit(actor, message, key)
        except Refused as refused:
            if refused.code != "overloaded":
                raise
        await asyncio.sleep(BUSY_SECONDS)


async def in_flight(
    count: int, items: Iterable[T], do: Callable[[T], Awaitable[None]]
) -> None:
    """`do` each of the items, begun in their order, `count` at a time. Raises the first error."""
    iterator = iter(items)

    async def worker() -> None:
        for item in iterator:  # all workers take from the same one
            await do(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
