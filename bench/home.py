"""Pages of 20 posts from one edge: `python -m bench.home [--follows F.csv --posts P.txt]`.

A real server with one edge, filled with a graph and posts. Then, over 32 kept-alive connections and
uncompressed, by readers drawn evenly from those that follow 30 or more (each with a token of its
own, because reads are limited for each account):

- the home timeline of the Mastodon API, its top, which the arena holds ("arena");
- the same from somewhere in the past, where the arena does not reach ("merged");
- `/home` as a page for people, by session; the public timeline.

CPU is the edge's user and system time an answer; what the generator took stands beside it. Latency
is measured at full load (32 waiting) and again at half that rate, counted from when a request was
due. Caches of posts are warm, as they are on a server that is read: one round before the clock.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from bench.common import (
    Figure,
    Population,
    Server,
    arguments,
    cpu_seconds,
    data_folder,
    people,
    pipe_to,
    population,
    report,
    request,
    sessions,
    tokens,
)
from bench.load import load

READERS = 400
FOLLOWING = 30
"""At least: so that what was posted since the restart fills a page from the arena alone."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="posts there are")
    parser.add_argument("--requests", type=int, default=6_000, help="of each kind")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    found = population(options)
    draw = random.Random(options.seed)
    many = sorted(account for account, count in found.following.items() if count >= FOLLOWING)
    readers = draw.sample(many, min(READERS, len(many)))
    figures: list[Figure] = []
    with data_folder() as folder:
        with Server(folder=folder) as server, pipe_to(server) as pipe:
            people(pipe, found)
            past = pipe.submit(found.posts(options.count // 2))
        serve(folder, options, found, readers, past, figures)
    report(f"home: {options.requests:,} answers of each kind, one edge", figures, options)


def serve(
    folder: Path, options: argparse.Namespace, found: Population, readers: list[int],
    past: list[int], figures: list[Figure],
) -> None:  # fmt: skip
    """A server that was started again has an empty arena: what it held before is merged."""
    draw = random.Random(options.seed)
    with Server(folder=folder) as server, pipe_to(server) as pipe:
        secrets, cookies = tokens(pipe, readers), sessions(pipe, readers)
        pipe.submit(found.posts(options.count - len(past), seed=1))
        edge = server.edges[0]

        def measure(name: str, requests: list[bytes], target: str = "") -> None:
            count, at_once = options.requests, options.connections
            load(server.port, requests, max(count // 4, len(requests)), connections=at_once)
            cpu = cpu_seconds(edge)
            full = load(server.port, requests, count, connections=at_once)
            cpu = (cpu_seconds(edge) - cpu) / count
            half = load(server.port, requests, count // 2, connections=at_once, rate=full.rate / 2)
            if full.errors or half.errors:
                raise RuntimeError(f"{name}: {full.errors + half.errors} answers were not 200")
            figures.extend(
                [
                    Figure(name, full.rate, "/s", target),
                    Figure("  edge's CPU", cpu * 1e3, "ms", "0.3" if target else ""),
                    Figure("  answer", full.received / count / 1e3, "KB"),
                    Figure("  p50, 32 at once", full.quantile_ms(0.5), "ms"),
                    Figure("  p99, 32 at once", full.quantile_ms(0.99), "ms"),
                    Figure("  p50 at half the rate", half.quantile_ms(0.5), "ms"),
                    Figure(
                        "  p99 at half the rate",
                        half.quantile_ms(0.99),
                        "ms",
                        "10" if target else "",
                    ),
                    Figure("  generator's CPU", full.cpu_us / 1e3, "ms"),
                ]
            )

        home = "/api/v1/timelines/home"
        measure("home, arena", [request("GET", home, secret) for secret in secrets],
                "2,000; next 3,000")  # fmt: skip
        deep = [draw.choice(past[len(past) // 2 :]) for _ in range(4 * READERS)]
        measure("home, merged", [
            request("GET", f"{home}?max_id={id_}", secrets[place % len(secrets)])
            for place, id_ in enumerate(deep)
        ])  # fmt: skip
        measure("home, page for people", [request("GET", "/home", cookie=c) for c in cookies])
        measure(
            "public timeline",
            [request("GET", "/api/v1/timelines/public", secret) for secret in secrets],
        )


if __name__ == "__main__":
    main()
