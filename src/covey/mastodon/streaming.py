"""Live: a queue as server-sent events. Every event carries its cursor as `id`, and a client that
comes back with it (Last-Event-ID, or `since=`) gets exactly what it missed.

`read` (a reading position moved on another device) and `gap` (more was missed than a stream brings:
read the pages) are our own: they go to clients that said `covey=1` or came with a cursor.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from covey.delivery.audience import Reach
from covey.edge.access import token_access
from covey.edge.edge import Edge
from covey.edge.rates import subject_of
from covey.edge.requests import header
from covey.edge.shown import shown
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.live.hub import Stream, StreamEvent
from covey.mastodon import notifications
from covey.mastodon.door import OPEN_TO_PAGES, Answer, Call, encode, operation
from covey.mastodon.entities import entities
from covey.state.queries import PostRow, Snapshot

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
    elif kind == "edit":
        word, data = b"status.update", _post(call, event.subject, edited=True)
    elif kind == "delete":
        word, data = b"delete", b"%d" % event.subject
    elif ours:
        word, data = kind.encode(), encode({"queue": event.queue})
    else:
        return b""
    if not data:
        return b""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.cursor.encode(), word, data)


class _Shared:
    """What serves all streams of an edge."""

    def __init__(self) -> None:
        self.posts: dict[tuple[int, bool], tuple[int, bytes]] = {}
        """(id, whether somebody asks) → until when, and the status."""
        self._filterers: frozenset[int] = frozenset()
        self._until = 0

    def filters(self, edge: Edge, account: int, now: int) -> bool:
        """Whether the account had a filter a moment ago: its statuses are its own."""
        if self._until <= now:
            with edge.snapshot() as snapshot:
                rows = snapshot.rows("select distinct account from filters")
            self._filterers = frozenset(number for (number,) in rows)
            self._until = now + SHARED_MS
        return account in self._filterers


_shared: WeakKeyDictionary[Edge, _Shared] = WeakKeyDictionary()


def _post(call: Call, id_: int, *, edited: bool = False) -> bytes:
    """The status, as this reader sees it; empty when it is gone again.

    A public post that nobody has touched since it was made looks the same to all who get it and
    have no filters: it is rendered once for all streams.
    """
    edge, key, now = call.edge, (id_, call.account != 0), call.edge.now()
    shared = _shared.get(edge)
    if shared is None:
        shared = _shared[edge] = _Shared()
    if edited:  # what was rendered before says what stands there no more
        shared.posts.pop((id_, False), None)
        shared.posts.pop((id_, True), None)
    filters = shared.filters(edge, call.account, now)
    known = shared.posts.get(key)
    if known is not None and known[0] > now and not filters:
        return known[1]
    with edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        if row is None or row.deleted:
            return b""
        reader = edge.relations(snapshot, call.account)
        if not shown(snapshot.posts, [row], {}, reader):
            return b""
        status = entities(edge).status(snapshot, reader, row) or b""
        same = not filters and _is_same_for_all(snapshot, row)
    if status and same:
        if len(shared.posts) >= SHARED_MAX:
            shared.posts.clear()
        shared.posts[key] = (now + SHARED_MS, status)
    return status


def _is_same_for_all(snapshot: Snapshot, row: PostRow) -> bool:
    """A poll is another one for who asks, a reply for who muted its thread, a quote for who may not
    see its original, and who may quote it something else for each."""
    return (
        row.visibility <= Reach.UNLISTED
        and not row.boost_of
        and not row.quote_of
        and row.quotes == "public"
        and row.changed == row.number
        and row.thread == row.id
        and not snapshot.row("select 1 from polls where post = ?", (row.id,))
    )


def _notification(call: Call, number: int) -> bytes:
    with call.edge.snapshot() as snapshot:
        return notifications.one(call, snapshot, number) or b""
