"""Live: a queue as server-sent events. Every event carries its cursor as `id`, and a client that
comes back with it (Last-Event-ID, or `since=`) gets exactly what it missed.

`read` (a reading position moved on another device) and `gap` (more was missed than a stream brings:
read the pages) are our own: they go to clients that said `covey=1` or came with a cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.delivery.audience import Reach
from covey.edge.access import Watched
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
"""How long the lines of one event serve all streams of an edge."""
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
    token = Watched(call.edge, call.token) if call.access.kind != "nobody" else None
    try:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *OPEN_TO_PAGES,
        ]
        call.is_answered = True
        await call.send({"type": "http.response.start", "status": 200, "headers": headers})
        await _send(call, b":)\n\n")  # the client knows that it is connected
        if call.scope["method"] == "HEAD":
            stream.end()
        while events := await stream.take():
            if token is not None and not token.is_good():
                break
            # what waits together goes out together
            if lines := _lines(call, events, ours):
                await _send(call, lines)
        await call.send({"type": "http.response.body", "body": b""})
    except OSError:
        pass  # the client is gone
    finally:
        gone.cancel()
        await stream.close()


async def _until_gone(call: Call, stream: Stream) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _send(call: Call, lines: bytes) -> None:
    await call.send({"type": "http.response.body", "body": lines, "more_body": True})


def _lines(call: Call, events: Sequence[StreamEvent], ours: bool) -> bytes:
    """Events as lines, without those that the client is not to get."""
    shared, now = _shared_of(call.edge), call.edge.now()
    plain = shared.is_plain(call.edge, call.account, now)
    lines = []
    for event in events:
        known = shared.lines.get((event.cursor, call.account != 0)) if plain else None
        if known is not None and known.until > now and call.account not in known.others:
            lines.append(known.lines)
        else:
            lines.append(_own_lines(call, event, ours, shared if plain else None, now))
    return lines[0] if len(lines) == 1 else b"".join(lines)


def _own_lines(
    call: Call, event: StreamEvent, ours: bool, shared: _Shared | None, now: int
) -> bytes:
    """An event as lines; empty when the client is not to get it. What others may have, too, is put
    into `shared`."""
    kind = event.kind
    others: frozenset[int] | None = None
    if kind == "heartbeat":
        return THUMP
    if kind == "post":
        word, (data, others) = b"update", _post(call, event.subject)
    elif kind == "notification":
        word, data = b"notification", _notification(call, event.subject)
    elif kind == "edit":
        word, (data, others) = b"status.update", _post(call, event.subject)
    elif kind == "delete":
        word, data, others = b"delete", b"%d" % event.subject, frozenset()
    elif ours:
        word, data = kind.encode(), encode({"queue": event.queue})
    else:
        return b""
    if not data:
        return b""
    lines = b"id: %s\nevent: %s\ndata: %s\n\n" % (event.cursor.encode(), word, data)
    if shared is not None and others is not None and call.account not in others:
        shared.put((event.cursor, call.account != 0), _Lines(now + SHARED_MS, lines, others))
    return lines


class _Lines(Struct, frozen=True):
    """An event, as all but some accounts get it."""

    until: int
    lines: bytes
    others: frozenset[int]
    """Accounts to which it looks different."""


class _Shared:
    """What serves all streams of an edge."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, bool], _Lines] = {}
        """(cursor of the event, whether somebody asks) → …"""
        self._filterers: frozenset[int] = frozenset()
        self._until = 0

    def is_plain(self, edge: Edge, account: int, now: int) -> bool:
        """Whether the account had no filter a moment ago: else its statuses are its own."""
        if self._until <= now:
            with edge.snapshot() as snapshot:
                rows = snapshot.rows("select distinct account from filters")
            self._filterers = frozenset(number for (number,) in rows)
            self._until = now + SHARED_MS
        return account not in self._filterers

    def put(self, key: tuple[str, bool], lines: _Lines) -> None:
        if len(self.lines) >= SHARED_MAX:
            self.lines.clear()
        self.lines[key] = lines


_shared: WeakKeyDictionary[Edge, _Shared] = WeakKeyDictionary()


def _shared_of(edge: Edge) -> _Shared:
    found = _shared.get(edge)
    if found is None:
        found = _shared[edge] = _Shared()
    return found


def _post(call: Call, id_: int) -> tuple[bytes, frozenset[int] | None]:
    """The status, as this reader sees it; empty when it is gone again. And to whom it looks
    different; None: to each as it may be."""
    edge = call.edge
    with edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        if row is None or row.deleted:
            return b"", None
        reader = edge.relations(snapshot, call.account)
        if not shown(snapshot.posts, [row], {}, reader):
            return b"", None
        status = entities(edge).status(snapshot, reader, row) or b""
        return status, _others(snapshot, row)


def _others(snapshot: Snapshot, row: PostRow) -> frozenset[int] | None:
    """To whom a status looks different, of readers without filters. A public post that nobody has
    touched since it was made looks the same to all: but its author has an own view of its poll, and
    who muted its thread one of its flags. A quote is seen by those who may see its original."""
    if (
        row.visibility > Reach.UNLISTED
        or row.boost_of
        or row.quote_of
        or row.changed != row.number
    ):  # fmt: skip
        return None
    muting = snapshot.rows("select account from muted_threads where thread = ?", (row.thread,))
    return frozenset([row.account, *(account for (account,) in muting)])


def _notification(call: Call, number: int) -> bytes:
    with call.edge.snapshot() as snapshot:
        return notifications.one(call, snapshot, number) or b""
