"""Our own extension: queues as events by a cursor, for bots and programs (docs/covey-api.md).

The same events that a stream carries, read piece by piece, waited for, or streamed. A reader holds
nothing here: its cursor is all it needs to come back, however late.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from msgspec import Struct

from covey.edge.by_name import place_of, posts
from covey.edge.cursor import Cursor
from covey.edge.queues import notifications
from covey.edge.rates import subject_of
from covey.edge.requests import Parameters, header
from covey.edge.unread import unread
from covey.errors import Refused
from covey.limits import PAGE_POSTS, PAGE_POSTS_MAX, WAIT_SECONDS_MAX
from covey.live.hub import StreamEvent
from covey.mastodon.door import Answer, Call, as_json, encode, operation
from covey.mastodon.events import told
from covey.mastodon.streaming import THUMP, send_events
from covey.mastodon.streams import Subscription, Wish, follow, subscription, watched
from covey.mastodon.times import iso, moment
from covey.state.queries import Snapshot

_ITEMS: Final = {
    "post": "new", "notification": "new", "edit": "edit", "delete": "delete", "gap": "gap"
}  # fmt: skip
"""Kind of a stream's event → how an item calls it; other kinds are no items."""
_STREAMS: Final = {"tag": "hashtag", "list": "list", "group": "group"}


class _Item(Struct, frozen=True, omit_defaults=True):
    cursor: str
    event: str
    status: msgspec.Raw | None = None
    notification: msgspec.Raw | None = None
    id: str = ""
    """Of what is gone."""


class _Piece(Struct, frozen=True):
    items: list[_Item]
    cursor: str
    more: bool


@operation("GET", "/api/covey/v1/queues", "read:statuses")
async def all_queues(call: Call) -> Answer:
    """The account's own. `newest` and `position` are ids of posts, or of notifications."""
    with call.edge.snapshot() as snapshot:
        names = ["home"]
        if call.access.allows("read:notifications"):
            names.append("notifications")
        names += [f"list/{row.number}" for row in snapshot.lists(call.account)]
        reader = call.edge.relations(snapshot, call.account)
        names += [f"group/{number}" for number in reader.groups]
        tags = snapshot.rows(
            "select tag from tag_follows where account = ? order by tag", (call.account,)
        )
        names += [f"tag/{tag}" for (tag,) in tags]
        return as_json([_told_of(call, snapshot, name) for name in names])


def _told_of(call: Call, snapshot: Snapshot, name: str) -> dict[str, Any]:
    reader = call.edge.relations(snapshot, call.account)
    first, arena = Cursor(limit=1), call.edge.arena
    if name == "notifications":
        newest = notifications(snapshot, reader, first).newest
    else:
        newest = posts(snapshot, arena, reader, name, first).newest
    position, count = (
        snapshot.position(call.account, name),
        unread(snapshot, arena, reader, name),
    )
    return {
        "name": name,
        "position": str(position.position) if position else None,
        "newest": str(newest) if newest else None,
        "unread": count.count,
        "unread_more": count.more,
        "unread_since": iso(count.since) if count.since else None,
    }


@operation("GET", "/api/covey/v1/queues/*", "read:statuses read:notifications")
async def queue(call: Call) -> Answer | None:
    return await _read(call, call.words[0], "")


@operation("GET", "/api/covey/v1/queues/*/*", "read:statuses read:notifications")
async def shared_queue(call: Call) -> Answer | None:
    return await _read(call, *call.words)


def _wanted(call: Call, kind: str, which: str) -> Subscription:
    """Raises Refused: not_found, scope_missing, parameter_malformed."""
    if kind in _STREAMS and which:
        return subscription(call, _STREAMS[kind], Parameters({kind: which}))
    if which:
        raise Refused("not_found")
    match kind:
        case "home":
            found = subscription(call, "user", Parameters({}))
            return msgspec.structs.replace(found, queues=("home",))
        case "notifications":
            return subscription(call, "user:notification", Parameters({}))
        case "public":
            return subscription(call, "public", Parameters({}))
    raise Refused("not_found")


async def _read(call: Call, kind: str, which: str) -> Answer | None:
    wanted, said = _wanted(call, kind, which), call.parameters
    limit = said.integer("limit", PAGE_POSTS, 1, PAGE_POSTS_MAX)
    seconds = said.integer("wait", 0, 0, WAIT_SECONDS_MAX)
    streamed = "text/event-stream" in header(call.scope, b"accept")
    cursor = header(call.scope, b"last-event-id") if streamed else ""
    cursor = cursor or said.text("cursor")
    if not cursor:
        with call.edge.snapshot() as snapshot:
            cursor = _begin(call, snapshot, wanted, said.text("at"))
    if streamed:
        await send_events(
            call, wanted, Wish(cursor, True), lambda event: _lines(call, wanted, event)
        )
        return None
    piece = _piece(call, wanted, cursor, limit)
    if not piece.items and seconds:
        piece = await _wait(call, wanted, piece.cursor, limit, seconds)
    return as_json(piece)


def _begin(call: Call, snapshot: Snapshot, wanted: Subscription, at: str) -> str:
    """The cursor of the moment `at`, or of now."""
    now = call.edge.hub.cursor_at(snapshot)
    if not at:
        return now
    epoch, _, ordinal = now.split(".")
    reader, queue = call.edge.relations(snapshot, call.account), wanted.queues[0]
    place = place_of(snapshot, reader, queue, moment(at, "at"))
    if queue == "notifications":
        return f"{epoch}.{place}.{ordinal}"
    row = snapshot.row("select number from posts where id <= ? order by id desc limit 1", (place,))
    return f"{epoch}.{row[0] if row else 0}.{ordinal}"


def _piece(call: Call, wanted: Subscription, cursor: str, limit: int) -> _Piece:
    """Pieces without an item are passed over."""
    while True:
        with call.edge.snapshot() as snapshot:
            found = call.edge.hub.read(snapshot, call.account, wanted.queues, cursor, limit)
        items = [item for event in found.events if (item := _item(call, wanted, event))]
        if items or not found.more:
            return _Piece(items, found.cursor, found.more)
        cursor = found.cursor


async def _wait(call: Call, wanted: Subscription, cursor: str, limit: int, seconds: int) -> _Piece:
    """Until there is an item, at most so long. Counts as an open stream meanwhile."""
    token = watched(call)
    stream = await follow(
        call, wanted, Wish(cursor, True), subject_of(call.address), admitted=False
    )
    piece = _Piece([], cursor, False)
    try:
        async with asyncio.timeout(seconds):
            while not piece.items and await stream.take():
                if token is not None and not token.is_good():
                    raise Refused("token_invalid")
                piece = _piece(call, wanted, piece.cursor, limit)
    except TimeoutError:
        pass
    finally:
        await stream.close()
    return piece


def _item(call: Call, wanted: Subscription, event: StreamEvent) -> _Item | None:
    """None: it is no item, or the post is gone (then its delete comes) or not to be seen."""
    name = _ITEMS.get(event.kind)
    found = told(call, wanted, event, ours=True) if name else None
    if name is None or found is None:
        return None
    if name == "delete":
        return _Item(event.cursor, name, id=found.payload.decode())
    if name == "gap":
        return _Item(event.cursor, name)
    payload = msgspec.Raw(found.payload)
    if event.kind == "notification":
        return _Item(event.cursor, name, notification=payload)
    return _Item(event.cursor, name, status=payload)


def _lines(call: Call, wanted: Subscription, event: StreamEvent) -> bytes:
    if event.kind == "heartbeat":
        return THUMP
    item = _item(call, wanted, event)
    if item is None:
        return b""
    said = item.cursor.encode(), item.event.encode(), encode(item)
    return b"id: %s\nevent: %s\ndata: %s\n\n" % said
