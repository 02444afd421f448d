"""The steps check, order, apply and append, one after the other and nothing else: what the state is
tested with. The engine that people use is tested against the same oracle in tests/engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.histories import START_MS, Submission, founding

from covey.errors import Refused
from covey.log import Log
from covey.messages import (
    Announce,
    AnyMessage,
    App,
    Boost,
    CreateGroup,
    CreateList,
    Due,
    Entry,
    Post,
    Register,
    SetFilter,
    next_id,
)
from covey.state.all import apply, check
from covey.state.drafts import posts_now
from covey.state.state import Outcome, State

Tables = dict[str, list[tuple[Any, ...]]]


def tables(state: State) -> Tables:
    """Every row of every table, in the order of its key."""
    execute = state.execute
    names = execute("select name from sqlite_schema where type = 'table' order by name").fetchall()
    return {name: execute(f"select * from {name} order by 1, 2").fetchall() for (name,) in names}


def remembered(state: State, actor: int, key: bytes, stamp: int) -> int:
    """Number of the message that was accepted under the key; 0: none."""
    hash_ = state.answers.hash_of(actor, key)
    return state.answers.find([hash_], stamp).get(hash_, 0)


class PlainEngine:
    """A log and a state in a folder; every submission is a batch, unless `together` says more."""

    def __init__(self, folder: Path, *, accounts: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = Log(folder / "log.db", write=True)
        self.state = State(folder / "state.db")
        self.state.check_against(self.log)
        self.now = START_MS
        self.outcome = Outcome()
        self._keys = 0
        for submission in founding(accounts):
            self.submit(*submission)

    def submit(self, actor: int, message: AnyMessage, key: bytes = b"") -> Entry:
        """Raises Refused. → the entry, or for a key that was accepted before, that entry."""
        (answer,) = self.together([Submission(actor, message, key)])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def together(self, submissions: Iterable[Submission]) -> list[Entry | Refused]:
        """One batch; `outcome` is what it did."""
        state, self.outcome = self.state, Outcome()
        state.begin()
        entries: list[Entry] = []
        answers: list[Entry | Refused] = []
        stamp = max(self.now, state.stamp)
        for actor, message, key in submissions:
            if not key:
                self._keys += 1
                key = b"e" + self._keys.to_bytes(16, "little")
            number = remembered(state, actor, key, stamp)
            if number:
                row = self.log.row(number)
                id_ = row[5] if row else entries[number - entries[0].number].id
                answers.append(Entry(number, stamp, actor, key, id_, message))
                continue
            try:
                check(state, actor, message, stamp)
            except Refused as refused:
                answers.append(refused)
                continue
            entry = Entry(state.applied + 1, stamp, actor, key, self._id(message, stamp), message)
            apply(state, entry, self.outcome)
            entries.append(entry)
            answers.append(entry)
        state.commit(self.log.append(entries) if entries else state.checksum)
        return answers

    def _id(self, message: AnyMessage, stamp: int) -> int:
        match message:
            case Register() | CreateGroup():
                return self.state.accounts + 1
            case CreateList() | SetFilter() | Announce():
                return self.state.applied + 1
            case App():
                return self.state.apps + 1
            case Post() | Boost():
                return next_id(stamp, self.state.last_id)
            case Due(number=number) if posts_now(self.state, number, stamp):
                return next_id(stamp, self.state.last_id)
        return 0

    def refusal(self, actor: int, message: AnyMessage) -> str:
        """The code, from `check` alone. Asserts that nothing was left behind."""
        before = self.state.count("select total_changes()")
        found = None
        try:
            check(self.state, actor, message, max(self.now, self.state.stamp))
        except Refused as refused:
            found = refused
        assert self.state.count("select total_changes()") == before
        if found is None:
            return ""
        assert "?" not in found.sentence, found.sentence  # a detail was forgotten
        return found.code

    def close(self) -> None:
        self.log.close()
        self.state.close()


def rebuilt(folder: Path, log: Log, is_boundary: Callable[[int], bool]) -> State:
    """The log into an empty state, committed after each number that is a boundary, and at last."""
    folder.mkdir(parents=True, exist_ok=True)
    state = State(folder / "state.db")
    state.check_against(log)
    state.begin()
    checksum = 0
    for entry, row in zip(log.read(), log.rows(), strict=True):
        apply(state, entry, Outcome())
        checksum = row[-1]
        if is_boundary(entry.number):
            state.commit(checksum)
            state.begin()
    state.commit(checksum)
    return state
