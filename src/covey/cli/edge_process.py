"""An edge as a process of its own: `python -m covey.cli.edge_process`, started by the supervisor of
`covey serve`. It mounts the doors on one listening socket that all edges share, so that a killed
edge costs no request.

Its one argument is a JSON object, see `Orders`.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import apsw
import msgspec
import uvicorn
import uvloop
from msgspec import Struct

from covey.clock import boot_clock
from covey.delivery.arena import ArenaReader
from covey.edge.edge import Edge
from covey.engine.client import EngineClient, connect
from covey.engine.process import set_up_logging
from covey.live.hub import Hub
from covey.settings import load
from covey.state.queries import StateReader
from covey.state.state import state_path

logger: Final = logging.getLogger("covey.edge")

STATE_POLL_SECONDS: Final = 0.01
GRACE_SECONDS: Final = 8


class Orders(Struct, frozen=True):
    """What an edge is told at its start."""

    folder: str
    arena_fd: int
    lifeline_fd: int
    listening_fd: int
    ready_fd: int
    number: int
    count: int
    public_url: str


class _Server(uvicorn.Server):
    """Ends the streams first: lifespan shutdown comes after uvicorn waited for open responses."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._hub.stop()
        super().handle_exit(sig, frame)


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(_serve(orders))


def open_state(folder: Path) -> StateReader:
    """The state, as soon as the engine has made it."""
    while True:
        try:
            reader = StateReader(state_path(folder))
            with reader.snapshot():
                return reader
        except (apsw.CantOpenError, apsw.SQLError, apsw.BusyError):
            time.sleep(STATE_POLL_SECONDS)


async def _serve(orders: Orders) -> None:
    from covey.cli.application import application

    folder = Path(orders.folder)
    settings = msgspec.structs.replace(load(folder), public_url=orders.public_url)
    set_up_logging(settings.log_level)
    loop = asyncio.get_running_loop()
    loop.add_reader(orders.lifeline_fd, os._exit, 1)
    client = EngineClient()
    now = boot_clock()
    arena = ArenaReader(mmap.mmap(orders.arena_fd, 0, access=mmap.ACCESS_READ))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    link = asyncio.create_task(connect(client, folder))
    await client.ready.wait()
    edge = Edge(
        settings=settings,
        engine=client,
        reader=open_state(folder),
        arena=arena,
        now=now,
        secret=(folder / "secrets" / "edge.key").read_bytes(),
    )
    config = uvicorn.Config(
        application(edge), http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=30,
    )  # fmt: skip
    server = _Server(config, edge.hub)
    listening = socket.socket(fileno=orders.listening_fd)
    os.write(orders.ready_fd, b"r")
    await server.serve(sockets=[listening])
    link.cancel()


if __name__ == "__main__":
    main()
