"""Posts a second through the engine's socket: `python -m bench.engine [--follows F --posts P]`.

A real server (`covey serve`, one idle edge). Accounts and follows of the graph are made; then posts
by authors drawn evenly from those with a follower are sent as frames that were packed before the
clock started, 256 unanswered. A post counts when its acceptance came back: then it is on stable
storage, visible to readers, and in the home queues of its audience. Nobody is connected.

The engine is one process. "CPU" is its user and system time a post, by its own account (`Facts`);
the client's CPU is given so that it can be seen not to be what was measured. What is to be compared
with it is a whole path elsewhere (a post durable, readable, in every home of the same number of
followers), not a bare queue or a kernel.
"""

from __future__ import annotations

import time

from bench.common import (
    IN_FLIGHT,
    Figure,
    Server,
    arguments,
    median,
    packed,
    people,
    pipe_to,
    report,
    sync_ms,
)
from bench.common import population as population_of


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=40_000, help="posts a round")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is given")
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    options = parser.parse_args()
    population = population_of(options)
    rates, cpus, clients, deliveries = [], [], [], []
    with Server() as server, pipe_to(server) as pipe:
        began = time.perf_counter()
        people(pipe, population)
        made = (population.accounts + len(population.follows)) / (time.perf_counter() - began)
        for number in range(options.rounds):
            frames = packed(population.posts(options.count, seed=number))
            before, client = pipe.facts(), time.process_time()
            began = time.perf_counter()
            pipe.run(frames, options.in_flight)
            seconds, client = time.perf_counter() - began, time.process_time() - client
            after = pipe.facts()
            rates.append(options.count / seconds)
            cpus.append((after.cpu_seconds - before.cpu_seconds) / options.count * 1e6)
            clients.append(client / options.count * 1e6)
            deliveries.append((after.deliveries - before.deliveries) / options.count)
        disk = sync_ms(server.folder)
    rate, cpu, fan_out = median(rates), median(cpus), median(deliveries)
    report(
        f"engine: {options.count:,} posts a round, {options.in_flight} in flight",
        [
            Figure("posts", rate, "/s", "5,000; next 8,000, aim 12,000"),
            Figure("best round", max(rates), "/s"),
            Figure("engine's CPU", cpu, "µs a post"),
            Figure("posts by its CPU alone", 1e6 / cpu, "/s"),
            Figure("client's CPU", median(clients), "µs a post"),
            Figure("deliveries", rate * fan_out, "/s"),
            Figure("deliveries a post", fan_out, ""),
            Figure("registrations and follows", made, "/s"),
            Figure("a sync of this disk alone", disk, "ms"),
        ],
        options,
    )


if __name__ == "__main__":
    main()
