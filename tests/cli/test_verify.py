"""`covey verify` finds what is wrong, names it, and finds nothing where nothing is."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import apsw
import numpy as np
import pytest
from tests.cli.running import STORY, json_lines, output, run, story
from tests.entries import entries

import covey.oracle
from covey.cli.sample import check_sample, told_to_oracle
from covey.cli.verify import Homes, Report, check_homes
from covey.delivery.arena import ArenaReader
from covey.log import Log
from covey.log.log import checksum
from covey.media.folder import MediaFolder
from covey.messages import SERVER, Due, Entry
from covey.state.state import state_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return story(tmp_path / "data")


def wrong(folder: Path) -> dict[str, list[str]]:
    """What it finds. The folder is left as it was."""
    before = {path.name for path in folder.iterdir()}
    result = run("verify", "--data", folder, "--json")
    found: dict[str, list[str]] = json.loads(result.stdout)["wrong"]
    assert result.exit_code == (1 if found else 0)
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {
        name.split("-")[0] for name in before
    }
    return found


def change(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_all_agrees(folder: Path) -> None:
    assert "all of it agrees" in output("verify", "--data", folder)
    (found,) = json_lines("verify", "--data", folder)
    assert found["wrong"] == {}
    assert found["looked_at"]["log entries"] == len(STORY)
    assert found["looked_at"]["homes"] == 3
    assert found["looked_at"]["rows of the state"] > len(STORY) // 2


@pytest.mark.parametrize(("statement", "found"), [
    ("update posts set favourites_count = 9 where number = 16",
     "table posts, row id {id}: favourites_count is 9, not 1"),
    ("delete from sessions", "table sessions, row session_hash {hash!r}: it is missing"),
    ("insert into mutes values (1, 3, 1, 0, 1)",
     "table mutes, row account 1, target 3: it should not be there"),
    ("update facts set value = 1 where name = 'checksum'",
     "table facts, row name 'checksum': value is 1, not {crc}"),
])  # fmt: skip
def test_a_row_that_differs(folder: Path, statement: str, found: str) -> None:
    connection = apsw.Connection(str(state_path(folder)))
    values = {
        "id": next(entry.id for entry in STORY if entry.number == 16),
        "hash": connection.execute("select session_hash from sessions").fetchall()[0][0],
        "crc": connection.execute("select value from facts where name='checksum'").fetchall()[0][0],
    }  # fmt: skip
    connection.execute(statement)
    connection.close()
    assert found.format(**values) in wrong(folder)["state"]


def test_a_state_of_another_log(folder: Path) -> None:
    change(state_path(folder), "update facts set value = 'ffff' where name = 'log'")
    assert wrong(folder)["state"] == ["it was made from another log"]


def test_a_lost_tail(folder: Path) -> None:
    last = len(STORY)
    change(folder / "log.db", f"delete from entries where number = {last}")
    assert wrong(folder)["state"] == [f"it has applied message {last}, which the log does not hold"]


def test_a_state_that_is_behind_is_compared_as_it_is(folder: Path) -> None:
    last = STORY[-1]
    body = bytes.fromhex("81a46b696e64a9736f6d657468696e67")  # no message we know: never applied
    crc = checksum(last.number + 1, last.stamp, "something", 0, b"e", 0, body)
    change(
        folder / "log.db",
        f"insert into entries values ({last.number + 1}, {last.stamp}, 'something', 0, x'65', 0,"
        f" x'{body.hex()}', {crc})",
    )
    found = wrong(folder)
    assert "does not decode" in found["log"][0]
    assert found["state"] == ["not compared: it can't be built from a damaged log"]


@pytest.mark.parametrize(("statement", "found"), [
    ("update entries set body = x'80' where number = 5", "entry 5: its checksum does not fit"),
    ("update entries set stamp = stamp + 1 where number = 7", "entry 7: its checksum does not fit"),
    ("update entries set actor = 3 where number = 9", "entry 9: its checksum does not fit"),
    ("delete from entries where number = 12", "entry 11 is followed by 13: 12 is gone"),
])  # fmt: skip
def test_a_damaged_log(folder: Path, statement: str, found: str) -> None:
    change(folder / "log.db", statement)
    assert any(found in line for line in wrong(folder)["log"])


def test_an_id_that_breaks_the_rule(folder: Path) -> None:
    entry = next(entry for entry in STORY if entry.number == 16)
    connection = apsw.Connection(str(folder / "log.db"))
    number, stamp, kind, actor, key, _, body, _ = connection.execute(
        "select * from entries where number = 16"
    ).fetchall()[0]
    crc = checksum(number, stamp, kind, actor, key, entry.id + 5, body)
    connection.execute(
        "update entries set id = ?, checksum = ? where number = 16", (entry.id + 5, crc)
    )
    connection.close()
    assert wrong(folder)["log"][0] == f"entry 16: its id is {entry.id + 5}, not {entry.id}"


def test_no_state(folder: Path) -> None:
    state_path(folder).unlink()
    assert wrong(folder)["state"] == ["there is none: the next start makes it from the log"]


def test_a_home_that_holds_too_much_or_too_little(folder: Path) -> None:
    first, *_, last = (entry.id for entry in STORY if entry.id > 1 << 32)
    homes = Homes(1 << 20, 10)
    homes.arena.begin()
    homes.arena.deliver(
        np.array([first, last + 1], np.uint64), np.array([0, 2, 3]), np.array([2, 3, 3], np.uint32)
    )
    homes.arena.finish(published=last + 1, applied=len(STORY))
    report = Report()
    check_homes(ArenaReader(homes.arena.memory), state_path(folder), report)
    found = report.wrong["homes"]
    assert found[0].startswith("account 1: ")
    assert "is missing" in found[0]
    assert f"{first} does not belong" in found[2]


POST, FOLLOWED = 16, 14
"""Numbers of Ann's post, which Bob has at home, and of what Ann is told of Bob."""


@pytest.mark.parametrize(("statement", "found"), [
    (f"update posts set visibility = 3 where number = {POST}",
     "account 2, home: {id} is missing (1 are)"),
    (f"delete from posts where number = {POST}", "account 3, home: can't be read: KeyError({id})"),
    ("insert into follows values (3, 1, 1, 0, '', 9)", "account 3, home: "),
    (f"delete from notifications where account = 1 and number = {FOLLOWED}",
     "account 1, notifications: 14 is missing (1 are)"),
    ("insert into notifications values (2, 1, 'follow', 3, 0, 1, 0)",
     "account 2, notifications: 2 are unread, not 1"),
    ("update positions set position = 5 where account = 1 and queue = 'home'",
     "account 1, home: it is read up to 5, not {id}"),
])  # fmt: skip
def test_a_queue_that_the_oracle_has_otherwise(folder: Path, statement: str, found: str) -> None:
    change(state_path(folder), statement)
    expected = found.format(id=next(entry.id for entry in STORY if entry.number == POST))
    assert any(line.startswith(expected) for line in wrong(folder)["queues"])


def test_a_rule_that_is_wrong_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then state, rebuilt state, merge and arena are all of one mind."""
    monkeypatch.setattr("covey.delivery.audience.TO_FOLLOWERS", frozenset())
    found = wrong(folder)
    assert list(found) == ["queues"]
    assert found["queues"][0].startswith("account 2, home: ")
    assert "without the arena" in found["queues"][1]


def test_the_sample(folder: Path) -> None:
    for size, accounts in ((0, None), (2, 2), (9, 3)):
        (found,) = json_lines("verify", "--data", folder, "--sample", str(size))
        assert found["looked_at"].get("accounts held against the oracle") == accounts
        assert found["left_out"] == []
    oracle = told_to_oracle(Log(folder / "log.db"), len(STORY))
    state, arena = state_path(folder), Homes(1 << 20, 10).arena
    drawn = [check_sample(oracle, state, ArenaReader(arena.memory), 1) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_an_act_that_took_several_messages(tmp_path: Path) -> None:
    """The oracle tells all of it at once, so notifications may differ until it is done."""
    last = STORY[-1]
    piece = Entry(last.number + 1, last.stamp, SERVER, b"e", 0, Due(number=last.number))
    folder = story(tmp_path / "data", [*STORY, piece])
    assert "not looked at: notifications by the oracle" in output("verify", "--data", folder)


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    for path in Path(covey.oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("covey"):
                named = {f"{node.module}.{alias.name}" for alias in node.names}
                allowed = ("covey.limits", "covey.messages.", "covey.oracle.")
                assert all(name.startswith(allowed) for name in named), (path.name, named)
            assert not isinstance(node, ast.Import)


def test_all_agrees_after_every_kind_of_message(tmp_path: Path) -> None:
    folder = story(tmp_path, entries())
    media = MediaFolder(folder)
    state = apsw.Connection(str(state_path(folder)))
    rows = state.execute("select file, size, small, small_size from media").fetchall()
    state.close()
    files = {media.file(str(name)): int(size) for row in rows  # type: ignore[call-overload]
             for name, size in (row[:2], row[2:]) if name}  # fmt: skip
    assert len(files) == 5
    for path, size in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, size)
    assert "all of it agrees" in output("verify", "--data", folder)
    first, second, *_ = files
    first.unlink()
    os.truncate(second, 1)
    result = run("verify", "--data", folder)
    assert result.exit_code == 1
    assert f"the file {first.name} is missing" in result.stdout
    assert f"the file {second.name} has 1 bytes, not {files[second]}" in result.stdout
