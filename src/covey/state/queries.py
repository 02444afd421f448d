"""Rows → what edges show. Read-only, from any process, one snapshot a request.

A `StateReader` opens the state's file read-only; `snapshot()` begins a read transaction (never over
a second long), so that all a page is made of belongs to one moment, `applied`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
from msgspec import Struct
from pyroaring import BitMap

from covey.database import check_marks, open_database
from covey.delivery.audience import (
    STRANGER,
    Candidate,
    Everybody,
    Listing,
    Relations,
    listing,
)
from covey.messages import Field, RepliesPolicy
from covey.state.candidates import FROZEN, candidate_of, decode_media, numbers_of
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
    locked: int
    kind: str
    """person or group"""
    standing: str
    quotes: str
    """Who may quote its new posts: public, followers, nobody."""
    avatar: int
    header: int
    """Numbers of media; 0: the default picture."""
    avatar_file: str | None
    header_file: str | None

    @property
    def is_away(self) -> bool:
        """Pending, suspended or closed: nobody is shown it."""
        return self.standing not in ("active", "limited")

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
    quote_of: int
    quote_account: int
    groups_column: bytes
    edited: int
    """Stamp of the last edit; 0: never."""
    thread: int
    media_column: bytes
    changed: int
    quotes_count: int
    quotes: str
    """Who may quote it: public, followers, nobody."""
    quote_revoked: int

    @property
    def facets(self) -> Facets:
        return decode_facets(self.facets_column)

    @property
    def mentioned(self) -> tuple[int, ...]:
        """Numbers of the accounts it mentions."""
        return numbers_of(self.mentioned_column)

    @property
    def groups(self) -> tuple[int, ...]:
        """Numbers of the groups it is posted to."""
        return numbers_of(self.groups_column)

    @property
    def media(self) -> tuple[int, ...]:
        """Numbers of the media it shows."""
        return decode_media(self.media_column)


class PostGist(Struct, frozen=True):
    """What of a post decides whether it is shown: a PostRow for those who only count."""

    id: int
    account: int
    visibility: int
    boost_of: int
    quote_of: int
    mentioned_column: bytes
    groups_column: bytes
    deleted: int
    stamp: int
    quote_revoked: int

    @property
    def mentioned(self) -> tuple[int, ...]:
        return numbers_of(self.mentioned_column)

    @property
    def groups(self) -> tuple[int, ...]:
        return numbers_of(self.groups_column)


class MediaRow(Struct, frozen=True):
    """A picture, film or sound."""

    number: int
    account: int
    type: str
    """image, gifv, video or audio"""
    state: str
    """processing, ready or failed"""
    used_as: str
    used_by: int
    file: str
    """Its name in the folder."""
    width: int
    height: int
    small: str
    """Likewise; empty: there is none."""
    small_width: int
    small_height: int
    blurhash: str
    milliseconds: int
    description: str
    focus_x: int
    focus_y: int


class ListRow(Struct, frozen=True):
    number: int
    account: int
    """Whose it is."""
    title: str
    replies: RepliesPolicy
    exclusive: int


class NotificationRow(Struct, frozen=True):
    account: int
    number: int
    kind: str
    sender: int
    post: int
    """0: it is about no post."""
    stamp: int


class PositionRow(Struct, frozen=True):
    """How far a queue is read; `version` counts the moves."""

    position: int
    version: int
    stamp: int
    kept: int = 0
    """An older place, to go back to; 0: there is none."""
    kept_until: int = 0
    """Stamp: past it nothing is kept."""


_ACCOUNT: Final = (
    "number, name, display_name, note, facets, fields, role, bot, discoverable, indexable,"
    " language, visibility, sensitive, followers_count, following_count, posts_count, last_post,"
    " created, changed, locked, kind, standing, quotes, avatar, header,"
    " (select file from media where media.number = avatar),"
    " (select file from media where media.number = header)"
)
POST: Final = (
    "id, number, account, visibility, reply_to, reply_account, boost_of, boost_account, mentioned,"
    " deleted, stamp, language, warning, sensitive, text, facets, app, replies_count,"
    " boosts_count, favourites_count, quote_of, quote_account, groups, edited, thread, media,"
    " changed, quotes_count, quotes, quote_revoked"
)
"""The columns of a PostRow, in its order."""
PUBLIC: Final = (
    "visibility = 0 and boost_of = 0 and deleted = 0 and (reply_to = 0 or reply_account = account)"
)
"""What stands in the public queue, in the words of its index."""
GIST: Final = (
    "id, account, visibility, boost_of, quote_of, mentioned, groups, deleted, stamp, quote_revoked"
)
"""The columns of a PostGist, in its order."""
MEDIA: Final = (
    "number, account, type, state, used_as, used_by, file, width, height, small, small_width,"
    " small_height, blurhash, milliseconds, description, focus_x, focus_y"
)
"""The columns of a MediaRow, in its order."""
_LIST: Final = "select number, account, title, replies, exclusive from lists"
_AMONG: Final = "in carray(?)"


class Snapshot:
    """One moment of the state."""

    def __init__(self, reader: StateReader) -> None:
        self.reader = reader
        self.execute: Callable[..., Any] = reader.connection.execute
        facts: dict[str, Any] = dict(self.rows("select name, value from facts"))
        self.applied: int = facts.get("applied", 0)
        """Number of the last message applied."""
        self.last_id: int = facts.get("last_id", 0)
        """The newest post id."""

    def row(self, sql: str, values: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        return self.execute(sql, values).fetchone()  # type: ignore[no-any-return]

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        return self.execute(sql, values).fetchall()  # type: ignore[no-any-return]

    def account(self, number: int) -> AccountRow | None:
        row = self.row(f"select {_ACCOUNT} from accounts where number = ?", (number,))
        return AccountRow(*row) if row else None

    def account_named(self, name: str) -> AccountRow | None:
        row = self.row(f"select {_ACCOUNT} from accounts where name_key = ?", (name.lower(),))
        return AccountRow(*row) if row else None

    def accounts(self, numbers: Collection[int]) -> dict[int, AccountRow]:
        """Those there are."""
        rows = self.among(f"select {_ACCOUNT} from accounts where number {_AMONG}", numbers)
        return {row[0]: AccountRow(*row) for row in rows}

    def post(self, id_: int) -> PostRow | None:
        row = self.row(f"select {POST} from posts where id = ?", (id_,))
        return PostRow(*row) if row else None

    def posts(self, ids: Collection[int]) -> dict[int, PostRow]:
        """Those there are, tombstones too."""
        rows = self.among(f"select {POST} from posts where id {_AMONG}", ids)
        return {row[0]: PostRow(*row) for row in rows}

    def gists(self, ids: Collection[int]) -> dict[int, PostGist]:
        """Those there are, tombstones too."""
        rows = self.among(f"select {GIST} from posts where id {_AMONG}", ids)
        return {row[0]: PostGist(*row) for row in rows}

    def boosted(self, ids: Collection[int]) -> dict[int, int]:
        """id → the original's id, or 0 of what is no boost."""
        return dict(self.among(f"select id, boost_of from posts where id {_AMONG}", ids))

    def candidates(self, ids: Collection[int]) -> dict[int, Candidate]:
        rows = self.among(f"select {FROZEN} from posts where id {_AMONG}", ids)
        return {row[0]: candidate_of(row) for row in rows}

    def media(self, numbers: Collection[int]) -> dict[int, MediaRow]:
        """Those there are."""
        rows = self.among(f"select {MEDIA} from media where number {_AMONG}", numbers)
        return {row[0]: MediaRow(*row) for row in rows}

    def among(self, sql: str, values: Collection[int]) -> list[Any]:
        """All rows of `sql`, whose one parameter is `carray(?)` over `values`."""
        return self.rows(sql, (numbers(values),)) if values else []

    def list_of(self, account: int, number: int) -> ListRow | None:
        """The account's list, or None where it has none of this number."""
        row = self.row(f"{_LIST} where number = ? and account = ?", (number, account))
        return ListRow(*row) if row else None

    def lists(self, account: int) -> list[ListRow]:
        """The account's, oldest first."""
        rows = self.rows(f"{_LIST} where account = ? order by number", (account,))
        return [ListRow(*row) for row in rows]

    def listing(self, reader: Relations, number: int) -> Listing | None:
        """One of the reader's lists, as `audience.listed` asks it; None where it has none of this
        number."""
        row = self.list_of(reader.account, number)
        if row is None:
            return None
        members = self._numbers("select account from list_members where list = ?", number)
        return listing(reader, members, row.replies)

    def position(self, account: int, queue: str) -> PositionRow | None:
        """None: nothing of it was ever read."""
        row = self.row(
            "select position, version, stamp, kept, kept_until from positions"
            " where account = ? and queue = ?",
            (account, queue),
        )
        return PositionRow(*row) if row else None

    def relations(self, account: int) -> Relations:
        """The reader's own relations; edges cache them by the arena's `relations` number."""
        everybody = self.everybody()
        if not account:
            return msgspec.structs.replace(STRANGER, everybody=everybody)
        follows = self.rows(
            "select followed, boosts, languages from follows where follower = ?", (account,)
        )
        following = BitMap([followed for followed, _, _ in follows])
        hides = BitMap([followed for followed, boosts, _ in follows if not boosts])
        languages = {
            followed: frozenset(chosen.split(",")) for followed, _, chosen in follows if chosen
        }
        blocks = self._numbers("select target from blocks where account = ?", account)
        blocked_by = self._numbers("select account from blocks where target = ?", account)
        mutes = self._numbers("select target from mutes where account = ?", account)
        exclusive = self._numbers(
            "select m.account from list_members m join lists l on l.number = m.list"
            " where l.account = ? and l.exclusive = 1",
            account,
        )
        groups = self._numbers(
            'select "group" from memberships where account = ?'
            " and role in ('member', 'moderator', 'owner')",
            account,
        )
        tags = self.rows("select tag from tag_follows where account = ?", (account,))
        return Relations(
            account, following, hides, blocks, blocks | blocked_by | mutes, blocked_by, exclusive,
            languages, groups, frozenset(tag for (tag,) in tags), everybody,
        )  # fmt: skip

    def everybody(self) -> Everybody:
        """What concerns all readers alike."""
        standing = "select number from accounts where standing != 'active' and standing"
        return Everybody(
            self._numbers(f"{standing} != 'limited'"),
            self._numbers(f"{standing} = 'limited'"),
            self._numbers("select number from groups where \"join\" = 'open'"),
        )

    def _numbers(self, sql: str, *values: int) -> BitMap:
        return BitMap([row[0] for row in self.execute(sql, values)])


def numbers(values: Iterable[int]) -> Any:
    """Values for a statement's `carray(?)`: one prepared statement, however many there are (at
    least one)."""
    return apsw.carray(array("q", values))


class StateReader:
    """A read-only connection to the state. One a thread.

    Raises apsw.CantOpenError while there is no file yet, WrongDatabase for another version's.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self.path = path
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
