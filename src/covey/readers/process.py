"""The worker: all readers in a process of their own, `python -m covey.readers.process`, started by
the supervisor of `covey serve`.

Its one argument is a JSON object, see `Orders`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from covey.clock import boot_clock
from covey.delivery.arena import ArenaReader
from covey.engine.client import EngineClient, connect
from covey.engine.folder import end_with
from covey.log import Log
from covey.readers.all import readers
from covey.readers.cursors import FILE, Cursors
from covey.readers.doing import Doing
from covey.readers.following import Follower
from covey.readers.reader import Surroundings
from covey.settings import load, set_up_logging
from covey.state.opening import open_state

logger: Final = logging.getLogger("covey.worker")


class Orders(Struct, frozen=True):
    """What the worker is told at its start."""

    folder: str
    arena_fd: int
    lifeline_fd: int
    doing_fd: int
    public_url: str


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    end_with(orders.lifeline_fd)
    os.umask(0o077)
    # Ctrl-C at a terminal reaches the supervisor; it tells us by SIGTERM, in its order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_work(orders))


async def _work(orders: Orders) -> None:
    followers: list[Follower] = []
    stopped = asyncio.Event()
    work = asyncio.current_task()
    assert work

    def stop() -> None:
        stopped.set()
        for follower in followers:
            follower.stop()
        if not followers:
            work.cancel()  # it waits for the engine's files still

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    folder = Path(orders.folder)
    settings = msgspec.structs.replace(load(folder), public_url=orders.public_url)
    set_up_logging(settings.log_level)
    client = EngineClient()
    link = asyncio.create_task(connect(client, folder))
    state, client.epoch = await open_state(folder)
    around = Surroundings(folder, settings, state, client, boot_clock())
    log = Log(folder / "log.db")
    cursors = open_cursors(folder, log)
    arena = ArenaReader(mmap.mmap(orders.arena_fd, 0, access=mmap.ACCESS_READ))
    doing = Doing(orders.doing_fd)
    followers += [
        Follower(
            reader, around, log=log, cursors=cursors, applied=lambda: arena.applied, doing=doing
        )
        for reader in readers(around)
    ]
    async with asyncio.TaskGroup() as tasks:
        for follower in followers:
            tasks.create_task(follower.run())
        tasks.create_task(stopped.wait())
    link.cancel()
    cursors.close()


def open_cursors(folder: Path, log: Log) -> Cursors:
    """And say what was found."""
    cursors = Cursors(folder / FILE, log.id, log.last_number())
    if cursors.is_foreign:
        logger.warning("%s was another log's: all readers begin anew", FILE)
    for reader, number in cursors.clamped.items():
        logger.warning(
            "%s had come to message %d, the log ends at %d: it goes on from there",
            reader, number, log.last_number(),
        )  # fmt: skip
    return cursors


if __name__ == "__main__":
    main()
