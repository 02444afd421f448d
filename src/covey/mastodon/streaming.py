"""Live: a queue as server-sent events. Every event carries its cursor as `id`, and a client that
comes back with it (Last-Event-ID, or `since=`) gets exactly what it missed.

`read` (a reading position moved on another device) and `gap` (more was missed than a stream brings:
read the pages) are our own: they go to clients that said `covey=1` or came with a cursor.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from covey.delivery.audience import Reach, visible
from covey.edge.access import token_access
from covey.edge.edge import Edge
from covey.edge.rates import subject_of
from covey.edge.requests import header
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.live.hub import Stream, StreamEvent
from covey.mastodon import notifications
from covey.mastodon.door import OPEN_TO_PAGES, Answer, Call, encode, operation
from covey.mastodon.entities import entities
from covey.state.queries import PostRow

THUMP: Final = b":thump\n\n"
"""The heartbeat: a comment, which clients pass over."""

SHARED_MS: Final = 1_000
"""How long one rendering of a new post serves all streams of an edge."""
SHARED_MAX: Final = 256


@operation("GET", "/api/v1/streaming/health", needs="anyone")
async def health(call: Call) -> Answer:
    return Answer(b"OK", kind=b"text/plain; charset=utf-8")


@operation("GET", "/api/v1/streaming/user", "read:statuses", token_in_query=True)
async def user(call: Call) -> None:
    if not call.access.allows("read:notifications"):
        raise Refused("scope_missing", scope="read:notifications")
    await _stream(call, "home", "notifications")


@operation("GET", "/api/v1/streaming/user/notification", "read:notifications", token_in_query=True)
async def user_notification(call: Call) -> None:
    await _stream(call, "notifications")


@operation("GET", "/api/v1/streaming/public", "read:statuses", needs="anyone", token_in_query=True)
async def public(call: Call) -> None:
    await _stream(call, "public")


@operation(
    "GET", "/api/v1/streaming/public/local", "read:statuses", needs="anyone", token_in_query=True
)
async def public_local(call: Call) -> None:
    await _stream(call, "public")


async def _tag(call: Call) -> None:
    name = tag_name(call.parameters.required_text("tag").removeprefix("#"))
    if not name:
        raise Refused("parameter_malformed", name="tag", why="it is no tag")
    await _stream(call, f"tag/{name}")


for _path in ("/api/v1/streaming/hashtag", "/api/v1/streaming/hashtag/local"):
    operation("GET", _path, "read:statuses", needs="anyone", token_in_query=True)(_tag)


async def _stream(call: Call, *queues: str) -> None:
    """Until the client goes, is too slow, or the edge stops."""
    cursor = header(call.scope, b"last-event-id") or call.parameters.text("since") or None
    ours = cursor is not None or call.parameters.boolean("covey")
    stream = await call.edge.hub.open(
        account=call.account, address=subject_of(call.address), queues=queues, cursor=cursor
    )
    gone = asyncio.create_task(_until_gone(call, stream))
    try:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *OPEN_TO_PAGES,
        ]
        await call.send({"type": "http.response.start", "status": 200, "headers": headers})
        await _send(call, b":)\n\n")  # the client knows that it is connected
        if call.scope["method"] == "HEAD":
            stream.end()
        async for event in stream:
            if not _is_still_good(call):
                break
            lines = _lines(call, event, ours)
            if lines:
                await _send(call, lines)
        await call.send({"type": "http.response.body", "body": b""})
    except OSError:
        pass  # the client is gone
    finally:
        gone.cancel()
        await stream.close()


def _is_still_good(call: Call) -> bool:
    """Whether the token was not revoked meanwhile: a look into a cache."""
    if call.access.kind == "nobody":
        return True
    try:
        token_access(call.edge, call.token)
    except Refused:
        return False
    return True


async def _until_gone(call: Call, stream: Stream) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _send(call: Call, lines: bytes) -> None:
    await call.send({"type": "http.response.body", "body": lines, "more_body": True})


def _lines(call: Call, event: StreamEvent, ours: bool) -> bytes:
    """An event as lines; empty when the client is not to get it."""
    kind = event.kind
    if kind == "heartbeat":
        return THUMP
    if kind == "post":
        word, data = b"update", _post(call, event.subject)
    elif kind == "notification":
        word, data = b"notification", _notification(call, event.subject)
    elif kind == "delete":
        word, data = b"delete", b"%d" % event.subject
    elif ours:
        word, data = kind.encode(), encode({"queue": event.queue})
    else:
        return b""
    if not data:
        return b""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.cursor.encode(), word, data)


_shared: WeakKeyDictionary[Edge, dict[tuple[int, bool], tuple[int, bytes]]] = WeakKeyDictionary()


def _post(call: Call, id_: int) -> bytes:
    """The status, as this reader sees it; empty when it is gone again.

    A public post that nobody has touched since it was made looks the same to all who get it: it is
    rendered once for all streams.
    """
    edge, key = call.edge, (id_, call.account != 0)
    shared = _shared.get(edge)
    if shared is None:
        shared = _shared[edge] = {}
    now = edge.now()
    known = shared.get(key)
    if known is not None and known[0] > now:
        return known[1]
    with edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        if row is None or row.deleted:
            return b""
        reader = edge.relations(snapshot, call.account)
        if not visible(row, reader):
            return b""
        status = entities(edge).status(snapshot, reader, row) or b""
    if status and _is_same_for_all(row):
        if len(shared) >= SHARED_MAX:
            shared.clear()
        shared[key] = (now + SHARED_MS, status)
    return status


def _is_same_for_all(row: PostRow) -> bool:
    return row.visibility <= Reach.UNLISTED and not row.boost_of and row.changed == row.number


def _notification(call: Call, number: int) -> bytes:
    with call.edge.snapshot() as snapshot:
        return notifications.one(call, snapshot, number) or b""
