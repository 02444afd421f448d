"""Live, as server-sent events. Every event carries its cursor as `id`, and a client that comes back
with it (Last-Event-ID, or `since=`) gets exactly what it missed.

`read` (a reading position moved on another device) and `gap` (more was missed than a stream brings:
read the pages) are our own: they go to clients that said `covey=1` or came with a cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from covey.edge.rates import subject_of
from covey.edge.requests import header
from covey.live.hub import Stream, StreamEvent
from covey.mastodon.door import OPEN_TO_PAGES, Answer, Call, operation
from covey.mastodon.events import told
from covey.mastodon.streams import (
    KINDS,
    Subscription,
    Wish,
    follow,
    subscription,
    watched,
    wish,
)

THUMP: Final = b":thump\n\n"
"""The heartbeat: a comment, which clients pass over."""

PATHS: Final = {
    "/api/v1/streaming/user": "user",
    "/api/v1/streaming/user/notification": "user:notification",
    "/api/v1/streaming/public": "public",
    "/api/v1/streaming/public/local": "public:local",
    "/api/v1/streaming/public/remote": "public:remote",
    "/api/v1/streaming/hashtag": "hashtag",
    "/api/v1/streaming/hashtag/local": "hashtag:local",
    "/api/v1/streaming/list": "list",
    "/api/v1/streaming/direct": "direct",
}


@operation("GET", "/api/v1/streaming/health", needs="anyone")
async def health(call: Call) -> Answer:
    return Answer(b"OK", kind=b"text/plain; charset=utf-8")


def _streams(name: str) -> Callable[[Call], Awaitable[None]]:
    async def streams(call: Call) -> None:
        media = name.startswith("public") and call.parameters.boolean("only_media")
        await _stream(call, f"{name}:media" if media else name)

    return streams


for _path, _name in PATHS.items():
    _kind = KINDS[_name]
    operation(
        "GET",
        _path,
        _kind.scope,
        needs="account" if _kind.needs_account else "anyone",
        token_in_query=True,
    )(_streams(_name))


async def _stream(call: Call, name: str) -> None:
    wanted = subscription(call, name, call.parameters)
    how = wish(call.parameters, header(call.scope, b"last-event-id"))
    await send_events(call, wanted, how, partial(_lines, call, wanted, how))


async def send_events(
    call: Call, wanted: Subscription, how: Wish, as_lines: Callable[[StreamEvent], bytes]
) -> None:
    """Until the client goes, is too slow, or the edge stops. `as_lines` makes of an event what is
    sent; empty when the client is not to get it. Raises Refused before anything is sent."""
    stream = await follow(call, wanted, how, subject_of(call.address), admitted=False)
    gone = asyncio.create_task(_until_gone(call, stream))
    token = watched(call)
    try:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *OPEN_TO_PAGES,
        ]
        call.is_answered = True
        await call.send({"type": "http.response.start", "status": 200, "headers": headers})
        await _send(call, _greeting(stream, how))
        if call.scope["method"] == "HEAD":
            stream.end()
        while events := await stream.take():
            if token is not None and not token.is_good():
                break
            # what waits together goes out together
            if lines := [line for event in events if (line := as_lines(event))]:
                await _send(call, lines[0] if len(lines) == 1 else b"".join(lines))
        await call.send({"type": "http.response.body", "body": b""})
    except OSError:
        pass  # the client is gone
    finally:
        gone.cancel()
        await stream.close()


def _greeting(stream: Stream, how: Wish) -> bytes:
    """The client knows that it is connected; and one that knows cursors, from where on, so that it
    misses nothing even if the connection breaks before the first event."""
    return b":)\nid: %s\n\n" % stream.cursor.encode() if how.ours else b":)\n\n"


def _lines(call: Call, wanted: Subscription, how: Wish, event: StreamEvent) -> bytes:
    """Empty when the client is not to get it."""
    if event.kind == "heartbeat":
        return THUMP
    found = told(call, wanted, event, ours=how.ours)
    return found.lines if found else b""


async def _until_gone(call: Call, stream: Stream) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _send(call: Call, lines: bytes) -> None:
    await call.send({"type": "http.response.body", "body": lines, "more_body": True})
