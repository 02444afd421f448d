"""What comes to an open page by itself: posts as fragments, what was taken back, unread counts.

Server-sent events; their ids are the stream's cursor, so a browser that lost its connection goes on
where it was. Nothing is shown by itself: the page's script lets new posts wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from covey.edge.access import SESSION_COOKIE, Watched
from covey.edge.requests import header
from covey.edge.shown import is_shown, load_originals
from covey.errors import Refused
from covey.live.hub import Stream, StreamEvent
from covey.state.queries import PostRow
from covey.web.posts import show
from covey.web.visit import HEADERS, Visit, unread_of, words

RETRY_MS: Final = 2_000
UNREAD_EVERY_MS: Final = 1_000
"""Counts are told so often at most; the last change is told with the next heartbeat."""

_HEAD: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
]
_encode: Final = msgspec.json.encode


class Live:
    """An ASGI endpoint that streams some queues of the viewer's. `member`: not for strangers."""

    def __init__(self, *queues: str, member: bool) -> None:
        self._queues = queues
        self._member = member

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, receive)
        try:
            visit.count()
            if self._member and not visit.account:
                raise Refused("log_in_needed")
            cursor = header(scope, b"last-event-id") or visit.query.text("cursor")
            queues = self._queues
            if visit.account and "notifications" not in queues:
                queues = (*queues, "notifications")
            stream = await visit.edge.hub.open(
                account=visit.account, address=visit.address, queues=queues, cursor=cursor or None
            )
        except Refused as refused:
            await visit.trouble(refused)(scope, receive, send)
            return
        gone = asyncio.create_task(_until_gone(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
            await _send(send, f"retry: {RETRY_MS}\n\n")
            await _Page(visit, send).follow(stream)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
            await stream.close()


async def _until_gone(receive: Receive, stream: Stream) -> None:
    """The browser left: the stream ends."""
    while (await receive())["type"] != "http.disconnect":
        pass
    await stream.close()


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


class _Page:
    """An open page at the other end."""

    def __init__(self, visit: Visit, send: Send) -> None:
        self._visit = visit
        self._send = send
        self._told_at = 0
        self._is_stale = False
        """The unread counts that the page shows."""

    async def follow(self, stream: Stream) -> None:
        edge, cookie = self._visit.edge, self._visit.cookie(SESSION_COOKIE)
        session = Watched(edge, cookie, session=True) if self._visit.account else None
        async for event in stream:
            if session is not None and not session.is_good():
                return  # logged out meanwhile
            now = edge.now()
            text = ": \n\n" if event.kind == "heartbeat" else self._event(event, now)
            if self._is_stale and (
                event.kind == "heartbeat" or now - self._told_at >= UNREAD_EVERY_MS
            ):
                text += self._unread()
                self._told_at, self._is_stale = now, False
            if text:
                await _send(self._send, text)

    def _event(self, event: StreamEvent, now: int) -> str:
        if self._visit.account:
            self._is_stale = True
        if event.kind == "post":
            return self._post(event, now)
        if event.kind == "delete":
            return _text(event.cursor, "delete", {"id": str(event.subject)})
        if event.kind == "gap":
            return _text(event.cursor, "gap", {})
        return f"id: {event.cursor}\n\n"

    def _post(self, event: StreamEvent, now: int) -> str:
        edge, viewer = self._visit.edge, self._visit.account
        with edge.snapshot() as snapshot:
            post = snapshot.post(event.subject)
            if post is None:
                return ""
            originals: dict[int, PostRow] = {}
            load_originals(snapshot.posts, [post], originals)
            if not is_shown(post, originals, edge.relations(snapshot, viewer)):
                return f"id: {event.cursor}\n\n"
            html = show(snapshot, [post], viewer, now, originals=originals)
        data = {"id": str(post.id), "post": str(post.boost_of or post.id), "html": str(html)}
        return _text(event.cursor, "post", data)

    def _unread(self) -> str:
        edge = self._visit.edge
        with edge.snapshot() as snapshot:
            counts = unread_of(edge, snapshot, self._visit.account)
        return _text("", "unread", words(counts))


def _text(cursor: str, kind: str, data: dict[str, str]) -> str:
    """One event; JSON has no line ends."""
    id_ = f"id: {cursor}\n" if cursor else ""
    return f"{id_}event: {kind}\ndata: {_encode(data).decode()}\n\n"
