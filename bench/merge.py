"""A page of home by arena and by merge, on one core: `python -m bench.merge [--follows edges.csv]`.

Rows, boosts and arena are made through the engine; without `--follows` the graph is made up. Times
are of the whole page as a door gets it: ids, rows, boost window, originals.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.audience import Relations
from covey.edge import home
from covey.edge.cursor import Cursor
from covey.edge.unread import unread_home
from covey.engine.engine import Accepted, Engine, Submission
from covey.log import Log
from covey.messages import SERVER, Boost, Follow, Post, Register
from covey.state import merge as merging
from covey.state.home import candidates_below
from covey.state.merge import END
from covey.state.queries import Snapshot, StateReader
from covey.state.state import State

ARENA_BYTES = 256 << 20
BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--follows", type=Path, help="CSV follower,followed; else made up")
    parser.add_argument("--accounts", type=int, default=10_000, help="of the made-up graph")
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    draw = random.Random(1)
    if options.follows:
        edges = np.loadtxt(options.follows, np.int64, delimiter=",", skiprows=1)
        _, numbers = np.unique(edges, return_inverse=True)
        follows = [(int(a) + 1, int(b) + 1) for a, b in numbers.reshape(-1, 2)]
        accounts = max(max(edge) for edge in follows)
    else:
        accounts = options.accounts
        follows = made_up(draw, accounts)
    # readers of known size beside the graph: they follow accounts drawn evenly
    readers = {accounts + place + 1: size for place, size in enumerate((50, 500, 2_000, 5_000))}
    for reader, size in readers.items():
        followed = draw.sample(range(1, accounts + 1), min(size, accounts))
        follows += [(reader, account) for account in followed]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arena = Arena.in_memory(ARENA_BYTES, accounts + 100)
        fill(folder, arena, draw, accounts + len(readers), follows, options.posts)
        state = StateReader(folder / "state.db")
        with state.snapshot() as snapshot:
            print(f"{accounts:,} accounts, {len(follows):,} follows, {options.posts:,} posts")
            for reader, size in readers.items():
                measure(snapshot, ArenaReader(arena.memory), reader, size, draw, options.rounds)
        state.close()


def made_up(draw: random.Random, accounts: int) -> list[tuple[int, int]]:
    """Ten follows an account, of others whose weights fall like 1/rank."""
    weights = [1 / rank for rank in range(1, accounts + 1)]
    everybody = range(1, accounts + 1)
    return [
        (follower, followed)
        for follower in everybody
        for followed in set(draw.choices(everybody, weights, k=10)) - {follower}
    ]


def fill(
    folder: Path,
    arena: Arena,
    draw: random.Random,
    accounts: int,
    follows: list[tuple[int, int]],
    posts: int,
) -> None:
    """One post in five is a boost; authors post in proportion to nothing."""
    now = [1_767_225_600_000]
    log, state = Log(folder / "log.db", write=True), State(folder / "state.db")
    engine = Engine(log=log, state=state, arena=arena, now=lambda: now[0])
    engine.recover()
    keys = iter(range(1 << 62))

    def step(messages: list[tuple[int, object]]) -> list[int]:
        now[0] += 50
        submissions = [
            Submission(actor, b"e" + next(keys).to_bytes(16, "big"), message)  # type: ignore[arg-type]
            for actor, message in messages
        ]
        answers = engine.step(submissions).answers
        return [answer.id for answer in answers if isinstance(answer, Accepted)]

    for start in range(0, accounts, BATCH):
        step(
            [(SERVER, Register(name=f"a{n}z")) for n in range(start, min(start + BATCH, accounts))]
        )
    for start in range(0, len(follows), BATCH):
        step([(a, Follow(account=b)) for a, b in follows[start : start + BATCH]])
    recent: list[int] = []
    for _ in range(0, posts, BATCH):
        batch: list[tuple[int, object]] = []
        for _ in range(BATCH):
            actor = draw.randint(1, accounts)
            if recent and draw.random() < 0.2:
                batch.append((actor, Boost(post=draw.choice(recent))))
            else:
                batch.append((actor, Post(text="A post about nothing in particular. " * 3)))
        ids = step(batch)
        if len(ids) == len(batch):  # no boost was refused for being the second of its author
            posts_of = [id_ for id_, did in zip(ids, batch, strict=True) if type(did[1]) is Post]
            recent = posts_of[:100]
    engine.close()


def measure(
    snapshot: Snapshot, arena: ArenaReader, reader: int, size: int, draw: random.Random, rounds: int
) -> None:
    relations = snapshot.relations(reader)
    last = snapshot.last_id
    first = snapshot.rows("select min(id) from posts")[0][0]
    deep = [draw.randint(first + (last - first) // 2, last) for _ in range(rounds)]

    def page(arena: ArenaReader | None, cursor: Cursor) -> None:
        home.page(snapshot, arena, relations, cursor)

    print(f"follows {size:,}:")
    report("arena, top", rounds, lambda _: page(arena, Cursor()))
    report("merge, top", rounds, lambda _: page(None, Cursor()))
    report("merge, anywhere", rounds, lambda n: page(None, Cursor(max_id=deep[n])))
    report("merge, min_id", rounds, lambda n: page(None, Cursor(min_id=deep[n])))
    report("merge, raw ids only", rounds, lambda n: raw(snapshot, relations, deep[n]))
    for name, cost in (("by author", 0), ("by post", 1 << 60)):
        kept, merging.SEEK_POSTS = merging.SEEK_POSTS, cost
        few = max(1, rounds // 10)
        report(f"raw ids only, {name}", few, lambda n: raw(snapshot, relations, deep[n]))
        merging.SEEK_POSTS = kept
    for behind in (300, 2_000):
        position = candidates_below(snapshot, None, relations, END, behind)[-1].id
        for name, held in (("arena", arena), ("merge", None)):
            report(
                f"unread, {behind:,} by {name}",
                20,
                lambda _, held=held, at=position: unread_home(snapshot, held, relations, at),  # type: ignore[misc]
            )
    report("relations", 20, lambda _: snapshot.relations(reader))


def raw(snapshot: Snapshot, relations: Relations, below: int) -> object:
    return candidates_below(snapshot, None, relations, below, 20)


def report(name: str, rounds: int, work: Callable[[int], object]) -> None:
    work(0)
    times = []
    for n in range(rounds):
        start = time.thread_time_ns()
        work(n)
        times.append((time.thread_time_ns() - start) / 1_000)
    times.sort()
    print(
        f"    {name:28} {statistics.median(times):9,.0f} µs of CPU (median)"
        f" {times[int(len(times) * 0.99)]:9,.0f} (p99)"
    )


if __name__ == "__main__":
    main()
