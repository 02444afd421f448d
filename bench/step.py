"""The engine's CPU a post, in one process and without a socket:
`python -m bench.step [--follows F.csv --posts P.txt] [--profile]`.

What `bench.engine` measures, but for the socket: frames are decoded, batches run, answers packed,
the log is synced, the state's write-ahead file checkpointed. The shares of parts are found by
looking every millisecond of CPU where the program stands (`--profile`), at next to no cost.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bench.common import (
    IN_FLIGHT,
    Doing,
    Figure,
    arguments,
    data_folder,
    median,
    name_of,
    packed,
    population,
    report,
)

from covey.delivery.arena import Arena
from covey.engine.checkpoint import Checkpointer
from covey.engine.dispatcher import Dispatcher
from covey.engine.engine import Engine
from covey.engine.frames import Frame, from_edge, pack
from covey.engine.process import collect_rarely
from covey.keys import edge_key
from covey.log import Log
from covey.messages import SERVER, Follow, Register
from covey.state.state import State, state_path

ARENA_BYTES = 256 << 20
LOOKED_EVERY_SECONDS = 0.001


class _Nobody:
    """An edge that throws away what it is sent, after it was packed."""

    slow = False

    def send(self, frames: list[Frame]) -> None:
        b"".join(map(pack, frames))


class _Engine:
    """A whole engine in `folder`, fed by hand."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(
            log=Log(folder / "log.db", write=True),
            state=State(state_path(folder)),
            arena=Arena.in_memory(ARENA_BYTES, 1 << 17),
            now=lambda: time.time_ns() // 1_000_000,
        )
        self.engine.recover()
        self._checkpointer = Checkpointer(self.engine.state)
        self._edge = _Nobody()
        self._dispatcher = Dispatcher(self.engine, now=self.engine.now, schedule=lambda run: None)
        self._dispatcher.connect(self._edge)

    def feed(self, frames: list[bytes], in_flight: int) -> None:
        for first in range(0, len(frames), in_flight):
            for frame in frames[first : first + in_flight]:
                self._dispatcher.receive(self._edge, from_edge.decode(frame[4:]))
            while self._dispatcher.waiting:
                self._dispatcher.run()
                self._checkpointer.after_batch()

    def close(self) -> None:
        self._checkpointer.close()
        self.engine.close()


@contextmanager
def _looked_at(found: Counter[str], active: bool) -> Iterator[None]:
    """Counts, for every function of Covey on the stack, the looks that found it there."""

    def look(_signal: int, frame: FrameType | None) -> None:
        found["all"] += 1
        seen = set()
        innermost = True
        while frame:
            code = frame.f_code
            if "covey" in code.co_filename:
                name = f"{Path(code.co_filename).stem}.{code.co_name}"
                seen.add(name)
                if innermost:
                    found[f"  itself {name}:{frame.f_lineno}"] += 1
                    innermost = False
            frame = frame.f_back
        found.update(seen)

    if not active:
        yield
        return
    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, LOOKED_EVERY_SECONDS, LOOKED_EVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="posts a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--most-followed", type=int, default=0, help="only so many authors")
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    options = parser.parse_args()
    found = population(options)
    authors = found.authors
    if options.most_followed:
        counts = Counter(followed for _, followed in found.follows)
        authors = [author for author, _ in counts.most_common(options.most_followed)]
    cpus, fan_outs = [], []
    looks: Counter[str] = Counter()
    with data_folder() as folder:
        engine = _Engine(folder)
        collect_rarely()
        names = [
            (SERVER, Register(name=name_of(n)), edge_key()) for n in range(1, found.accounts + 1)
        ]
        follows: list[Doing] = [(a, Follow(account=b), edge_key()) for a, b in found.follows]
        began = time.process_time()
        engine.feed(packed([*names, *follows]), options.in_flight)
        made = (len(names) + len(follows)) / (time.process_time() - began)
        for number in range(options.rounds):
            frames = packed(found.posts(options.count, seed=number, authors=authors))
            before, cpu = engine.engine.deliveries, time.process_time()
            with _looked_at(looks, options.profile):
                engine.feed(frames, options.in_flight)
            cpus.append((time.process_time() - cpu) / options.count * 1e6)
            fan_outs.append((engine.engine.deliveries - before) / options.count)
        engine.close()
    report(
        f"step: {options.count:,} posts a round, {options.in_flight} in flight",
        [
            Figure("CPU", median(cpus), "µs a post"),
            Figure("best round", min(cpus), "µs a post"),
            Figure("deliveries a post", median(fan_outs), ""),
            Figure("registrations and follows by CPU", made, "/s"),
        ],
        options,
    )
    for name, times in looks.most_common(70):
        print(f"  {times / looks['all']:6.1%}  {name}")


if __name__ == "__main__":
    main()
