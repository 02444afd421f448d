"""What an engine holds of its data folder: the lock, and the name of the socket. The supervisor
needs it too, so nothing heavy is imported here."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET: Final = "engine.sock"
LOCK: Final = "lock"
LOCK_SECONDS: Final = 2.0
"""How long to wait for the holder to be gone: an engine ends at once when its supervisor did."""
_POLL_SECONDS: Final = 0.02


class Locked(Exception):
    """Another engine holds the data folder."""


def take_lock(folder: Path, wait_seconds: float = 0.0) -> int:
    """Hold the data folder as long as the descriptor that is returned, or a child's copy of it, is
    open. Raises Locked when somebody else still does after `wait_seconds`."""
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                continue
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "?"
            os.close(descriptor)
            raise Locked(
                f"{folder} is in use by another Covey (process {holder}): stop that one first"
            ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


@contextmanager
def folder_lock(folder: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """The same, for a block."""
    descriptor = take_lock(folder, wait_seconds)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def short_path(folder: Path, name: str) -> Iterator[str]:
    """A path of at most 107 bytes, which is all that a Unix socket's address holds, for a file in a
    folder of any length."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path = str(folder / name)
        yield path if len(os.fsencode(path)) <= 107 else f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def end_with(lifeline: int) -> None:
    """End this process, whatever it is doing, when the other end of the pipe `lifeline` is closed:
    whoever started us ended, however it did."""

    def watch() -> None:
        os.read(lifeline, 1)  # nothing is ever written to it
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
