"""SQLite, as a web application would use it: a row a recipient, or pull by an IN-query.

In this process, without a socket, WAL, `synchronous=FULL`, 32 MB of page cache as Covey's engine
has; 256 posts a transaction. So its client's CPU is its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
from bench.common import data_folder
from bench.peers.work import IN_FLIGHT, Sent, Workload

_SCHEMA = """
create table follows (followed integer, follower integer, primary key (followed, follower))
    without rowid;
create index following on follows (follower, followed);
create table posts (id integer primary key, author integer, text text);
create index posts_by_author on posts (author, id);
create table homes (account integer, post integer, primary key (account, post)) without rowid;
"""
PAGE = """
select id, author, text from posts
    where author in (select followed from follows where follower = ?)
    order by id desc limit 20
"""


class Rows:
    """A row a recipient."""

    pushes = True

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute: Any = connection.execute
        self._executemany: Any = connection.executemany

    def prepare(self, posts: list[Sent]) -> list[list[Sent]]:
        return [posts[at : at + IN_FLIGHT] for at in range(0, len(posts), IN_FLIGHT)]

    def run(self, prepared: list[list[Sent]]) -> None:
        for posts in prepared:
            self._execute("begin immediate")
            self._executemany(
                "insert into posts values (?, ?, ?)", [(p.id, p.author, p.said.text) for p in posts]
            )
            if self.pushes:
                self._executemany(
                    "insert into homes select follower, ? from follows where followed = ?",
                    [(p.id, p.author) for p in posts],
                )
            self._execute("commit")

    def cpu(self) -> float:
        return time.process_time()

    def analyze(self) -> None:
        self._execute("analyze").fetchall()

    def page(self, reader: int) -> int:
        return len(self._execute(PAGE, (reader,)).fetchall())


class Pull(Rows):
    """Posts alone; a page gathers them."""

    pushes = False


@contextmanager
def sqlite(workload: Workload, kind: type[Rows]) -> Iterator[Rows]:
    with data_folder() as folder:
        connection = apsw.Connection(str(folder / "peer.db"))
        for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -32768"):
            connection.execute(f"pragma {pragma}").fetchall()
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        with connection:
            connection.executemany(
                "insert or ignore into follows values (?, ?)",
                [(followed, follower) for follower, followed in workload.population.follows],
            )
        try:
            yield kind(connection)
        finally:
            connection.close()
