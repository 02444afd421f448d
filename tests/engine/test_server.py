"""The engine behind its socket, and the folder it holds."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
from tests.engine.simulated import Server as Simulated
from tests.folders import scratch
from tests.live.beside import run

from covey.engine.client import EngineClient, connect
from covey.engine.folder import SOCKET, Locked, folder_lock, short_path, take_lock
from covey.engine.frames import FRAME_BYTES, Watch, pack
from covey.engine.server import Server
from covey.errors import Refused
from covey.keys import edge_key
from covey.limits import BATCH_MESSAGES
from covey.messages import SERVER, Register


class Running:
    """A server in this loop."""

    def __init__(self, simulated: Simulated) -> None:
        self.simulated = simulated
        self.folder = simulated.folder
        self.server = Server(simulated.engine, self.folder, now=lambda: simulated.now)
        self._ready = asyncio.Event()
        self.task = asyncio.create_task(self.server.run(self._ready.set))

    async def ready(self) -> None:
        await self._ready.wait()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[EngineClient]:
        client = EngineClient()
        link = asyncio.create_task(connect(client, self.folder))
        await client.ready.wait()
        try:
            yield client
        finally:
            link.cancel()
            await asyncio.gather(link, return_exceptions=True)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with short_path(self.folder, SOCKET) as path:
            return await asyncio.open_unix_connection(path)


def serve(play: Callable[[Running], Awaitable[None]]) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        simulated = Simulated(folder / "life")

        async def main() -> None:
            running = Running(simulated)
            await running.ready()
            await play(running)
            running.server.stop()
            await asyncio.gather(running.task, return_exceptions=True)

        run(main)
        simulated.end()


def register(client: EngineClient, name: str) -> asyncio.Task[object]:
    return asyncio.create_task(client.submit(SERVER, Register(name=name), edge_key()))


def test_only_its_owner_reaches_the_socket() -> None:
    async def play(running: Running) -> None:
        path = running.folder / SOCKET
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        running.server.stop()
        await running.task
        assert not path.exists()

    before = os.umask(0)
    try:
        serve(play)
    finally:
        os.umask(before)


def test_the_socket_of_a_dead_engine_is_replaced() -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        simulated = Simulated(folder / "life")
        (simulated.folder / SOCKET).write_text("")

        async def main() -> None:
            running = Running(simulated)
            async with running.client() as client:
                await register(client, "ann")
            running.server.stop()
            await running.task

        run(main)
        simulated.end()


def test_a_stop_finishes_what_is_in_the_inbox() -> None:
    async def play(running: Running) -> None:
        async with running.client() as client:
            asked = [register(client, f"name{n}") for n in range(2 * BATCH_MESSAGES + 10)]
            while running.simulated.log.last_number() == 0:
                await asyncio.sleep(0)
            running.server.stop()
            await running.task
            assert len(await asyncio.gather(*asked)) == 2 * BATCH_MESSAGES + 10

    serve(play)


@pytest.mark.parametrize("bad", [b"\xff" * 64, pack(Watch(1, "nonsense")), b"\x01\x00\x00\x00\xc1"])
def test_who_sends_nonsense_is_cut_off_alone(bad: bytes) -> None:
    async def play(running: Running) -> None:
        async with running.client() as client:
            reader, writer = await running.raw()
            writer.write(bad)
            await reader.read()  # until it is closed
            writer.close()
            await register(client, "ann")

    serve(play)


def test_a_frame_comes_in_any_pieces() -> None:
    async def play(running: Running) -> None:
        reader, writer = await running.raw()
        for byte in pack(Watch(1, "public")):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert await reader.readexactly(4)
        writer.close()

    serve(play)
    assert FRAME_BYTES < 1 << 32


@pytest.mark.parametrize(
    "error", [apsw.IOError("disk"), apsw.FullError("full"), RuntimeError("whatever it is")]
)
def test_when_the_log_can_not_be_written_it_ends_and_says_nothing(error: Exception) -> None:
    """Nobody knows what is on the disk: only the next engine will."""

    async def play(running: Running) -> None:
        async with running.client() as client:
            await register(client, "ann")

            def fail(_entries: object) -> int:
                raise error

            running.simulated.log.append = fail  # type: ignore[method-assign]
            asked = register(client, "bob")
            with pytest.raises(type(error)):
                await running.task
            assert not asked.done()
            asked.cancel()
        with running.simulated.reader.snapshot() as snapshot:
            assert snapshot.account_named("ann")
            assert not snapshot.account_named("bob")

    serve(play)


def test_a_message_that_breaks_apply_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def play(running: Running) -> None:
        async with running.client() as client:
            state = running.simulated.state
            execute = state.execute

            def broken(sql: str, *values: object) -> object:
                if "insert into accounts" in sql and "bad" in str(values):
                    raise RuntimeError("a bug")
                return execute(sql, *values)

            state.execute = broken
            good, bad, more = (register(client, name) for name in ("ann", "bad", "bob"))
            await good
            await more
            with pytest.raises(Refused, match="internal"):
                await bad
            assert "a message could not be applied" in caplog.text

    serve(play)


# --- the folder -------------------------------------------------------------------------------


def test_one_holds_the_folder(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        for seconds in (0.0, 0.1):
            with pytest.raises(Locked, match=f"process {os.getpid()}"):
                take_lock(tmp_path, seconds)
    os.close(take_lock(tmp_path))
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_the_lock_is_free_when_the_last_copy_is_closed(tmp_path: Path) -> None:
    """The supervisor lends it to its engine; whoever of them lives longer holds it."""
    lock = take_lock(tmp_path)
    copy = os.dup(lock)
    os.close(lock)
    with pytest.raises(Locked):
        take_lock(tmp_path)
    os.close(copy)
    os.close(take_lock(tmp_path))
