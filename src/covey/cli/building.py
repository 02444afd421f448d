"""A fresh state from the log: what `covey rebuild` puts in place, and `covey verify` compares
with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from covey.database import set_pragma
from covey.errors import Fatal
from covey.log import Log
from covey.log.log import Row, entry_of
from covey.messages import Entry, kind_of
from covey.state.all import apply
from covey.state.state import Outcome, State

ENTRIES_PER_COMMIT: Final = 2_048
COMMITS_PER_CHECKPOINT: Final = 16
"""Keeps the write-ahead file near the size of the caches."""


class Watcher:
    """Sees what each entry did, as the engine's delivery does."""

    def applied(self, state: State, outcome: Outcome) -> None:
        """After each entry, at its place."""

    def committed(self, state: State, outcome: Outcome) -> None:
        """After each commit; `outcome` holds what all entries since the last one did."""


def build(
    log: Log,
    path: Path,
    until: int,
    *,
    advance: Callable[[int], None] = lambda more: None,
    watcher: Watcher | None = None,
) -> State:
    """Make the state file `path` and apply the log to it up to message `until`. → the state, with
    its graph, checkpointed and synced.

    Raises LogDamaged, and Fatal for an entry that can't be applied; both name its number.
    """
    watcher = watcher or Watcher()
    state = State(path)
    # Until it is whole it is worth nothing, so nothing needs to be safe before.
    set_pragma(state.connection, "synchronous", 0)
    state.check_against(log)
    batch: list[Row] = []
    commits = 0
    for row in log.rows(until=until):
        batch.append(row)
        if len(batch) == ENTRIES_PER_COMMIT or row[0] == until:
            _apply(state, batch, watcher)
            advance(len(batch))
            batch = []
            commits += 1
            if commits % COMMITS_PER_CHECKPOINT == 0:
                state.execute("pragma wal_checkpoint(truncate)").fetchall()
    set_pragma(state.connection, "synchronous", 2)
    state.execute("pragma wal_checkpoint(truncate)").fetchall()
    return state


def _apply(state: State, rows: list[Row], watcher: Watcher) -> None:
    outcome = Outcome()
    state.begin()
    for row in rows:
        entry = entry_of(row)
        try:
            apply(state, entry, outcome)
        except Exception as error:
            raise Fatal(_cannot(entry, error)) from error
        watcher.applied(state, outcome)
        outcome.posted.clear()
        outcome.notifications.clear()
        outcome.changes.clear()
    state.commit(rows[-1][-1])
    watcher.committed(state, outcome)


def _cannot(entry: Entry, error: Exception) -> str:
    return f"message {entry.number} ({kind_of(entry.message)}) can't be applied: {error!r}"
