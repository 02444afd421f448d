"""From posted to seen: `python -m bench.posted_seen`.

An author posts through the Mastodon API, readers that follow it hold streams open
(`/api/v1/streaming/user`, server-sent events), all on one edge of a real server. The clock runs
from the first byte of the author's request to the last byte of the event at a reader; one clock,
one process. So it holds: HTTP, the text's parsing, the way to the engine, the seven steps with
their sync, the wake, the rendering of the post, and HTTP again.

- idle: one reader is connected, a post every 50 ms;
- 1,000 connected, one of them follows;
- 1,000 connected and all follow: to the one in the middle and to the last one of each post;
- of a graph (`--follows F.csv`, else made up): 1,000 of its accounts are connected, drawn evenly
  from those that follow somebody; 50 posts a second by authors drawn evenly from those that they
  follow, each seen by whoever of the 1,000 follows its author. What counts is each event at each
  reader. Posts leave at a steady rate, whether earlier ones were seen or not; how late the busy
  generator sent them stands beside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import cast

import uvloop
from bench.common import (
    Figure,
    Population,
    Server,
    arguments,
    cpu_seconds,
    people,
    pipe_to,
    population,
    quantile,
    report,
    request,
    sync_ms,
    tokens,
)

from covey.keys import edge_key
from covey.messages import SERVER, Follow, Register

PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 20
CONNECTIONS = 32
"""That post, of a graph: more than posts are ever on their way."""
AUTHOR, LONELY, CROWDED = 1, 2, 3
"""Accounts: one that only posts for the first reader, see `main`."""


_NUMBER = re.compile(rb"post number (\d+) ")


class Stream(asyncio.Protocol):
    """An open stream. `seen` is called with each event that brings a post."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._tail = b""
        self.connected = asyncio.get_running_loop().create_future()
        self.seen: Callable[[bytes], None] = lambda event: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sent = request("GET", "/api/v1/streaming/user", self._token)
        cast("asyncio.WriteTransport", transport).write(sent)

    def data_received(self, data: bytes) -> None:
        if not self.connected.done() and b":)\n\n" in data:
            self.connected.set_result(None)
        data = self._tail + data
        *whole, self._tail = data.split(b"\n\n")
        for event in whole:
            if b"event: update\n" in event:
                self.seen(event)


async def open_streams(port: int, secrets: list[str]) -> list[Stream]:
    loop, streams = asyncio.get_running_loop(), []
    for secret in secrets:
        _, stream = await loop.create_connection(lambda s=secret: Stream(s), "127.0.0.1", port)  # type: ignore[misc]
        await stream.connected
        streams.append(stream)
    return streams


async def rounds(
    port: int, author: str, streams: list[Stream], count: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds to the answer, to the reader in the middle, to the last reader, for each post."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered, middle, last = [], [], []
    seen: list[float] = []
    everybody = asyncio.Event()

    def one_more(_: bytes) -> None:
        seen.append(time.perf_counter())
        if len(seen) == len(streams):
            everybody.set()

    for stream in streams:
        stream.seen = one_more
    for number in range(count):
        seen.clear()
        everybody.clear()
        body = json.dumps({"status": f"post {number}, seen by #everybody"}).encode()
        began = time.perf_counter()
        writer.write(request("POST", "/api/v1/statuses", author, body=body))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        answered.append(time.perf_counter() - began)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await everybody.wait()
        middle.append(seen[len(seen) // 2] - began)
        last.append(seen[-1] - began)
        await asyncio.sleep(PAUSE_SECONDS)
    writer.close()
    return answered, middle, last


class Post(asyncio.Protocol):
    """A kept-alive connection that posts; one for each post that may be on its way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and data[9:12] != b"200":
            raise RuntimeError(data.decode(errors="replace"))


async def of_a_graph(
    server: Server, found: Population, secrets: dict[int, str], readers: Sequence[int],
    options: argparse.Namespace,
) -> list[Figure]:  # fmt: skip
    """Posts at a steady rate, each to those of the readers that follow its author."""
    draw, connected = random.Random(options.seed), set(readers)
    reached: dict[int, int] = {}
    for follower, followed in found.follows:
        if follower in connected:
            reached[followed] = reached.get(followed, 0) + 1
    authors = draw.choices(sorted(reached), k=round(options.rate * options.seconds))
    expected = sum(reached[author] + (author in connected) for author in authors)
    sent: list[float] = []
    late: list[float] = []
    seen: list[float] = []
    everybody = asyncio.Event()

    def one_more(event: bytes) -> None:
        if number := _NUMBER.search(event):
            seen.append(time.perf_counter() - sent[int(number[1])])
            if len(seen) == expected:
                everybody.set()

    streams = await open_streams(server.port, [secrets[reader] for reader in readers])
    for stream in streams:
        stream.seen = one_more
    loop, posts = asyncio.get_running_loop(), []
    for _ in range(CONNECTIONS):
        _, post = await loop.create_connection(Post, "127.0.0.1", server.port)
        posts.append(post)
    edge_cpu, own_cpu = cpu_seconds(server.edges[0]), time.process_time()
    start = time.perf_counter() + 0.1
    for number, author in enumerate(authors):
        due = start + number / options.rate
        await asyncio.sleep(due - time.perf_counter())
        body = json.dumps({"status": f"post number {number} of #many"}).encode()
        data = request("POST", "/api/v1/statuses", secrets[author], body=body)
        sent.append(time.perf_counter())
        late.append(sent[-1] - due)
        posts[number % CONNECTIONS].transport.write(data)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await everybody.wait()
    busy = (cpu_seconds(server.edges[0]) - edge_cpu) / options.seconds
    own = (time.process_time() - own_cpu) / options.seconds
    name = f"{len(readers):,} of a graph, {options.rate:g} posts/s"
    return [
        Figure(f"{name}: seen, p50", quantile(seen, 0.5) * 1e3, "ms", "5"),
        Figure(f"{name}: seen, p99", quantile(seen, 0.99) * 1e3, "ms", "30"),
        Figure("  the generator was late, p50", quantile(late, 0.5) * 1e3, "ms"),
        Figure("  readers a post", expected / len(authors), ""),
        Figure("  edge's CPU", busy * 100, "% of a core"),
        Figure("  generator's CPU", own * 100, "% of a core"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--connected", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=50, help="of the graph: posts a second")
    parser.add_argument("--seconds", type=float, default=20, help="of the graph")
    options = parser.parse_args()
    figures: list[Figure] = []
    # account 1 is followed by 2 alone, account 3 by all that are connected
    readers = range(4, 4 + options.connected)
    with Server() as server:
        with pipe_to(server) as pipe:
            pipe.submit([
                (SERVER, Register(name=f"u{number}"), edge_key())
                for number in range(1, readers.stop)
            ])  # fmt: skip
            pipe.submit([(LONELY, Follow(account=AUTHOR), edge_key())])
            pipe.submit([(r, Follow(account=CROWDED), edge_key()) for r in readers])
            author, reader, crowded, *connected = tokens(pipe, range(1, readers.stop))
        uvloop.run(measure(server, figures, (author, reader, crowded), connected, options.rounds))
        figures.append(Figure("a sync of this disk alone, p50", sync_ms(server.folder), "ms"))
    found = population(options)
    with Server() as server:
        follow = sorted(found.following)
        of_them = random.Random(options.seed).sample(follow, min(options.connected, len(follow)))
        with pipe_to(server) as pipe:
            people(pipe, found)
            everybody = range(1, found.accounts + 1)
            secrets = dict(zip(everybody, tokens(pipe, everybody), strict=True))
        figures += uvloop.run(of_a_graph(server, found, secrets, of_them, options))
    report(f"posted to seen: {options.rounds} posts of each kind", figures, options)


async def measure(
    server: Server, figures: list[Figure], secrets: tuple[str, str, str], connected: list[str],
    count: int,
) -> None:  # fmt: skip
    author, reader, crowded = secrets
    port, edge = server.port, server.edges[0]
    one = await open_streams(port, [reader])
    await rounds(port, author, one, 20)

    def add(what: str, seconds: list[float], p50: str = "", p99: str = "") -> None:
        figures.append(Figure(f"{what}, p50", quantile(seconds, 0.5) * 1e3, "ms", p50))
        figures.append(Figure(f"{what}, p99", quantile(seconds, 0.99) * 1e3, "ms", p99))

    answered, seen, _ = await rounds(port, author, one, count)
    add("idle: answered", answered)
    add("idle: seen", seen, p50="5")
    all_of_them = await open_streams(port, connected)
    _, seen, _ = await rounds(port, author, one, count)
    add(f"{len(connected):,} connected, one follows: seen", seen, p50="5", p99="30")
    cpu = cpu_seconds(edge)
    few = max(10, count // 4)
    _, middle, last = await rounds(port, crowded, all_of_them, few)
    cpu = (cpu_seconds(edge) - cpu) / few / len(connected)
    add(f"{len(connected):,} connected, all follow: middle", middle)
    add(f"{len(connected):,} connected, all follow: last", last)
    figures.append(Figure("  edge's CPU", cpu * 1e6, "µs a stream"))


if __name__ == "__main__":
    main()
