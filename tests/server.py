"""A real server: `covey serve` as a process tree on a free port, and what a test does to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import ROOT

from covey.edge.access import new_secret, secret_hash
from covey.engine.client import EngineClient, connect
from covey.keys import edge_key
from covey.messages import SERVER, AnyMessage, App, Register, RevokeToken, Token

HANG_SECONDS = 180.0
"""No wait of a test is longer: then the server hangs, however slow the machine."""
REDIRECT = "https://client.example/callback"
PARTS = {
    "supervisor": " serve ", "engine": "covey.engine.process", "edge": "covey.cli.edge_process",
    "worker": "covey.readers.process",
}  # fmt: skip
"""What stands in the command line of each."""
SCOPES = "read write follow push profile"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def eventually(true: Callable[[], bool], what: str, seconds: float = HANG_SECONDS) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Not gone, and not waiting to be buried."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Server:
    """One data folder and one port; started and ended any number of times."""

    def __init__(self, folder: Path, *, edges: int = 1) -> None:
        if not Path("/proc/self/stat").exists():
            pytest.skip("looks at processes through /proc")
        self.folder = folder / "data"
        self.edges = edges
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = folder / "said"
        """What it wrote to stderr, of all its lives."""
        self.supervisor: subprocess.Popen[bytes] | None = None

    # --- its life ------------------------------------------------------------------------------

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "covey", *arguments, "--data", str(self.folder)]

    def spawn(self, *options: str) -> subprocess.Popen[bytes]:
        """`covey serve` on the folder; not waited for."""
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [
                    *self.command("serve", *options),
                    "--port", str(self.port), "--edges", str(self.edges),
                ],
                env=environment(), stderr=said, start_new_session=True,
            )  # fmt: skip

    def start(self, *options: str) -> None:
        """Returns when it answers."""
        self.supervisor = self.spawn(*options)
        eventually(self.answers, "it answers")

    def answers(self) -> bool:
        assert self.supervisor is not None
        assert self.supervisor.poll() is None, self.said.read_text()
        try:
            return httpx.get(f"{self.url}/api/v1/instance").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell the supervisor. → its exit status."""
        assert self.supervisor is not None
        self.supervisor.send_signal(number)
        return self.supervisor.wait(HANG_SECONDS)

    def end(self) -> None:
        """Whatever state it is in."""
        for pid in [p for p in [self.supervisor and self.supervisor.pid, *self.tree()] if p]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.supervisor is not None:
            self.supervisor.wait(HANG_SECONDS)

    # --- its processes -------------------------------------------------------------------------

    def tree(self) -> dict[int, str]:
        """Its living processes: pid → command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if str(self.folder) in command and is_running(int(entry.name)):
                        found[int(entry.name)] = command
        return found

    def pids(self, part: str) -> list[int]:
        """Of "engine", "edge", "worker" or "supervisor"; edges by their number."""
        word = PARTS[part]
        found = [(command, pid) for pid, command in self.tree().items() if word in command]
        return [pid for _, pid in sorted(found)]

    def pid(self, part: str) -> int:
        """The one there is, as soon as there is one."""
        eventually(lambda: bool(self.pids(part)), f"there is a process {part}")
        return self.pids(part)[0]

    def kill(self, part: str, which: int = 0) -> int:
        """With -9. → its pid."""
        eventually(lambda: len(self.pids(part)) > which, f"there is a process {part}")
        pid = self.pids(part)[which]
        os.kill(pid, signal.SIGKILL)
        if part == "supervisor":
            assert self.supervisor is not None
            self.supervisor.wait(HANG_SECONDS)
        return pid

    # --- people --------------------------------------------------------------------------------

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[EngineClient]:
        """A client at the engine's socket, like an edge's."""
        client = EngineClient()
        link = asyncio.create_task(connect(client, self.folder))
        try:
            async with asyncio.timeout(HANG_SECONDS):
                await client.ready.wait()
            yield client
        finally:
            link.cancel()

    def submit(self, *messages: tuple[int, AnyMessage]) -> list[int]:
        """Through the engine's socket, in this order. → the ids they were given."""

        async def submit_all() -> list[int]:
            async with self.engine() as engine:
                answers = [engine.submit(actor, message, edge_key()) for actor, message in messages]
                return [answer.id for answer in await asyncio.gather(*answers)]

        return asyncio.run(submit_all())

    def people(self, *names: str) -> dict[str, tuple[int, str]]:
        """New accounts: name → number and access token."""
        app, *numbers = self.submit(
            (
                SERVER,
                App(
                    client_id=new_secret(), secret_hash=b"", name="Tester",
                    redirect_uris=(REDIRECT,), scopes=SCOPES,
                ),
            ),
            *[(SERVER, Register(name=name)) for name in names],
        )  # fmt: skip
        found = {name: (number, new_secret()) for name, number in zip(names, numbers, strict=True)}
        self.submit(
            *[
                (
                    SERVER,
                    Token(token_hash=secret_hash(token), app=app, account=number, scopes=SCOPES),
                )
                for number, token in found.values()
            ]
        )
        return found

    def revoke(self, token: str) -> None:
        self.submit((SERVER, RevokeToken(token_hash=secret_hash(token))))

    def client(self, token: str = "", **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=HANG_SECONDS, **options)

    def async_client(self, token: str = "", **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=HANG_SECONDS, **options
        )

    def verify(self) -> None:
        """`covey verify` finds nothing."""
        done = subprocess.run(
            self.command("verify"), env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def environment() -> dict[str, str]:
    return {"COVEY_LIMITS": "off", **os.environ, "PYTHONPATH": str(ROOT / "src")}


@contextmanager
def serving(folder: Path, *, edges: int = 1, start: bool = True) -> Iterator[Server]:
    server = Server(folder, edges=edges)
    try:
        if start:
            server.start()
        yield server
    finally:
        server.end()
