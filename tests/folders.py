"""Folders for examples by the hundred."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, in memory where there is some: the tests of a history do not test the disk,
    and a sync to one costs more than all the rest of an example."""
    base = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="covey-test-", dir=base) as name:
        yield Path(name)
