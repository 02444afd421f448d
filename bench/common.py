"""What the measurements share: a server started as people start it, a graph and texts, the engine's
socket without a client in the way, figures of processes, and the table that comes out.

Linux only: figures of processes come from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from msgspec import Struct

from covey.cli.replay import draw_posts
from covey.edge.access import new_secret, secret_hash
from covey.engine.folder import SOCKET, short_path
from covey.engine.frames import (
    Acceptance,
    Ask,
    Facts,
    FromEngine,
    Rejection,
    Splitter,
    Submit,
    Welcome,
    from_engine,
    pack,
)
from covey.keys import edge_key
from covey.messages import SERVER, AnyMessage, App, Follow, OpenSession, Register, Token
from covey.settings import LIMIT_MAX, Settings

IN_FLIGHT: Final = 256
START_SECONDS: Final = 60.0
Doing = tuple[int, AnyMessage, bytes]
"""(actor, message, key)."""


# --- arguments and answers --------------------------------------------------------------------


class Figure(Struct):
    """A line of what comes out. `target` is what the issue wants, "" where it wants nothing."""

    what: str
    value: float
    unit: str
    target: str = ""


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What every measurement takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--follows",
        type=Path,
        metavar="F.csv",
        help="a graph, `follower,followed` a line; else one made up by seed",
    )
    parser.add_argument(
        "--posts", type=Path, metavar="P.txt", help="texts, one a line; else made up by seed"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="of the made-up graph")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON, nothing else")
    return parser  # fmt: skip


def report(title: str, figures: Sequence[Figure], options: argparse.Namespace) -> None:
    """The table, or the same as JSON."""
    where = heading()
    if options.json:
        rows = [{name: getattr(f, name) for name in f.__struct_fields__} for f in figures]
        print(json.dumps({"title": title, "where": where, "figures": rows}, indent=1))
        return
    print(f"{title}\n  {where}")
    width = max(len(figure.what) for figure in figures)
    for figure in figures:
        target = f"   (wanted: {figure.target})" if figure.target else ""
        print(f"  {figure.what:{width}}  {_number(figure.value):>10} {figure.unit}{target}")
    print(flush=True)


def heading() -> str:
    """When and on what."""
    load = os.getloadavg()[0]
    return (
        f"{date.today()}, {os.cpu_count()} cores ({_processor()}), load {load:.1f},"
        f" Python {platform.python_version()}"
    )


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:,.{0 if value == int(value) else digits}f}"


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


median = statistics.median


# --- a population -----------------------------------------------------------------------------


class Population(Struct):
    """Accounts 1 to `accounts` (named `u1` …) and who follows whom."""

    accounts: int
    follows: list[tuple[int, int]]
    """(follower, followed)."""
    texts: list[str]
    seed: int

    @property
    def authors(self) -> list[int]:
        """Those with a follower."""
        return sorted({followed for _, followed in self.follows})

    @property
    def following(self) -> dict[int, int]:
        """Account → how many it follows."""
        counts: dict[int, int] = {}
        for follower, _ in self.follows:
            counts[follower] = counts.get(follower, 0) + 1
        return counts

    @property
    def mean_fan_out(self) -> float:
        return len(self.follows) / len(self.authors)

    def posts(self, count: int, seed: int = 0, authors: Sequence[int] | None = None) -> list[Doing]:
        """As `covey replay` draws them: authors evenly from `authors`, else from those with a
        follower; a bare `@user` in a text becomes an account. Parsed as an edge does it."""
        names = [name_of(number) for number in range(1, self.accounts + 1)]
        drawn = draw_posts(
            self.texts, count, self.authors if authors is None else authors, names,
            self.seed + seed,
            Settings(public_url="http://localhost"),
        )  # fmt: skip
        return list(drawn)


def name_of(number: int) -> str:
    return f"u{number}"


def population(options: argparse.Namespace) -> Population:
    """From the files of the arguments, else made up: ten follows an account on average, few follow
    many, and who is followed falls like 1/rank."""
    draw = np.random.default_rng(options.seed)
    if options.follows:
        edges = np.loadtxt(options.follows, np.int64, delimiter=",", skiprows=1)
        named, numbers = np.unique(edges, return_inverse=True)
        accounts, pairs = len(named), numbers.reshape(-1, 2) + 1
    else:
        accounts = options.accounts
        counts = np.minimum(draw.lognormal(1.6, 1.2, accounts).astype(np.int64) + 1, accounts // 4)
        weights = 1 / np.arange(1, accounts + 1)
        followed = draw.choice(accounts, counts.sum(), p=weights / weights.sum())
        pairs = np.stack([np.arange(accounts).repeat(counts), followed], axis=1) + 1
    follows = dict.fromkeys((int(a), int(b)) for a, b in pairs if a != b)
    if options.posts:
        texts = [line for line in options.posts.read_text("utf-8").split("\n") if line.strip()]
    else:
        texts = _texts(random.Random(options.seed))
    return Population(accounts, list(follows), texts, options.seed)


def _texts(draw: random.Random) -> list[str]:
    syllables = "ka ro mi ten sol ver na li dra po est un ba ri fo lem qui zo".split()  # noqa: SIM905
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 3))) for _ in range(2_000)]
    texts = []
    for _ in range(5_000):
        text = " ".join(draw.choices(words, k=draw.randint(4, 22)))
        if draw.random() < 0.3:
            text = f"@user {text}"
        if draw.random() < 0.25:
            text += f" #{draw.choice(words)}"
        if draw.random() < 0.2:
            text += f" https://example.org/{draw.choice(words)}"
        texts.append(text)
    return texts


# --- the engine's socket ----------------------------------------------------------------------


class Pipe:
    """The engine's socket, blocking, with frames packed beforehand: no future a message, so that
    one core of client keeps one core of engine busy with room to spare."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when no engine listens."""
        self._socket = socket.socket(socket.AF_UNIX)
        with short_path(folder, SOCKET) as path:
            self._socket.connect(path)
        self._splitter = Splitter()
        self._bodies: Iterator[bytes] = iter(())
        assert isinstance(self._next(), Welcome)

    def submit(self, doings: Sequence[Doing], in_flight: int = IN_FLIGHT) -> list[int]:
        """The ids that were given. Raises RuntimeError for a refusal."""
        return self.run(packed(doings), in_flight)

    def run(self, frames: Sequence[bytes], in_flight: int = IN_FLIGHT) -> list[int]:
        """`frames[i]` is request i. As many as were answered are sent anew, in one write."""
        ids = [0] * len(frames)
        sent = min(in_flight, len(frames))
        self._socket.sendall(b"".join(frames[:sent]))
        answered = 0
        while answered < len(frames):
            bodies = list(self._splitter.feed(self._receive()))
            before = answered
            for body in bodies:
                frame = from_engine.decode(body)
                if isinstance(frame, Acceptance):
                    ids[frame.request] = frame.id
                    answered += 1
                elif isinstance(frame, Rejection):
                    raise RuntimeError(f"refused: {frame.code} {frame.details}")
            more = frames[sent : sent + answered - before]
            if more:
                self._socket.sendall(b"".join(more))
                sent += len(more)
        return ids

    def facts(self) -> Facts:
        self._socket.sendall(pack(Ask(0)))
        while True:
            frame = self._next()
            if isinstance(frame, Facts):
                return frame

    def close(self) -> None:
        self._socket.close()

    def _next(self) -> FromEngine:
        while (body := next(self._bodies, None)) is None:
            self._bodies = iter(list(self._splitter.feed(self._receive())))
        frame: FromEngine = from_engine.decode(body)
        return frame

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the engine is gone")
        return data


def packed(doings: Sequence[Doing]) -> list[bytes]:
    return [
        pack(Submit(place, actor, key, message))
        for place, (actor, message, key) in enumerate(doings)
    ]


# --- a server ---------------------------------------------------------------------------------


@contextmanager
def data_folder() -> Iterator[Path]:
    """One that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="covey-bench-") as name:
        yield Path(name)


UNLIMITED = {f"COVEY_LIMIT_{what}": str(LIMIT_MAX) for what in ("READS", "WRITES", "SIGN_UPS")}
"""Requests are counted, as on every server, but nobody comes to a limit."""


class Server:
    """`covey serve` on `folder`, or on one of its own that goes with it."""

    def __init__(self, *, edges: int = 1, folder: Path | None = None) -> None:
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="covey-bench-"))
        self.port = free_port()
        self._said = (self.folder / "said.txt").open("ab")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "covey", "serve", "--data", str(self.folder),
                "--port", str(self.port), "--edges", str(edges),
            ],
            env={**UNLIMITED, **os.environ}, stderr=self._said,
        )  # fmt: skip
        self.seconds_to_start = self._wait()

    def _wait(self) -> float:
        """Until it answers. → seconds since it was started."""
        deadline = self.started + START_SECONDS
        while time.perf_counter() < deadline and self.process.poll() is None:
            try:
                if get(self.port, "/api/v1/instance")[0] == 200:
                    return time.perf_counter() - self.started
            except OSError:
                time.sleep(0.002)
        self.stop()
        raise RuntimeError((self.folder / "said.txt").read_text())

    @property
    def engine(self) -> int:
        """Its process id, 0 while there is none."""
        return self._child(b"engine.process")

    @property
    def worker(self) -> int:
        """Likewise."""
        return self._child(b"readers.process")

    def _child(self, word: bytes) -> int:
        return next((pid for pid in self._children() if word in _command(pid)), 0)

    @property
    def edges(self) -> list[int]:
        return [pid for pid in self._children() if b"edge_process" in _command(pid)]

    @property
    def pids(self) -> list[int]:
        return [self.process.pid, *self._children()]

    def _children(self) -> list[int]:
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        self._said.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def pipe_to(server: Server) -> Iterator[Pipe]:
    # after a restart pages are answered before the engine listens
    deadline = time.perf_counter() + START_SECONDS
    while True:
        try:
            pipe = Pipe(server.folder)
            break
        except OSError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.01)
    try:
        yield pipe
    finally:
        pipe.close()


def people(pipe: Pipe, found: Population) -> None:
    """Register the accounts and make the follows, in an empty server."""
    pipe.submit([
        (SERVER, Register(name=name_of(number)), edge_key())
        for number in range(1, found.accounts + 1)
    ])  # fmt: skip
    pipe.submit([(a, Follow(account=b), edge_key()) for a, b in found.follows])


def tokens(pipe: Pipe, accounts: Sequence[int]) -> list[str]:
    """A bearer token of each account, for all that there is."""
    app = App(client_id=new_secret(), secret_hash=b"", name="Bench",
              redirect_uris=("urn:ietf:wg:oauth:2.0:oob",), scopes="read write")  # fmt: skip
    number = pipe.submit([(SERVER, app, edge_key())])[0]
    secrets = [new_secret() for _ in accounts]
    pipe.submit([
        (SERVER, Token(token_hash=secret_hash(secret), app=number, account=account,
                       scopes="read write"), edge_key())
        for account, secret in zip(accounts, secrets, strict=True)
    ])  # fmt: skip
    return secrets


def sessions(pipe: Pipe, accounts: Sequence[int]) -> list[str]:
    """The session secret of a browser of each account."""
    secrets = [new_secret() for _ in accounts]
    pipe.submit([
        (account, OpenSession(session_hash=secret_hash(secret)), edge_key())
        for account, secret in zip(accounts, secrets, strict=True)
    ])  # fmt: skip
    return secrets


# --- HTTP -------------------------------------------------------------------------------------


def request(
    method: str, path: str, token: str = "", cookie: str = "", body: bytes = b"", key: str = ""
) -> bytes:
    """An HTTP/1.1 request, kept alive and uncompressed. `key`: its Idempotency-Key."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    if token:
        lines.append(f"authorization: Bearer {token}")
    if cookie:
        lines.append(f"cookie: covey_session={cookie}")
    if key:
        lines.append(f"idempotency-key: {key}")
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(port: int, path: str, token: str = "", cookie: str = "") -> tuple[int, bytes]:
    """(status, body), over a connection of its own. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(request("GET", path, token, cookie))
        data = b""
        while b"\r\n\r\n" not in data:
            data += _more(link)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
        while len(body) < length:
            body += _more(link)
    return int(head[9:12]), body


def _more(link: socket.socket) -> bytes:
    data = link.recv(1 << 16)
    if not data:
        raise ConnectionError("closed before the answer was whole")
    return data


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- processes --------------------------------------------------------------------------------


def sync_ms(folder: Path) -> float:
    """What appending 4 KB to a file and syncing it takes here: the disk's share of a durable post.
    Median of 50."""
    found = []
    with (folder / "sync.txt").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            found.append(time.perf_counter() - began)
    return median(found) * 1e3


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, int]:
    """Bytes by the names of /proc/PID/smaps_rollup: "Pss" is all, shared pages by their share;
    "Pss_Anon" what is its own."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(kib) * 1024 for name, kib in re.findall(r"(\w+):\s+(\d+) kB", rollup)}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
