"""The state: one SQLite file, written by the engine alone, in the same transaction as the number of
the last message applied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw
from pyroaring import BitMap

from covey.database import WrongDatabase, check_marks, mark, open_database
from covey.delivery.audience import Candidate
from covey.delivery.graph import Graph
from covey.log import Log
from covey.state.answers import Answers

APPLICATION_ID: Final = 0x43737461  # "Csta"
VERSION: Final = 2
"""Of the schema: another one is another file, built from the log."""

EVERYBODY: Final = 0
"""As the account of a change: it concerns all there are."""

CACHE_KIB: Final = 32_768
"""Of the file's pages, in the engine; they fill up with use. With SQLite's own 2 MiB a batch of 512
posts spills: 92 µs of CPU a post instead of 57 to 68 (docs/measurements.md)."""

SCHEMA: Final = Path(__file__).with_name("schema.sql")


def state_path(folder: Path) -> Path:
    return folder / f"state-{VERSION}.db"


def load_graph(graph: Graph, execute: Callable[[str], Any]) -> None:
    """Bitmaps from the rows that `execute` selects."""
    graph.followers.load(
        execute("select followed, follower from follows indexed by follows_by_followed"
                " order by followed")
    )  # fmt: skip
    graph.boost_hiders.load(
        execute("select followed, follower from follows where boosts = 0 order by followed")
    )
    graph.watchers.load(
        execute("select followed, follower from follows where notify = 1 order by followed")
    )
    graph.blocks.load(execute("select account, target from blocks order by account"))
    graph.blockers.load(execute("select target, account from blocks order by target"))
    graph.muters.load(execute("select target, account from mutes order by target"))
    graph.hiders.load(
        execute(
            "select distinct m.account, l.account from list_members m join lists l"
            " on l.number = m.list where l.exclusive = 1 order by m.account"
        )
    )
    for followed, follower, languages in execute(
        "select followed, follower, languages from follows where languages != ''"
    ):
        graph.choosers.load([(followed, follower)])
        graph.takers.load([((followed, language), follower) for language in languages.split(",")])
    graph.members.load(
        execute(
            'select "group", account from memberships'
            " where role in ('member', 'moderator', 'owner') order by 1"
        )
    )
    graph.tag_followers.load(execute("select tag, account from tag_follows order by tag"))
    graph.open_groups.load(execute("select 0, number from groups where \"join\" = 'open'"))
    standing = "number from accounts where standing != 'active' and standing"
    graph.hidden.load(execute(f"select 0, {standing} != 'limited'"))
    graph.hidden.load(execute(f"select 1, {standing} = 'limited'"))


class Outcome:
    """What a batch did that delivery and live streams need to know. `apply` fills it."""

    __slots__ = (
        "access",
        "changes",
        "floors",
        "notifications",
        "posted",
        "profiles",
        "relations",
        "wide_floors",
    )

    def __init__(self) -> None:
        self.posted: list[tuple[int, Candidate]] = []
        """(number, post) of new posts and boosts."""
        self.notifications: list[tuple[int, int]] = []
        """(number, account)."""
        self.changes: list[tuple[int, str, int, int]] = []
        """(number, kind, subject, account): "delete", "edit" (post, author); "read",
        "filters_changed", "notifications_merged" (0, account); "announcement",
        "announcement.delete" (announcement, EVERYBODY)."""
        self.floors: dict[int, int] = {}
        """account → newest post id when an input of its audiences changed."""
        self.wide_floors: list[tuple[BitMap, int]] = []
        """The same for many accounts at once."""
        self.access = 0
        self.relations = 0
        self.profiles = 0
        """The last numbers that changed tokens and sessions, relations, profiles; 0: none did."""


class StateAhead(Exception):
    """The state knows messages that the log does not hold, or other ones."""


class State:
    """The engine's side: the connection that holds the uncommitted rows, and the graph.

    Raises WrongDatabase for a foreign or newer file. `open` also compares it with the log.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self.path = path
        self.connection = open_database(
            path, mode="create", synchronous="NORMAL", vfs=vfs,
            pragmas={"wal_autocheckpoint": 0, "cache_size": -CACHE_KIB},
        )  # fmt: skip
        self.execute: Callable[..., Any] = self.connection.execute
        if not self.execute("select 1 from sqlite_schema").fetchall():
            self._create()
        check_marks(self.connection, APPLICATION_ID, VERSION)
        self.graph = Graph()
        self.answers = Answers(self.connection)
        self.log_id = ""
        self._read_facts()

    def _create(self) -> None:
        mark(self.connection, APPLICATION_ID, VERSION)
        self.execute("begin immediate")
        self.execute(SCHEMA.read_text("utf-8")).fetchall()
        self.execute("commit")
        if not self.execute("select 1 from sqlite_schema where name = 'dues_by_time'").fetchall():
            raise WrongDatabase(f"{self.path}: the schema did not run to its end")

    def _read_facts(self) -> None:
        facts: dict[str, Any] = dict(self.execute("select name, value from facts").fetchall())
        # a new state knows its log before it has rows: a first batch of refusals is rolled back
        self.log_id = facts.get("log", self.log_id)
        self.applied: int = facts.get("applied", 0)
        """Number of the last message applied."""
        self.checksum: int = facts.get("checksum", 0)
        self.stamp: int = facts.get("stamp", 0)
        self.last_id: int = facts.get("last_id", 0)
        """The newest post id given out."""
        self.accounts: int = self.count("select coalesce(max(number), 0) from accounts")
        self.apps: int = self.count("select coalesce(max(number), 0) from apps")

    def check_against(self, log: Log) -> None:
        """Raises StateAhead when this state was not made from this log: a lost tail, or a foreign
        file. It is never rebuilt in silence. Answers are remembered from here on."""
        if not self.log_id:
            self.log_id = log.id
        self._check_last(log)
        self.answers.load(log, self.applied)

    def _check_last(self, log: Log) -> None:
        if self.log_id != log.id:
            raise StateAhead(f"{self.path} was made from another log ({self.log_id}, not {log.id})")
        if self.applied == 0:
            return
        row = log.row(self.applied)
        if row is None:
            raise StateAhead(
                f"{self.path} has applied message {self.applied}, the log ends at"
                f" {log.last_number()}: the log lost its tail"
            )
        if row[-1] != self.checksum:
            raise StateAhead(
                f"{self.path} has applied another message {self.applied} than the log holds"
            )

    def load_graph(self) -> None:
        """Bitmaps from rows."""
        load_graph(self.graph, self.execute)

    def begin(self) -> None:
        self.execute("begin immediate")

    def commit(self, checksum: int) -> None:
        """Rows and facts become visible together; the graph's changes stay."""
        self.checksum = checksum
        self.connection.executemany(
            "insert into facts values (?, ?)"
            " on conflict (name) do update set value = excluded.value",
            [
                ("log", self.log_id),
                ("applied", self.applied),
                ("checksum", checksum),
                ("stamp", self.stamp),
                ("last_id", self.last_id),
            ],
        )
        self.execute("commit")
        self.graph.commit()
        self.answers.commit()

    def rollback(self) -> None:
        """Back to the last commit: rows, graph and counters."""
        # a failed statement may have ended the transaction already
        with contextlib.suppress(apsw.SQLError):
            self.execute("rollback")
        self.graph.rollback()
        self.answers.rollback()
        self._read_facts()

    def row(self, sql: str, values: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found: tuple[Any, ...] | None = self.execute(sql, values).fetchone()
        return found

    def count(self, sql: str, values: tuple[object, ...] = ()) -> int:
        """The one integer of the one row."""
        row = self.row(sql, values)
        return int(row[0]) if row else 0

    def close(self) -> None:
        self.connection.close()
