"""What a resumed stream needs beside posts and notifications: a row a message, kept CHANGES_MS."""

from __future__ import annotations

from covey.messages import Entry
from covey.state.state import Outcome, State


def changed(
    state: State, entry: Entry, outcome: Outcome, kind: str, subject: int, account: int
) -> None:
    """Connected readers are told, and those that come back. `kind` and what `subject` is: see
    `Outcome.changes`. At most once a message."""
    state.execute(
        "insert into changes values (?, ?, ?, ?, ?)",
        (entry.number, kind, subject, account, entry.stamp),
    )
    outcome.changes.append((entry.number, kind, subject, account))
