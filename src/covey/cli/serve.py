"""`covey serve`: the supervisor. It binds the port once, makes the arena, starts the engine, the
edges and the worker, starts again what dies, and stops them in order. It imports neither numpy nor
SQLite."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec

from covey import settings as settings_module
from covey import vapid
from covey.cli.options import data_option
from covey.delivery.arena import make_arena_file
from covey.engine.folder import LOCK_SECONDS, take_lock
from covey.limits import ACCOUNTS_MAX, ARENA_BYTES_MAX
from covey.readers.doing import make_doing_file, read_doing

HOPELESS: Final = 3
"""The engine's exit status when starting it again can't help (engine.process.HOPELESS)."""
BACKLOG: Final = 2_048
DRAIN_SECONDS: Final = 10.0
"""For edges to end their streams and requests, then for the engine to empty its inbox."""
QUICK_DEATHS: Final = 3
QUICK_SECONDS: Final = 20.0
"""A child that dies QUICK_DEATHS times in a row, each time after a shorter life than this, is
started again with growing delay, until it lives longer."""
DELAY_SECONDS_MAX: Final = 30.0
SECRETS: Final = ("edge.key", "seal.key")
"""Random bytes, made in `secrets/`: of CSRF tokens and the like, and of what is sealed (covey.seal)."""
SECRET_BYTES: Final = 32
NICENESS: Final = 10
"""Of the worker, from its first import on: it leaves the cores to engine and edges, which people
wait for."""


class CannotServe(click.ClickException):
    """Said in one sentence; exit status 1."""


class Child:
    """A process that is kept running."""

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self._start = start
        self._quick_deaths = 0
        self._started_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0

    def start(self) -> None:
        self._started_at = time.monotonic()
        self.process = self._start()

    def died(self) -> int | None:
        """Its exit status, if it has ended since the last look; then it is due to start again."""
        if self.process is None or self.process.poll() is None:
            return None
        status, self.process = self.process.returncode, None
        now = time.monotonic()
        self._quick_deaths = self._quick_deaths + 1 if now - self._started_at < QUICK_SECONDS else 0
        extra = self._quick_deaths - QUICK_DEATHS
        self.start_at = now if extra < 0 else now + min(DELAY_SECONDS_MAX, 2.0**extra)
        return status

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, deadline: float) -> None:
        """Until it has ended; killed at the deadline."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """The process tree of one server. Raises Locked when another holds the folder."""

    def __init__(
        self,
        folder: Path,
        listening: socket.socket,
        settings: settings_module.Settings,
        *,
        accept_clock: bool = False,
    ) -> None:
        self._folder = folder
        # Ours, and lent to each engine: nobody takes it between two of them, and it is free when
        # the last of us is gone.
        self._lock = take_lock(folder, LOCK_SECONDS)
        self._listening = listening
        self._settings = settings
        self._accept_clock = accept_clock
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        # At most an eighth of the machine's memory; it outlives an engine that is started again.
        self._arena = make_arena_file(min(ARENA_BYTES_MAX, memory // 8), ACCOUNTS_MAX)
        self._doing = make_doing_file()
        self._lifeline, self._lifeline_ours = os.pipe()
        self._ready, self._ready_theirs = os.pipe()
        self._stopping = False
        self._woken, self._wake = os.pipe()
        self.engine = Child("engine", self._start_engine)
        count = settings.edges or max(1, (os.cpu_count() or 2) - 1)
        self.edges = [
            Child(f"edge {n}", lambda n=n: self._start_edge(n, count))  # type: ignore[misc]
            for n in range(1, count + 1)
        ]
        self.worker = Child("worker", self._start_worker)
        self.children = [self.engine, *self.edges, self.worker]

    def _start_engine(self) -> subprocess.Popen[bytes]:
        orders = {
            "folder": str(self._folder),
            "arena_fd": self._arena,
            "lifeline_fd": self._lifeline,
            "lock_fd": self._lock,
            "accept_clock": self._accept_clock,
            "compile_kernel": self._settings.kernel == "auto",
            "log_level": self._settings.log_level,
        }
        return self._spawn("covey.engine.process", orders, (self._lock,))

    def _start_edge(self, number: int, count: int) -> subprocess.Popen[bytes]:
        orders = {
            "folder": str(self._folder),
            "arena_fd": self._arena,
            "lifeline_fd": self._lifeline,
            "listening_fd": self._listening.fileno(),
            "ready_fd": self._ready_theirs,
            "number": number,
            "count": count,
            "public_url": self._settings.public_url,
        }
        return self._spawn(
            "covey.cli.edge_process", orders, (self._listening.fileno(), self._ready_theirs)
        )

    def _start_worker(self) -> subprocess.Popen[bytes]:
        orders = {
            "folder": str(self._folder),
            "arena_fd": self._arena,
            "lifeline_fd": self._lifeline,
            "doing_fd": self._doing,
            "public_url": self._settings.public_url,
        }
        # The lock with it: no other server's worker starts while this one writes its files.
        return self._spawn("covey.readers.process", orders, (self._doing, self._lock), NICENESS)

    def _spawn(
        self, module: str, orders: dict[str, object], fds: tuple[int, ...], niceness: int = 0
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(orders)],
            pass_fds=(self._arena, self._lifeline, *fds),
            start_new_session=True,  # Ctrl-C is for us; we stop the children in order
            # between fork and exec: safe, for we have no threads
            preexec_fn=(lambda: os.nice(niceness)) if niceness else None,
        )

    def run(self, ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT. → exit status. `ready` is called when all edges answer."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # a child's end wakes the loop below at once
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_nonblocking(), warn_on_full_buffer=False)
        for child in self.children:
            child.start()
        answering = 0
        status = 0
        while not self._stopping:
            readable, _, _ = select.select([self._woken, self._ready], [], [], self._patience())
            if self._woken in readable:
                os.read(self._woken, 4096)
            if self._ready in readable:
                answering += len(os.read(self._ready, 64))
                if answering == len(self.edges):
                    ready()
            for child in self.children:
                died = child.died()
                if died is not None and not self._stopping:
                    if child is self.engine and died == HOPELESS:
                        self._stopping, status = True, 1
                        break
                    over = self._over(child)
                    _say(f"{child.name} ended with status {died}{over}: starting it again")
                if child.process is None and time.monotonic() >= child.start_at:
                    child.start()
        self._end()
        return status

    def _over(self, child: Child) -> str:
        """Over what it ended, where it lets us know."""
        doing = read_doing(self._doing) if child is self.worker else ""
        return f", {doing}" if doing else ""

    def _wake_nonblocking(self) -> int:
        os.set_blocking(self._wake, False)
        return self._wake

    def _patience(self) -> float | None:
        """Seconds until a child is due to start again; None: nothing to wait for."""
        due = [c.start_at for c in self.children if c.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _end(self) -> None:
        """Edges first, so that what they were told is still answered; then the worker, which may
        have something to submit; then the engine."""
        deadline = time.monotonic() + DRAIN_SECONDS
        self._listening.close()
        for edge in self.edges:
            edge.signal(signal.SIGTERM)
        for edge in self.edges:
            edge.wait(deadline)
        self.worker.signal(signal.SIGTERM)
        self.worker.wait(time.monotonic() + DRAIN_SECONDS)
        self.engine.signal(signal.SIGTERM)
        self.engine.wait(time.monotonic() + DRAIN_SECONDS)


def _say(sentence: str) -> None:
    print(f"covey: {sentence}", file=sys.stderr, flush=True)


def prepare_folder(folder: Path) -> None:
    """Make the data folder and its secrets, for their owner alone. Raises CannotServe."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            folder.chmod(0o700)  # somebody made it for us
        secret_folder = folder / "secrets"
        secret_folder.mkdir(mode=0o700, exist_ok=True)
        for name in SECRETS:
            _make_secret(secret_folder / name)
        _make_vapid_key(secret_folder / vapid.FILE)
    except OSError as error:
        raise CannotServe(f"{folder} can't be used: {error.strerror}") from None
    except subprocess.CalledProcessError:
        raise CannotServe(f"{folder / 'secrets' / vapid.FILE} can't be made") from None


def _make_secret(secret: Path) -> None:
    """Unless it is there. Under its name only once it is whole."""
    if secret.exists():
        return
    made = secret.with_suffix(".new")
    descriptor = os.open(made, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    os.write(descriptor, secrets.token_bytes(SECRET_BYTES))
    os.fsync(descriptor)
    os.close(descriptor)
    made.rename(secret)


def _make_vapid_key(secret: Path) -> None:
    """Unless it is there. By a process of its own: the library takes 8 MB for good."""
    if not secret.exists():
        subprocess.run([sys.executable, "-m", "covey.vapid", str(secret)], check=True)


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket. Raises CannotServe."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        raise CannotServe(
            f"can't listen on {host} port {port}: {error.strerror}; choose another with --port"
        ) from None
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """`http://HOST:PORT` as a browser on this machine reaches it."""
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{shown if ':' not in shown or shown[0] == '[' else f'[{shown}]'}:{port}"


@click.command()
@data_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0: any free one.  [default: 8420]",
)
@click.option("--edges", type=click.IntRange(1, 64), help="Edge processes.")
@click.option(
    "--accept-clock", is_flag=True,
    help="Start though the clock stands behind the last message: it is right now.",
)  # fmt: skip
def serve(
    data: Path, host: str | None, port: int | None, edges: int | None, accept_clock: bool
) -> None:
    """Run the server of a data folder, until Ctrl-C or SIGTERM.

    What is not given here is taken from the environment (COVEY_HOST, …), else from covey.toml in
    the data folder: see docs/operating.md.

    \b
    Example:
      covey serve --data ~/covey --host 127.0.0.1 --port 8420
    """
    prepare_folder(data)
    found = settings_module.load(data)
    host = host or found.host
    listening = listen(host, found.port if port is None else port)
    address = address_of(listening, host)
    found = msgspec.structs.replace(
        found, public_url=found.public_url or address, edges=edges or found.edges
    )
    supervisor = Supervisor(data, listening, found, accept_clock=accept_clock)
    said = f"answers at {address}"
    if found.public_url != address:
        said += f", for people at {found.public_url}"
    sys.exit(supervisor.run(lambda: _say(said)))
