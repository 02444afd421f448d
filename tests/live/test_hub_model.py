"""Random histories, with engines that die, connections that break or are slow, and readers that
come and go: what each reader gets in all is what the oracle says, once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import Step, Submission, Teller, founding, histories
from tests.live.beside import Beside, beside, place, run, waiting
from tests.oracle import Event, Oracle

from covey.live.hub import ORDINALS, Stream

ACCOUNTS = 5
OWN = ("home", "notifications")
SHARED = ("public", "notifications")
DIRECT = ("direct",)
CARRIED = {
    "post": ["home"], "notification": ["notifications"], "conversation": ["direct"],
    "filters_changed": ["home"], "announcement": ["home"], "announcement.delete": ["home"],
}  # fmt: skip
"""By which of a reader's own queues; all other kinds by home and notifications."""
TROUBLES = [
    "open", "open", "close", "disconnect", "connect", "connect", "connect", "crash", "slow",
    "fast", "fast", "beat",
]  # fmt: skip

Seen = tuple[int, int, str, int]
"""Number, ordinal, kind, subject (0 unless it is a post)."""


class Reader:
    """Somebody who follows a stream, and comes back with the cursor of what it got last."""

    def __init__(self, account: int, queues: tuple[str, ...]) -> None:
        self.account, self.queues = account, queues
        self.stream: Stream | None = None
        self.cursor: str | None = None
        self.got: list[Seen] = []
        self.expected: list[Seen] = []
        self.upto = 0
        """It is expected to have got what came up to this message."""

    def take(self) -> None:
        for event in waiting(self.stream) if self.stream else ():
            _, number, ordinal = place(event)
            subject = 0 if event.kind == "notification" else event.subject
            self.got.append((number, ordinal, event.kind, subject))
            self.cursor = event.cursor

    def expect(self, events: list[Event]) -> None:
        self.expected += sorted((e.number, ORDINALS[e.kind], e.kind, e.subject) for e in events)

    def check(self) -> None:
        self.take()
        assert self.got == self.expected, (self.account, self.queues)


class Audience:
    """Which of the oracle's events are whose."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def is_watched(self, reader: Reader, event: Event) -> bool:
        """Whether the engine tells an edge where this reader is connected."""
        return self.is_own(reader, event) or (event.public and "public" in reader.queues)

    def is_own(self, reader: Reader, event: Event) -> bool:
        carried = CARRIED.get(event.kind, OWN)
        return reader.account in event.accounts and any(q in carried for q in reader.queues)

    def is_told(self, reader: Reader, event: Event) -> bool:
        """Told when it happens: own queues by the relations at its place, shared ones by those of
        now."""
        return self.is_own(reader, event) or (
            self.is_watched(reader, event)
            and (event.kind in ("delete", "edit") or self.is_shared(event.subject, reader.account))
        )

    def is_shared(self, id_: int, account: int) -> bool:
        """Whether the public queue shows the post, or would if it still stood."""
        row = self.oracle.row(id_)
        assert row is not None
        was, row.deleted = row.deleted, False
        found = id_ in self.oracle.public(account)
        row.deleted = was
        return found

    def missed(self, reader: Reader, since: int) -> list[Event]:
        """Found when the stream catches up, by the relations of now."""
        if reader.queues == DIRECT:
            return self.oracle.missed_direct(reader.account, since)
        own = self.oracle.missed(reader.account, since)
        if "home" in reader.queues:
            return own
        own = [event for event in own if CARRIED.get(event.kind, OWN) != ["home"]]
        standing = self.oracle.public(reader.account)
        shared = [
            event
            for event in self.oracle.events
            if event.number > since
            and event.public
            and (event.kind in ("delete", "edit") or event.subject in standing)
        ]
        return shared + [e for e in own if e not in shared]


class Model:
    def __init__(self, beside: Beside) -> None:
        self.beside = beside
        self.oracle = Oracle()
        self.teller = Teller(self.oracle)
        self.audience = Audience(self.oracle)
        self.readers = [Reader(account, OWN) for account in range(1, ACCOUNTS + 1)]
        self.readers += [Reader(account, SHARED) for account in (1, 2)]
        self.readers += [Reader(account, DIRECT) for account in (1, 2, 3)]

    @property
    def open(self) -> list[Reader]:
        return [reader for reader in self.readers if reader.stream]

    async def submit(self, batch: list[Submission]) -> None:
        """The oracle was told of it already."""
        self.beside.server.now = self.teller.now
        connection = self.beside.connection
        before = self.beside.server.state.applied
        await self.beside.submit(batch)
        events = [event for event in self.oracle.events if event.number > before]
        if connection is None or connection.slow:
            return
        woken = [e for e in events if any(self.audience.is_watched(r, e) for r in self.open)]
        for reader in self.open if woken else ():
            reader.expect([event for event in events if self.audience.is_told(reader, event)])
            reader.upto = self.oracle.number

    def rest_of_a_message(self, reader: Reader) -> None:
        """Whoever comes back between two events of one message is told the second by the relations
        of now, even if it was none of its own when it happened."""
        if reader.got:
            last = reader.got[-1]
            found = self.audience.missed(reader, last[0] - 1)
            reader.expect([e for e in found if e.number == last[0] and ORDINALS[e.kind] > last[1]])

    def catch_up(self, readers: list[Reader]) -> None:
        for reader in readers:
            reader.expect(self.audience.missed(reader, reader.upto))
            reader.upto = self.oracle.number

    async def trouble(self, kind: str, which: int) -> None:
        beside, reader = self.beside, self.readers[which % len(self.readers)]
        connection = beside.connection
        if kind == "open" and not reader.stream and connection and not connection.slow:
            reader.stream = await beside.hub.open(
                account=reader.account, queues=reader.queues, cursor=reader.cursor
            )
            if not reader.cursor:
                reader.upto = self.oracle.number
            self.rest_of_a_message(reader)
            self.catch_up([reader])
        elif kind == "close" and reader.stream:
            reader.check()
            await reader.stream.close()
            reader.stream = None
            # what its cursor says
            reader.upto = reader.got[-1][0] if reader.got else 0
        elif kind in ("disconnect", "crash"):
            beside.disconnect() if kind == "disconnect" else beside.crash()
        elif kind == "connect" and not connection:
            beside.connect()
            await beside.settle()
            self.catch_up(self.open)
        elif kind == "slow" and connection:
            connection.slow = True
        elif kind == "fast" and connection and connection.slow:
            connection.slow = False
            was_behind = beside.is_behind
            beside.beat()
            await beside.settle()
            if was_behind:
                self.catch_up(self.open)
        elif kind == "beat" and connection and not connection.slow:
            beside.beat()
            for other in self.open:
                other.upto = self.oracle.number
        for other in self.open:
            other.check()


async def live_through(beside: Beside, history: list[Step], size: int) -> None:
    model = Model(beside)
    oracle, teller = model.oracle, model.teller
    beside.connect()
    batch = founding(ACCOUNTS)
    for submission in batch:
        oracle.submit(*submission, teller.now)
    await model.submit(batch)
    for which in range(len(model.readers)):
        await model.trouble("open", which)
    batch = []
    for step in [*history, Step("wait", 0, 0, 0, 0, 0)]:
        if len(batch) >= size or step.kind == "wait":
            await model.submit(batch)
            batch = []
            await model.trouble(TROUBLES[(step.key + step.how) % len(TROUBLES)], step.what)
        for submission in teller.tell(step):
            oracle.submit(*submission, teller.now)
            batch.append(submission)
    await model.submit(batch)
    for kind in ("fast", "connect"):
        await model.trouble(kind, 0)
    for which in range(len(model.readers)):
        await model.trouble("open", which)


def check_model(history: list[Step], size: int) -> None:
    with beside() as made:
        run(lambda: live_through(made, history, size))


@settings(max_examples=100)
@given(histories(mean=75), st.integers(1, 6))
def test_streams_are_what_the_oracle_says(history: list[Step], size: int) -> None:
    check_model(history, size)


@pytest.mark.long
@settings(max_examples=400)
@given(histories(mean=150), st.integers(1, 20))
def test_streams_are_what_the_oracle_says_at_length(history: list[Step], size: int) -> None:
    check_model(history, size)


# --- piece by piece ---------------------------------------------------------------------------


async def read_through(beside: Beside, history: list[Step], size: int) -> None:
    """Readers that hold nothing but a cursor, come at any time, read pieces of any size, and die
    after any of them: then they have the cursor that they kept last."""
    model = Model(beside)
    oracle, teller, hub = model.oracle, model.teller, beside.hub
    beside.connect()
    batch = founding(ACCOUNTS)
    for submission in batch:
        oracle.submit(*submission, teller.now)
    await model.submit(batch)
    with beside.server.reader.snapshot() as snapshot:
        for reader in model.readers:
            reader.cursor, reader.upto = hub.cursor_at(snapshot), oracle.number

    def read(reader: Reader, limit: int, dies_after: int) -> None:
        assert reader.cursor
        kept, got, pieces, more = reader.cursor, list[Seen](), 0, True
        with beside.server.reader.snapshot() as snapshot:
            while more:
                piece = hub.read(snapshot, reader.account, reader.queues, kept, limit)
                pieces += 1
                if pieces == dies_after:
                    continue  # it was not dealt with: the same comes again
                assert len(piece.events) <= limit
                for event in piece.events:
                    _, number, ordinal = place(event)
                    subject = 0 if event.kind == "notification" else event.subject
                    got.append((number, ordinal, event.kind, subject))
                kept, more = piece.cursor, piece.more
        missed = model.audience.missed(reader, reader.upto)
        expected = sorted((e.number, ORDINALS[e.kind], e.kind, e.subject) for e in missed)
        assert got == expected, (reader.account, reader.queues)
        reader.cursor, reader.upto = kept, oracle.number

    batch = []
    for step in [*history, Step("wait", 0, 0, 0, 0, 0)]:
        if len(batch) >= size or step.kind == "wait":
            await model.submit(batch)
            batch = []
            if step.key % 3 == 0:
                beside.crash()
                beside.connect()
                await beside.settle()
            reader = model.readers[step.what % len(model.readers)]
            read(reader, 1 + step.how % 5, step.key % 4)
        for submission in teller.tell(step):
            oracle.submit(*submission, teller.now)
            batch.append(submission)
    await model.submit(batch)
    for which, reader in enumerate(model.readers):
        read(reader, 1 + which, which)


@settings(max_examples=60)
@given(histories(mean=75), st.integers(1, 6))
def test_pieces_are_what_the_oracle_says(history: list[Step], size: int) -> None:
    with beside() as made:
        run(lambda: read_through(made, history, size))
