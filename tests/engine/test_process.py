"""The compiled kernel comes beside the first batches, or not at all; the server runs either way."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from pathlib import Path

import msgspec
import pytest
from tests.server import eventually, serving

from covey.delivery.arena import Arena
from covey.engine import process
from covey.engine.process import KERNEL_FOLDER, Orders
from covey.messages import Follow, Post

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="the extra `fast` is not installed"
)


def warm_up(folder: Path, **orders: bool) -> Arena:
    arena = Arena.in_memory(1 << 20, 100)
    asyncio.run(process._warm_up(Orders(str(folder), -1, -1, **orders), arena))
    return arena


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "WARM_UP_AFTER_SECONDS", 0)


@needs_numba
def test_the_compiled_kernel_takes_over(tmp_path: Path) -> None:
    assert warm_up(tmp_path, compile_kernel=True).kernel == "numba"
    kept = [path.name for path in (tmp_path / KERNEL_FOLDER).rglob("*.nbc")]
    assert len(kept) == 1
    assert warm_up(tmp_path, compile_kernel=True).kernel == "numba"
    assert [path.name for path in (tmp_path / KERNEL_FOLDER).rglob("*.nbc")] == kept


def test_numpy_stays_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    assert warm_up(tmp_path).kernel == "numpy"
    assert list(tmp_path.iterdir()) == []


def test_numpy_stays_without_numba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert warm_up(tmp_path, compile_kernel=True).kernel == "numpy"


def test_numpy_stays_when_the_other_can_not_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(cache: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(process, "_compiled", full)
    with caplog.at_level(logging.WARNING):
        assert warm_up(tmp_path, compile_kernel=True).kernel == "numpy"
    assert "No space left on device" in caplog.text


def test_a_server_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting reaches the engine."""
    monkeypatch.setenv("COVEY_KERNEL", "numpy")
    with serving(tmp_path) as server:
        command = Path(f"/proc/{server.pid('engine')}/cmdline").read_bytes().split(b"\0")
        orders = next(part for part in command if part.startswith(b"{"))
        assert not msgspec.json.decode(orders, type=Orders).compile_kernel


@needs_numba
def test_a_server_goes_over_to_it_and_homes_go_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        people = server.people("ana", "ben")
        (ana, _), (ben, token) = people["ana"], people["ben"]
        before = server.submit((ben, Follow(account=ana)), (ana, Post(text="by numpy")))[1]

        async def kernel() -> str:
            async with server.engine() as engine:
                return (await engine.facts()).kernel

        assert asyncio.run(kernel()) == "numpy"
        eventually(lambda: asyncio.run(kernel()) == "numba", "the compiled kernel is there")
        after = server.submit((ana, Post(text="by numba")))[0]
        with server.client(token) as client:
            page = client.get("/api/v1/timelines/home").json()
        assert [status["id"] for status in page] == [str(after), str(before)]
        files = [path for path in server.folder.rglob("*") if path.is_file()]
        assert any(path.suffix == ".nbc" for path in files)
        assert all(path.stat().st_mode & 0o077 == 0 for path in files)
