"""The log: one append-only SQLite file (`log.db`), used as a queue and as nothing else.

Why SQLite and not files of our own: an append with its sync costs 2.4-3.6 µs of CPU in batches of
256 to 1,024 against 1.0 µs for hand-written segments, beside 25-60 µs for a post's rows; and it
brings recovery after power loss, readers in other processes, erasure and online copies.

The format is in `docs/formats.md`.
"""

from __future__ import annotations

import contextlib
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from covey.database import WrongDatabase, check_marks, mark, open_database, rows
from covey.messages import Entry, decode, encode, kind_of

APPLICATION_ID: Final = 0x436C6F67  # "Clog"
VERSION: Final = 1
CHECKPOINT_PAGES: Final = 1_000

_SCHEMA: Final = (
    """create table entries (
        number integer primary key, stamp integer not null, kind text not null,
        actor integer not null, key blob not null, id integer not null, body blob not null,
        checksum integer not null) strict""",
    "create table facts (name text primary key, value any not null) strict, without rowid",
)
_INSERT: Final = "insert into entries values (?, ?, ?, ?, ?, ?, ?, ?)"
# The kind as bytes: damage may have left no UTF-8, and then apsw would not even say in which row.
_SELECT: Final = (
    "select number, stamp, cast(kind as blob), actor, key, id, body, checksum from entries"
)
_FIXED: Final = struct.Struct("<QQqq")

Row = tuple[int, int, str, int, bytes, int, bytes, int]
"""number, stamp, kind, actor, key, id, body, checksum."""


class LogDamaged(Exception):
    """An entry is not as it was written. `number` says which."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"log entry {number}: {what}")
        self.number = number


def checksum(
    number: int, stamp: int, kind: str, actor: int, key: bytes, id: int, body: bytes
) -> int:
    """CRC-32 over all of an entry: number, stamp, actor, id (8 bytes each, little-endian), kind, a
    zero byte, key, a zero byte, body."""
    crc = zlib.crc32(_FIXED.pack(number, stamp, actor, id))
    return zlib.crc32(b"".join((kind.encode(), b"\0", key, b"\0", body)), crc)


class Log:
    """Append a batch, read from a number, last number. Only the engine appends.

    Opening it as the writer raises `WrongDatabase` when the file is foreign, newer, or its
    write-ahead file can't be brought to the disk.
    """

    def __init__(self, path: Path, *, write: bool = False, vfs: str | None = None) -> None:
        self.path = path
        if write:
            self._connection = open_database(
                path, mode="create", synchronous="FULL", vfs=vfs,
                pragmas={"wal_autocheckpoint": CHECKPOINT_PAGES},
            )  # fmt: skip
            # What is found after this is on the disk, and not only in the page cache.
            busy, _, _ = rows(self._connection, "pragma wal_checkpoint(truncate)")[0]
            if busy:
                raise WrongDatabase(f"{path} is in use: its write-ahead file can't be synced")
            if not rows(self._connection, "select 1 from sqlite_schema"):
                self._create()
        else:
            self._connection = open_database(path, mode="read", vfs=vfs)
        check_marks(self._connection, APPLICATION_ID, VERSION)
        facts = dict(rows(self._connection, "select name, value from facts"))
        self.id: str = facts["id"]
        self.epoch: int = facts["epoch"]

    def _create(self) -> None:
        mark(self._connection, APPLICATION_ID, VERSION)
        with self._connection:
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.executemany(
                "insert into facts values (?, ?)", [("id", secrets.token_hex(8)), ("epoch", 1)]
            )

    def append(self, entries: Sequence[Entry]) -> int:
        """All of them or none, on stable storage when this returns. → the last one's checksum.

        A failure is fatal to the caller: what is on the disk is then unknown.
        """
        rows = []
        for entry in entries:
            kind, body = kind_of(entry.message), encode(entry.message)
            crc = checksum(entry.number, entry.stamp, kind, entry.actor, entry.key, entry.id, body)
            rows.append(
                (entry.number, entry.stamp, kind, entry.actor, entry.key, entry.id, body, crc)
            )
        # An explicit transaction: `with connection` would use a savepoint.
        self._connection.execute("begin immediate")
        try:
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("commit")
        except BaseException:
            # the error that brought us here matters, not one of the rollback
            with contextlib.suppress(apsw.Error):
                self._connection.execute("rollback")
            raise
        return rows[-1][-1] if rows else 0

    def last(self) -> Row | None:
        """The newest row, or None when the log is empty."""
        found = rows(self._connection, f"{_SELECT} order by number desc limit 1")
        return _row(found[0]) if found else None

    def last_number(self) -> int:
        row = self.last()
        return row[0] if row else 0

    def row(self, number: int) -> Row | None:
        found = rows(self._connection, f"{_SELECT} where number = ?", (number,))
        return _row(found[0]) if found else None

    def rows(self, after: int = 0, until: int | None = None, limit: int = -1) -> Iterator[Row]:
        """Raw rows with after < number <= until, in order, unchecked.

        Read in slices of 1,000, so that no read transaction stays open between them."""
        upper = (1 << 62) if until is None else until
        while limit:
            slice_limit = 1_000 if limit < 0 else min(1_000, limit)
            found = rows(
                self._connection,
                f"{_SELECT} where number > ? and number <= ? order by number limit ?",
                (after, upper, slice_limit),
            )
            yield from map(_row, found)
            if len(found) < slice_limit:
                return
            after = found[-1][0]
            if limit > 0:
                limit -= len(found)

    def read(self, after: int = 0, until: int | None = None) -> Iterator[Entry]:
        """Entries with after < number <= until, in order, their checksums looked at.

        Raises LogDamaged."""
        return entries_of(self.rows(after, until))

    def close(self) -> None:
        self._connection.close()


def _row(found: tuple[Any, ...]) -> Row:
    number, stamp, kind, *rest = found
    return (number, stamp, kind.decode(errors="replace"), *rest)


def entries_of(rows: Iterable[Row]) -> Iterator[Entry]:
    """Rows → entries. Raises LogDamaged at the first that is not as it was written."""
    for row in rows:
        yield entry_of(row)


def entry_of(row: Row) -> Entry:
    number, stamp, kind, actor, key, id_, body, crc = row
    # a negative number or stamp was never written
    if min(number, stamp) < 0 or checksum(number, stamp, kind, actor, key, id_, body) != crc:
        raise LogDamaged(number, "its checksum does not fit")
    try:
        message = decode(body)
    except msgspec.DecodeError as error:
        raise LogDamaged(number, f"its body does not decode: {error}") from None
    if kind_of(message) != kind:
        raise LogDamaged(number, f"its kind is {kind}, its body a {kind_of(message)}")
    return Entry(number, stamp, actor, key, id_, message)
