"""After `kill -9` of the engine: `python -m bench.after_kill [--million]`.

A real server whose log is filled with accounts, follows and posts up to 100,000 messages (with
`--million` to 1,000,000). The engine is killed while posts are streaming in; the clock runs from
the signal to the moment at which a new submission was accepted through the new engine's socket,
which the supervisor starts. All the while one connection reads home pages over HTTP, 100 a second:
how many failed, and how long the slowest took.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

from bench.common import (
    Doing,
    Figure,
    Pipe,
    Server,
    arguments,
    get,
    median,
    people,
    pipe_to,
    population,
    report,
    tokens,
)

from covey.keys import edge_key
from covey.messages import Post

READS_PER_SECOND = 100


class Reader(threading.Thread):
    """Reads a page again and again until `over`."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.latencies: list[float] = []
        self.failures = 0
        self._port, self._token = port, token

    def run(self) -> None:
        while not self.over.wait(1 / READS_PER_SECOND):
            began = time.perf_counter()
            try:
                status, _ = get(self._port, "/api/v1/timelines/home", self._token)
            except OSError:
                status = 0
            self.failures += status != 200
            self.latencies.append(time.perf_counter() - began)


def accepted_again(server: Server, author: int) -> None:
    """Returns when a submission was accepted."""
    while True:
        with suppress(OSError, StopIteration):
            pipe = Pipe(server.folder)
            pipe.submit([(author, Post(text="There again."), edge_key())])
            pipe.close()
            return
        time.sleep(0.002)


def kill_under_load(server: Server, doings: list[Doing]) -> float:
    """Seconds from the signal to the first acceptance after it."""
    engine = server.engine
    pipe = Pipe(server.folder)
    killed: list[float] = []

    def kill() -> None:
        os.kill(engine, signal.SIGKILL)
        killed.append(time.perf_counter())

    timer = threading.Timer(0.5, kill)
    timer.start()
    with suppress(OSError):
        while not killed:
            pipe.submit(doings)
            doings = [(actor, message, edge_key()) for actor, message, _ in doings]
    timer.join()
    pipe.close()
    accepted_again(server, doings[0][0])
    return time.perf_counter() - killed[0]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="in the log")
    parser.add_argument("--million", action="store_true", help="--messages 1000000")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    messages = 1_000_000 if options.million else options.messages
    found = population(options)
    seconds = []
    with Server() as server:
        with pipe_to(server) as pipe:
            people(pipe, found)
            count = max(1_000, messages - found.accounts - len(found.follows))
            for start in range(0, count, 50_000):
                pipe.submit(found.posts(min(50_000, count - start), seed=start))
            reader = Reader(server.port, tokens(pipe, [found.follows[0][0]])[0])
            held = pipe.facts().applied
        reader.start()
        for number in range(options.rounds):
            seconds.append(kill_under_load(server, found.posts(2_000, seed=10**6 + number)))
            time.sleep(1)
        reader.over.set()
        reader.join()
    report(
        f"after kill -9: a log of {held:,} messages",
        [
            Figure("accepts again", median(seconds), "s", "3 with 1,000,000"),
            Figure("slowest of them", max(seconds), "s"),
            Figure("pages read meanwhile", len(reader.latencies), ""),
            Figure("  failed", reader.failures, "", "0"),
            Figure("  p50", median(reader.latencies) * 1e3, "ms"),
            Figure("  slowest", max(reader.latencies) * 1e3, "ms"),
        ],
        options,
    )


if __name__ == "__main__":
    main()
