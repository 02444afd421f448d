"""`covey rebuild`: the same state again, and the old one until the new one is whole."""

from __future__ import annotations

from pathlib import Path

import apsw
from tests.cli.running import STORY, error, output, story

from covey.engine.folder import folder_lock
from covey.state.state import state_path


def dump(path: Path) -> str:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = connection.execute("select name from sqlite_schema where type = 'table'").fetchall()
    rows = {
        name: sorted(connection.execute(f"select * from {name}").fetchall()) for (name,) in tables
    }
    connection.close()
    return repr(rows)


def test_the_same_again(tmp_path: Path) -> None:
    folder = story(tmp_path)
    before = dump(state_path(folder))
    connection = apsw.Connection(str(state_path(folder)))
    connection.execute("update posts set text = 'forged'")
    connection.close()
    assert f"{len(STORY)} messages applied" in output("rebuild", "--data", folder)
    assert dump(state_path(folder)) == before
    assert "agrees" in output("verify", "--data", folder)


def test_out_of_the_log_alone(tmp_path: Path) -> None:
    folder = story(tmp_path)
    before = dump(state_path(folder))
    for path in folder.glob("state-*"):
        path.unlink()
    output("rebuild", "--data", folder)
    assert dump(state_path(folder)) == before
    assert state_path(folder).stat().st_mode & 0o777 == 0o600


def test_what_a_broken_off_one_left_is_no_trouble(tmp_path: Path) -> None:
    folder = story(tmp_path)
    state_path(folder).with_suffix(".new").write_bytes(b"half of it")
    output("rebuild", "--data", folder)
    assert not list(folder.glob("*.new*"))


def test_a_damaged_log_leaves_the_old_state(tmp_path: Path) -> None:
    folder = story(tmp_path)
    connection = apsw.Connection(str(folder / "log.db"))
    connection.execute("update entries set body = x'80' where number = 20")
    connection.close()
    before = dump(state_path(folder))
    assert "log entry 20" in error("rebuild", "--data", folder)
    assert dump(state_path(folder)) == before
    assert not list(folder.glob("*.new*"))


def test_not_under_a_running_server(tmp_path: Path) -> None:
    folder = story(tmp_path)
    with folder_lock(folder):
        assert "is in use" in error("rebuild", "--data", folder)
