"""The log: what was appended is there, whole and in order, or what is not is named."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.entries import entries
from tests.folders import scratch

from covey.database import WrongDatabase
from covey.log import Log, LogDamaged, checksum
from covey.log.log import APPLICATION_ID, VERSION, entry_of
from covey.messages import Entry, Favourite, Follow, encode

STORY = entries()[:38]
"""Its beginning: as many as the batches below hold."""
COLUMNS = ["number", "stamp", "kind", "actor", "key", "id", "body", "checksum"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Log:
    log = Log(path, write=True)
    log.append(STORY)
    return log


def like(entry: Entry, number: int) -> Entry:
    return Entry(number, entry.stamp, entry.actor, entry.key, entry.id, entry.message)


# --- append and read --------------------------------------------------------------------------


def test_what_was_appended_is_read(log: Log) -> None:
    assert list(log.read()) == STORY
    assert list(log.read(after=3, until=7)) == STORY[3:7]
    assert list(log.read(after=len(STORY))) == []


def test_rows_are_as_the_format_says(log: Log) -> None:
    for row, entry in zip(log.rows(), STORY, strict=True):
        kind = row[2]
        fields = (entry.number, entry.stamp, kind, entry.actor, entry.key, entry.id)
        body = encode(entry.message)
        assert row == (*fields, body, checksum(*fields, body))
        assert log.row(entry.number) == row
    assert log.row(0) is None
    assert log.row(len(STORY) + 1) is None


@pytest.mark.parametrize("limit", [-1, 0, 1, 5, 37, 38, 39, 1000])
def test_rows_keep_to_the_limit(log: Log, limit: int) -> None:
    numbers = [row[0] for row in log.rows(after=2, until=30, limit=limit)]
    assert numbers == list(range(3, 31))[: None if limit < 0 else limit]


def test_rows_go_on_over_a_slice_of_a_thousand(path: Path) -> None:
    log = Log(path, write=True)
    log.append([like(STORY[13], number) for number in range(1, 2_502)])
    assert [row[0] for row in log.rows()] == list(range(1, 2_502))
    assert [row[0] for row in log.rows(after=500, limit=1_500)] == list(range(501, 2_001))
    # appended between two slices: it is read too
    rows = log.rows()
    next(rows)
    log.append([like(STORY[13], 2_502)])
    assert [row[0] for row in rows] == list(range(2, 2_503))


def test_last(path: Path) -> None:
    log = Log(path, write=True)
    assert log.last() is None
    assert log.last_number() == 0
    crc = log.append(STORY[:5])
    last = log.last()
    assert last is not None
    assert (last[0], last[-1]) == (5, crc)
    assert log.last_number() == 5
    assert log.append([]) == 0
    assert log.last_number() == 5


def test_an_append_that_fails_half_way_leaves_nothing(log: Log, path: Path) -> None:
    ahead = [like(STORY[0], len(STORY) + n) for n in (1, 2, 3)]
    with pytest.raises(apsw.ConstraintError):
        log.append([*ahead, like(STORY[0], 1), like(STORY[0], len(STORY) + 4)])
    assert list(log.read()) == STORY
    assert list(Log(path).read()) == STORY
    log.append(ahead)  # and it is not stuck in a transaction
    assert log.last_number() == len(STORY) + 3


@pytest.mark.parametrize("batches", [[38], [1] * 38, [5, 30, 3]])
def test_it_is_there_after_opening_again(path: Path, batches: list[int]) -> None:
    log, start = Log(path, write=True), 0
    for size in batches:
        log.append(STORY[start : start + size])
        start += size
    identity = log.id
    log.close()
    for write in (True, False):
        again = Log(path, write=write)
        assert list(again.read()) == STORY
        assert (again.id, again.epoch) == (identity, 1)
        again.close()


def test_two_logs_are_told_apart(tmp_path: Path) -> None:
    logs = [Log(tmp_path / name, write=True) for name in ("a", "b")]
    assert logs[0].id != logs[1].id


def test_only_its_owner_may_read_the_file(log: Log, path: Path) -> None:
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# --- damage -----------------------------------------------------------------------------------


def flips(value: object) -> list[object]:
    """The value with each of its bytes flipped, all bits or one."""
    if isinstance(value, int):
        raw = value.to_bytes(8, "little", signed=True)
        return [
            int.from_bytes(bytes(b ^ (mask if i == place else 0) for i, b in enumerate(raw)),
                           "little", signed=True)
            for place in range(8) for mask in (1, 128, 255)
        ]  # fmt: skip
    raw = value.encode() if isinstance(value, str) else value
    assert isinstance(raw, bytes)
    return [
        bytes(b ^ (mask if i == place else 0) for i, b in enumerate(raw))
        for place in range(len(raw))
        for mask in (1, 128, 255)
    ]


@pytest.mark.parametrize("column", COLUMNS[1:])
@pytest.mark.parametrize("number", [16, 20, 30])
def test_a_flipped_byte_of_any_column_names_the_entry(
    log: Log, path: Path, column: str, number: int
) -> None:
    row = log.row(number)
    assert row is not None
    log.close()
    damaged = apsw.Connection(str(path))
    value = row[COLUMNS.index(column)]
    store = "cast(? as text)" if column == "kind" else "?"
    update = f"update entries set {column} = {store} where number = ?"
    for flipped in flips(value):
        damaged.execute(update, (flipped, number))
        reader = Log(path)
        found: list[int] = []
        with pytest.raises(LogDamaged) as caught:
            found.extend(entry.number for entry in reader.read())
        assert caught.value.number == number
        assert str(number) in str(caught.value)
        reader.close()
    damaged.execute(update, (value, number))
    assert list(Log(path).read()) == STORY


def test_a_flipped_byte_of_a_number_is_found_at_its_new_place(log: Log, path: Path) -> None:
    log.close()
    damaged = apsw.Connection(str(path))
    for flipped in flips(38):
        assert isinstance(flipped, int)
        if 0 < flipped < 38:
            continue  # two entries can't have one number
        damaged.execute("update entries set number = ? where number = 38", (flipped,))
        reader = Log(path)
        if flipped > 0:
            with pytest.raises(LogDamaged) as caught:
                list(reader.read())
            assert caught.value.number == flipped
        else:  # it is missing, which the density of numbers shows
            assert reader.last_number() == 37
        reader.close()
        damaged.execute("update entries set number = 38 where number = ?", (flipped,))


@given(st.sampled_from(STORY), st.data())
def test_damage_that_checks_out_is_still_no_entry(entry: Entry, data: st.DataObject) -> None:
    """Somebody who can make a checksum can't make the kinds differ, or a body that is none."""
    body = encode(Favourite(post=1))
    kind = str(entry.message.__struct_config__.tag)
    if not isinstance(entry.message, Favourite):
        fields = (entry.number, entry.stamp, kind, entry.actor, entry.key, entry.id)
        with pytest.raises(LogDamaged, match="kind"):
            entry_of((*fields, body, checksum(*fields, body)))
    other = data.draw(st.binary(max_size=20))
    fields = (entry.number, entry.stamp, kind, entry.actor, entry.key, entry.id)
    with pytest.raises(LogDamaged):
        entry_of((*fields, b"\xc1" + other, checksum(*fields, b"\xc1" + other)))


# --- files of others --------------------------------------------------------------------------


def remark(path: Path, **marks: int) -> None:
    connection = apsw.Connection(str(path))
    for name, value in marks.items():
        connection.execute(f"pragma {name} = {value}").fetchall()
    connection.close()


@pytest.mark.parametrize("write", [True, False])
def test_a_foreign_file_is_refused(log: Log, path: Path, write: bool) -> None:
    log.close()
    remark(path, application_id=APPLICATION_ID + 1)
    with pytest.raises(WrongDatabase, match="not a file of this kind"):
        Log(path, write=write)


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_file_is_refused(log: Log, path: Path, write: bool) -> None:
    log.close()
    remark(path, user_version=VERSION + 1)
    with pytest.raises(WrongDatabase, match="newer"):
        Log(path, write=write)


@pytest.mark.parametrize("write", [True, False])
def test_what_is_no_database_is_refused(path: Path, write: bool) -> None:
    path.write_bytes(b"Dear diary, " * 1_000)
    with pytest.raises(apsw.NotADBError):
        Log(path, write=write)
    assert path.read_bytes() == b"Dear diary, " * 1_000


def test_another_programs_database_is_not_made_into_a_log(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("create table diary (page text)").fetchall()
    connection.close()
    with pytest.raises(WrongDatabase):
        Log(path, write=True)
    tables = apsw.Connection(str(path)).execute("select name from sqlite_schema").fetchall()
    assert tables == [("diary",)]


def test_there_is_nothing_to_read_before_there_is_a_file(path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        Log(path)
    assert not path.exists()


# --- other processes --------------------------------------------------------------------------

WRITER = """
    import sys
    from pathlib import Path
    from covey.log import Log
    from covey.messages import Entry, Follow
    log = Log(Path(sys.argv[1]), write=True)
    number = log.last_number()
    for batch in range(60):
        entries = [Entry(number + n, batch, 1, b"k", 0, Follow(account=n)) for n in range(1, 11)]
        log.append(entries)
        number += 10
        print(number, flush=True)
"""


def test_reading_while_another_process_writes(path: Path) -> None:
    Log(path, write=True).close()
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert writer.stdout is not None
    try:
        reader, last = Log(path), 0
        for line in writer.stdout:
            acknowledged = int(line)
            found = list(reader.read(after=last))
            numbers = [entry.number for entry in found]
            assert numbers == list(range(last + 1, last + 1 + len(found)))
            assert len(found) % 10 == 0  # never part of a batch
            last += len(found)
            assert last >= acknowledged
        assert writer.wait() == 0
        assert reader.last_number() == 600
    finally:
        writer.kill()
        writer.wait()


# --- the checksum -----------------------------------------------------------------------------

big = st.integers(0, (1 << 63) - 1)
fields = st.tuples(big, big, st.text(max_size=10), big, st.binary(max_size=20), big, st.binary())


@given(fields, st.integers(0, 6), st.integers(0, 10_000), st.integers(1, 255))
def test_every_byte_counts(values: tuple, column: int, place: int, mask: int) -> None:
    value = values[column]
    raw = value.to_bytes(8, "little") if isinstance(value, int) else value
    raw = bytearray(raw.encode() if isinstance(raw, str) else raw)
    if not raw or column == 2:
        return
    raw[place % len(raw)] ^= mask
    changed = bytes(raw) if not isinstance(value, int) else int.from_bytes(raw, "little")
    if isinstance(changed, int) and changed >= 1 << 63:
        return
    other = (*values[:column], changed, *values[column + 1 :])
    assert checksum(*other) != checksum(*values)


def test_it_is_the_one_in_the_docs() -> None:
    """By hand: `docs/formats.md` must be enough to write it again."""
    import binascii

    entry = STORY[13]
    body = encode(entry.message)
    assert isinstance(entry.message, Follow)
    numbers = b"".join(
        value.to_bytes(8, "little") for value in (entry.number, entry.stamp, entry.actor, entry.id)
    )
    written = numbers + b"follow" + b"\0" + entry.key + b"\0" + body
    expected = binascii.crc32(written)
    key, id_ = entry.key, entry.id
    assert checksum(entry.number, entry.stamp, "follow", entry.actor, key, id_, body) == expected


@given(st.lists(st.integers(1, 10), max_size=10))
def test_any_batches_make_the_same_rows(batches: list[int]) -> None:
    with scratch() as folder:
        log, start = Log(folder / "log.db", write=True), 0
        for size in batches:
            log.append(STORY[start : start + size])
            start += size
        log.append(STORY[start:])
        assert list(log.read()) == STORY
        log.close()
