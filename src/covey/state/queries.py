"""Rows → what edges show. Read-only, from any process, one snapshot a request.

A `StateReader` opens the state's file read-only; `snapshot()` begins a read transaction (never over
a second long), so that all a page is made of belongs to one moment, `applied`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from pyroaring import BitMap

from covey.database import check_marks, open_database
from covey.delivery.audience import STRANGER, Candidate, Relations
from covey.messages import Field
from covey.state.posts import FROZEN, candidate_of
from covey.state.state import APPLICATION_ID, VERSION
from covey.state.texts import Facets, decode_facets

_fields: Final = msgspec.msgpack.Decoder(tuple[Field, ...])


class AccountRow(Struct, frozen=True):
    """An account as readers see it."""

    number: int
    name: str
    display_name: str
    note: str
    facets_column: bytes
    fields_column: bytes
    role: str
    bot: int
    discoverable: int
    indexable: int
    language: str
    visibility: str
    sensitive: int
    followers_count: int
    following_count: int
    posts_count: int
    last_post: int
    created: int
    changed: int

    @property
    def facets(self) -> Facets:
        return decode_facets(self.facets_column)

    @property
    def fields(self) -> tuple[Field, ...]:
        return _fields.decode(self.fields_column) if self.fields_column else ()

    @property
    def shown_name(self) -> str:
        return self.display_name or self.name


class PostRow(Struct, frozen=True):
    """A post or boost as readers see it; `deleted` ones are tombstones."""

    id: int
    number: int
    account: int
    visibility: int
    reply_to: int
    reply_account: int
    boost_of: int
    boost_account: int
    mentioned_column: bytes
    deleted: int
    stamp: int
    language: str
    warning: str
    sensitive: int
    text: str
    facets_column: bytes
    app: int
    replies_count: int
    boosts_count: int
    favourites_count: int
    changed: int

    @property
    def facets(self) -> Facets:
        return decode_facets(self.facets_column)

    @property
    def candidate(self) -> Candidate:
        return candidate_of(
            (
                self.id, self.account, self.visibility, self.reply_to, self.reply_account,
                self.boost_of, self.boost_account, self.mentioned_column,
            )
        )  # fmt: skip


class NotificationRow(Struct, frozen=True):
    account: int
    number: int
    kind: str
    sender: int
    post: int
    stamp: int


_ACCOUNT: Final = (
    "number, name, display_name, note, facets, fields, role, bot, discoverable, indexable,"
    " language, visibility, sensitive, followers_count, following_count, posts_count, last_post,"
    " created, changed"
)
_POST: Final = (
    "id, number, account, visibility, reply_to, reply_account, boost_of, boost_account, mentioned,"
    " deleted, stamp, language, warning, sensitive, text, facets, app, replies_count,"
    " boosts_count, favourites_count, changed"
)


class Snapshot:
    """One moment of the state."""

    def __init__(self, reader: StateReader) -> None:
        self.execute = reader.connection.execute
        facts = dict(self.execute("select name, value from facts").fetchall())
        self.applied: int = facts.get("applied", 0)
        """Number of the last message applied."""
        self.last_id: int = facts.get("last_id", 0)
        """The newest post id."""

    def row(self, sql: str, values: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        return self.execute(sql, values).fetchone()  # type: ignore[arg-type, no-any-return]

    def account(self, number: int) -> AccountRow | None:
        row = self.row(f"select {_ACCOUNT} from accounts where number = ?", (number,))
        return AccountRow(*row) if row else None

    def account_named(self, name: str) -> AccountRow | None:
        row = self.row(f"select {_ACCOUNT} from accounts where name_key = ?", (name.lower(),))
        return AccountRow(*row) if row else None

    def accounts(self, numbers: Sequence[int]) -> dict[int, AccountRow]:
        """Those there are."""
        rows = self.execute(
            f"select {_ACCOUNT} from accounts where number in ({_marks(numbers)})", tuple(numbers)
        )
        return {row[0]: AccountRow(*row) for row in rows}

    def post(self, id_: int) -> PostRow | None:
        row = self.row(f"select {_POST} from posts where id = ?", (id_,))
        return PostRow(*row) if row else None

    def posts(self, ids: Sequence[int]) -> dict[int, PostRow]:
        """Those there are, tombstones too."""
        rows = self.execute(
            f"select {_POST} from posts where id in ({_marks(ids)})", tuple(ids)
        )
        return {row[0]: PostRow(*row) for row in rows}

    def candidates(self, ids: Sequence[int]) -> dict[int, Candidate]:
        rows = self.execute(
            f"select {FROZEN} from posts where id in ({_marks(ids)})", tuple(ids)
        )
        return {row[0]: candidate_of(row) for row in rows}

    def relations(self, account: int) -> Relations:
        """The reader's own relations; edges cache them by the arena's `relations` number."""
        if not account:
            return STRANGER
        following, hides = BitMap(), BitMap()
        for followed, boosts in self.execute(
            "select followed, boosts from follows where follower = ?", (account,)
        ):
            following.add(followed)
            if not boosts:
                hides.add(followed)
        blocks = self._numbers("select target from blocks where account = ?", account)
        blocked_by = self._numbers("select account from blocks where target = ?", account)
        mutes = self._numbers("select target from mutes where account = ?", account)
        return Relations(account, following, hides, blocks, blocks | blocked_by | mutes, blocked_by)

    def _numbers(self, sql: str, account: int) -> BitMap:
        return BitMap([row[0] for row in self.execute(sql, (account,))])


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


class StateReader:
    """A read-only connection to the state. One a thread.

    Raises apsw.CantOpenError while there is no file yet, WrongDatabase for another version's.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self.connection = open_database(path, mode="read", vfs=vfs)
        check_marks(self.connection, APPLICATION_ID, VERSION)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        self.connection.execute("begin")
        try:
            yield Snapshot(self)
        finally:
            self.connection.execute("rollback")

    def close(self) -> None:
        self.connection.close()
