"""A log written by any older version decodes for ever, and replays to the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.entries import entries
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare
from tests.state.plain_engine import rebuilt

from covey.log import Log
from covey.messages import KINDS, kind_of

DATA = Path(__file__).parent.parent / "data"
KEPT = sorted(
    DATA.glob("log-*.db"),
    key=lambda path: [int(part) for part in path.stem.removeprefix("log-").split(".")],
)


@pytest.fixture(params=KEPT, ids=lambda path: path.name)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copy(request.param, tmp_path / "log.db")


def test_there_is_one() -> None:
    assert KEPT


def test_it_decodes_and_replays(kept: Path, tmp_path: Path) -> None:
    log = Log(kept, write=True)
    oracle = Oracle()
    for entry in log.read():
        answer = oracle.submit(entry.actor, entry.message, entry.key, entry.stamp)
        # no replay asks whether it is allowed; but in this log all of it was
        assert answer == Accepted(entry.number, entry.id), entry
    state = rebuilt(tmp_path / "rebuilt", log, lambda number: number % 7 == 0)
    compare(state, oracle)
    assert state.execute("pragma integrity_check").fetchall() == [("ok",)]
    state.close()
    log.close()


def test_the_newest_holds_every_kind_as_it_is_written_today(tmp_path: Path) -> None:
    log = Log(shutil.copy(KEPT[-1], tmp_path / "log.db"))
    assert list(log.read()) == entries()
    assert {kind_of(entry.message) for entry in log.read()} == set(KINDS)
    today = Log(tmp_path / "today.db", write=True)
    today.append(entries())
    assert list(today.rows()) == list(log.rows())
    today.close()
    log.close()
