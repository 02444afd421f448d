"""What the worker is at, in memory that it shares with the supervisor: when it dies, the supervisor
can say over what. Text, ended by a zero byte; a memfd that no folder names."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Final

BYTES: Final = mmap.PAGESIZE


def make_doing_file() -> int:
    """→ its file descriptor."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("covey-worker", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, BYTES)
    return descriptor


def read_doing(descriptor: int) -> str:
    """What was being done; empty: nothing."""
    return os.pread(descriptor, BYTES, 0).partition(b"\0")[0].decode(errors="replace")


class Doing:
    """The worker's side."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, BYTES)
        self._now: list[str] = []
        self._write()  # whatever one before us was at

    def say(self, what: str) -> str:
        """It is begun. → what to `unsay` when it is done."""
        self._now.append(what)
        self._write()
        return what

    def unsay(self, what: str) -> None:
        self._now.remove(what)
        self._write()

    def _write(self) -> None:
        data = "; ".join(self._now).encode()[: BYTES - 1] + b"\0"
        self._memory[: len(data)] = data
