"""`covey verify`: do log, state and homes say the same?"""

from __future__ import annotations

import asyncio
import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import click
import numpy as np
from msgspec import Struct, field
from pyroaring import BitMap

from covey.cli.building import Watcher, build
from covey.cli.options import data_option, existing, json_option, print_json
from covey.cli.progress import progress
from covey.cli.sample import check_sample, difference, told_to_oracle
from covey.database import open_database
from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.audience import audience
from covey.engine.attach import attach, is_running
from covey.limits import ARENA_BYTES_MAX
from covey.log import Log, LogDamaged
from covey.log.log import entry_of
from covey.media.folder import MediaFolder
from covey.messages import (
    Announce,
    App,
    Boost,
    CreateGroup,
    CreateList,
    Due,
    Post,
    Register,
    SetFilter,
    next_id,
)
from covey.state.merge import merge
from covey.state.queries import StateReader
from covey.state.state import Outcome, State, state_path

SHOWN_PER_PART: Final = 20
"""Differences that are told of each table or part; the rest is counted."""
WHOLE_HOME: Final = 1 << 62
TRIES: Final = 200
"""To find a running engine between two batches."""


class Report(Struct):
    """What was looked at, and what is wrong with it."""

    looked_at: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""

    def found(self, part: str, what: str) -> None:
        self.wrong.setdefault(part, []).append(what)


@click.command()
@data_option
@click.option(
    "--sample",
    "size",
    default=25,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Accounts whose queues are held against the oracle; 0: none.",
)
@json_option
def verify(data: Path, size: int, as_json: bool) -> None:
    """Check that log, state and homes agree.

    The log: checksums, dense numbers, ids, bodies that decode. The state: row for row what the log
    makes of it, and the media files that it names. The homes that the arena holds (of the running
    engine, or else of one built for this): the same posts as the merge gives. The queues of a
    sample of accounts, their reading positions and unread counts: what a plain model of the
    server, which shares no code with it, makes of the log; it is held in memory, about 1 KB a
    message. Exit code 1 names what differs. Nothing is changed, and a server may run meanwhile; it
    needs room for a second state in the data folder.

    \b
    Example:
      covey verify --data /var/lib/covey --sample 100
    """
    report = verify_folder(existing(data), size)
    if as_json:
        print_json(
            {"looked_at": report.looked_at, "wrong": report.wrong, "left_out": report.left_out}
        )
    else:
        for part, count in report.looked_at.items():
            click.echo(f"{part}: {count:,}")
        for part, lines in report.wrong.items():
            for line in lines[:SHOWN_PER_PART]:
                click.echo(f"WRONG in {part}: {line}")
            if len(lines) > SHOWN_PER_PART:
                click.echo(f"WRONG in {part}: … and {len(lines) - SHOWN_PER_PART:,} more")
        for words in report.left_out:
            click.echo(f"not looked at: {words}")
        click.echo("something is wrong" if report.wrong else "all of it agrees")
    if report.wrong:
        raise SystemExit(1)


def verify_folder(data: Path, size: int) -> Report:
    """Look at everything in a server's folder, at the queues of `size` accounts. Raises
    WrongDatabase for foreign files."""
    report = Report()
    log = Log(data / "log.db")
    try:
        check_log(log, report)
        if not state_path(data).exists():
            report.found("state", "there is none: the next start makes it from the log")
        elif "log" in report.wrong:
            report.found("state", "not compared: it can't be built from a damaged log")
        else:
            with tempfile.TemporaryDirectory(prefix="verify-", dir=data) as scratch:
                _check_state_and_homes(data, log, Path(scratch), size, report)
    finally:
        log.close()
    return report


# --- the log ----------------------------------------------------------------------------------


def check_log(log: Log, report: Report) -> None:
    """Every entry: numbers without a gap, stamps that never fall, ids as the rules give them,
    checksums, bodies."""
    last = log.last_number()
    number = stamp = last_id = accounts = apps = 0
    with progress("log entries", last) as advance:
        for row in log.rows(until=last):
            if row[0] != number + 1:
                report.found("log", f"entry {number} is followed by {row[0]}: {number + 1} is gone")
            if row[1] < stamp:
                report.found("log", f"entry {row[0]}: its stamp lies before the one before it")
            number, stamp = row[0], row[1]
            try:
                message = entry_of(row).message
            except LogDamaged as damage:
                report.found("log", str(damage))
                continue
            finally:
                if number % 1_000 == 0:
                    advance(1_000)
            expected = 0
            # a `due` that releases a draft has the post's id
            if isinstance(message, Post | Boost) or (isinstance(message, Due) and row[5]):
                expected = last_id = next_id(stamp, last_id)
            elif isinstance(message, Register | CreateGroup):
                expected = accounts = accounts + 1
            elif isinstance(message, CreateList | SetFilter | Announce):
                expected = number
            elif isinstance(message, App):
                expected = apps = apps + 1
            if row[5] != expected:
                report.found("log", f"entry {number}: its id is {row[5]}, not {expected}")
    report.looked_at["log entries"] = last


# --- the state --------------------------------------------------------------------------------


def _check_state_and_homes(data: Path, log: Log, scratch: Path, size: int, report: Report) -> None:
    held = _copy(state_path(data), scratch / "held.db")
    facts: dict[str, Any] = dict(held.execute("select name, value from facts").fetchall())  # type: ignore[arg-type]
    applied = facts.get("applied", 0)
    row = log.row(applied) if applied else None
    if facts.get("log", log.id) != log.id:
        report.found("state", "it was made from another log")
        return
    if applied and row is None:
        report.found("state", f"it has applied message {applied}, which the log does not hold")
        return
    accounts: Any = held.execute("select count(*) from accounts").fetchall()[0][0]
    homes = Homes(ARENA_BYTES_MAX, accounts + 1)
    with progress("messages applied", applied) as advance:
        built = build(log, scratch / "built.db", applied, advance=advance, watcher=homes)
    compare(held, built.connection, report)
    report.looked_at["messages applied"] = applied
    check_media(data, held, report)
    held.close()
    built.close()
    if size:
        _check_sample(log, applied, scratch / "held.db", homes.arena, size, report)
    arena = asyncio.run(arena_of(data))
    if arena is not None:
        check_homes(arena, state_path(data), report)
    else:
        check_homes(ArenaReader(homes.arena.memory), scratch / "built.db", report)


def check_media(data: Path, held: apsw.Connection, report: Report) -> None:
    """Every file that a row of the state names lies in the media folder, with as many bytes. That
    they are the right bytes their name says to whoever reads them: not looked at here."""
    folder, looked_at = MediaFolder(data), 0
    for number, *names in held.execute("select number, file, size, small, small_size from media"):
        for name, size in zip(names[::2], names[1::2], strict=True):
            if not name:
                continue
            looked_at += 1
            path = folder.file(str(name))
            if not path.exists():
                report.found("media", f"media {number}: the file {name} is missing")
            elif path.stat().st_size != size:
                wrong = f"has {path.stat().st_size} bytes, not {size}"
                report.found("media", f"media {number}: the file {name} {wrong}")
    if looked_at:
        report.looked_at["media files"] = looked_at


def _check_sample(
    log: Log, applied: int, held: Path, arena: Arena, size: int, report: Report
) -> None:
    found = check_sample(told_to_oracle(log, applied), held, ArenaReader(arena.memory), size)
    report.looked_at["accounts held against the oracle"] = found.accounts
    report.looked_at["queues of theirs"] = found.queues
    report.looked_at["entries in these"] = found.entries
    for words in found.wrong:
        report.found("queues", words)
    if found.in_pieces:
        report.left_out.append(
            "notifications by the oracle, for it tells all of an act that took several messages"
        )


def _copy(path: Path, to: Path) -> apsw.Connection:
    """A state file as it is at one moment, so that no read transaction lasts while it is
    compared."""
    source, copy = open_database(path, mode="read"), apsw.Connection(str(to))
    with copy.backup("main", source, "main") as backup:
        backup.step(-1)
    source.close()
    return copy


def compare(held: apsw.Connection, built: apsw.Connection, report: Report) -> None:
    """Every table of two states, row for row, in the order of its primary key."""
    rows_in_all = 0
    tables = _tables(built)
    for name in sorted(set(tables) | set(_tables(held))):
        if _tables(held).get(name) != tables.get(name):
            report.found("state", f"table {name} has other columns than the schema")
            continue
        columns, key = tables[name]
        quoted = [f'"{column}"' for column in columns]
        order = ", ".join(quoted[i] for i in key) or "rowid"
        select = f"select {', '.join(quoted)} from {name} order by {order}"
        mine, theirs = held.execute(select), built.execute(select)
        for one, other in _side_by_side(mine, theirs, key):
            rows_in_all += 1
            if one != other:
                report.found("state", f"table {name}, {_difference(columns, key, one, other)}")
    report.looked_at["rows of the state"] = rows_in_all


def _tables(connection: apsw.Connection) -> dict[str, tuple[list[str], list[int]]]:
    """table → (columns, places of the primary key's)."""
    names: list[Any] = connection.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
    ).fetchall()
    found = {}
    for (name,) in names:
        info: list[Any] = connection.execute(f"pragma table_info({name})").fetchall()
        key = sorted((row[5], row[0]) for row in info if row[5])
        found[name] = ([row[1] for row in info], [place for _, place in key])
    return found


def _side_by_side(
    one: Iterator[Any], other: Iterator[Any], places: list[int]
) -> Iterator[tuple[Any, Any]]:
    """Pairs of rows with the same key (columns `places`); None where one side has none."""

    def key(row: Any) -> tuple[Any, ...]:
        return tuple(row[place] for place in places)

    a, b = next(one, None), next(other, None)
    while a is not None or b is not None:
        if b is None or (a is not None and key(a) < key(b)):
            yield a, None
            a = next(one, None)
        elif a is None or key(b) < key(a):
            yield None, b
            b = next(other, None)
        else:
            yield a, b
            a, b = next(one, None), next(other, None)


def _difference(columns: list[str], key: list[int], held: Any, built: Any) -> str:
    row = held or built
    where = ", ".join(f"{columns[place]} {row[place]!r}" for place in key)
    if built is None:
        return f"row {where}: it should not be there"
    if held is None:
        return f"row {where}: it is missing"
    differing = (
        f"{column} is {one!r}, not {other!r}"
        for column, one, other in zip(columns, held, built, strict=True)
        if one != other
    )
    return f"row {where}: {'; '.join(differing)}"


# --- the homes --------------------------------------------------------------------------------


async def arena_of(data: Path) -> ArenaReader | None:
    """The arena of the engine that runs for `data`, if one does and the system lends it."""
    if not await is_running(data):
        return None
    async with attach(data) as engine:
        process, descriptor = (await engine.facts()).arena
        try:
            lent = os.open(f"/proc/{process}/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
    try:
        return ArenaReader(mmap.mmap(lent, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(lent)


class Homes(Watcher):
    """An arena that is filled while a state is built, by the audience's set form."""

    def __init__(self, size_bytes: int, max_accounts: int) -> None:
        self.arena = Arena.in_memory(size_bytes, max_accounts)
        self.arena.reset(born=0, applied=0, generation=1)
        self._ids: list[int] = []
        self._readers: list[BitMap] = []

    def applied(self, state: State, outcome: Outcome) -> None:
        for _, post in outcome.posted:
            self._ids.append(post.id)
            self._readers.append(audience(state.graph, post))

    def committed(self, state: State, outcome: Outcome) -> None:
        arena = self.arena
        arena.begin()
        if self._ids:
            offsets = np.zeros(len(self._ids) + 1, np.int64)
            np.cumsum([len(readers) for readers in self._readers], out=offsets[1:])
            recipients = np.concatenate(
                [np.frombuffer(readers.to_array(), np.uint32) for readers in self._readers]
            )
            arena.deliver(np.array(self._ids, np.uint64), offsets, recipients)
        if outcome.floors:
            arena.move_floors(
                np.array(list(outcome.floors.keys()), np.uint32),
                np.array(list(outcome.floors.values()), np.uint64),
            )
        arena.finish(published=state.last_id, applied=state.applied)
        self._ids, self._readers = [], []


def check_homes(arena: ArenaReader, path: Path, report: Report) -> None:
    """What the arena answers for of every home is what the merge gives there."""
    state = StateReader(path)
    entries = skipped = 0
    with state.snapshot() as snapshot:
        accounts = (snapshot.row("select coalesce(max(number), 0) from accounts") or (0,))[0]
    with progress("homes", accounts) as advance:
        for account in range(1, accounts + 1):
            found = _home(arena, state, account)
            if found is None:
                skipped += 1
            else:
                held, merged = found
                entries += len(merged)
                if held != merged:
                    report.found("homes", f"account {account}: {difference(held, merged)}")
            advance(1)
    state.close()
    report.looked_at["homes"] = accounts - skipped
    report.looked_at["posts in them"] = entries
    if skipped:
        report.looked_at["homes skipped, for the engine was too busy"] = skipped


def _home(
    arena: ArenaReader, state: StateReader, account: int
) -> tuple[list[int], list[int]] | None:
    """(by the arena, by the merge) at one moment, as far as the arena answers; newest first.
    None: the state was always ahead."""
    for _ in range(TRIES):
        noted = arena.applied
        with state.snapshot() as snapshot:
            if snapshot.applied <= noted:
                held, reach = arena.read(account, snapshot.last_id + 1, WHOLE_HOME)
                reader = snapshot.relations(account)
                merged = merge(snapshot, reader, above=reach - 1, wanted=max(1, len(held)))
                return held, [post.id for post in merged]
        time.sleep(0.001)
    return None
