"""PostgreSQL, as a web application would use it: a row a recipient, or pull by an IN-query.

One connection over a Unix socket, prepared statements, 256 posts sent at once and one transaction
for them, so one sync of the disk for 256 posts: kinder than an application that commits each post.
`fsync` and `synchronous_commit` are on; 256 MB of shared buffers and 2 GB of WAL between
checkpoints, else as it comes.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.peers.daemons import Daemon, Missing, program, scratch
from bench.peers.work import IN_FLIGHT, Sent, Workload

_SCHEMA: Final = """
create table follows (followed integer, follower integer, primary key (followed, follower));
create table posts (id bigint primary key, author integer, text text);
create index posts_by_author on posts (author, id);
create table homes (account integer, post bigint, primary key (account, post));
"""
_STATEMENTS: Final = {
    "push": """with p as (insert into posts values ($1::bigint, $2::integer, $3::text))
        insert into homes select follower, $1::bigint from follows where followed = $2::integer""",
    "post": "insert into posts values ($1::bigint, $2::integer, $3::text)",
    "page": """select id, author, text from posts
        where author in (select followed from follows where follower = $1::integer)
        order by id desc limit 20""",
}


class Rows:
    """A row a recipient."""

    statement = "push"

    def __init__(self, daemon: Daemon, link: socket.socket) -> None:
        self.cpu = daemon.cpu
        self._link = link
        self._buffer = bytearray()

    def start(self, workload: Workload, copied: Path) -> None:
        user = b"user\0postgres\0database\0postgres\0\0"
        self._link.sendall(struct.pack("!ii", 8 + len(user), 196_608) + user)
        self._ready()
        with copied.open("w") as file:
            file.writelines(f"{b}\t{a}\n" for a, b in workload.population.follows)
        copied.chmod(0o644)
        for sql in (
            *filter(str.strip, _SCHEMA.split(";")),
            f"copy follows from '{copied}'",
            "create index following on follows (follower, followed)",
            "vacuum analyze follows",
        ):
            self._link.sendall(_message(b"Q", sql.encode() + b"\0"))
            self._ready()
        for name, sql in _STATEMENTS.items():
            parse = _message(b"P", f"{name}\0{sql}\0".encode() + b"\0\0")
            self._link.sendall(parse + _message(b"S"))
            self._ready()

    def analyze(self) -> None:
        self._link.sendall(_message(b"Q", b"vacuum analyze posts\0"))
        self._ready()

    def prepare(self, posts: list[Sent]) -> list[bytes]:
        """A transaction each: all up to a Sync is one."""
        calls = [_call(self.statement, p.id, p.author, p.said.text) for p in posts]
        return [
            b"".join(calls[at : at + IN_FLIGHT]) + _message(b"S")
            for at in range(0, len(calls), IN_FLIGHT)
        ]

    def run(self, prepared: list[bytes]) -> None:
        for transaction in prepared:
            self._link.sendall(transaction)
            self._ready()

    def page(self, reader: int) -> int:
        self._link.sendall(_call("page", reader) + _message(b"S"))
        return self._ready()

    def _ready(self) -> int:
        """Read until the server is ready again. → rows that came."""
        rows, buffer, at = 0, self._buffer, 0
        while True:
            while len(buffer) - at >= 5:
                size = int.from_bytes(buffer[at + 1 : at + 5], "big") + 1
                if len(buffer) - at < size:
                    break
                kind = buffer[at]
                if kind == ord("E"):
                    raise RuntimeError(bytes(buffer[at : at + size]))
                rows += kind == ord("D")
                at += size
                if kind == ord("Z"):
                    del buffer[:at]
                    return rows
            data = self._link.recv(1 << 16)
            if not data:
                raise ConnectionError("the database is gone")
            buffer += data


class Pull(Rows):
    """Posts alone; a page gathers them."""

    statement = "post"


@contextmanager
def postgresql(workload: Workload, kind: type[Rows]) -> Iterator[Rows]:
    """A server with the graph in it. Raises Missing."""
    # Debian keeps them out of PATH
    folders = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]]
    path = program("postgres", "postgresql", *folders)
    with scratch("postgres") as folder:
        data = folder / "data"
        options = {"user": "postgres", "group": "postgres", "extra_groups": []}
        made = subprocess.run(
            [str(Path(path).resolve().with_name("initdb")), "-D", str(data), "-A", "trust",
             "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, check=False, cwd=folder,
            **(options if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )  # fmt: skip
        if made.returncode:
            raise Missing(f"initdb fails: {made.stderr[-500:]}")
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(folder),
            "shared_buffers": "256MB", "max_wal_size": "2GB",
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        daemon = Daemon([path, "-D", str(data), *words], folder, "postgres")
        try:
            with daemon.until(lambda: _connect(folder)) as link:
                found = kind(daemon, link)
                found.start(workload, folder / "follows.tsv")
                yield found
        finally:
            daemon.end(signal.SIGQUIT)


def _connect(folder: Path) -> socket.socket:
    """Raises OSError until the server says that it takes connections."""
    if "ready to accept connections" not in (folder / "said").read_text():
        raise ConnectionError("not yet")
    link = socket.socket(socket.AF_UNIX)
    link.connect(str(folder / ".s.PGSQL.5432"))
    return link


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _call(statement: str, *values: object) -> bytes:
    """Bind and Execute, values as text."""
    parts = [str(value).encode() for value in values]
    body = b"\0" + statement.encode() + b"\0" + struct.pack("!hh", 0, len(parts))
    body += b"".join(struct.pack("!i", len(part)) + part for part in parts) + struct.pack("!h", 0)
    return _message(b"B", body) + _message(b"E", b"\0" + struct.pack("!i", 0))
