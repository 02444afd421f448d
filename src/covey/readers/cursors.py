"""`cursors.db`: how far each reader has come, and what it has still to do. A file beside the log
that no rebuild touches, written by the worker alone. The format is in `docs/formats.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from covey.database import check_marks, mark, open_database, rows
from covey.readers.reader import Job

FILE: Final = "cursors.db"
APPLICATION_ID: Final = 0x43637572  # "Ccur"
VERSION: Final = 1

_SCHEMA: Final = (
    "create table facts (name text primary key, value any not null) strict, without rowid",
    """create table cursors (
        reader text primary key, number integer not null) strict, without rowid""",
    """create table jobs (
        reader text not null, number integer not null, target text not null,
        at integer not null, tries integer not null, error text not null,
        primary key (reader, number, target)) strict, without rowid""",
    "create index jobs_by_time on jobs (reader, at)",
)


class Cursors:
    """The worker's side. Raises WrongDatabase for a foreign or newer file.

    `synchronous=NORMAL`: a process that is killed loses nothing; with the machine's power the last
    seconds may go, and then they are done again."""

    def __init__(self, path: Path, log_id: str, last_number: int) -> None:
        """For the log with this id, which ends at this number. `clamped` says whose cursors stood
        beyond it, as after a restore: they stand at its end now. Another log's are forgotten."""
        self._connection = open_database(path, mode="create")
        self._execute: Callable[..., Any] = self._connection.execute
        if not rows(self._connection, "select 1 from sqlite_schema"):
            mark(self._connection, APPLICATION_ID, VERSION)
            with self._transaction():
                for statement in _SCHEMA:
                    self._execute(statement)
        check_marks(self._connection, APPLICATION_ID, VERSION)
        with self._transaction():
            known = rows(self._connection, "select value from facts where name = 'log'")
            self.is_foreign = bool(known) and known[0][0] != log_id
            """The file was another log's."""
            if self.is_foreign:
                self._execute("delete from cursors")
                self._execute("delete from jobs")
            self._execute("insert or replace into facts values ('log', ?)", (log_id,))
            beyond = rows(
                self._connection,
                "select reader, number from cursors where number > ?",
                (last_number,),
            )
            self.clamped: dict[str, int] = dict(beyond)
            self._execute("update cursors set number = ?1 where number > ?1", (last_number,))
            self._execute("delete from jobs where number > ?", (last_number,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # `with connection` would use a savepoint
        self._execute("begin immediate")
        try:
            yield
        except BaseException:
            self._execute("rollback")
            raise
        self._execute("commit")

    def number(self, reader: str) -> int | None:
        """Of the last entry that it has taken in; None: it has never run."""
        found = rows(self._connection, "select number from cursors where reader = ?", (reader,))
        return int(found[0][0]) if found else None

    def move(self, reader: str, number: int, jobs: Sequence[Job] = (), at: int = 0) -> None:
        """It has taken in all up to `number`; what remains to be done is due at `at` (ms). At once
        or not at all. A job that is there already stays as it is."""
        with self._transaction():
            self._execute("insert or replace into cursors values (?, ?)", (reader, number))
            self._add(reader, jobs, at)

    def waiting(self, reader: str) -> int:
        """Its jobs."""
        return int(
            rows(self._connection, "select count(*) from jobs where reader = ?", (reader,))[0][0]
        )

    def next_jobs(self, reader: str, limit: int) -> list[tuple[Job, int, int]]:
        """(job, when it is due, tries so far), the first due first."""
        found = rows(
            self._connection,
            "select number, target, at, tries from jobs where reader = ? order by at limit ?",
            (reader, limit),
        )
        return [(Job(number, target), at, tries) for number, target, at, tries in found]

    def done(self, reader: str, job: Job, more: Sequence[Job] = (), at: int = 0) -> None:
        """Forget it, for others that followed from it."""
        with self._transaction():
            self._execute(
                "delete from jobs where reader = ? and number = ? and target = ?", (reader, *job)
            )
            self._add(reader, more, at)

    def failed(self, reader: str, job: Job, at: int, error: str) -> None:
        """It is due again at `at`."""
        with self._transaction():
            self._execute(
                "update jobs set at = ?, tries = tries + 1, error = ?"
                " where reader = ? and number = ? and target = ?",
                (at, error, reader, *job),
            )

    def _add(self, reader: str, jobs: Sequence[Job], at: int) -> None:
        if jobs:
            self._connection.executemany(
                "insert or ignore into jobs values (?, ?, ?, ?, 0, '')",
                [(reader, number, target, at) for number, target in jobs],
            )

    def close(self) -> None:
        self._connection.close()


def standings(path: Path) -> dict[str, dict[str, int]]:
    """For those who look from outside: reader → its `cursor`, its `jobs`, and how many of these
    failed so far. Empty where no worker ever ran."""
    if not path.exists():
        return {}
    connection = open_database(path, mode="read")
    try:
        check_marks(connection, APPLICATION_ID, VERSION)
        found = rows(
            connection,
            "select c.reader, c.number, count(j.target), coalesce(sum(j.tries > 0), 0)"
            " from cursors c left join jobs j on j.reader = c.reader group by 1, 2",
        )
    finally:
        connection.close()
    return {
        reader: {"cursor": number, "jobs": jobs, "failing": failing}
        for reader, number, jobs, failing in found
    }
