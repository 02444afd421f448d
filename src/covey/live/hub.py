"""The streams of one edge: who is connected here, and what each gets.

A stream has a cursor, "epoch.number.ordinal": one number can bring several events, and post ids do
not order deletes and positions. To resume: subscribe first, catch up from a snapshot, drop what is
not newer than it, go live. The catch-up reads the same queues a page does, so the union is exact;
what it can't bridge it says with one `gap`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Final

from msgspec import Struct
from pyroaring import BitMap

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.engine.client import EngineClient
from covey.engine.frames import Wake, WireEvent
from covey.errors import Refused
from covey.limits import (
    CATCH_UP_EVENTS,
    HEARTBEAT_SECONDS,
    STREAM_BUFFER_EVENTS,
    STREAMS_PER_ACCOUNT,
    STREAMS_PER_ADDRESS,
    STREAMS_PER_EDGE,
)
from covey.live import catch_up
from covey.live.presence import OWN, told
from covey.state.queries import Snapshot

logger: Final = logging.getLogger("covey.edge")

ORDINALS: Final = {
    "post": 0, "notification": 1, "delete": 2, "read": 3, "edit": 4, "conversation": 5,
    "filters_changed": 6, "announcement": 6, "announcement.delete": 6, "notifications_merged": 6,
    "gap": 9,
}  # fmt: skip
"""Order of the events of one number, the last part of a cursor. Those of 6 come alone."""

CATCH_UP_STREAMS: Final = 64
"""Caught up in one go when the engine came back."""

TAKEN_EVENTS: Final = 32
"""Given to a reader in one go."""


class StreamEvent(Struct, frozen=True):
    """`subject` is that of the engine's event, for "notification" the log number; `queue` is where
    it stands: "home", "notifications", "direct", "public", "tag/NAME", "group/NUMBER",
    "list/NUMBER". A "gap" says that events before it are missing from the stream (not from the
    queues); a "heartbeat" that nothing happened."""

    cursor: str
    kind: str
    queue: str
    subject: int


class Passage(Struct, frozen=True):
    """A piece of what a stream brings, oldest first."""

    events: list[StreamEvent]
    cursor: str
    """Where the next piece begins."""
    more: bool
    """There is more already."""


HEARTBEAT: Final = StreamEvent("", "heartbeat", "", 0)


class Stream:
    """What one connected reader gets: `take` it, or iterate it; close it in the end.

    It is over when the reader is too slow (it resumes from its cursor) or the edge stops.
    """

    def __init__(self, hub: Hub, account: int, queues: tuple[str, ...], address: str = "") -> None:
        self.account = account
        self.address = address
        self.is_counted = True
        """By itself; else the connection that holds it is."""
        self.cursor = ""
        """Where it begins."""
        self.queues = queues
        self._hub = hub
        self.number = _HELD
        """All events up to this message were sent or passed over."""
        self.since = 0
        """The same while the stream is held, until it has caught up."""
        self._events: deque[StreamEvent] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._over = False
        self._quiet = True

    def push(self, event: StreamEvent) -> None:
        self._quiet = False
        if len(self._events) >= STREAM_BUFFER_EVENTS:
            # A slow reader never slows another: it is cut off, and resumes from its cursor. It gets
            # what is here, so that it comes further each time. Its place is another's at once.
            self._hub.leave(self)
        elif not self._over:
            self._events.append(event)
            self._wake()

    def end(self) -> None:
        """What is in the buffer is still given out."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        # a bare future: an Event's wait costs as much again
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def take(self) -> list[StreamEvent]:
        """The events that wait, oldest first, TAKEN_EVENTS at most; when there are none, the next.
        Empty when it is over. For one caller at a time."""
        events = self._events
        while not events:
            if self._over:
                return []
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return [events.popleft() for _ in range(min(len(events), TAKEN_EVENTS))]

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        while events := await self.take():
            for event in events:
                yield event

    def tick(self) -> None:
        """Twice in HEARTBEAT_SECONDS: what was quiet since the last time gets a heartbeat."""
        if self._quiet and not self._over:
            self.push(HEARTBEAT)
        self._quiet = True

    async def close(self) -> None:
        self._hub.leave(self)


class Hub:
    """All streams of an edge. `snapshot` and `relations` read the state as any page does."""

    def __init__(
        self,
        engine: EngineClient,
        *,
        snapshot: Callable[[], AbstractContextManager[Snapshot]],
        relations: Callable[[Snapshot, int], Relations],
        arena: ArenaReader | None,
        now: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._relations = relations
        self._arena = arena
        self._now = now
        self._streams: dict[str, set[Stream]] = {}
        """Name of the queue at the engine ("home/7", "public", …) → streams."""
        self._per_reader: Counter[int | str] = Counter()
        """Open connections of an account, or of the strangers at an address."""
        self._count = 0
        self._last_wake = 0
        self._seen = 0
        """Every stream that is not held was given what it should see up to this message, or has a
        higher number."""
        self._holding = False
        """Wakes are passed over: a catch-up of all streams is about to come."""
        self._watching: asyncio.Task[None] | None = None
        self._behind: deque[Stream] = deque()
        """Held until they are caught up, in this order."""
        self._catching: asyncio.Task[None] | None = None
        self._stopping = False
        self._ticking: asyncio.TimerHandle | None = None
        engine.on_wake = self._wake
        engine.on_beat = self._beat
        engine.on_connected = self._connected

    @property
    def count(self) -> int:
        """Open connections."""
        return self._count

    def cursor_at(self, snapshot: Snapshot) -> str:
        """From it on a stream brings all that a page made of `snapshot` does not show."""
        return f"{self._engine.epoch}.{snapshot.applied}.{_ALL}"

    def read(
        self, snapshot: Snapshot, account: int, queues: Sequence[str], cursor: str, limit: int
    ) -> Passage:
        """What a stream of `queues` would have brought since `cursor`, the oldest `limit` events of
        it, however long ago that was: all posts and notifications, and of deletes, edits and
        positions those that are still kept (CHANGES_MS). A cursor of another epoch brings a `gap`.

        Raises Refused("parameter_malformed", "not_found"), see `open`.
        """
        epoch, number, ordinal = _parse(cursor)
        self._check_in(snapshot, account, queues)
        known, end = self._engine.epoch, self.cursor_at(snapshot)
        if epoch != known or number > snapshot.applied:
            return Passage([StreamEvent(end, "gap", queues[0], 0)], end, False)
        since = number if ordinal >= _ALL else number - 1
        # of the cursor's own number some are passed over
        missed = self._missed(snapshot, account, queues, since, limit + _ALL)
        found = sorted(event for event in missed if event[:2] > (number, ordinal))
        more = len(missed) >= limit + _ALL or len(found) > limit
        del found[limit:]
        events = [
            StreamEvent(f"{known}.{number}.{ordinal}", kind, queue, subject)
            for number, ordinal, kind, queue, subject in found
        ]
        return Passage(events, events[-1].cursor if more else end, more)

    # --- open and close -----------------------------------------------------------------------

    async def open(
        self,
        *,
        account: int = 0,
        address: str = "",
        queues: Sequence[str],
        cursor: str | None = None,
        admitted: bool = False,
    ) -> Stream:
        """A stream of `queues` ("home", "notifications", "direct", "list/NUMBER" of `account`;
        "public", "tag/NAME", "group/NUMBER"), from `cursor` on when one is given, else from now on.
        `address`: where a stranger comes from, as it is counted. `admitted`: the connection that
        holds the stream, maybe among others, was counted by `admit`.

        Raises Refused("too_many_streams"), ("parameter_malformed") for what is no cursor,
        ("not_found") for a list that is not the account's and a group that it may not read,
        ("unanswered") when the engine can't be reached.
        """
        start = _parse(cursor) if cursor else None
        if not admitted:
            self._require_room(account, address)
        elif self._stopping:
            raise Refused("too_many_streams", limit=STREAMS_PER_EDGE)
        self._check(account, queues)
        stream = Stream(self, account, tuple(queues), address)
        stream.is_counted = not admitted
        self._join(stream)
        try:
            numbers = [await self._engine.watch(name) for name in _names(stream)]
        except BaseException:
            self.leave(stream)
            raise
        begun = start or (self._engine.epoch, max(numbers), _ALL)
        stream.cursor = "{}.{}.{}".format(*begun)
        with self._snapshot() as snapshot:
            self._read_from(snapshot, stream, begun)
        return stream

    def admit(self, account: int, address: str) -> None:
        """Count a connection that may hold several streams. Raises Refused("too_many_streams")."""
        self._require_room(account, address)
        self._count += 1
        self._per_reader[account or address] += 1

    def release(self, account: int, address: str) -> None:
        """It is gone."""
        reader = account or address
        self._count -= 1
        self._per_reader[reader] -= 1
        if not self._per_reader[reader]:
            del self._per_reader[reader]

    def _require_room(self, account: int, address: str) -> None:
        """Raises Refused("too_many_streams")."""
        if self._count >= STREAMS_PER_EDGE or self._stopping:
            raise Refused("too_many_streams", limit=STREAMS_PER_EDGE)
        most = STREAMS_PER_ACCOUNT if account else STREAMS_PER_ADDRESS
        if self._per_reader[account or address] >= most:
            raise Refused("too_many_streams", limit=most)

    def _check(self, account: int, queues: Sequence[str]) -> None:
        """Raises Refused("not_found")."""
        if not any(queue.startswith(("list/", "group/")) for queue in queues):
            return
        with self._snapshot() as snapshot:
            self._check_in(snapshot, account, queues)

    def _check_in(self, snapshot: Snapshot, account: int, queues: Sequence[str]) -> None:
        relations = self._relations(snapshot, account)
        if not all(catch_up.may_watch(snapshot, relations, queue) for queue in queues):
            raise Refused("not_found")

    def _join(self, stream: Stream) -> None:
        for name in _names(stream):
            self._streams.setdefault(name, set()).add(stream)
        if stream.is_counted:
            self.admit(stream.account, stream.address)
        if self._ticking is None:
            self._tick_later()

    def _tick_later(self) -> None:
        # One timer for all: a time-out of its own for each wait was a sixth of a live event's cost.
        loop = asyncio.get_running_loop()
        self._ticking = loop.call_later(HEARTBEAT_SECONDS / 2, self._tick)

    def _tick(self) -> None:
        for stream in self._all():
            stream.tick()
        self._ticking = None
        if self._streams:
            self._tick_later()

    def leave(self, stream: Stream) -> None:
        """Idempotent."""
        left = False
        for name in _names(stream):
            streams = self._streams.get(name)
            if streams and stream in streams:
                left = True
                streams.discard(stream)
                if not streams:
                    del self._streams[name]
                    self._engine.unwatch(name)
        if left:
            stream.end()
            if stream.is_counted:
                self.release(stream.account, stream.address)

    def stop(self) -> None:
        """The edge is about to end: every stream ends after what it has in its buffer."""
        self._stopping = True
        for stream in self._all():
            stream.end()

    def _all(self) -> set[Stream]:
        return {stream for streams in self._streams.values() for stream in streams}

    # --- live ---------------------------------------------------------------------------------

    def _wake(self, wake: Wake) -> None:
        missed, self._last_wake = wake.previous != self._last_wake, wake.number
        if self._holding:
            return
        if missed:
            self._catch_up_all()
        epoch = self._engine.epoch
        for event in wake.events:
            cursor = f"{epoch}.{event.number}.{ORDINALS[event.kind]}"
            subject = event.number if event.kind == "notification" else event.subject
            made: dict[str, StreamEvent] = {}  # one for all streams of a queue
            for stream, queue in self._readers(event):
                if event.number > stream.number:
                    found = made.get(queue)
                    if found is None:
                        found = made[queue] = StreamEvent(cursor, event.kind, queue, subject)
                    stream.push(found)
        self._seen = wake.number

    def _beat(self) -> None:
        if not self._holding:
            self._seen = self._engine.applied

    def _readers(self, event: WireEvent) -> Iterable[tuple[Stream, str]]:
        """The streams an event goes to, each once, and as what queue's."""
        found: dict[Stream, str] = {}
        streams = self._streams
        for account in BitMap.deserialize(event.accounts):
            for queue in told(event.kind):
                for stream in streams.get(f"{queue}/{account}", ()):
                    found.setdefault(stream, queue)
        for queue in event.queues:
            shows: dict[int, bool] = {}
            for stream in streams.get(queue, ()):
                if stream.account not in shows:
                    shows[stream.account] = self._shows(stream.account, queue, event)
                if shows[stream.account]:
                    found.setdefault(stream, queue)
        return found.items()

    def _shows(self, account: int, queue: str, event: WireEvent) -> bool:
        """Shared queues hold nothing of those whom a reader set aside, lists not every reply, …"""
        with self._snapshot() as snapshot:
            relations = self._relations(snapshot, account)
            if event.kind != "post":
                return catch_up.may_watch(snapshot, relations, queue)
            post = snapshot.candidates([event.subject]).get(event.subject)
            return post is not None and catch_up.stands_in(snapshot, relations, queue, post)

    def _connected(self) -> None:
        """The engine is there again: watch what was watched, catch up what was missed."""
        self._last_wake = 0
        self._holding = True
        if self._watching:
            self._watching.cancel()
        self._watching = asyncio.get_running_loop().create_task(self._watch_again())

    async def _watch_again(self) -> None:
        while True:
            # unanswered: it hangs, or is gone again; then the next connection cancels this
            with suppress(Refused):
                await asyncio.gather(*map(self._engine.watch, list(self._streams)))
                break
        self._holding = False
        self._catch_up_all()
        self._seen = max(self._seen, self._engine.applied)

    def _catch_up_all(self) -> None:
        """Hold all streams where they are, and catch them up one after the other."""
        for stream in self._all():
            if stream.number != _HELD:
                stream.since, stream.number = max(stream.number, self._seen), _HELD
                self._behind.append(stream)
        if self._behind and not self._catching:
            self._catching = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """A few streams at a time, so that pages are answered between them."""
        try:
            while self._behind:
                with self._snapshot() as snapshot:
                    for _ in range(min(CATCH_UP_STREAMS, len(self._behind))):
                        stream = self._behind.popleft()
                        self._read_from(snapshot, stream, (self._engine.epoch, stream.since, _ALL))
                await asyncio.sleep(0)
        except Exception:
            logger.exception("streams can't be caught up: they end, and resume from their cursors")
            for stream in self._all():
                stream.end()
            self._behind.clear()
        finally:
            self._catching = None

    # --- catching up --------------------------------------------------------------------------

    def _read_from(self, snapshot: Snapshot, stream: Stream, start: tuple[int, int, int]) -> None:
        """Push what came after the cursor `start` and up to the snapshot, or a gap."""
        epoch, number, ordinal = start
        known = self._engine.epoch
        stream.number = snapshot.applied
        if epoch == known and number == snapshot.applied and ordinal >= _ALL:
            return  # as most that are opened: nothing came since, and nothing is looked for
        events: list[tuple[int, int, str, str, int]] = []
        gap = epoch != known or number > snapshot.applied
        if not gap:
            # one more number than asked for: of the cursor's own number some events may be missing
            since = number if ordinal >= _ALL else number - 1
            gap = catch_up.too_old(snapshot, since, self._now())
            if not gap:
                events = self._missed(
                    snapshot, stream.account, stream.queues, since, CATCH_UP_EVENTS + 1
                )
                events = [e for e in events if (e[0], e[1]) > (number, ordinal)]
                gap = len(events) > CATCH_UP_EVENTS
        if gap:
            cursor = f"{known}.{snapshot.applied}.{ORDINALS['gap']}"
            stream.push(StreamEvent(cursor, "gap", "", 0))
            return
        for event_number, event_ordinal, kind, queue, subject in sorted(events):
            cursor = f"{known}.{event_number}.{event_ordinal}"
            stream.push(StreamEvent(cursor, kind, queue, subject))

    def _missed(
        self, snapshot: Snapshot, account: int, queues: Sequence[str], since: int, limit: int
    ) -> list[tuple[int, int, str, str, int]]:
        """(number, ordinal, kind, queue, subject) of what came after message `since`. The oldest
        `limit` are among them, in no order; fewer: that is all."""
        relations = self._relations(snapshot, account)
        found: dict[tuple[int, str], tuple[int, int, str, str, int]] = {}

        def add(number: int, kind: str, queue: str, subject: int) -> None:
            found.setdefault((number, kind), (number, ORDINALS[kind], kind, queue, subject))

        for queue in queues:
            if queue == "home":
                for number, id_ in catch_up.posts_after(
                    snapshot, self._arena, relations, since, limit
                ):
                    add(number, "post", queue, id_)
            elif queue == "notifications":
                for number in catch_up.notifications_after(snapshot, account, since, limit):
                    add(number, "notification", queue, number)
            elif queue == "direct":
                for number, id_ in catch_up.conversations_after(snapshot, account, since, limit):
                    add(number, "conversation", queue, id_)
            else:
                for number, id_ in _missed_posts(snapshot, relations, queue, since, limit):
                    add(number, "post", queue, id_)
        for number, kind, subject in catch_up.changes_after(
            snapshot, relations, queues, since, limit
        ):
            add(number, kind, queues[0], subject)
        return list(found.values())


def _missed_posts(
    snapshot: Snapshot, relations: Relations, queue: str, since: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of what came to a queue that is not home or notifications."""
    kind, _, which = queue.partition("/")
    match kind:
        case "public":
            return catch_up.public_after(snapshot, relations, since, limit)
        case "tag":
            return catch_up.tag_after(snapshot, relations, which, since, limit)
        case "group":
            return catch_up.group_after(snapshot, relations, int(which), since, limit)
    listing = snapshot.listing(relations, int(which))
    return catch_up.list_after(snapshot, listing, since, limit) if listing else []


_HELD: Final = 1 << 62
"""A stream's number until it has caught up: no live event is newer."""

_ALL: Final = 8
"""An ordinal above all kinds: nothing of the cursor's own number is missing."""


def _names(stream: Stream) -> list[str]:
    """The stream's queues by their names at the engine."""
    return [f"{queue}/{stream.account}" if queue in OWN else queue for queue in stream.queues]


def _parse(cursor: str) -> tuple[int, int, int]:
    """Raises Refused("parameter_malformed")."""
    parts = cursor.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise Refused(
            "parameter_malformed", name="Last-Event-ID", why="a cursor is epoch.number.ordinal"
        )
    if any(len(part) > 19 for part in parts):
        raise Refused("parameter_malformed", name="Last-Event-ID", why="a number is too large")
    epoch, number, ordinal = map(int, parts)
    return epoch, number, ordinal
