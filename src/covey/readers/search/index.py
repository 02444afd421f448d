"""`search.db`: what posts say, by word. The format is in `docs/formats.md`.

An *external content* index: it is given the old words when a row goes, so that nothing of them
stays in the file (a contentless one keeps them). It may be deleted at any time, and is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from covey.database import mark, marks, open_database, rows
from covey.readers.search.words import words
from covey.state.polls import POLL, PollRow
from covey.state.queries import PostRow, Snapshot

FILE: Final = "search.db"
APPLICATION_ID: Final = 0x43737263  # "Csrc"
VERSION: Final = 1
"""Of the schema and of how text is cut into words: another one is made anew."""

_SCHEMA: Final = (
    "create table facts (name text primary key, value any not null) strict, without rowid",
    """create table posts (
        id integer primary key, account integer not null, words text not null, marks text not null)
        strict""",
    "create index posts_by_account on posts (account)",
    # words come cut, lower-cased and separated by spaces: there is nothing left to be done
    """create virtual table search using fts5 (
        words, marks, content = 'posts', content_rowid = 'id', tokenize = 'ascii')""",
    "insert into search (search, rank) values ('secure-delete', 1)",
)

ALL: Final = "all"
"""The mark that each post has."""


def path_of(folder: Path) -> Path:
    return folder / FILE


class Index:
    """The writer's side: the reader `search`."""

    def __init__(self, path: Path, log_id: str, applied: int) -> None:
        """For the log with this id, beside a state that has applied so much. One that was made from
        another log, of another version, or that knows more than the state (a restore) is made
        anew."""
        found = _fitting(path, log_id, applied)
        if found is None:
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            found = open_database(path, mode="create")
            _create(found, log_id)
        self._connection = found
        self._execute: Callable[..., Any] = self._connection.execute
        self.number: int = rows(self._connection, "select value from facts where name = 'number'")[
            0
        ][0]
        """Of the last log entry that it has taken in."""

    @contextmanager
    def batch(self, number: int = 0) -> Iterator[None]:
        """All or nothing, and with it that all up to `number` is taken in (0: no more than was)."""
        self._execute("begin immediate")
        try:
            yield
            if number > self.number:
                self._execute("update facts set value = ? where name = 'number'", (number,))
            self._execute("commit")
        except BaseException:
            self._execute("rollback")
            raise
        self.number = max(self.number, number)

    def put(self, row: PostRow, said: str, post_marks: str) -> None:
        """What the post says from now on."""
        self.drop(row.id)
        values = (row.id, " ".join(words(said)), post_marks)
        self._execute("insert into posts values (?, ?, ?, ?)", (row.id, row.account, *values[1:]))
        self._execute("insert into search (rowid, words, marks) values (?, ?, ?)", values)

    def drop(self, id_: int) -> None:
        """Where it is there."""
        old = rows(self._connection, "select words, marks from posts where id = ?", (id_,))
        if old:
            self._execute(
                "insert into search (search, rowid, words, marks) values ('delete', ?, ?, ?)",
                (id_, *old[0]),
            )
            self._execute("delete from posts where id = ?", (id_,))

    def of_account(self, account: int, limit: int) -> list[int]:
        """Some of its posts."""
        found = rows(
            self._connection, "select id from posts where account = ? limit ?", (account, limit)
        )
        return [id_ for (id_,) in found]

    def close(self) -> None:
        self._connection.close()


def _fitting(path: Path, log_id: str, applied: int) -> apsw.Connection | None:
    """The database at `path`, where it is one to go on with."""
    if not path.exists():
        return None
    connection = None
    try:
        connection = open_database(path, mode="write")
        if marks(connection) == (APPLICATION_ID, VERSION):
            facts = dict(rows(connection, "select name, value from facts"))
            if facts["log"] == log_id and facts["number"] <= applied:
                return connection
    except (apsw.SQLError, apsw.NotADBError, apsw.CorruptError):
        pass  # no database, or a damaged one
    if connection is not None:
        connection.close()
    return None


def _create(connection: apsw.Connection, log_id: str) -> None:
    with connection:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.executemany("insert into facts values (?, ?)", [("log", log_id), ("number", 0)])
    # last, so that half a file is none
    mark(connection, APPLICATION_ID, VERSION)


def polls_of(snapshot: Snapshot, ids: Iterable[int]) -> dict[int, PollRow]:
    found = snapshot.among(f"select {POLL} from polls where post in carray(?)", list(ids))
    return {row[0]: PollRow(*row) for row in found}


def said_by(row: PostRow, poll: PollRow | None) -> str:
    """All that a post says."""
    return "\n".join((row.warning, row.text, *(poll.options if poll else ())))


def marks_of(row: PostRow, poll: PollRow | None) -> str:
    """What a post is found by beside its words: ASCII letters and digits."""
    found = [ALL, f"a{row.account}", f"v{row.visibility}"]
    found += (f"m{account}" for account in row.mentioned)
    if row.language:
        found += {language_mark(row.language), language_mark(row.language.partition("-")[0])}
    if poll:
        found.append("hpoll")
    if row.facets[2]:
        found.append("hlink")
    if row.media_column:
        found.append("hmedia")
    if row.quote_of:
        found.append("hquote")
    if row.reply_to:
        found.append("ireply")
    if row.sensitive or row.warning:
        found.append("isensitive")
    return " ".join(found)


def language_mark(language: str) -> str:
    return "l" + "".join(c for c in language.lower() if c.isascii() and c.isalnum())
