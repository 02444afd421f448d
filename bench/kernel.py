"""Deliveries into an arena, and reads of it: `python -m bench.kernel [--follows F.csv]`.

A kernel, not a server: who gets each post is known before the clock starts; nothing is checked,
logged, stored or sent. Authors with a follower post equally often. Without `--follows` the graph is
made up: ten follows an account on average, who is followed falls like 1/rank.

Both kernels on one core each in turn: numpy's, and the compiled one where numba is installed. The
clock starts once every page of the arena has been touched, as in a server that has run for a while.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from bench.common import Figure, arguments, report

from covey.delivery import kernels
from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.layout import PAGE_BYTES, WORD_BYTES

ARENA_BYTES = 256 << 20
PAGES = (20, 60)  # ids
WARM_SHARE = 0.25  # of the batches, before the clock starts
WANTED = {("numpy", 1_024): "≥ 3", ("numba", 1_024): "≥ 12"}  # M deliveries/s

Batch = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.uint32]]


class Graph(NamedTuple):
    accounts: int
    followers: npt.NDArray[np.uint32]
    """Of all authors with a follower, one after the other, ascending within each."""
    bounds: npt.NDArray[np.int64]
    """Where in `followers` each author's begin, and the end."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--deliveries", type=int, default=3_000_000, help="at each batch size")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 256, 1_024])
    options = parser.parse_args()
    graph = make_graph(options)
    figures = []
    arena = touched(Arena.in_memory(ARENA_BYTES, graph.accounts))
    for kernel, deliver in kernels_here().items():
        arena.use(kernel, deliver)
        for posts in options.batches:
            figures += delivering(arena, posts, make_batches(graph, posts, options))
    figures += reading(arena, graph)
    fan_out = len(graph.followers) / (len(graph.bounds) - 1)
    report(f"Kernel alone, one core, mean fan-out {fan_out:.1f}", figures, options)


@cache
def kernels_here() -> dict[str, kernels.Deliver]:
    """By name; the compiled one where numba is installed."""
    found: dict[str, kernels.Deliver] = {"numpy": kernels.deliver}
    if importlib.util.find_spec("numba"):
        from covey.delivery.compiled import compile_kernel

        with tempfile.TemporaryDirectory(prefix="covey-bench-") as cache:
            found["numba"] = compile_kernel(Path(cache))
    return found


def touched(arena: Arena) -> Arena:
    """The same arena, with memory behind every page of its circle."""
    pages = arena.arrays.chunks[:: PAGE_BYTES // WORD_BYTES]
    pages[:] = pages
    return arena


def delivering(arena: Arena, posts: int, batches: list[Batch]) -> list[Figure]:
    arena.reset(born=0, applied=0, generation=1)
    arena.begin()
    warm = int(len(batches) * WARM_SHARE)
    for batch in batches[:warm]:
        arena.deliver(*batch)
    timed = batches[warm:]
    wall, cpu = time.perf_counter(), time.process_time()
    for batch in timed:
        arena.deliver(*batch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    arena.finish(published=int(batches[-1][0][-1]), applied=1)
    deliveries = sum(len(recipients) for _, _, recipients in timed)
    what = f"{arena.kernel}, posts a batch: {posts:,}"
    return [
        Figure(
            what, deliveries / wall / 1e6, "M deliveries/s", WANTED.get((arena.kernel, posts), "")
        ),
        Figure(f"{what}, a delivery", wall / deliveries * 1e9, "ns"),
        Figure(f"{what}, a delivery", cpu / deliveries * 1e9, "ns of CPU"),
        Figure(f"{what}, a batch", wall / len(timed) * 1e6, "µs"),
    ]


def reading(arena: Arena, graph: Graph) -> list[Figure]:
    reader = ArenaReader(arena.memory)
    below = reader.published + 1
    figures = []
    for limit in PAGES:
        homes = [a for a in range(graph.accounts) if len(reader.read(a, below, limit)[0]) == limit]
        if not homes:
            continue
        cpu = time.process_time()
        for account in homes:
            reader.read(account, below, limit)
        cpu = (time.process_time() - cpu) / len(homes)
        what = f"reading {limit} ids, in each of {len(homes):,} homes"
        figures.append(Figure(what, cpu * 1e6, "µs of CPU"))
    return figures


def make_graph(options: argparse.Namespace) -> Graph:
    if options.follows:
        edges = np.loadtxt(options.follows, np.uint32, delimiter=",", skiprows=1)
        follower, followed = edges[:, 0], edges[:, 1]
    else:
        draw = np.random.default_rng(options.seed)
        weights = np.cumsum(1 / np.arange(1, options.accounts + 1))
        chances = draw.random(10 * options.accounts) * weights[-1]
        followed = np.searchsorted(weights, chances).astype(np.uint32)
        follower = draw.integers(0, options.accounts, len(followed)).astype(np.uint32)
    pairs = np.unique(followed.astype(np.uint64) << 32 | follower)
    authors = (pairs >> 32).astype(np.uint32)
    bounds = np.append(np.unique(authors, return_index=True)[1], len(authors))
    accounts = int(max(follower.max(), followed.max())) + 1
    return Graph(accounts, pairs.astype(np.uint32), bounds)


def make_batches(graph: Graph, posts: int, options: argparse.Namespace) -> list[Batch]:
    draw = np.random.default_rng(options.seed)
    batches: list[Batch] = []
    deliveries, newest = 0, 0
    while deliveries < options.deliveries or len(batches) < 8:
        authors = draw.integers(0, len(graph.bounds) - 1, posts)
        spans = [slice(graph.bounds[a], graph.bounds[a + 1]) for a in authors]
        recipients = np.concatenate([graph.followers[span] for span in spans])
        offsets = np.cumsum([0] + [span.stop - span.start for span in spans])
        ids = np.arange(newest + 1, newest + 1 + posts, dtype=np.uint64)
        newest += posts
        deliveries += len(recipients)
        batches.append((ids, offsets, recipients))
    return batches


if __name__ == "__main__":
    main()
