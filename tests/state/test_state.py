"""The state's file: whose it is, what it was made from, and what a commit and a rollback leave."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import apsw
import pytest
from tests.state.plain_engine import PlainEngine, rebuilt, tables

from covey.database import WrongDatabase
from covey.errors import Refused
from covey.log import Log
from covey.messages import SERVER, Entry, Favourite, Follow, Post, Register
from covey.state.all import apply
from covey.state.queries import StateReader
from covey.state.state import (
    APPLICATION_ID,
    SCHEMA,
    VERSION,
    Outcome,
    State,
    StateAhead,
    state_path,
)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    engine = PlainEngine(tmp_path, accounts=3)
    engine.submit(1, Post(text="one"))
    return engine


def other_log(folder: Path, entries: list[Entry], identity: str) -> Log:
    """A log with these entries that says it is the one with this id."""
    folder.mkdir()
    log = Log(folder / "log.db", write=True)
    log.append(entries)
    log.id = identity
    return log


# --- the log it was made from -----------------------------------------------------------------


def test_it_goes_on_with_its_own_log(engine: PlainEngine, tmp_path: Path) -> None:
    engine.close()
    again = PlainEngine(tmp_path)
    assert again.state.applied == 4
    again.submit(1, Post(text="two"))


def test_another_log_is_refused(engine: PlainEngine, tmp_path: Path) -> None:
    log = other_log(tmp_path / "other", list(engine.log.read()), "another")
    with pytest.raises(StateAhead, match="another log"):
        engine.state.check_against(log)


def test_a_log_that_lost_its_tail_is_refused(engine: PlainEngine, tmp_path: Path) -> None:
    log = other_log(tmp_path / "other", list(engine.log.read())[:-1], engine.log.id)
    with pytest.raises(StateAhead, match="lost its tail"):
        engine.state.check_against(log)


def test_a_log_with_another_last_message_is_refused(engine: PlainEngine, tmp_path: Path) -> None:
    *before, last = engine.log.read()
    other = Entry(last.number, last.stamp, last.actor, last.key, last.id, Post(text="other"))
    log = other_log(tmp_path / "other", [*before, other], engine.log.id)
    with pytest.raises(StateAhead, match="another message 4"):
        engine.state.check_against(log)


def test_a_log_that_is_ahead_is_well(engine: PlainEngine) -> None:
    engine.log.append([Entry(5, engine.now, 1, b"e", 0, Follow(account=2))])
    engine.state.check_against(engine.log)


def test_the_log_is_known_after_a_first_batch_of_refusals(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path)
    engine.state.begin()
    engine.state.rollback()
    engine.submit(SERVER, Register(name="ann"))
    assert ("log", engine.log.id) in engine.state.execute("select * from facts").fetchall()


# --- whose file it is -------------------------------------------------------------------------


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table diary (page text)").fetchall()
    connection.close()
    for open_it in (State, StateReader):
        with pytest.raises(WrongDatabase):
            open_it(path)


def test_a_newer_file_is_refused(engine: PlainEngine) -> None:
    engine.close()
    connection = apsw.Connection(str(engine.state.path))
    connection.execute(f"pragma user_version = {VERSION + 1}").fetchall()
    connection.close()
    for open_it in (State, StateReader):
        with pytest.raises(WrongDatabase, match="newer"):
            open_it(engine.state.path)


def test_a_log_is_no_state(engine: PlainEngine) -> None:
    with pytest.raises(WrongDatabase):
        State(engine.log.path)
    with pytest.raises(WrongDatabase):
        Log(engine.state.path)


def test_there_is_nothing_to_read_before_there_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        StateReader(tmp_path / "state.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_only_begun_is_finished(tmp_path: Path) -> None:
    """The process ended between the marks and the schema."""
    path = tmp_path / "state.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"pragma application_id = {APPLICATION_ID}").fetchall()
    connection.close()
    assert tables(State(path))["facts"] == []


def test_only_its_owner_may_read_the_file(engine: PlainEngine) -> None:
    for file in engine.state.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_version_is_another_file(tmp_path: Path) -> None:
    assert state_path(tmp_path).name == f"state-{VERSION}.db"
    assert "strict" in SCHEMA.read_text("utf-8")


# --- commit and rollback ----------------------------------------------------------------------


def test_nobody_sees_rows_before_the_commit(engine: PlainEngine) -> None:
    reader = StateReader(engine.state.path)
    state = engine.state
    state.begin()
    entry = Entry(5, engine.now, 2, b"e5", 0, Follow(account=1))

    apply(state, entry, Outcome())
    with reader.snapshot() as before:
        assert before.applied == 4
        assert not before.relations(2).following
        state.commit(77)
        assert before.applied == 4
        assert not before.relations(2).following
    with reader.snapshot() as after:
        assert after.applied == 5
        assert set(after.relations(2).following) == {1}
    assert state.checksum == 77


def test_a_rollback_after_a_failed_statement(engine: PlainEngine) -> None:
    before = tables(engine.state)
    engine.state.begin()
    engine.state.execute("update accounts set note = 'x'")
    with pytest.raises(apsw.ConstraintError):
        engine.state.execute("insert or rollback into accounts (number) values (1)")
    engine.state.rollback()
    assert tables(engine.state) == before
    with pytest.raises(Refused):
        engine.submit(1, Favourite(post=7))
    engine.submit(1, Follow(account=2))


def test_a_copy_of_the_file_is_a_state_too(engine: PlainEngine, tmp_path: Path) -> None:
    expected = tables(engine.state)
    engine.close()
    copy = State(shutil.copy(engine.state.path, tmp_path / "copy.db"))
    assert tables(copy) == expected


def test_an_empty_log_makes_an_empty_state(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path / "a")
    state = rebuilt(tmp_path / "b", engine.log, lambda number: True)
    assert {name: rows for name, rows in tables(state).items() if rows and name != "facts"} == {}
    assert state.applied == state.last_id == state.accounts == 0
