"""Ten thousand open WebSockets on one edge: `python -m bench.idle_sockets [--sockets N]`.

Each of N accounts opens `/api/v1/streaming` and subscribes to `user`, as a client's open tab does;
the clients answer pings, say nothing else and read all that comes. Told are

- what a socket costs the edge (PSS; the buffers of its connection in the kernel not counted),
- the edge's CPU while nothing happens, over one minute: two pings and answers a socket,
- an event that goes to all of them (they all follow one author, who posts five times): the edge's
  CPU a socket, and when the last one has it, told from the first byte of the author's request,
- how many are still open in the end: all.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from typing import cast

import uvloop
from bench.common import (
    Figure,
    Server,
    arguments,
    cpu_seconds,
    memory,
    pipe_to,
    report,
    request,
    tokens,
)

from covey.keys import edge_key
from covey.messages import SERVER, Follow, Register

WARM_SOCKETS = 100
OPENING = 64
"""At the same time."""
POSTS = 5
TIMEOUT_SECONDS = 120
AUTHOR = 1

_PONG = 0x8A
_MASK = bytes(4)
"""A client's frames are masked; with zeroes they stay as they are."""


def text_frame(text: bytes) -> bytes:
    """Of a client, below 126 bytes."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text)]) + _MASK + text


class Socket(asyncio.Protocol):
    """A client with an open tab."""

    __slots__ = ("_buffer", "_head", "_transport", "arrived", "events", "opened")

    def __init__(self, head: bytes, opened: asyncio.Future[None], arrived: list[float]) -> None:
        self._head = head
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.opened = opened
        self.arrived = arrived
        """When each event came, of all sockets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.WriteTransport, though they are one
        self._transport = cast("asyncio.WriteTransport", transport)
        self._write(self._head)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        if self._head:
            if b"\r\n\r\n" not in data:
                self._buffer = data
                return
            head, _, data = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._head = b""
            said = b'{"type":"subscribe","stream":"user","covey":1}'
            self._write(text_frame(said))
        while len(data) >= 2:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size:
                break
            self._frame(data[0], data[start : start + size])
            data = data[start + size :]
        self._buffer = data

    def _write(self, data: bytes) -> None:
        assert self._transport
        self._transport.write(data)

    def _frame(self, kind: int, body: bytes) -> None:
        if kind == 0x89:  # a ping
            self._write(bytes([_PONG, 0x80 | len(body)]) + _MASK + body)
        elif b'"event":"subscribed"' in body:
            self.opened.set_result(None)
        elif b'"event":"update"' in body:
            self.arrived.append(time.perf_counter())

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()


async def open_sockets(port: int, secrets: Sequence[str], arrived: list[float]) -> list[Socket]:
    """One for each token; each is subscribed."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(OPENING)

    async def open_one(secret: str) -> Socket:
        head = request("GET", "/api/v1/streaming", secret).removesuffix(b"\r\n") + (
            b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        async with gate:
            made = Socket(head, loop.create_future(), arrived)
            await loop.create_connection(lambda: made, "127.0.0.1", port)
            await asyncio.wait_for(made.opened, TIMEOUT_SECONDS)
        return made

    return list(await asyncio.gather(*map(open_one, secrets)))


async def post(port: int, secret: str, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"status":"post number %d"}' % number
    writer.write(request("POST", "/api/v1/statuses", secret, body=body))
    assert b" 200 " in await reader.readline()
    writer.close()


async def measure(
    port: int, edge: int, secrets: list[str], idle: float, figures: list[Figure]
) -> None:
    arrived: list[float] = []
    sockets = await open_sockets(port, secrets[:WARM_SOCKETS], arrived)
    before, began, used = memory(edge)["Pss"], time.perf_counter(), cpu_seconds(edge)
    sockets += await open_sockets(port, secrets[WARM_SOCKETS:], arrived)
    opened = len(sockets) - WARM_SOCKETS
    seconds = time.perf_counter() - began
    each = (memory(edge)["Pss"] - before) / opened / 1e3
    figures.append(Figure(f"a socket, of {len(sockets):,}", each, "KB", "30"))
    figures.append(Figure("opened and subscribed", opened / seconds, "a second"))
    used = (cpu_seconds(edge) - used) / opened
    figures.append(Figure("opening one, the edge's CPU", used * 1e6, "µs"))

    used = cpu_seconds(edge)
    await asyncio.sleep(idle)
    used = (cpu_seconds(edge) - used) / idle
    figures.append(Figure("the edge, while nothing happens", used * 100, "% of a core"))
    each = (memory(edge)["Pss"] - before) / opened / 1e3
    figures.append(Figure("a socket, after two pings", each, "KB", "30"))

    used, last = cpu_seconds(edge), []
    for number in range(POSTS):
        arrived.clear()
        began = time.perf_counter()
        await post(port, secrets[0], number)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(arrived) < len(sockets):
                await asyncio.sleep(0.01)
        last.append(arrived[-1] - began)
    used = (cpu_seconds(edge) - used) / POSTS / len(sockets)
    figures.append(Figure("an event, the edge's CPU a socket", used * 1e6, "µs"))
    figures.append(Figure("the last one has it after", sorted(last)[POSTS // 2] * 1e3, "ms"))
    each = (memory(edge)["Pss"] - before) / opened / 1e3
    figures.append(Figure("a socket, after five events", each, "KB"))
    still = sum(one.is_open for one in sockets)
    figures.append(Figure("still open", still, "", f"{len(sockets):,}"))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--idle", type=float, default=60, help="seconds in which nothing happens")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures: list[Figure] = []
    accounts = range(1, options.sockets + 1)
    with Server() as server, pipe_to(server) as pipe:
        pipe.submit([(SERVER, Register(name=f"u{n}"), edge_key()) for n in accounts])
        # one's own posts stand in one's home anyway
        pipe.submit([(n, Follow(account=AUTHOR), edge_key()) for n in accounts if n != AUTHOR])
        secrets = tokens(pipe, accounts)
        uvloop.run(measure(server.port, server.edges[0], secrets, options.idle, figures))
    report("idle sockets", figures, options)


if __name__ == "__main__":
    main()
