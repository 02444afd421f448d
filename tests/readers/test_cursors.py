"""`cursors.db`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from covey.database import WrongDatabase, open_database
from covey.log import Log
from covey.readers.cursors import Cursors
from covey.readers.reader import Job


def opened(folder: Path, last: int = 100, log_id: str = "log") -> Cursors:
    return Cursors(folder / "cursors.db", log_id, last)


def test_it_keeps_cursors_and_jobs(tmp_path: Path) -> None:
    cursors = opened(tmp_path)
    assert cursors.number("a") is None
    cursors.move("a", 7, [Job(6, "x"), Job(7, "y")], at=1000)
    cursors.move("b", 3)
    cursors.failed("a", Job(6, "x"), 5000, "no")
    cursors.close()
    cursors = opened(tmp_path)
    assert (cursors.number("a"), cursors.number("b")) == (7, 3)
    assert cursors.next_jobs("a", 9) == [(Job(7, "y"), 1000, 0), (Job(6, "x"), 5000, 1)]
    assert (cursors.waiting("a"), cursors.waiting("b")) == (2, 0)
    cursors.done("a", Job(7, "y"), [Job(7, "z")], 2000)
    assert cursors.next_jobs("a", 1) == [(Job(7, "z"), 2000, 0)]
    cursors.close()
    assert stat.S_IMODE((tmp_path / "cursors.db").stat().st_mode) == 0o600


def test_a_job_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    cursors = opened(tmp_path)
    cursors.move("a", 6, [Job(6, "x")], at=1000)
    cursors.failed("a", Job(6, "x"), 5000, "no")
    cursors.move("a", 6, [Job(6, "x")], at=2000)
    assert cursors.next_jobs("a", 9) == [(Job(6, "x"), 5000, 1)]
    cursors.close()


def test_a_log_that_lost_its_end_clamps_cursors(tmp_path: Path) -> None:
    """As after a restore: what is beyond it never happened."""
    cursors = opened(tmp_path)
    cursors.move("a", 90, [Job(40, "x"), Job(60, "y")])
    cursors.move("b", 50)
    cursors.close()
    cursors = opened(tmp_path, last=50)
    assert cursors.clamped == {"a": 90}
    assert not cursors.is_foreign
    assert (cursors.number("a"), cursors.number("b")) == (50, 50)
    assert [job for job, _, _ in cursors.next_jobs("a", 9)] == [Job(40, "x")]
    cursors.close()


def test_another_logs_cursors_are_forgotten(tmp_path: Path) -> None:
    cursors = opened(tmp_path)
    cursors.move("a", 90, [Job(40, "x")])
    cursors.close()
    cursors = opened(tmp_path, log_id="another")
    assert cursors.is_foreign
    assert cursors.number("a") is None
    assert not cursors.waiting("a")
    cursors.close()


def test_a_foreign_or_newer_file_is_refused(tmp_path: Path) -> None:
    Log(tmp_path / "cursors.db", write=True).close()
    with pytest.raises(WrongDatabase):
        opened(tmp_path)
    (tmp_path / "cursors.db").unlink()
    opened(tmp_path).close()
    connection = open_database(tmp_path / "cursors.db", mode="write")
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(WrongDatabase, match="newer"):
        opened(tmp_path)
