"""HTTP/1.1 requests over kept-alive connections, as fast as they are answered or at a given rate.

Made to cost less than what it measures: requests are bytes made beforehand, of an answer only the
status and the length are looked at, and each connection is one uvloop protocol. It runs in one
process and says what it took (`Load.cpu_us`, per request): 30-60 µs for an answer of 40 KB, most of
it the kernel's copy. Put it on another core than the server.

Run alone it loads any server: `python -m bench.load --port 8420 --path /public`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import cast

import uvloop
from bench.common import quantile, request
from msgspec import Struct


class Load(Struct):
    """What came of it. Latencies in seconds; with a rate they count from the moment at which the
    request was due, so that waiting behind a slow one is not left out."""

    seconds: float
    latencies: list[float]
    errors: int
    """Answers of another status than 200, and connections that broke."""
    received: int
    """Bytes."""
    cpu_us: float
    """Of this process, a request."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        return quantile(self.latencies, share) * 1e3


class _Run:
    """What the connections of one run share."""

    def __init__(self, requests: Sequence[bytes], count: int, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.left = count
        self.open = 0
        self.next = 0
        self.latencies: list[float] = []
        self.errors = 0
        self.received = 0
        self.done = done

    def take(self) -> bytes | None:
        if not self.left:
            return None
        self.left -= 1
        self.next += 1
        return self.requests[self.next % len(self.requests)]


class _Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, run: _Run, first_at: float, period: float) -> None:
        self._run = run
        self._due = first_at
        self._period = period
        self._began = 0.0
        self._missing = -1
        """Bytes of the answer that are not there yet; -1: its head is not."""
        self._head = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._run.open += 1
        self._schedule()

    def _schedule(self) -> None:
        if self._period and (wait := self._due - time.perf_counter()) > 0:
            self._loop.call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        found = self._run.take()
        if found is None:
            self._transport.close()
            return
        self._began = self._due if self._period else time.perf_counter()
        self._due += self._period
        self._transport.write(found)

    def data_received(self, data: bytes) -> None:
        self._run.received += len(data)
        if self._missing < 0:
            if self._head:
                data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            at = data.find(b"content-length: ", 0, end) + 16
            length = int(data[at : data.find(b"\r", at)])
            self._missing = length - (len(data) - end - 4)
            if data[9:12] != b"200":
                self._run.errors += 1
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._missing = -1
            self._run.latencies.append(time.perf_counter() - self._began)
            self._schedule()

    def connection_lost(self, error: Exception | None) -> None:
        run = self._run
        run.open -= 1
        if self._missing >= 0 or error:
            run.errors += 1
        if not run.open and not run.done.done():
            run.done.set_result(None)


def load(
    port: int, requests: Sequence[bytes], count: int, *, connections: int = 32, rate: float = 0
) -> Load:
    """`count` requests, the given ones in turn, to 127.0.0.1. `rate`: requests a second; 0: as fast
    as they are answered."""
    return uvloop.run(_load(port, requests, count, connections, rate))


async def _load(
    port: int, requests: Sequence[bytes], count: int, connections: int, rate: float
) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(requests, count, loop.create_future())
    period = connections / rate if rate else 0.0
    # uvloop's own clock stands still within a turn of the loop, and counts milliseconds
    start = time.perf_counter() + 0.1
    cpu, began = time.process_time(), time.perf_counter()
    for place in range(connections):
        first = start + place * period / connections
        await loop.create_connection(
            lambda first=first: _Connection(run, first, period),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    await run.done
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    return Load(seconds, run.latencies, run.errors, run.received, cpu / count * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--token", default="")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: all it takes")
    options = parser.parse_args()
    found = load(
        options.port, [request("GET", options.path, options.token)], options.count,
        connections=options.connections, rate=options.rate,
    )  # fmt: skip
    print(
        f"{found.rate:,.0f}/s, p50 {found.quantile_ms(0.5):.2f} ms, p99"
        f" {found.quantile_ms(0.99):.2f} ms, {found.received / options.count:,.0f} bytes each,"
        f" {found.errors} errors; the generator took {found.cpu_us:.0f} µs of CPU each"
    )


if __name__ == "__main__":
    main()
