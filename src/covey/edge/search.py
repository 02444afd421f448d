"""Search: posts by what they say, accounts and tags by how they begin, and what an address of this
server leads to.

One may find what one wrote, is mentioned in, kept or did something with; what stands in one's home;
and what authors who are `indexable` said in public. Whether a post stands in a home can't be asked
of an index of words, so candidates come newest first and are looked at one by one, SEARCH_POSTS at
most a page: the next page goes on from there.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import apsw
from msgspec import Struct

from covey.delivery.audience import Relations, delivered, sets_aside
from covey.edge.cursor import Cursor
from covey.edge.edge import Edge
from covey.edge.known import is_known, known_named
from covey.edge.query import Query, Scope, match_of, names_of
from covey.edge.rates import Rates, share
from covey.edge.requests import id_of
from covey.edge.shown import shown
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.limits import (
    SEARCH_ACCOUNTS,
    SEARCH_FOLLOWED,
    SEARCH_MS,
    SEARCH_POSTS,
    SEARCHES_PER_WINDOW,
    SEARCHES_WAITING,
)
from covey.readers.search.index import path_of
from covey.state.queries import AccountRow, Snapshot, StateReader

STEPS: Final = 20_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""
LOOKED_AT: Final = 64
"""Candidates looked at in one piece."""
TAG_USES: Final = 1_000
"""Uses of a tag that are counted, to bring the used ones first."""


class Found(Struct, frozen=True):
    """Post ids, newest first."""

    ids: list[int]
    last: int
    """The position that was looked at last: the next page goes on from there."""
    more: bool
    """There may be others beyond it."""


# --- posts ------------------------------------------------------------------------------------

_MINE: Final = """p.account = :me
    or exists (select 1 from mentions where account = :me and post = p.id)
    or exists (select 1 from favourites where post = p.id and account = :me)
    or exists (select 1 from bookmarks where post = p.id and account = :me)
    or exists (select 1 from votes where post = p.id and account = :me)
    or exists (select 1 from posts b indexed by boosts
        where b.boost_of = p.id and b.boost_of != 0 and b.account = :me and b.deleted = 0)"""
_PUBLIC: Final = """(p.visibility = 0 or p.visibility = 5 and :me != 0)
    and (select indexable from accounts where number = p.account)"""
_HOME: Final = """exists (select 1 from follows where follower = :me and followed = p.account)
    or :groups and p.groups != x'' or :tags and p.first_tags != ''"""
"""More than stands there: those are asked one by one."""

MINE, PUBLIC, HOME = 1, 2, 3
"""Why a post may be found: it is the reader's in some way; everybody may; it may stand in the
reader's home."""
_WHY: Final[dict[Scope, str]] = {
    "all": f"case when {_MINE} then 1 when {_PUBLIC} then 2 when {_HOME} then 3 else 0 end",
    "library": f"case when {_MINE} then 1 else 0 end",
    "public": f"case when {_PUBLIC} then 2 else 0 end",
    "home": f"case when p.account = :me or {_HOME} then 3 else 0 end",
}


class Searcher:
    """Of one edge: it looks in a thread of its own, one search after the other, so that pages go on
    meanwhile and searching takes one core at most."""

    def __init__(self, state: Path, limit: int | None) -> None:
        """`state`: the file, beside which the index lies. `limit`: see Rates."""
        self.rates = Rates(limit)
        self._state_path = state
        self._path = path_of(state.parent)
        self._thread = ThreadPoolExecutor(1, "search")
        self._waiting = 0
        self._reader: StateReader | None = None
        self._inode = 0

    async def search(self, reader: Relations, query: Query, cursor: Cursor, offset: int) -> Found:
        """Raises Refused: overloaded, search_not_ready."""
        if self._waiting >= SEARCHES_WAITING:
            raise Refused("overloaded")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._thread, self.search_now, reader, query, cursor, offset
            )
        finally:
            self._waiting -= 1

    def search_now(self, reader: Relations, query: Query, cursor: Cursor, offset: int) -> Found:
        """The same, here and now. Raises Refused("search_not_ready")."""
        below, above = min(query.below, cursor.below), max(query.above, cursor.above)
        state = self._opened()
        with state.snapshot() as snapshot:
            numbers = {}
            for name in names_of(query):
                account = known_named(snapshot, name, reader.account)
                if account is not None:
                    numbers[name.lower()] = account.number
            search = _Search(snapshot, reader, query.scope, cursor.limit + offset)
            search.run(match_of(query, numbers), below, above, ascending=cursor.ascending)
        ids = search.ids[offset : offset + cursor.limit]
        if cursor.ascending:
            ids.reverse()
        return Found(ids, ids[-1] if search.is_full and ids else search.last, search.has_more)

    def _opened(self) -> StateReader:
        """A connection to the state with the index attached, opened anew where the index was made
        anew. Raises Refused("search_not_ready")."""
        try:
            inode = os.stat(self._path).st_ino
            if self._reader is None or inode != self._inode:
                self.close()
                reader = StateReader(self._state_path)
                # read-only like the connection
                reader.connection.execute("attach ? as found", (str(self._path),))
                reader.connection.execute("select 1 from found.search limit 1").fetchall()
                self._reader, self._inode = reader, inode
        except (FileNotFoundError, apsw.CantOpenError, apsw.SQLError, apsw.NotADBError):
            raise Refused("search_not_ready") from None
        return self._reader

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Search:
    """One search, as far as it has come."""

    def __init__(self, snapshot: Snapshot, reader: Relations, scope: Scope, wanted: int) -> None:
        self._snapshot = snapshot
        self._reader = reader
        self._scope = scope
        self._wanted = wanted
        self.ids: list[int] = []
        self.last = 0
        self.has_more = False

    @property
    def is_full(self) -> bool:
        return len(self.ids) >= self._wanted

    def run(self, match: str, below: int, above: int, *, ascending: bool) -> None:
        order = "asc" if ascending else "desc"
        sql = f"""select p.id, {_WHY[self._scope]} from
            (select rowid as id from found.search where search match :match
                and rowid < :below and rowid > :above order by rowid {order} limit :most) as c
            cross join main.posts p on p.id = c.id where p.deleted = 0"""
        reader = self._reader
        values = {
            "match": match, "below": below, "above": above, "most": SEARCH_POSTS,
            "me": reader.account, "groups": bool(reader.groups), "tags": bool(reader.tags),
        }  # fmt: skip
        looked_at: list[tuple[int, int]] = []
        seen = 0
        deadline = time.monotonic() + SEARCH_MS / 1000
        connection = self._snapshot.reader.connection
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            for id_, why in self._snapshot.execute(sql, values):
                seen += 1
                self.last = id_
                if why:
                    looked_at.append((id_, why))
                if len(looked_at) == LOOKED_AT:
                    self._look_at(looked_at)
                    looked_at = []
                    if self.is_full:
                        break
            else:
                self.has_more = seen == SEARCH_POSTS
        except apsw.InterruptError:
            self.has_more = bool(seen)  # it took too long: what there is by now
        finally:
            connection.set_progress_handler(None)
        if not self.is_full:
            self._look_at(looked_at)
        self.has_more = self.has_more or self.is_full

    def _look_at(self, candidates: Sequence[tuple[int, int]]) -> None:
        """Add those that the reader may find."""
        if not candidates:
            return
        snapshot, reader = self._snapshot, self._reader
        why = dict(candidates)
        homes = snapshot.candidates([id_ for id_, reason in candidates if reason == HOME])
        gists = snapshot.gists(why)
        rows = [
            gists[id_]
            for id_ in why
            if id_ in gists and (id_ not in homes or delivered(homes[id_], reader))
        ]
        for row in shown(snapshot.gists, rows, {}, reader):
            if why[row.id] == MINE or not sets_aside(row, reader):
                self.ids.append(row.id)


_searchers: WeakKeyDictionary[Edge, Searcher] = WeakKeyDictionary()


def searcher(edge: Edge) -> Searcher:
    found = _searchers.get(edge)
    if found is None:
        found = _searchers[edge] = Searcher(
            Path(edge.reader.connection.filename), share(edge.settings, SEARCHES_PER_WINDOW)
        )
    return found


# --- accounts ---------------------------------------------------------------------------------

_FOUND: Final = "(discoverable = 1 or kind = 'group')"
"""In the words of the indexes."""


def accounts(
    snapshot: Snapshot, reader: Relations, text: str, domain: str, *, following: bool = False
) -> list[AccountRow]:
    """Those whose name or display name begins like that: the one that has this very name, then
    whom the reader follows, then by followers. Others than those are found only where they are
    `discoverable`, groups where they are not secret."""
    text = text.strip().removeprefix("@")
    name, at, host = text.partition("@")
    if at and host.lower() != domain.lower()[: len(host)]:
        return []  # of another server
    begin = (name if at else text).lower()
    if not begin:
        return []
    numbers: dict[int, None] = {}
    exact = known_named(snapshot, begin, reader.account)
    if exact is not None and not exact.is_away:
        numbers[exact.number] = None
    values = (begin, _after(begin))
    if reader.account:
        numbers |= _numbers(
            snapshot,
            "select a.number from (select followed from follows where follower = ?"
            f" limit {SEARCH_FOLLOWED}) f cross join accounts a on a.number = f.followed"
            " where (a.name_key >= ? and a.name_key < ?"
            " or a.display_name >= ? collate nocase and a.display_name < ? collate nocase)"
            " order by a.followers_count desc, a.number limit ?",
            (reader.account, *values, *values),
        )
    found: dict[int, None] = {}
    for column in ("name_key", "display_name collate nocase"):
        found |= _numbers(
            snapshot,
            f"select number from accounts where {_FOUND} and standing = 'active'"
            f" and {column} >= ? and {column} < ? order by {column} limit ?",
            values,
        )
    rows = snapshot.accounts([*numbers, *found])
    best = sorted(found, key=lambda n: (-rows[n].followers_count, n))
    ordered = [rows[number] for number in dict.fromkeys([*numbers, *best])]
    return [
        row
        for row in ordered
        if not row.is_away
        and (row.number not in reader.aside or row is exact or row.name.lower() == begin)
        and (not following or row.number in reader.following)
        and is_known(snapshot, row, reader.account)
    ]


def _numbers(snapshot: Snapshot, sql: str, values: tuple[object, ...]) -> dict[int, None]:
    return {number: None for (number,) in snapshot.rows(sql, (*values, SEARCH_ACCOUNTS))}


def _after(begin: str) -> str:
    """Above all texts that begin like that."""
    return begin + "\U0010ffff"


# --- tags -------------------------------------------------------------------------------------


def tags(snapshot: Snapshot, text: str, limit: int) -> list[str]:
    """Names of those that begin like that, the very one first, then those used most."""
    begin = tag_name(text.strip().removeprefix("#"))
    if not begin:
        return []
    # a seek for each name, whatever the number of posts that have it
    rows = snapshot.rows(
        "with recursive names (tag) as ("
        " select (select min(tag) from tags where tag >= ?1 and tag < ?2) union all"
        " select (select min(tag) from tags where tag > names.tag and tag < ?2) from names"
        "  where names.tag is not null)"
        " select tag, (select count(*) from (select 1 from tags as uses"
        "  where uses.tag = names.tag and uses.now = 1 limit ?3))"
        " from names where tag is not null limit ?4",
        (begin, _after(begin), TAG_USES, max(limit, SEARCH_ACCOUNTS)),
    )
    used = [(tag, uses) for tag, uses in rows if uses]
    used.sort(key=lambda found: (found[0] != begin, -found[1], found[0]))
    return [tag for tag, _ in used[:limit]]


# --- addresses --------------------------------------------------------------------------------

_PLACE: Final = re.compile(r"/@([A-Za-z0-9_]+)(?:/([0-9]+))?/?")
_TAG_PLACE: Final = re.compile(r"/tags/([^/?#]+)/?")


class Place(Struct, frozen=True):
    """What an address of this server leads to: an account, a post, or a tag."""

    name: str = ""
    post: int = 0
    tag: str = ""


def place_of(text: str, public_url: str) -> Place | None:
    """None: it is no address of ours. One that leads nowhere is an empty Place."""
    text = text.strip()
    base, path = text[: len(public_url)], text[len(public_url) :]
    if base.lower() != public_url.lower() or not path.startswith("/"):
        return None
    path = path.partition("?")[0].partition("#")[0]
    if found := _PLACE.fullmatch(path):
        return Place(name=found[1], post=id_of(found[2]) or 0 if found[2] else 0)
    if found := _TAG_PLACE.fullmatch(path):
        return Place(tag=tag_name(unquote(found[1])))
    return Place()
