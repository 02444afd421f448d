"""One edge process, as its doors see it: submit to the engine, read a snapshot, open a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.engine.client import Accepted, EngineClient
from covey.errors import Refused
from covey.keys import edge_key
from covey.live.hub import Hub
from covey.messages import AnyMessage, QuotePolicy, Visibility
from covey.seal import Seal
from covey.settings import Settings
from covey.state.queries import Snapshot, StateReader

RELATIONS_CACHED = 4_096
"""Readers whose relations an edge keeps; a bitmap pair is a few KB at 500 followed."""


AUTHORS_CACHED = 16_384


class Author(Struct, frozen=True):
    """What an account's posts have where they don't say it."""

    language: str
    visibility: Visibility
    sensitive: bool
    quotes: QuotePolicy


class Edge:
    """Held at `app.state.edge`."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: EngineClient,
        reader: StateReader,
        arena: ArenaReader | None,
        now: Callable[[], int],
        secret: bytes,
        seal: Seal,
        vapid_key: str,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.reader = reader
        self.arena = arena
        """None: every page is merged."""
        self.hub = Hub(
            engine, snapshot=self.snapshot, relations=self.relations, arena=arena, now=now
        )
        self.now = now
        """Milliseconds since 1970."""
        self.secret = secret
        """32 bytes from `secrets/`, for CSRF tokens and the like."""
        self.seal = seal
        self.vapid_key = vapid_key
        """The public one, in base64url: what push services know this server by."""
        self._relations: dict[int, Relations] = {}
        self._relations_number = -1
        self._authors: dict[int, Author] = {}
        self._authors_number = -1

    async def submit(self, actor: int, message: AnyMessage, key: bytes | None = None) -> Accepted:
        """Durable and visible when this returns. Raises Refused."""
        return await self.engine.submit(actor, message, key or edge_key())

    async def do(self, actor: int, message: AnyMessage) -> None:
        """Like submit, for acts that may be said twice: "already done" is success."""
        try:
            await self.submit(actor, message)
        except Refused as refused:
            if refused.code != "already_done":
                raise

    async def count(self, bucket: str, subject: str) -> None:
        """Count an attempt that is limited for the whole server (log-ins, registrations, apps): in
        the engine. Raises Refused("too_many_requests")."""
        await self.engine.count(bucket, subject)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self.reader.snapshot() as snapshot:
            yield snapshot

    def relations(self, snapshot: Snapshot, account: int) -> Relations:
        """The reader's relations at this snapshot, cached until anybody's relations change."""
        if self.arena is None or not account:
            return snapshot.relations(account)
        number = self.arena.relations
        if number != self._relations_number or len(self._relations) >= RELATIONS_CACHED:
            self._relations.clear()
            self._relations_number = number
        found = self._relations.get(account)
        if found is None:
            found = snapshot.relations(account)
            # a snapshot older than the number may lack the change that made it
            if snapshot.applied >= number:
                self._relations[account] = found
        return found

    def author(self, account: int) -> Author:
        """How the account posts, cached until anybody's profile changes. There is such an
        account."""
        number = self.arena.profiles if self.arena is not None else -1
        if number != self._authors_number or len(self._authors) >= AUTHORS_CACHED:
            self._authors.clear()
            self._authors_number = number
        found = self._authors.get(account)
        if found is None:
            with self.snapshot() as snapshot:
                row = snapshot.row(
                    "select language, visibility, sensitive, quotes from accounts where number = ?",
                    (account,),
                )
            assert row is not None
            found = Author(row[0], row[1], bool(row[2]), row[3])
            # a snapshot older than the number may lack the change that made it
            if self.arena is not None and snapshot.applied >= number:
                self._authors[account] = found
        return found
