"""For commands that write: the running engine of a data folder, or one started meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from covey.delivery.arena import make_arena_file
from covey.engine.client import EngineClient, connect
from covey.engine.folder import SOCKET, Locked, short_path
from covey.engine.process import Orders
from covey.limits import ACCOUNTS_MAX, ARENA_BYTES_MAX

START_SECONDS: Final = 60.0


def make_folder(folder: Path) -> None:
    """The data folder, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def arena_bytes() -> int:
    """An eighth of the machine's memory, at most ARENA_BYTES_MAX."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(ARENA_BYTES_MAX, memory // 8)


@asynccontextmanager
async def attach(folder: Path) -> AsyncIterator[EngineClient]:
    """A connected client of the engine of `folder`.

    Raises Locked, with what the engine said, when none runs and none can be started.
    """
    make_folder(folder)
    client = EngineClient()
    started: subprocess.Popen[bytes] | None = None
    lifeline = -1
    if not await is_running(folder):
        started, lifeline = await _start(folder)
    link = asyncio.create_task(connect(client, folder))
    try:
        try:
            async with asyncio.timeout(START_SECONDS):
                await client.ready.wait()
        except TimeoutError:
            raise Locked(f"the engine of {folder} does not answer") from None
        yield client
    finally:
        link.cancel()
        with suppress(asyncio.CancelledError):
            await link
        if started is not None:
            started.terminate()
            await asyncio.to_thread(started.wait)
            os.close(lifeline)


async def is_running(folder: Path) -> bool:
    """Whether an engine answers at the socket of `folder`."""
    try:
        with short_path(folder, SOCKET) as path:
            _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


async def _start(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """An engine process and our end of its lifeline."""
    arena = make_arena_file(arena_bytes(), ACCOUNTS_MAX)
    lifeline_theirs, lifeline_ours = os.pipe()
    ready_ours, ready_theirs = os.pipe()
    orders = Orders(str(folder), arena, lifeline_theirs, ready_theirs, log_level="warning")
    # a file and no pipe: nobody reads it while the engine runs
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the engine keeps it open
    process = subprocess.Popen(
        [sys.executable, "-m", "covey.engine.process", msgspec.json.encode(orders).decode()],
        pass_fds=(arena, lifeline_theirs, ready_theirs),
        stderr=said,
        start_new_session=True,
    )
    for descriptor in (arena, lifeline_theirs, ready_theirs):
        os.close(descriptor)
    try:
        ready = await asyncio.to_thread(os.read, ready_ours, 1)
    finally:
        os.close(ready_ours)
    if not ready:
        os.close(lifeline_ours)
        process.wait()
        said.seek(0)
        sentence = said.read().decode("utf-8", "replace").strip()
        said.close()
        raise Locked(sentence.removeprefix("covey engine: ") or "the engine did not start")
    said.close()
    return process, lifeline_ours
