"""`covey stats`: what a data folder holds, and what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from covey.cli.options import data_option, existing, json_option, print_json, table
from covey.cli.progress import progress
from covey.delivery.audience import audience
from covey.delivery.graph import Graph
from covey.log import Log
from covey.readers.cursors import FILE as CURSORS
from covey.readers.cursors import standings
from covey.state.candidates import FROZEN, candidate_of
from covey.state.queries import Snapshot, StateReader
from covey.state.state import load_graph, state_path

POSTS_PER_SNAPSHOT = 10_000
"""No read transaction lasts over a second."""


@click.command()
@data_option
@json_option
def stats(data: Path, as_json: bool) -> None:
    """Count what a data folder holds, and its bytes.

    Deliveries are the homes that all posts would go to by the relations of now.

    \b
    Example:
      covey stats --data /var/lib/covey
    """
    found = folder_stats(existing(data))
    if as_json:
        print_json(found)
        return
    for name in ("accounts", "follows", "posts", "boosts", "deliveries", "log_entries"):
        click.echo(f"{name.replace('_', ' ')}: {found[name]:,}")
    rows: list[tuple[str, ...]] = [
        (name, f"{size:,}", f"{size / found['posts']:,.0f}" if found["posts"] else "-")
        for name, size in found["bytes"].items()
    ]
    table(("file", "bytes", "a post"), rows)
    readers: list[tuple[str, ...]] = [
        (name, *(f"{standing[key]:,}" for key in ("cursor", "behind", "jobs", "failing")))
        for name, standing in found["readers"].items()
    ]
    if readers:
        click.echo()
        table(("reader", "cursor", "behind", "jobs", "failing"), readers)


def folder_stats(data: Path) -> dict[str, Any]:
    """Counts; `bytes` by file name; `readers` by name: how far each has come in the log, how many
    messages it is behind, its jobs."""
    readers = standings(data / CURSORS)
    log = Log(data / "log.db")
    entries = log.last_number()
    log.close()
    state = StateReader(state_path(data))
    with state.snapshot() as snapshot:
        found: dict[str, Any] = {
            "accounts": _count(snapshot, "select count(*) from accounts"),
            "follows": _count(snapshot, "select count(*) from follows"),
            "posts": _count(snapshot, "select count(*) from posts where boost_of = 0"),
            "boosts": _count(snapshot, "select count(*) from posts where boost_of != 0"),
        }
    found["deliveries"] = deliveries(state, 0, found["posts"] + found["boosts"])
    state.close()
    found["log_entries"] = entries
    found["readers"] = {
        name: {**standing, "behind": max(0, entries - standing["cursor"])}
        for name, standing in readers.items()
    }
    found["bytes"] = {
        path.name: path.stat().st_size
        for path in sorted(data.iterdir())
        if path.is_file() and path.suffix != ".sock"
    }
    return found


def deliveries(state: StateReader, after: int, posts: int) -> int:
    """The homes that posts with ids over `after` (about `posts` of them) go to."""
    graph = Graph()
    with state.snapshot() as snapshot:
        load_graph(graph, snapshot.execute)
    found = 0
    with progress("posts", posts) as advance:
        while True:
            with state.snapshot() as snapshot:
                rows = snapshot.execute(
                    f"select {FROZEN} from posts where id > ? order by id limit ?",
                    (after, POSTS_PER_SNAPSHOT),
                ).fetchall()
            if not rows:
                return found
            found += sum(len(audience(graph, candidate_of(row))) for row in rows)
            after = rows[-1][0]
            advance(len(rows))


def _count(snapshot: Snapshot, sql: str) -> int:
    row = snapshot.row(sql)
    assert row
    return int(row[0])
