"""The engine as a process of its own: `python -m covey.engine.process`, started by the supervisor
of `covey serve`, or by a command for its duration (`attach`).

Its one argument is a JSON object, see `Orders`.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import logging
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NoReturn

import apsw
import msgspec
from msgspec import Struct

from covey.clock import boot_clock
from covey.database import WrongDatabase
from covey.delivery.arena import Arena
from covey.delivery.kernels import Deliver
from covey.engine.engine import Engine
from covey.engine.folder import LOCK_SECONDS, Locked, end_with, folder_lock
from covey.engine.server import Server
from covey.errors import Fatal
from covey.log import Log, LogDamaged
from covey.settings import set_up_logging
from covey.state.state import State, StateAhead, state_path

logger: Final = logging.getLogger("covey.engine")

HOPELESS: Final = 3
"""Exit status when starting again can't help: a person has to look."""


KERNEL_FOLDER: Final = "kernel"
"""In the data folder: the compiled kernel's machine code. It may be thrown away."""
GARBAGE_OBJECTS: Final = 50_000
"""Python looks for cycles after so many new objects: its own 700 are a part of one batch, and the
looks took 4 % of a post's CPU. Nothing in a batch is a cycle."""
WARM_UP_AFTER_SECONDS: Final = 2.0
"""The edges start meanwhile, and want the cores."""


class Orders(Struct, frozen=True):
    """What the engine is told at its start."""

    folder: str
    arena_fd: int
    lifeline_fd: int
    """Closed by whoever started us, or by its death: then we end."""
    ready_fd: int = -1
    """Gets one byte when submissions are taken."""
    lock_fd: int = -1
    """The folder's lock, when whoever started us took it and lends it to us."""
    accept_clock: bool = False
    """An operator confirmed that the clock is right though it stands behind the last stamp."""
    compile_kernel: bool = False
    """Go over to the compiled kernel when it is ready, where numba is installed."""
    attempts: dict[str, int] = {}
    """Of the settings: bucket → attempts in its window, see `Counters`."""
    log_level: str = "info"


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    end_with(orders.lifeline_fd)
    os.umask(0o077)  # whatever the umask of who started us: the folder's files are its owner's
    set_up_logging(orders.log_level)
    # Ctrl-C at a terminal reaches the supervisor; it tells us by SIGTERM, in its order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _run(orders)
    except (Locked, StateAhead, LogDamaged, WrongDatabase, Fatal) as error:
        _give_up(str(error))


def _give_up(sentence: str) -> NoReturn:
    print(f"covey engine: {sentence}", file=sys.stderr, flush=True)
    raise SystemExit(HOPELESS)


def _run(orders: Orders) -> None:
    folder = Path(orders.folder)
    is_lent = orders.lock_fd >= 0
    with nullcontext() if is_lent else folder_lock(folder, LOCK_SECONDS):
        try:
            engine = _open(orders, folder)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            _give_up(f"a file in {folder} is damaged ({error}): `covey verify` says more")
        _serve(orders, folder, engine)


def _open(orders: Orders, folder: Path) -> Engine:
    """The engine, brought to the log's end."""
    boot = now = boot_clock()
    log = Log(folder / "log.db", write=True)
    state = State(state_path(folder))
    if orders.accept_clock:
        first = state.stamp
        now = lambda: max(first, boot())  # noqa: E731
    engine = Engine(log=log, state=state, arena=Arena.from_fd(orders.arena_fd), now=now)
    applied = engine.recover(
        lambda done, of: logger.info("applying the log's tail: %d of %d", done, of)
    )
    if applied:
        logger.info("applied %d messages of the log's tail, up to %d", applied, state.applied)
    return engine


def _serve(orders: Orders, folder: Path, engine: Engine) -> None:
    import uvloop

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = Server(
            engine, folder, now=engine.now, arena_fd=orders.arena_fd, attempts=orders.attempts
        )
        loop.add_signal_handler(signal.SIGTERM, server.stop)
        warming = asyncio.create_task(_warm_up(orders, engine.arena))
        await server.run(lambda: _ready(orders.ready_fd))
        warming.cancel()

    collect_rarely()
    uvloop.run(serve())
    engine.close()


def collect_rarely() -> None:
    """What is there now, graph and code, stays and is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


async def _warm_up(orders: Orders, arena: Arena) -> None:
    """Fetch the compiled kernel, beside the batches that numpy delivers meanwhile."""
    if not orders.compile_kernel or importlib.util.find_spec("numba") is None:
        return
    await asyncio.sleep(WARM_UP_AFTER_SECONDS)
    try:
        deliver = await asyncio.to_thread(_compiled, Path(orders.folder) / KERNEL_FOLDER)
    except Exception as error:  # whatever it is: numpy's bytes are as good
        logger.warning("no compiled kernel, numpy goes on: %r", error)
        return
    arena.use("numba", deliver)
    logger.info("the compiled kernel delivers from now on")


def _compiled(cache: Path) -> Deliver:
    from covey.delivery.compiled import compile_kernel  # half a second, so in the thread as well

    return compile_kernel(cache)


def _ready(descriptor: int) -> None:
    if descriptor >= 0:
        os.write(descriptor, b"r")
        os.close(descriptor)


if __name__ == "__main__":
    main()
