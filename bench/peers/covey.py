"""Covey in the same run: its kernel alone, its engine through its socket, its pages."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
from bench.common import Pipe, Server, cpu_seconds, packed, people
from bench.kernel import Batch, touched
from bench.peers.work import IN_FLIGHT, Sent, Text, Workload

from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.kernels import Deliver
from covey.edge import home
from covey.edge.cursor import Cursor
from covey.limits import PAGE_POSTS
from covey.messages import Post
from covey.state.queries import StateReader
from covey.state.state import state_path

ARENA_BYTES: Final = 256 << 20
KERNEL_POSTS: Final = 1_024
READY_SECONDS: Final = 60.0


class Kernel:
    """Ids into an arena's memory, 1,024 posts at once. Who gets them is known beforehand."""

    def __init__(self, workload: Workload, name: str, deliver: Deliver) -> None:
        accounts = workload.population.accounts + 1
        self._arena = touched(Arena.in_memory(ARENA_BYTES, accounts))
        self._arena.use(name, deliver)
        self._arena.reset(born=0, applied=0, generation=1)
        self._arena.begin()
        self._followers = {
            author: np.array(sorted(followers), np.uint32)
            for author, followers in workload.followers.items()
        }

    def prepare(self, posts: list[Sent]) -> list[Batch]:
        bounds = [*range(0, len(posts), KERNEL_POSTS), len(posts)]
        return [self._batch(posts[start:end]) for start, end in pairwise(bounds)]

    def _batch(self, posts: list[Sent]) -> Batch:
        recipients = [self._followers[post.author] for post in posts]
        offsets = np.cumsum([0, *map(len, recipients)])
        return np.array([post.id for post in posts], np.uint64), offsets, np.concatenate(recipients)

    def run(self, prepared: list[Batch]) -> None:
        for batch in prepared:
            self._arena.deliver(*batch)

    def cpu(self) -> float:
        return time.process_time()


class Engine:
    """A post counts when its acceptance came back: durable, visible, in every home."""

    def __init__(self, server: Server, pipe: Pipe) -> None:
        self.server = server
        self.pipe = pipe
        self.kernel = pipe.facts().kernel
        self._pid = server.engine

    def prepare(self, posts: list[Sent]) -> list[bytes]:
        """With a client's key each, which is remembered for good."""
        return packed([(post.author, _message(post.said), b"u" + os.urandom(16)) for post in posts])

    def run(self, prepared: list[bytes]) -> None:
        self.pipe.run(prepared, IN_FLIGHT)

    def cpu(self) -> float:
        return cpu_seconds(self._pid)

    @contextmanager
    def reading(self) -> Iterator[dict[str, Callable[[int], int]]]:
        """Ways to read the newest 20 of a home, in this process as in an edge. → how many it has.

        By arena and by merge a page is all that a door gets: relations, ids, rows, what may be
        seen, boosts folded. "bare" is what the queries of others do: ids, and three columns.
        """
        process, descriptor = self.pipe.facts().arena
        fd = os.open(f"/proc/{process}/fd/{descriptor}", os.O_RDONLY)
        arena = ArenaReader.from_fd(fd)
        os.close(fd)
        state = StateReader(state_path(self.server.folder))

        def page(arena: ArenaReader | None, reader: int) -> int:
            with state.snapshot() as snapshot:
                return len(home.page(snapshot, arena, snapshot.relations(reader), Cursor()).rows)

        def bare(reader: int) -> int:
            with state.snapshot() as snapshot:
                ids, _ = arena.read(reader, arena.published + 1, PAGE_POSTS)
                marks = ",".join("?" * len(ids))
                return len(
                    snapshot.rows(
                        f"select id, account, text from posts where id in ({marks})", tuple(ids)
                    )
                )

        try:
            yield {
                "Covey, bare: ids from the arena, rows by key": bare,
                "Covey, the page from the arena": partial(page, arena),
                "Covey, the page merged": partial(page, None),
            }
        finally:
            state.close()


def _message(said: Text) -> Post:
    return Post(text=said.text, mentions=said.mentions, tags=said.tags, links=said.links)


@contextmanager
def engine(workload: Workload) -> Iterator[Engine]:
    """A real server with the graph in it, one idle edge."""
    with Server() as server:
        pipe = Pipe(server.folder)
        people(pipe, workload.population)
        deadline = time.monotonic() + READY_SECONDS
        expected = "numba" if importlib.util.find_spec("numba") else "numpy"
        while pipe.facts().kernel != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            yield Engine(server, pipe)
        finally:
            pipe.close()
