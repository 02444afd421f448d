"""Covey beside what a user would pick instead, on one graph in one run: `python -m bench.peers`.

    PYTHONPATH=src .venv-test/bin/python -m bench.peers --follows F.csv --posts P.txt

Needs redis-server, rabbitmq-server and postgresql (`apt-get install`, no more: each is started here
in a scratch folder, by a user that may do nothing else, on sockets and loopback, and ended by its
process id). What is not there is left out, and that is said.

Authors are drawn evenly from all accounts with a follower, from the 750 most followed and from the
25 most followed: three mean fan-outs. Three comparisons, and only within each:

1. kernels: ids into queues. Nothing is checked, stored or synced. Covey's kernels run in this
   process, at 1,024 posts a batch, and are told who gets what; Redis is asked over its socket, 256
   posts in flight, and looks the followers up.
2. the whole path: the text stored, on stable storage before it is answered, in every home, through
   the socket of each (SQLite has none), 256 posts in flight or in a transaction. Covey checks,
   parses nothing (its edges do), keeps idempotency keys, mentions, tags and notifications too.
3. reading: the newest 20 posts of a home of somebody who follows somebody, one at a time. Pull
   (posts stored once, gathered by an IN-query) beside Covey's pages, from the arena and merged.

CPU is that of the server's processes (for Covey's kernels and pages, and for SQLite, of this one),
the client's stands beside it. `x` is Covey's deliveries a second, in the same comparison and at the
same fan-out, over that line's; with numba where it is installed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec
from bench.common import arguments, heading, sync_ms
from bench.common import population as population_of
from bench.kernel import kernels_here
from bench.peers import covey, postgresql, rabbitmq, redis, sqlite
from bench.peers.daemons import Missing
from bench.peers.work import Rate, Workload, measure, timed
from msgspec import Struct

PULL_POSTS = 100_000
PAGES = 400
KERNEL_SHARE = 0.1
"""Of a figure's clock: a second of it takes minutes of drawing posts."""


class Reading(Struct, frozen=True):
    """Milliseconds a page: wall, the server's CPU, the client's."""

    what: str
    wall: float
    cpu: float
    client_cpu: float


class Run:
    """What was measured so far, and how."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.workload = Workload(population_of(options))
        self.kernels: list[Rate] = []
        self.wholes: list[Rate] = []
        self.writes: list[Rate] = []
        self.readings: list[Reading] = []
        self.said: list[str] = []

    def rates(self, what: str, peer: object, share: float = 1) -> list[Rate]:
        """By each set of authors."""
        return [
            measure(what, peer, self.workload, authors, self.options.seconds * share)  # type: ignore[arg-type]
            for authors in self.workload.sets
        ]

    def read(self, what: str, page: Callable[[int], int], cpu: Callable[[], float]) -> None:
        readers = list(islice(self.workload.readers(), PAGES))
        for reader in readers[: PAGES // 10]:
            page(reader)
        wall, served, used = timed(lambda: [page(reader) for reader in readers], cpu)
        self.readings.append(Reading(what, *(1e3 * t / PAGES for t in (wall, served, used))))

    # --- Covey ------------------------------------------------------------------------------------

    def covey_kernels(self) -> None:
        for name, deliver in reversed(kernels_here().items()):
            kernel = covey.Kernel(self.workload, name, deliver)
            self.kernels += self.rates(f"Covey's kernel, {name}", kernel, KERNEL_SHARE)

    def covey_engine(self) -> None:
        with covey.engine(self.workload) as engine:
            engine.run(engine.prepare(self.workload.posts(self.workload.sets[0], PULL_POSTS)))
            with engine.reading() as ways:
                for what, page in ways.items():
                    self.read(what, page, time.process_time)
            self.wholes += self.rates(f"Covey's engine ({engine.kernel})", engine)
            self.said.append(f"a sync of this disk alone: {sync_ms(engine.server.folder):.2f} ms")

    # --- the others -------------------------------------------------------------------------------

    def redis_kernel(self) -> None:
        with redis.redis(self.workload, "ids") as peer:
            self.kernels += self.rates("Redis, ids alone, in memory", peer)

    def redis_text(self) -> None:
        with redis.redis(self.workload, "text") as peer:
            self.wholes += self.rates("Redis, ids and text, synced", peer)

    def redis_microblog(self) -> None:
        with redis.redis(self.workload, "microblog") as peer:
            self.wholes += self.rates("Redis, a microblog, synced", peer)

    def rabbitmq(self) -> None:
        with rabbitmq.rabbitmq(self.workload) as broker:
            sets = [
                self.workload.with_few_followers(authors, self.options.queues)
                for authors in self.workload.sets
            ]
            began = time.perf_counter()
            queues = broker.declare({author for chosen in sets for author in chosen.numbers})
            self.said.append(
                f"RabbitMQ has {queues:,} queues instead of {self.workload.population.accounts:,},"
                f" made and bound in {time.perf_counter() - began:.0f} s: those of the followers of"
                f" {', '.join(str(len(s.numbers)) for s in sets)} authors of the three sets"
            )
            self.wholes += [
                measure(
                    "RabbitMQ, persistent, confirmed", broker, self.workload, authors,
                    self.options.seconds,
                    max(1, int(rabbitmq.CHUNK_DELIVERIES / self.workload.fan_out(authors))),
                )
                for authors in sets
            ]  # fmt: skip

    def postgresql_rows(self) -> None:
        with postgresql.postgresql(self.workload, postgresql.Rows) as peer:
            self.wholes += self.rates("PostgreSQL, a row a recipient", peer)

    def sqlite_rows(self) -> None:
        with sqlite.sqlite(self.workload, sqlite.Rows) as peer:
            self.wholes += self.rates("SQLite, a row a recipient", peer)

    def postgresql_pull(self) -> None:
        with postgresql.postgresql(self.workload, postgresql.Pull) as peer:
            self.pull("PostgreSQL", peer)

    def sqlite_pull(self) -> None:
        with sqlite.sqlite(self.workload, sqlite.Pull) as peer:
            self.pull("SQLite", peer)

    def pull(self, name: str, peer: postgresql.Rows | sqlite.Rows) -> None:
        authors = self.workload.sets[0]
        posts = self.workload.posts(authors, PULL_POSTS)
        prepared = peer.prepare(posts)
        wall, cpu, client = timed(lambda: peer.run(prepared), peer.cpu)  # type: ignore[arg-type]
        self.writes.append(
            Rate(f"{name}, pull: a row a post", 0, len(posts) / wall, 0,
                 *(1e6 * used / len(posts) for used in (cpu, client)))
        )  # fmt: skip
        peer.analyze()
        self.read(f"{name}, pull", peer.page, peer.cpu)


PARTS = {
    "kernels": Run.covey_kernels, "engine": Run.covey_engine, "redis": Run.redis_kernel,
    "redis-text": Run.redis_text, "redis-microblog": Run.redis_microblog,
    "rabbitmq": Run.rabbitmq, "postgresql": Run.postgresql_rows, "sqlite": Run.sqlite_rows,
    "postgresql-pull": Run.postgresql_pull, "sqlite-pull": Run.sqlite_pull,
}  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each figure's clock")
    parser.add_argument("--queues", type=int, default=400, help="of RabbitMQ, at least, a set")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    began = time.perf_counter()
    run = Run(options)
    for name in options.only:
        print(f"{time.perf_counter() - began:4.0f} s: {name}", file=sys.stderr, flush=True)
        try:
            PARTS[name](run)
        except Missing as missing:
            run.said.append(f"left out, {name}: {missing}")
    run.said.append(f"{time.perf_counter() - began:.0f} s in all")
    if options.json:
        parts = {name: getattr(run, name) for name in ("kernels", "wholes", "writes", "readings")}
        print(
            json.dumps(
                {"where": heading(), "said": run.said} | msgspec.to_builtins(parts), indent=1
            )
        )
    else:
        print("\n".join(lines(run)))


def lines(run: Run) -> Iterator[str]:
    yield f"Covey beside its peers\n  {heading()}"
    columns = f"{'a post to':>10} {'posts/s':>10} {'deliveries/s':>13} {'x':>7}" \
              f" {'µs CPU/post':>12} {'ns/delivery':>12} {'client µs':>10}"  # fmt: skip
    for title, rates in (
        ("1. kernels: ids into queues", run.kernels),
        ("2. whole: text stored, durable, in every home", run.wholes),
        ("   and for pull, which delivers nothing", run.writes),
    ):
        if rates:
            yield f"\n{title:44}{columns}"
            yield from (rate_line(rate, rates) for rate in rates)
    if run.readings:
        yield f"\n{'3. the newest 20 of a home':44}{'ms':>10} {'ms CPU':>10} {'client ms':>10}"
        for read in run.readings:
            yield f"  {read.what:42}{read.wall:10.3f} {read.cpu:10.3f} {read.client_cpu:10.3f}"
    yield ""
    yield from (f"  {sentence}" for sentence in run.said)


def rate_line(rate: Rate, others: Sequence[Rate]) -> str:
    to = each = deliveries = ratio = ""
    if rate.fan_out:
        to, deliveries = f"{rate.fan_out:,.0f}", f"{rate.deliveries:,.0f}"
        each = f"{1e3 * rate.cpu / rate.fan_out:,.0f}"
        ours = next((o for o in others if o.what.startswith("Covey") and near(o, rate)), rate)
        ratio = f"{ours.deliveries / rate.deliveries:.1f}" if ours is not rate else ""
    return (
        f"  {rate.what:42}{to:>10} {rate.posts:10,.0f} {deliveries:>13} {ratio:>7}"
        f" {rate.cpu:12.1f} {each:>12} {rate.client_cpu:10.1f}"
    )


def near(one: Rate, other: Rate) -> bool:
    """Of the same set of authors, though not of the same draw."""
    return 0.4 < one.fan_out / other.fan_out < 2.5


if __name__ == "__main__":
    main()
