"""How commands write: through the engine, like everybody, many messages at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from covey.engine.client import Accepted, Submitter
from covey.errors import Refused
from covey.keys import edge_key
from covey.messages import AnyMessage

BUSY_SECONDS: Final = 0.05
"""Before a message is sent again that found the inbox full."""

T = TypeVar("T")


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


async def in_flight(count: int, items: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
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
