"""`covey serve` as a process tree: what it makes, whom it refuses, what it starts again, how it
ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.crash.kills import is_indexed
from tests.server import HANG_SECONDS, Server, environment, eventually, is_running, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from covey.cli import serve as serve_module
from covey.cli.serve import QUICK_SECONDS, Child
from covey.messages import Post
from covey.state.state import state_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def not_started(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, start=False) as made:
        yield made


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
    }


# --- the folder -------------------------------------------------------------------------------


@pytest.mark.parametrize("made_before", [False, True])
def test_an_empty_folder_is_for_its_owner_alone(not_started: Server, made_before: bool) -> None:
    server = not_started
    before = os.umask(0)
    try:
        if made_before:
            server.folder.mkdir(mode=0o755)
        server.start()
    finally:
        os.umask(before)
    people = server.people("ann")
    server.submit((people["ann"][0], Post(text="Hello")))
    for name, mode in modes(server.folder).items():
        assert mode == (0o700 if (server.folder / name).is_dir() else 0o600), name
    assert server.stop() == 0
    assert "starting it again" not in server.said.read_text()


def test_a_worker_waits_for_the_first_message(server: Server) -> None:
    eventually(lambda: (server.folder / "search.db").exists(), "there is an empty index")
    people = server.people("ann")
    server.submit((people["ann"][0], Post(text="A wren")))
    with server.client(people["ann"][1]) as client:
        asked = {"q": "wren", "type": "statuses"}
        eventually(
            lambda: bool(client.get("/api/v2/search", params=asked).json()["statuses"]), "found"
        )
    eventually(lambda: is_indexed(server.folder), "the cursor is there too")
    said = subprocess.run(
        server.command("stats", "--json"), env=environment(), capture_output=True, check=True
    ).stdout
    found = json.loads(said)
    last = found["log_entries"]
    assert found["readers"] == {"search": {"cursor": last, "behind": 0, "jobs": 0, "failing": 0}}
    assert server.stop() == 0
    assert "starting it again" not in server.said.read_text()


def test_a_folder_that_is_a_file(not_started: Server) -> None:
    not_started.folder.write_text("")
    process = not_started.spawn()
    assert process.wait(HANG_SECONDS) == 2  # said by the option
    assert "is a file" in not_started.said.read_text()


def test_wrong_settings_are_said_in_a_sentence(not_started: Server) -> None:
    not_started.folder.mkdir()
    (not_started.folder / "covey.toml").write_text("edges = 'many'")
    assert not_started.spawn().wait(HANG_SECONDS) == 1
    said = not_started.said.read_text()
    assert "edges" in said
    assert "Traceback" not in said
    assert not not_started.tree()


# --- only one ---------------------------------------------------------------------------------


def test_a_second_server_on_the_folder_is_refused(server: Server, tmp_path: Path) -> None:
    second = Server(tmp_path, edges=1)
    second.said = tmp_path / "second said"
    process = second.spawn()
    assert process.wait(HANG_SECONDS) == 1
    said = second.said.read_text()
    assert f"in use by another Covey (process {server.pid('supervisor')})" in said
    assert "Traceback" not in said
    assert server.answers()
    assert server.stop() == 0
    # and now it may
    second.start()
    assert second.stop() == 0


def test_a_second_server_is_refused_while_the_engine_is_being_started_again(
    server: Server, tmp_path: Path
) -> None:
    second = Server(tmp_path, edges=1)
    second.said = tmp_path / "second said"
    supervisor = server.pid("supervisor")
    os.kill(supervisor, signal.SIGSTOP)
    server.kill("engine")
    assert second.spawn().wait(HANG_SECONDS) == 1
    os.kill(supervisor, signal.SIGCONT)
    server.people("ann")  # waits for the engine
    assert server.stop() == 0


def test_a_taken_port_is_said_in_a_sentence(not_started: Server) -> None:
    with socket.create_server(("127.0.0.1", not_started.port)):
        assert not_started.spawn().wait(HANG_SECONDS) == 1
    said = not_started.said.read_text()
    assert f"port {not_started.port}" in said
    assert "choose another with --port" in said
    assert "Traceback" not in said
    assert not not_started.tree()
    # nothing keeps the folder
    not_started.start()
    assert not_started.stop() == 0


# --- what dies --------------------------------------------------------------------------------


def test_when_the_supervisor_is_killed_nothing_remains(tmp_path: Path) -> None:
    with serving(tmp_path, edges=2) as server:
        pids = list(server.tree())
        assert len(pids) == 5
        server.kill("supervisor")
        eventually(lambda: not any(map(is_running, pids)), "all of them end", 2)
        server.start()
        assert server.stop() == 0


def test_when_the_supervisor_is_killed_at_the_start_nothing_remains(not_started: Server) -> None:
    """Whatever a child is doing: importing, opening files, waiting for the engine."""
    for pause in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6):
        process = not_started.spawn()
        eventually(lambda: bool(not_started.pids("engine")), "it has a child")
        time.sleep(pause)
        pids = list(not_started.tree())
        process.kill()
        process.wait()
        eventually(lambda: not any(map(is_running, pids)), "all of them end", 5)  # noqa: B023
    not_started.start()
    assert not_started.stop() == 0


def test_when_the_supervisor_is_killed_a_busy_engine_ends_too(server: Server) -> None:
    """It is applying a long tail, or a long batch: its loop does not run."""
    engine = server.pid("engine")
    people = server.people("ann")
    server.submit(*[(people["ann"][0], Post(text=f"Number {n}")) for n in range(200)])
    server.stop()
    for path in server.folder.glob("state-*"):
        path.unlink()
    process = server.spawn()
    eventually(lambda: bool(server.pids("engine")), "it has a child")
    engine = server.pid("engine")
    eventually(lambda: state_path(server.folder).exists() or not is_running(engine), "it runs")
    process.kill()
    process.wait()
    eventually(lambda: not is_running(engine), "it ends", 2)


def test_what_is_killed_is_started_again(tmp_path: Path) -> None:
    with serving(tmp_path, edges=2) as server:
        people = server.people("ann")
        for part, which in [("engine", 0), ("edge", 0), ("edge", 1), ("worker", 0)]:
            before = server.pids(part)
            server.kill(part, which)
            eventually(
                lambda: len(server.pids(part)) == len(before) and server.pids(part) != before,  # noqa: B023
                f"{part} is there again",
            )
            server.submit((people["ann"][0], Post(text="Still here")))
            eventually(server.answers, "it answers")
        said = server.said.read_text()
        assert "engine ended with status -9: starting it again" in said
        assert "edge 2 ended with status -9: starting it again" in said
        assert "worker ended with status -9: starting it again" in said
        assert server.stop() == 0


def test_a_killed_edge_costs_no_request(tmp_path: Path) -> None:
    """The port is the supervisor's: while no edge runs, a request waits."""
    with serving(tmp_path) as server:
        for _ in range(3):
            server.kill("edge")
            assert httpx.get(f"{server.url}/public", timeout=HANG_SECONDS).status_code == 200
        assert server.stop() == 0


def test_reads_go_on_while_the_engine_is_down(server: Server) -> None:
    (_, token) = server.people("ann")["ann"]
    supervisor = server.pid("supervisor")
    with server.client(token) as client:
        assert client.post("/api/v1/statuses", data={"status": "Here"}).status_code == 200
        os.kill(supervisor, signal.SIGSTOP)  # nobody starts it again
        server.kill("engine")
        for path in ("/api/v1/timelines/home", "/api/v1/timelines/public", "/public", "/@ann"):
            assert client.get(path).status_code == 200, path
        assert [p["content"] for p in client.get("/api/v1/timelines/home").json()] == [
            "<p>Here</p>"
        ]
        os.kill(supervisor, signal.SIGCONT)
        assert client.post("/api/v1/statuses", data={"status": "There"}).status_code == 200


def test_an_edge_started_while_the_engine_is_down_reads_too(server: Server) -> None:
    server.people("ann")
    engine = server.pid("engine")
    os.kill(engine, signal.SIGSTOP)
    server.kill("edge")
    try:
        assert httpx.get(f"{server.url}/public", timeout=60).status_code == 200
    finally:
        os.kill(engine, signal.SIGCONT)


# --- the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_streams_properly(server: Server, number: int) -> None:
    (_, token) = server.people("ann")["ann"]
    with server.client(token) as client, client.stream("GET", "/api/v1/streaming/user") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ":)"
        server.submit((1, Post(text="Seen")))
        pids = list(server.tree())
        assert server.stop(number) == 0
        # a stream that was cut would raise httpx.RemoteProtocolError
        rest = list(lines)
    assert any("Seen" in line for line in rest)
    assert not any(map(is_running, pids))
    assert "Traceback" not in server.said.read_text()
    assert not (server.folder / "engine.sock").exists()
    server.verify()


def test_a_stop_closes_sockets_properly(server: Server) -> None:
    (_, token) = server.people("ann")["ann"]
    address = f"ws://127.0.0.1:{server.port}/api/v1/streaming?stream=user&covey=1"
    headers = {"Authorization": f"Bearer {token}"}
    with connect(
        address, additional_headers=headers, proxy=None, open_timeout=HANG_SECONDS
    ) as live:
        assert "subscribed" in str(live.recv(timeout=HANG_SECONDS))
        server.submit((1, Post(text="Seen")))
        assert server.stop() == 0
        said, code = _until_closed(live)
    assert any("Seen" in one for one in said)
    assert code in (1001, 1012)  # the stream's end, or uvicorn's, whichever is first
    assert "Traceback" not in server.said.read_text()


def _until_closed(live: ClientConnection) -> tuple[list[str], int]:
    """What came, and the code."""
    said = []
    try:
        while True:
            said.append(str(live.recv(timeout=HANG_SECONDS)))
    except ConnectionClosed as closed:
        return said, closed.rcvd.code if closed.rcvd else 0


def test_a_stop_answers_requests_under_way(server: Server) -> None:
    """One whose submission waits for the engine, which is slow just now."""
    (_, token) = server.people("ann")["ann"]
    engine = server.pid("engine")
    with socket.create_connection(("127.0.0.1", server.port), HANG_SECONDS) as client:
        os.kill(engine, signal.SIGSTOP)
        body = b"status=Under+way"
        client.sendall(
            b"POST /api/v1/statuses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + token.encode()
            + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n" + body
        )  # fmt: skip
        time.sleep(0.3)  # it has come to the edge
        assert server.supervisor is not None
        server.supervisor.terminate()
        time.sleep(0.3)
        os.kill(engine, signal.SIGCONT)
        answer = b""
        while more := client.recv(65536):
            answer += more
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Under way" in answer
    assert server.supervisor.wait(HANG_SECONDS) == 0
    assert not server.tree()


def test_a_stop_while_it_starts(not_started: Server) -> None:
    for pause in (0.0, 0.1, 0.3, 0.5, 0.8):
        process = not_started.spawn()
        eventually(lambda: bool(not_started.pids("engine")), "it has a child")
        time.sleep(pause)
        process.terminate()
        assert process.wait(HANG_SECONDS) == 0
        assert not not_started.tree()


# --- one that keeps dying ---------------------------------------------------------------------


def test_what_keeps_dying_is_started_again_ever_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(serve_module.time, "monotonic", lambda: now)
    child = Child("engine", lambda: subprocess.Popen(["false"]))
    delays = []
    for _ in range(9):
        child.start()
        assert child.process is not None
        child.process.wait()
        assert child.died() == 1
        assert child.died() is None  # said once
        delays.append(child.start_at - now)
        now = child.start_at
    assert delays == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    child.start()
    now += QUICK_SECONDS
    assert child.process is not None
    child.process.wait()
    child.died()
    assert child.start_at == now  # it lived: all is forgotten


def test_an_engine_that_can_not_start_ends_the_server(not_started: Server) -> None:
    """It does not try for ever: a person has to look."""
    not_started.folder.mkdir()
    (not_started.folder / "log.db").write_bytes(b"no log " * 100)
    assert not_started.spawn().wait(HANG_SECONDS) == 1
    assert "starting it again" not in not_started.said.read_text()
    assert not not_started.tree()
