"""Streams of lists and groups: what the engine tells of, and what of it a reader is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.edge.world import World, world

from covey.engine.client import EngineClient
from covey.engine.dispatcher import Dispatcher
from covey.engine.local import LocalConnection
from covey.errors import Refused
from covey.live.hub import Hub, Stream
from covey.messages import (
    AddToList,
    AnyMessage,
    CreateGroup,
    CreateList,
    Delete,
    Follow,
    JoinGroup,
    LeaveGroup,
    Mention,
    Post,
    RemoveFromList,
)


class Live:
    """A hub at a dispatcher, in one process, over a world's engine."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.client = EngineClient()
        self.dispatcher = Dispatcher(
            w.engine, now=lambda: w.teller.now, schedule=asyncio.get_running_loop().call_soon
        )
        self.hub = Hub(
            self.client,
            snapshot=w.snapshot,
            relations=lambda snapshot, account: snapshot.relations(account),
            arena=w.arena,
            now=lambda: w.teller.now,
        )
        LocalConnection(self.dispatcher, self.client)

    async def submit(self, actor: int, message: AnyMessage) -> int:
        """→ the id."""
        self.w.teller.told += 1
        key = b"e" + b"live" + self.w.teller.told.to_bytes(12, "little")
        return (await self.client.submit(actor, message, key)).id


def live(accounts: int) -> Callable[[Callable[[Live], Awaitable[None]]], Callable[[], None]]:
    """A test that is told inside an event loop."""

    def decorate(story: Callable[[Live], Awaitable[None]]) -> Callable[[], None]:
        async def tell() -> None:
            with world(accounts=accounts, chunks=64) as w:
                await story(Live(w))

        def test() -> None:
            asyncio.run(tell())

        return test

    return decorate


async def drained(stream: Stream) -> list[tuple[str, str, int]]:
    """(kind, queue, subject) of all that it has got; it ends."""
    stream.end()
    return [(event.kind, event.queue, event.subject) async for event in stream]


@live(5)
async def test_a_list_by_its_policy_and_by_its_members(on: Live) -> None:
    for account in (2, 3):
        await on.submit(1, Follow(account=account))
    number = await on.submit(1, CreateList(title="one", replies="none", exclusive=True))
    await on.submit(1, AddToList(list=number, accounts=(2,)))
    assert not on.w.engine.lists_watched
    queue = f"list/{number}"
    first = await on.hub.open(account=1, queues=[queue])
    assert on.w.engine.lists_watched
    cursor = f"{on.client.epoch}.{on.client.applied}.8"
    post = await on.submit(2, Post(text="of a member"))
    other = await on.submit(3, Post(text="of somebody else"))
    await on.submit(2, Post(text="an answer", reply_to=other))
    await on.submit(2, Post(text="direct", visibility="direct"))
    await on.submit(2, Delete(post=post))
    expected = [("post", queue, post), ("delete", queue, post)]
    assert await drained(first) == expected
    # what a resumed stream catches up is the same
    again = await on.hub.open(account=1, queues=[queue], cursor=cursor)
    assert await drained(again) == expected
    third = await on.hub.open(account=1, queues=[queue])
    await on.submit(1, RemoveFromList(list=number, accounts=(2,)))
    await on.submit(2, Post(text="of no member any more"))
    assert await drained(third) == []
    for stream in (first, again, third):
        await stream.close()
    assert not on.w.engine.lists_watched


@live(4)
async def test_a_group_for_its_members(on: Live) -> None:
    group = await on.submit(2, CreateGroup(name="owls", join="secret"))
    queue, owls = f"group/{group}", (Mention(0, 5, "owls"),)
    with pytest.raises(Refused, match="not_found"):
        await on.hub.open(account=3, queues=[queue])
    stream = await on.hub.open(account=2, queues=[queue])
    post = await on.submit(2, Post(text="@owls hello", visibility="group", mentions=owls))
    await on.submit(3, Post(text="@owls of no member", mentions=owls))
    await on.submit(2, Delete(post=post))
    assert await drained(stream) == [("post", queue, post), ("delete", queue, post)]


@live(4)
async def test_who_left_a_group_hears_of_it_no_more(on: Live) -> None:
    group = await on.submit(2, CreateGroup(name="owls", join="open"))
    await on.submit(3, JoinGroup(group=group))
    queue, owls = f"group/{group}", (Mention(0, 5, "owls"),)
    stranger = await on.hub.open(queues=[queue])
    stream = await on.hub.open(account=3, queues=[queue])
    post = await on.submit(2, Post(text="@owls one", visibility="group", mentions=owls))
    await on.submit(3, LeaveGroup(group=group))
    later = await on.submit(2, Post(text="@owls two", visibility="group", mentions=owls))
    both = [("post", queue, post), ("post", queue, later)]
    # it is open: everybody may read it
    assert await drained(stream) == await drained(stranger) == both


@live(2)
async def test_a_list_is_its_owners(on: Live) -> None:
    number = await on.submit(1, CreateList(title="one"))
    for account, queue in ((2, f"list/{number}"), (1, f"list/{number + 1}"), (0, "list/1")):
        with pytest.raises(Refused, match="not_found"):
            await on.hub.open(account=account, queues=[queue])
