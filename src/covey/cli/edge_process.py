"""An edge as a process of its own: `python -m covey.cli.edge_process`, started by the supervisor of
`covey serve`. It mounts the doors on one listening socket that all edges share, so that a killed
edge costs no request.

Its one argument is a JSON object, see `Orders`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import mmap
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import uvicorn
import uvloop
from msgspec import Struct

from covey.clock import boot_clock
from covey.delivery.arena import ArenaReader
from covey.edge.connection import WEB_SOCKETS, Connection
from covey.edge.edge import Edge
from covey.engine.client import EngineClient, connect
from covey.engine.folder import end_with
from covey.live.hub import Hub
from covey.seal import load_seal
from covey.settings import load, set_up_logging
from covey.state.opening import open_state
from covey.vapid import load_public_key

logger: Final = logging.getLogger("covey.edge")

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
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # we may be in the middle of anything
        self._loop.call_soon_threadsafe(self._hub.stop)
        super().handle_exit(sig, frame)


def main() -> None:
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    end_with(orders.lifeline_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A stream is a descriptor; the soft limit is 1,024 on most systems.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve(orders))


async def _serve(orders: Orders) -> None:
    from covey.cli.application import application

    folder = Path(orders.folder)
    settings = msgspec.structs.replace(load(folder), public_url=orders.public_url)
    set_up_logging(settings.log_level)
    client = EngineClient()
    now = boot_clock()
    arena = ArenaReader(mmap.mmap(orders.arena_fd, 0, access=mmap.ACCESS_READ))
    # at WARNING they write a line for every stranger that speaks no HTTP, or no multipart
    for name in ("uvicorn.error", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)
    link = asyncio.create_task(connect(client, folder))
    reader, client.epoch = await open_state(folder)
    edge = Edge(
        settings=settings,
        engine=client,
        reader=reader,
        arena=arena,
        now=now,
        secret=(folder / "secrets" / "edge.key").read_bytes(),
        seal=load_seal(folder),
        vapid_key=load_public_key(folder),
    )
    config = uvicorn.Config(
        application(edge), http=Connection, lifespan="off", log_config=None,
        access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=30, **WEB_SOCKETS,
    )  # fmt: skip
    server = _Server(config, edge.hub)
    listening = socket.socket(fileno=orders.listening_fd)
    ready = asyncio.create_task(_say_ready(client, orders.ready_fd))
    # What is here stays: looking through it again and again was a twentieth of a post's cost.
    gc.collect()
    gc.freeze()
    # Pages are read from now on, whether the engine is there or not.
    await server.serve(sockets=[listening])
    ready.cancel()
    link.cancel()


async def _say_ready(client: EngineClient, descriptor: int) -> None:
    await client.ready.wait()
    os.write(descriptor, b"r")


if __name__ == "__main__":
    main()
