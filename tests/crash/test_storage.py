"""When the disk fails, and when what lies on it is not what it should be."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server import HANG_SECONDS, Server, eventually, is_running, serving

from covey.log import Log
from covey.messages import Post
from covey.state.state import state_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def posts_in(server: Server) -> list[str]:
    messages = [entry.message for entry in Log(server.folder / "log.db").read()]
    return [message.text for message in messages if isinstance(message, Post)]


@pytest.mark.parametrize("bytes_left", [0, 1 << 16])
def test_when_the_log_can_not_be_written_the_engine_starts_again(
    server: Server, bytes_left: int
) -> None:
    """Its files may not grow any more; then no write succeeds. What waits for an answer gets it
    from the next engine, which may write."""
    (_, token) = server.people("ann")["ann"]
    engine = server.pid("engine")
    size = (server.folder / "log.db-wal").stat().st_size
    resource.prlimit(engine, resource.RLIMIT_FSIZE, (size + bytes_left, resource.RLIM_INFINITY))
    with server.client(token) as client:
        for n in range(40):
            response = client.post(
                "/api/v1/statuses",
                data={"status": f"Number {n}"},
                headers={"Idempotency-Key": f"00000000-0000-4000-8000-{n:012}"},
            )
            assert response.status_code == 200, response.text
        assert len(client.get("/api/v1/timelines/home?limit=40").json()) == 40
    assert not is_running(engine)
    assert "engine ended with status 1: starting it again" in server.said.read_text()
    assert posts_in(server) == [f"Number {n}" for n in range(40)]
    assert server.stop() == 0
    server.verify()


def stopped_with_posts(server: Server) -> None:
    people = server.people("ann")
    server.submit(*[(people["ann"][0], Post(text=f"Number {n}")) for n in range(20)])
    assert server.stop() == 0


def refuses_to_start(server: Server) -> str:
    """→ what it says."""
    server.said.write_text("")
    process = server.spawn()
    assert process.wait(HANG_SECONDS) == 1
    eventually(lambda: not server.tree(), "nothing remains")
    said = server.said.read_text()
    assert "Traceback" not in said
    assert "answers at" not in said
    return said


def test_a_log_that_lost_its_tail(server: Server) -> None:
    stopped_with_posts(server)
    shutil.copy(server.folder / "log.db", server.folder / "log.old")
    server.start()
    server.submit((1, Post(text="Lost")))
    server.stop()
    (server.folder / "log.db").unlink()
    (server.folder / "log.old").rename(server.folder / "log.db")
    assert "the log lost its tail" in refuses_to_start(server)


def test_a_log_that_is_another(server: Server) -> None:
    stopped_with_posts(server)
    (server.folder / "log.db").unlink()
    assert "was made from another log" in refuses_to_start(server)


def flip(path: Path, text: bytes) -> None:
    """One bit, in the middle of where `text` stands."""
    data = bytearray(path.read_bytes())
    place = data.index(text) + len(text) // 2
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_in_what_has_to_be_applied(server: Server) -> None:
    stopped_with_posts(server)
    flip(server.folder / "log.db", b"Number 7")
    state_path(server.folder).unlink()
    said = refuses_to_start(server)
    assert "log entry" in said
    assert "checksum" in said


def test_a_flipped_bit_in_the_newest_message(server: Server) -> None:
    """It is applied already, but the next will stand on it."""
    stopped_with_posts(server)
    flip(server.folder / "log.db", b"Number 19")
    assert "log entry" in refuses_to_start(server)


@pytest.mark.parametrize("file", ["log.db", "state"])
@pytest.mark.parametrize("what", ["no database", "another program's"])
def test_a_file_that_is_not_ours(server: Server, file: str, what: str) -> None:
    stopped_with_posts(server)
    path = state_path(server.folder) if file == "state" else server.folder / file
    path.unlink()
    if what == "no database":
        path.write_bytes(b"This is no database. " * 1000)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("create table things (name text)")
        connection.close()
    said = refuses_to_start(server)
    assert str(path) in said or str(server.folder) in said


@pytest.mark.parametrize("file", ["log.db", "state"])
def test_a_damaged_page(server: Server, file: str) -> None:
    stopped_with_posts(server)
    path = state_path(server.folder) if file == "state" else server.folder / file
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert str(server.folder) in refuses_to_start(server)
