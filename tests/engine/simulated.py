"""An engine in this process: its files in a folder, its arena in memory that outlives it, its clock
in the test's hands; and what readers read beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.histories import START_MS, Submission
from tests.oracle import Accepted as Expected
from tests.oracle import Event, Oracle, page

from covey.delivery.arena import Arena, ArenaReader, make_arena_file
from covey.edge import by_name, home, queues
from covey.edge.cursor import Cursor, Page
from covey.edge.unread import unread, unread_home, unread_notifications
from covey.engine.engine import Accepted, Engine
from covey.engine.engine import Submission as Submitted
from covey.live.catch_up import changes_after, notifications_after, posts_after, too_old
from covey.log import Log
from covey.oracle.rows import Told
from covey.state.home import ids_above, ids_below
from covey.state.merge import END, merge
from covey.state.queries import StateReader
from covey.state.state import State

MAX_ACCOUNTS = 64
HEADS_BYTES = 2 * 4096
CHUNK_BYTES = 64
CAPACITIES = [4, 8, 16, 64, 1024]
"""Chunks in a circle: the small ones wrap all the time."""


class Stop(BaseException):
    """The process ends here. No `except Exception` may hold it up."""


class Stopping:
    """An `arrow` that counts what it passes and stops where it is told to."""

    def __init__(self) -> None:
        self.passed: dict[str, int] = {}
        self.at: tuple[str, int] | None = None
        """Arrow, and how many times it may still be passed before."""
        self.at_each: Callable[[str], None] | None = None

    def __call__(self, arrow: str) -> None:
        self.passed[arrow] = self.passed.get(arrow, 0) + 1
        if self.at_each:
            self.at_each(arrow)
        if self.at and self.at[0] == arrow:
            if not self.at[1]:
                self.at = None
                raise Stop(arrow)
            self.at = (arrow, self.at[1] - 1)


class Server:
    """One engine after the other on the same files."""

    def __init__(self, folder: Path, capacity: int = 1024) -> None:
        self.folder = folder
        self.now = START_MS
        self.stopping = Stopping()
        self._lives = 0
        self._memory_bytes = HEADS_BYTES + capacity * CHUNK_BYTES
        self._memory = make_arena_file(self._memory_bytes, MAX_ACCOUNTS)
        self._open(folder)

    def _open(self, folder: Path) -> None:
        self.folder = folder
        self.log = Log(folder / "log.db", write=True)
        # the sync of a log is not what is tested here, but that the log asks for it
        self.log._connection.set_exec_trace(self._see)
        self.state = State(folder / "state.db")
        arena = Arena.from_fd(self._memory)
        arena.stop = self.stopping
        self.engine = Engine(
            log=self.log, state=self.state, arena=arena, now=lambda: self.now, arrow=self.stopping
        )
        try:
            self.engine.recover()
        except BaseException:
            self.engine.close()
            raise
        self.reader = StateReader(folder / "state.db")
        self.arena = ArenaReader.from_fd(self._memory)
        self.arena.trusted = True  # one process: the order of stores is the program's

    def _see(self, _cursor: object, sql: str, _bindings: object) -> bool:
        if sql == "commit":
            self.stopping("log write")
        return True

    def restart(self, *, keep_arena: bool = True) -> None:
        """As an operator does it."""
        self.close()
        if not keep_arena:
            os.close(self._memory)
            self._memory = make_arena_file(self._memory_bytes, MAX_ACCOUNTS)
        self._open(self.folder)

    def crash(self) -> None:
        """As the kernel leaves it when a process is gone: files as they are, nothing closed."""
        self._lives += 1
        after = self.folder.with_name(f"life {self._lives}")
        after.mkdir()
        for name in ("log.db", "log.db-wal", "state.db", "state.db-wal"):
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, after / name)
        self.close()
        self._open(after)

    def close(self) -> None:
        self.reader.close()
        self.engine.close()

    def end(self) -> None:
        self.close()
        os.close(self._memory)

    # --- writing ------------------------------------------------------------------------------

    def step(self, submissions: Sequence[Submission]) -> tuple[list[Expected | str], list[Event]]:
        """A batch → answers and events, as the oracle has them."""
        found = self.engine.step([Submitted(s.actor, s.key, s.message) for s in submissions])
        answers = [
            Expected(answer.number, answer.id) if isinstance(answer, Accepted) else answer.code
            for answer in found.answers
        ]
        events = [
            Event(e.number, e.kind, e.subject, frozenset(e.accounts), "public" in e.queues)
            for e in found.events
        ]
        return answers, sorted(events, key=order_of)

    # --- reading ------------------------------------------------------------------------------

    def raw_homes(self, account: int) -> dict[str, list[int]]:
        """All candidates of a home, newest first, however they are found."""
        with self.reader.snapshot() as snapshot:
            reader = snapshot.relations(account)
            return {
                "merge": [post.id for post in merge(snapshot, reader)],
                "merge upwards": [p.id for p in merge(snapshot, reader, ascending=True)][::-1],
                "arena": list(ids_below(snapshot, self.arena, reader, END)),
                "arena upwards": list(ids_above(snapshot, self.arena, reader, 0, END))[::-1],
            }

    def arena_reach(self, account: int) -> tuple[list[int], int]:
        """What the arena alone answers for: ids, and how far down."""
        return self.arena.read(account, END, 10_000)

    def home_page(self, account: int, arena: bool, **cursor: int | None) -> list[int]:
        with self.reader.snapshot() as snapshot:
            found = home.page(
                snapshot,
                self.arena if arena else None,
                snapshot.relations(account),
                Cursor(**cursor),  # type: ignore[arg-type]
            )
        return [row.id for row in found.rows]

    def whole_home(self, account: int, arena: bool, limit: int) -> list[int]:
        """Page after page downwards, until one is empty."""
        return list(paged(lambda **at: self.home_page(account, arena, limit=limit, **at)))


def paged(read: Callable[..., list[int]], pages_max: int = 500) -> list[int]:
    shown: list[int] = []
    max_id: int | None = None
    for _ in range(pages_max):
        found = read(max_id=max_id)
        if not found:
            return shown
        shown += found
        max_id = found[-1]
    raise AssertionError("the queue never ends")


def paged_upwards(read: Callable[..., list[int]], pages_max: int = 500) -> list[int]:
    """From the first on by min_id, newest first in the end."""
    shown: list[int] = []
    min_id = 0
    for _ in range(pages_max):
        found = read(min_id=min_id)
        if not found:
            return shown
        shown = found + shown
        min_id = found[0]
    raise AssertionError("the queue never ends")


def order_of(event: Event) -> tuple[int, str, int, list[int]]:
    return event.number, event.kind, event.subject, sorted(event.accounts)


def compare_raw_homes(server: Server, oracle: Oracle) -> None:
    """Arena, merge and oracle name the same candidates; the arena promises no more than it has."""
    for account in oracle.accounts:
        expected = [row.id for row in oracle.candidates(account)]
        for how, found in server.raw_homes(account).items():
            assert found == expected, (how, account)
        ids, reach = server.arena_reach(account)
        assert ids == [id_ for id_ in expected if id_ >= reach][: len(ids)]
        assert len(ids) == len([id_ for id_ in expected if id_ >= reach])


def compare_homes(server: Server, oracle: Oracle, limits: Sequence[int] = (20,)) -> None:
    """Pages: nothing missed, nothing twice, down and up, by arena and by merge."""
    for account in oracle.accounts:
        expected = oracle.home(account)
        for arena in (True, False):
            for limit in limits:
                read = partial(server.home_page, account, arena, limit=limit)
                assert paged(read) == expected
                assert paged_upwards(read) == expected


def compare_queue(read: Callable[[Cursor], Page[Any]], expected: list[int]) -> None:
    """Down and up, a few at a time, so that there are seams."""

    def positions(**cursor: int | None) -> list[int]:
        rows = read(Cursor(limit=4, **cursor)).rows  # type: ignore[arg-type]
        return [row.number if hasattr(row, "sender") else row.id for row in rows]

    assert paged(positions) == expected
    assert paged_upwards(positions) == expected


def compare_queues(server: Server, oracle: Oracle, positions: Sequence[int]) -> None:
    """Every other queue, down and up; unread counts above any position; what a stream missed after
    any message. `positions` are choices among posts and numbers."""
    with server.reader.snapshot() as snapshot:
        for account in oracle.accounts:
            reader = snapshot.relations(account)
            told = oracle.notifications(account)
            compare_queue(partial(queues.notifications, snapshot, reader), [t.number for t in told])
            rows = queues.notifications(snapshot, reader, Cursor(limit=80)).rows
            found = [Told(r.account, r.number, r.kind, r.sender, r.post) for r in rows]
            assert found == told[:80]
            compare_queue(partial(queues.public, snapshot, reader), oracle.public(account))
            birds = partial(queues.tag, snapshot, reader, "birds")
            compare_queue(birds, oracle.tag("birds", account))
            lists = [f"list/{number}" for number in oracle.lists]
            for name in (*lists, *(f"group/{group}" for group in oracle.groups)):
                queue = oracle.queue(name, account)
                if queue is not None:
                    compare_queue(
                        partial(by_name.posts, snapshot, server.arena, reader, name), queue
                    )
                    count = unread(snapshot, server.arena, reader, name).count
                    read = oracle.positions.get((account, name), 0)
                    assert count == len([id_ for id_ in queue if id_ > read])
            for author in oracle.accounts:
                outbox = partial(queues.outbox, snapshot, reader, author)
                compare_queue(outbox, oracle.outbox(author, account))

            for choice in positions:
                position = oracle.posts[choice % len(oracle.posts)].id if oracle.posts else 0
                count = oracle.unread_home(account, position)
                for arena in (server.arena, None):
                    assert unread_home(snapshot, arena, reader, position).count == count
                position = choice % (oracle.number + 1)
                count = oracle.unread_notifications(account, position)
                assert unread_notifications(snapshot, reader, position).count == count
                missed = oracle.missed(account, position)
                for arena in (server.arena, None):
                    assert posts_after(snapshot, arena, reader, position, 10_000) == [
                        (e.number, e.subject) for e in missed if e.kind == "post"
                    ]
                assert notifications_after(snapshot, account, position, 10_000) == [
                    e.number for e in missed if e.kind == "notification"
                ]
                if not too_old(snapshot, position, server.now):
                    assert changes_after(snapshot, reader, ("home",), position, 10_000) == [
                        (e.number, e.kind, e.subject)
                        for e in missed
                        if e.kind not in ("post", "notification")
                    ]


def compare_pages(
    server: Server, oracle: Oracle, cursors: Sequence[tuple[int, int, int, int]]
) -> None:
    """Single pages at any cursor. Each is (max, since, min, limit) as choices among the ids."""
    ids = [row.id for row in oracle.posts]
    if not ids:
        return

    def position(choice: int) -> int | None:
        """An id there is, or one just beside it, or none."""
        if choice % 4 == 3:
            return None
        return ids[choice // 4 % len(ids)] + choice % 4 - 1

    for below, since, min_, limit in cursors:
        at = {"max_id": position(below), "since_id": position(since), "min_id": position(min_)}
        for account in oracle.accounts:
            expected = page(oracle.home(account), limit, **at)
            for arena in (True, False):
                found = server.home_page(account, arena, limit=limit, **at)
                assert found == expected, (account, at)
