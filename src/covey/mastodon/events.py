"""What a stream tells its client: an event of the hub → its name and its payload, the same for
server-sent events and WebSocket."""

from __future__ import annotations

from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary

from covey.delivery.audience import Reach, sets_aside
from covey.edge.access import token_access
from covey.edge.edge import Edge
from covey.edge.shown import shown
from covey.errors import Refused
from covey.live.hub import StreamEvent
from covey.mastodon import conversations, instance, notifications
from covey.mastodon.door import Call, encode
from covey.mastodon.entities import entities
from covey.mastodon.streams import Subscription
from covey.state.queries import PostRow, Snapshot

SHARED_MS: Final = 1_000
"""How long one rendering of a new post serves all streams of an edge."""
SHARED_MAX: Final = 256


class Told:
    """An event as clients know it. `payload` is JSON, or a bare id, or empty: there is none."""

    def __init__(self, name: bytes, payload: bytes) -> None:
        self.name = name
        self.payload = payload

    @cached_property
    def quoted(self) -> bytes:
        """The payload as a JSON string; of a post that many get it is made once."""
        return encode(self.payload.decode())


def told(call: Call, wanted: Subscription, event: StreamEvent, *, ours: bool) -> Told | None:
    """None: it is nothing to this client. `ours`: it knows our own events, `read` and `gap`."""
    kind = event.kind
    if not wanted.carries(kind):
        return None
    if kind == "post":
        found = _post(call, event.subject)
        return found if found and wanted.holds(found.payload) else None
    if kind == "edit":
        status = _edited(call, wanted, event.subject)
        return Told(b"status.update", status) if status and wanted.holds(status) else None
    name = kind.encode()
    if kind in ("delete", "announcement.delete"):
        return Told(name, b"%d" % event.subject)
    if kind == "filters_changed":
        return Told(name, b"")
    if kind == "notifications_merged":
        return Told(name, b"1")
    if kind in ("read", "gap"):
        return Told(name, encode({"queue": event.queue})) if ours else None
    payload = _entity(call, kind, event.subject)
    return Told(name, payload) if payload else None


def is_still_good(call: Call) -> bool:
    """Whether the token was not revoked meanwhile: a look into a cache."""
    if call.access.kind == "nobody":
        return True
    try:
        token_access(call.edge, call.token)
    except Refused:
        return False
    return True


def _entity(call: Call, kind: str, subject: int) -> bytes | None:
    """None when it is gone again, or not for this reader."""
    with call.edge.snapshot() as snapshot:
        if kind == "notification":
            return notifications.one(call, snapshot, subject)
        if kind == "announcement":
            return instance.announcement(call, snapshot, subject)
        assert kind == "conversation", kind
        return conversations.holding(call, snapshot, subject)


class _Shared:
    """What serves all streams of an edge."""

    def __init__(self) -> None:
        self.posts: dict[tuple[int, bool], tuple[int, Told]] = {}
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


def _shared_of(edge: Edge) -> _Shared:
    found = _shared.get(edge)
    if found is None:
        found = _shared[edge] = _Shared()
    return found


def _post(call: Call, id_: int) -> Told | None:
    """A new status, as this reader sees it; None when it is gone again.

    A public post that nobody has touched since it was made looks the same to all who get it and
    have no filters: it is rendered once for all streams.
    """
    edge, key, now = call.edge, (id_, call.account != 0), call.edge.now()
    shared = _shared_of(edge)
    filters = shared.filters(edge, call.account, now)
    known = shared.posts.get(key)
    if known is not None and known[0] > now and not filters:
        return known[1]
    with edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        status = _status(call, snapshot, row)
        if not row or not status:
            return None
        same = not filters and _is_same_for_all(snapshot, row)
    told = Told(b"update", status)
    if same:
        if len(shared.posts) >= SHARED_MAX:
            shared.posts.clear()
        shared.posts[key] = (now + SHARED_MS, told)
    return told


def _edited(call: Call, wanted: Subscription, id_: int) -> bytes | None:
    shared = _shared_of(call.edge)
    # what was rendered before says what stands there no more
    shared.posts.pop((id_, False), None)
    shared.posts.pop((id_, True), None)
    with call.edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        # who was mentioned is told of an edit, and so is whoever watches any tag
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


def _is_same_for_all(snapshot: Snapshot, row: PostRow) -> bool:
    """A poll is another one for who asks, a reply for who muted its thread, and a quote for who may
    not see its original."""
    return (
        row.visibility <= Reach.UNLISTED
        and not row.boost_of
        and not row.quote_of
        and row.changed == row.number
        and row.thread == row.id
        and not snapshot.row("select 1 from polls where post = ?", (row.id,))
    )
