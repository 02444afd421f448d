"""One post to a million followers: `python -m bench.million`.

How long after the post's sync does it stand in every home? The engine's own steps, in this process,
on a folder of its own: log, state and arena as `covey serve` has them. The clock starts when the
log's sync returned and stops when the engine would answer; so it holds the commit of the rows, the
delivery and `published`. Beside it, the whole step (check, apply, audience, append, sync, deliver).
Then the same through the socket of a real server: from the request to its answer, and with it
everything, the disk too.

**Bulk-loaded**: the million accounts and their follows are written into the state's tables by SQL
and are in no log; a million `register` and `follow` messages would take minutes and change nothing
in what is measured. The graph is loaded from the tables, as at each start.

Homes that one post fills lie side by side in the arena and are quick to fill again; on a busy
server they don't. So before each timed post in this process every home gets three deliveries
straight into the arena, one at a time in random order, so that its newest chunk lies anywhere.
Through the socket that can't be done: there 30 other accounts, each followed by a thirtieth of the
million drawn at random, post in between, and homes lie better than they would.

Afterwards every home is read, and has to hold the posts.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import time
from pathlib import Path

import numpy as np
from bench.common import (
    Figure,
    Pipe,
    Server,
    data_folder,
    median,
    packed,
    report,
    sync_ms,
)
from bench.kernel import kernels_here

from covey.clock import boot_clock
from covey.delivery.arena import Arena, ArenaReader, make_arena_file
from covey.engine.attach import arena_bytes
from covey.engine.engine import Accepted, Engine, Submission
from covey.engine.folder import SOCKET
from covey.keys import edge_key
from covey.limits import ACCOUNTS_MAX
from covey.log import Log
from covey.messages import SERVER, Post, Register
from covey.state.state import State, state_path

STAR = 1  # the account that all follow
OTHERS = range(2, 32)
FILLERS = 3
WANTED = "≤ 100"  # ms, with the extra `fast`
READY_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--followers", type=int, default=1_000_000)
    parser.add_argument("--posts", type=int, default=12, help="timed, by each kernel")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON, nothing else")
    options = parser.parse_args()
    with data_folder() as folder:
        began = time.perf_counter()
        populate(folder, options)
        figures = [Figure("loading the tables", time.perf_counter() - began, "s")]
        figures += in_process(folder, options)
        figures += through_the_socket(folder, options)
        figures.append(Figure("a sync of this disk alone", sync_ms(folder), "ms"))
    report(f"One post to {options.followers:,} followers", figures, options)


def populate(folder: Path, options: argparse.Namespace) -> None:
    log, state = Log(folder / "log.db", write=True), State(state_path(folder))
    engine = Engine(log=log, state=state, arena=new_arena(), now=boot_clock())
    engine.recover()
    engine.step([
        Submission(SERVER, edge_key(), Register(name=f"author{number}"))
        for number in (STAR, *OTHERS)
    ])  # fmt: skip
    draw = random.Random(options.seed)
    followers = range(OTHERS.stop, OTHERS.stop + options.followers)
    state.begin()
    state.connection.executemany(
        "insert into accounts (number, name, name_key, look_key, created, changed)"
        " values (?1, ?2, ?2, ?2, 0, 0)",
        ((number, f"u{number}") for number in followers),
    )
    follow = (
        "insert into follows (follower, followed, boosts, notify, number) values (?, ?, 1, 0, ?)"
    )
    state.connection.executemany(follow, ((number, STAR, number) for number in followers))
    for other in OTHERS:
        drawn = sorted(draw.sample(followers, options.followers // len(OTHERS)))
        state.connection.executemany(follow, ((number, other, number) for number in drawn))
    state.commit(state.checksum)
    engine.close()


def new_arena() -> Arena:
    return Arena.from_fd(make_arena_file(arena_bytes(), ACCOUNTS_MAX))


def in_process(folder: Path, options: argparse.Namespace) -> list[Figure]:
    passed: dict[str, float] = {}

    def arrow(name: str) -> None:
        passed[name] = time.perf_counter()

    log, state = Log(folder / "log.db", write=True), State(state_path(folder))
    engine = Engine(log=log, state=state, arena=new_arena(), now=boot_clock(), arrow=arrow)
    began = time.perf_counter()
    engine.recover()
    figures = [Figure("the graph from the tables", time.perf_counter() - began, "s")]
    draw = np.random.default_rng(options.seed)
    posts = []
    for kernel, deliver in kernels_here().items():
        after_sync, whole, cpu = [], [], []
        for _ in range(options.posts):
            scatter(engine, options.followers, draw)
            engine.arena.use(kernel, deliver)
            cpu_began, began = time.process_time(), time.perf_counter()
            answer = engine.step([post_by(STAR)]).answers[0]
            cpu.append(time.process_time() - cpu_began)
            whole.append(passed["answer"] - began)
            after_sync.append(passed["answer"] - passed["appended"])
            assert isinstance(answer, Accepted)
            posts.append(answer.id)
        took = f"{kernel}: in every home after its sync"
        wanted = WANTED if kernel == "numba" else ""
        figures += [
            Figure(f"{took}, median", median(after_sync) * 1e3, "ms", wanted),
            Figure(f"{took}, slowest of {len(whole)}", max(after_sync) * 1e3, "ms"),
            Figure(f"{kernel}: the whole step, median", median(whole) * 1e3, "ms"),
            Figure(f"{kernel}: the whole step, median", median(cpu) * 1e3, "ms of CPU"),
        ]  # fmt: skip
    in_all = posts_in_every_home(engine, posts[-3:], options.followers)
    figures.append(Figure("homes read that hold the newest 3", in_all, ""))
    engine.close()
    return figures


def scatter(engine: Engine, followers: int, draw: np.random.Generator) -> None:
    """Into every home, in random order, the newest post that there is."""
    arena, state = engine.arena, engine.state
    arena.use(*list(kernels_here().items())[-1])
    ids = np.full(followers, state.last_id, np.uint64)
    arena.begin()
    for _ in range(FILLERS):
        recipients = draw.permutation(followers).astype(np.uint32) + np.uint32(OTHERS.stop)
        arena.deliver(ids, np.arange(followers + 1), recipients)
    arena.finish(published=state.last_id, applied=state.applied)


def post_by(account: int) -> Submission:
    return Submission(account, edge_key(), Post(text="to all of you"))


def posts_in_every_home(engine: Engine, posts: list[int], followers: int) -> int:
    """How many homes; raises AssertionError for one without."""
    reader = ArenaReader(engine.arena.memory)
    below, wanted = reader.published + 1, set(posts)
    for account in range(OTHERS.stop, OTHERS.stop + followers):
        found, _ = reader.read(account, below, 60)
        assert wanted <= set(found), f"home {account} lacks {wanted - set(found)}"
    return followers


def through_the_socket(folder: Path, options: argparse.Namespace) -> list[Figure]:
    with Server(folder=folder) as server:
        pipe = ready_pipe(server)
        seconds = []
        for number in range(options.posts):
            other = OTHERS[number % len(OTHERS)]
            pipe.submit([(other, Post(text="between"), edge_key()) for _ in range(10)])
            frames = packed([(STAR, Post(text="to all of you"), edge_key())])
            began = time.perf_counter()
            pipe.run(frames)
            seconds.append(time.perf_counter() - began)
        kernel = pipe.facts().kernel
        pipe.close()
    what = f"through the socket, {kernel}: from request to answer"
    return [
        Figure(f"{what}, median", median(seconds) * 1e3, "ms"),
        Figure(f"{what}, slowest", max(seconds) * 1e3, "ms"),
    ]


def ready_pipe(server: Server) -> Pipe:
    """When the engine has loaded its graph (edges answer before) and gone over to the compiled
    kernel, where there is one."""
    deadline = time.perf_counter() + READY_SECONDS
    while not (server.folder / SOCKET).exists() and time.perf_counter() < deadline:
        time.sleep(0.05)
    pipe = Pipe(server.folder)
    kernel = "numba" if importlib.util.find_spec("numba") else "numpy"
    while pipe.facts().kernel != kernel and time.perf_counter() < deadline:
        time.sleep(0.05)
    return pipe


if __name__ == "__main__":
    main()
