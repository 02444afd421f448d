"""Posts through HTTP: `python -m bench.http_posts [--follows F.csv --posts P.txt]`.

A real server on both cores, one engine and one edge, filled with a graph. Authors drawn evenly from
the accounts that have a follower, each with a token of its own, post texts through the Mastodon API
(`POST /api/v1/statuses`, JSON, a fresh UUID as Idempotency-Key) over kept-alive connections, 64 at
once. An answer is the whole status, after it is durable, visible and in every home.

The generator shares the two cores with what it measures, and says what it took; requests are bytes
made beforehand. So beside the rate stands the CPU of edge and engine a post: what both cores could
take with the generator elsewhere is one over the larger of the two.

Requests are counted as on every server, to limits that nobody reaches. Latency is measured at full
load, and again at half that rate, counted from when a request was due.
"""

from __future__ import annotations

import json
import uuid

from bench.common import (
    Figure,
    Population,
    Server,
    arguments,
    cpu_seconds,
    people,
    pipe_to,
    population,
    report,
    request,
    sync_ms,
    tokens,
)
from bench.load import load

PATH = "/api/v1/statuses"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="posts a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--edges", type=int, default=1)
    options = parser.parse_args()
    found = population(options)
    figures: list[Figure] = []
    with Server(edges=options.edges) as server, pipe_to(server) as pipe:
        people(pipe, found)
        secrets = dict(zip(found.authors, tokens(pipe, found.authors), strict=True))
        count, at_once = options.count, options.connections
        load(server.port, requests(found, secrets, 2_000, 0), 2_000, connections=at_once)
        edge_cpu, engine_cpu = used(server.edges), used([server.engine])
        delivered = pipe.facts().deliveries
        rounds = [
            load(server.port, requests(found, secrets, count, seed), count, connections=at_once)
            for seed in range(1, options.rounds + 1)
        ]
        posts = count * options.rounds
        edge_cpu = (used(server.edges) - edge_cpu) / posts
        engine_cpu = (used([server.engine]) - engine_cpu) / posts
        delivered = pipe.facts().deliveries - delivered
        best = max(rounds, key=lambda round_: round_.rate)
        middle = sorted(round_.rate for round_ in rounds)[len(rounds) // 2]
        half = load(
            server.port, requests(found, secrets, count // 2, 99), count // 2,
            connections=at_once, rate=middle / 2,
        )  # fmt: skip
        errors = half.errors + sum(round_.errors for round_ in rounds)
        if errors:
            raise RuntimeError(f"{errors} answers were not 200")
        disk = sync_ms(server.folder)
    received = sum(round_.received for round_ in rounds) / posts
    generator = sum(round_.cpu_us for round_ in rounds) / len(rounds)
    figures += [
        Figure(f"posts, median of {options.rounds}", middle, "/s", "2,000"),
        Figure("  the best round", best.rate, "/s"),
        Figure("  edge's CPU", edge_cpu * 1e6, "µs a post"),
        Figure("  engine's CPU", engine_cpu * 1e6, "µs a post"),
        Figure("  generator's CPU", generator, "µs a post"),
        Figure("  deliveries", delivered / posts, "a post"),
        Figure("  answer", received / 1e3, "KB"),
        Figure(f"  p50, {at_once} at once", best.quantile_ms(0.5), "ms"),
        Figure(f"  p99, {at_once} at once", best.quantile_ms(0.99), "ms"),
        Figure("  p50 at half the rate", half.quantile_ms(0.5), "ms"),
        Figure("  p99 at half the rate", half.quantile_ms(0.99), "ms"),
        Figure("a sync of this disk alone, p50", disk, "ms"),
    ]
    report(f"posts through HTTP: {options.rounds} rounds of {count:,}", figures, options)


def requests(found: Population, secrets: dict[int, str], count: int, seed: int) -> list[bytes]:
    """Of as many posts, each with a key of its own."""
    return [
        request(
            "POST", PATH, secrets[author], body=json.dumps({"status": message.text}).encode(),
            key=str(uuid.uuid4()),
        )
        for author, message, _ in found.posts(count, seed)
    ]  # fmt: skip


def used(pids: list[int]) -> float:
    """Seconds of CPU."""
    return sum(map(cpu_seconds, pids))


if __name__ == "__main__":
    main()
