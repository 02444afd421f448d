"""What a stream tells its client: an event of the hub → its name and its payload, the same for
server-sent events and WebSocket."""

from __future__ import annotations

from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.delivery.audience import Reach, sets_aside
from covey.edge.edge import Edge
from covey.edge.shown import shown
from covey.live.hub import StreamEvent
from covey.mastodon import announcements, conversations, notifications
from covey.mastodon.door import Call, encode
from covey.mastodon.entities import entities
from covey.mastodon.streams import Subscription
from covey.state.queries import PostRow, Snapshot

SHARED_MS: Final = 1_000
"""How long one event, rendered, serves all streams of an edge."""
SHARED_MAX: Final = 256

NO_DATA: Final = b"undefined"
"""For an event without payload: browsers pass over one that has no data at all."""


class Told:
    """An event as clients know it. `payload` is JSON, or a bare id, or empty: there is none. What
    the transports make of it is made once for all who get it."""

    def __init__(self, cursor: str, name: bytes, payload: bytes) -> None:
        self.cursor = cursor
        self.name = name
        self.payload = payload
        self._messages: dict[tuple[tuple[str, ...], bool], str] = {}

    @cached_property
    def lines(self) -> bytes:
        """As a server-sent event."""
        data = self.payload or NO_DATA
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (self.cursor.encode(), self.name, data)

    def message(self, stream: tuple[str, ...], *, cursor: bool) -> str:
        """As a message over a socket: the payload is a string, also where it is JSON."""
        known = self._messages.get((stream, cursor))
        if known is None:
            said: dict[str, object] = {"stream": stream, "event": self.name.decode()}
            if self.payload:
                said["payload"] = self.payload.decode()
            if cursor:
                said["cursor"] = self.cursor
            known = self._messages[stream, cursor] = encode(said).decode()
        return known


def told(call: Call, wanted: Subscription, event: StreamEvent, *, ours: bool) -> Told | None:
    """None: it is nothing to this client. `ours`: it knows our own events, `read` and `gap`."""
    kind = event.kind
    if not wanted.carries(kind):
        return None
    shared, now = _shared_of(call.edge), call.edge.now()
    if kind == "filters_changed":
        shared.has_filter(call.account)
    is_plain = shared.is_plain(call.edge, call.account, now)
    key = event.cursor, call.account != 0
    known = shared.told.get(key) if is_plain else None
    if known is not None and known.until > now and call.account not in known.others:
        found: Told | None = known.told
    else:
        found, others = _told(call, wanted, event, ours)
        if found and is_plain and others is not None and call.account not in others:
            shared.put(key, _SharedTold(now + SHARED_MS, found, others))
    if found and kind in ("post", "edit") and not wanted.holds(found.payload):
        return None
    return found


Others = frozenset[int] | None
"""Accounts to which an event looks different; None: to each as it may be."""


def _told(
    call: Call, wanted: Subscription, event: StreamEvent, ours: bool
) -> tuple[Told | None, Others]:
    kind, subject = event.kind, event.subject
    name, others = kind.encode(), None
    payload: bytes | None = None
    with call.edge.snapshot() as snapshot:
        match kind:
            case "post":
                name, (payload, others) = b"update", _post(call, snapshot, subject)
            case "edit":
                name, payload = b"status.update", _edited(call, snapshot, wanted, subject)
            case "notification":
                payload = notifications.one(call, snapshot, subject)
            case "conversation":
                payload = conversations.holding(call, snapshot, subject)
            case "announcement":
                payload = announcements.announcement(call, snapshot, subject)
            case "delete" | "announcement.delete":
                payload, others = b"%d" % subject, frozenset()
            case "filters_changed":
                payload = b""
            case "notifications_merged":
                payload = b"1"
            case _ if ours:
                payload = encode({"queue": event.queue})
    return (None if payload is None else Told(event.cursor, name, payload)), others


class _SharedTold(Struct, frozen=True):
    """An event, as all but some accounts get it."""

    until: int
    told: Told
    others: frozenset[int]


class _Shared:
    """What serves all streams of an edge."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, bool], _SharedTold] = {}
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

    def has_filter(self, account: int) -> None:
        """Known before the second is over: what its stream brings next is to be marked."""
        self._filterers |= {account}

    def put(self, key: tuple[str, bool], told: _SharedTold) -> None:
        if len(self.told) >= SHARED_MAX:
            self.told.clear()
        self.told[key] = told


_shared: WeakKeyDictionary[Edge, _Shared] = WeakKeyDictionary()


def _shared_of(edge: Edge) -> _Shared:
    found = _shared.get(edge)
    if found is None:
        found = _shared[edge] = _Shared()
    return found


def _post(call: Call, snapshot: Snapshot, id_: int) -> tuple[bytes | None, Others]:
    """The status, as this reader sees it; None when it is gone again."""
    row = snapshot.post(id_)
    status = _status(call, snapshot, row)
    return (status, _others(snapshot, row)) if row and status else (None, None)


def _edited(call: Call, snapshot: Snapshot, wanted: Subscription, id_: int) -> bytes | None:
    """None also where it is nothing to this stream: who was mentioned is told of an edit, whoever
    it is by, and so is whoever watches any tag."""
    row = snapshot.post(id_)
    if row is None or sets_aside(row, call.edge.relations(snapshot, call.account)):
        return None
    if wanted.tag and not snapshot.row(
        "select 1 from tags where tag = ? and post = ?", (wanted.tag, id_)
    ):
        return None
    return _status(call, snapshot, row)


def _status(call: Call, snapshot: Snapshot, row: PostRow | None) -> bytes | None:
    if row is None:
        return None
    reader = call.edge.relations(snapshot, call.account)
    if not shown(snapshot.posts, [row], {}, reader):
        return None
    return entities(call.edge).status(snapshot, reader, row)


def _others(snapshot: Snapshot, row: PostRow) -> Others:
    """To whom a status looks different, of readers without filters. A public post that nobody has
    touched since it was made looks the same to all: but its author has an own view of its poll, and
    who muted its thread one of its flags. A quote is seen by those who may see its original."""
    if (
        row.visibility > Reach.UNLISTED
        or row.boost_of
        or row.quote_of
        or row.quotes != "public"
        or row.changed != row.number
    ):  # fmt: skip
        return None
    muting = snapshot.rows("select account from muted_threads where thread = ?", (row.thread,))
    return frozenset([row.account, *(account for (account,) in muting)])
