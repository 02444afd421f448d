"""The folder `media/`: files named by the hash of their bytes, and what is still being made.

docs/formats.md has the layout. Edges write here; nothing that the log names may be missing, so a
file is durable when `keep` returns, and a message that names it is sent after that. What no row
names any more is swept away, and what is half-done too: a job's folder is locked as long as whoever
works in it lives.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from covey.state.media import ENDINGS

NAME: Final = re.compile(rf"[0-9a-f]{{64}}\.(?:{'|'.join(ENDINGS.values())})")
"""Of a file: its hash, and how it ends by its media type."""
YOUNG_SECONDS: Final = 60 * 60
"""No file is swept away sooner: its message may be on the way."""
_PIECE_BYTES: Final = 1 << 20


class Job:
    """A folder of one's own for what comes in and what is made of it; gone with `close`, or when a
    sweep finds that whoever held it does not live any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700)
        self._held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """May be said twice."""
        if self._held >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._held)
            self._held = -1


class MediaFolder:
    """Of one data folder."""

    def __init__(self, data: Path) -> None:
        self.path = data / "media"
        self._incoming = self.path / "incoming"

    def job(self) -> Job:
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_SH):
            return Job(self._incoming / f"{time.time_ns()}-{secrets.token_hex(4)}")

    def worker_lock(self, number: int) -> Path:
        """Held by who decodes the picture `number` of those at a time."""
        return self.path / f"worker-{number}"

    def file(self, name: str) -> Path:
        """Where HASH.ENDING lies; raises ValueError when it can't be a name."""
        if not NAME.fullmatch(name):
            raise ValueError(name)
        return self.path / name[:2] / name

    def keep(self, source: Path, media_type: str) -> tuple[bytes, int]:
        """Move a file here, durably. → (hash, bytes). One with the same bytes stays as it is."""
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
            os.fsync(opened.fileno())
        target = self.file(f"{digest.hexdigest()}.{ENDINGS[media_type]}")
        with self._locked(fcntl.LOCK_SH):
            if not target.parent.exists():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _sync(self.path)
            if target.exists():
                os.utime(target)  # young again: the sweep leaves it
            else:
                source.chmod(0o600)
                source.rename(target)
                _sync(target.parent)
        return digest.digest(), size

    # --- sweeping -----------------------------------------------------------------------------

    def sweep(self, named: Callable[[str], set[str]], now: float | None = None) -> int:
        """Delete what no row names. `named` gives the names that rows have beginning with two hex
        digits. `now`: seconds since 1970. → how many files went."""
        swept = 0
        oldest = (time.time() if now is None else now) - YOUNG_SECONDS
        for part in sorted(self.path.glob("[0-9a-f][0-9a-f]")):
            keep = named(part.name)
            for file in part.iterdir():
                if file.name in keep:
                    continue
                with self._locked(fcntl.LOCK_EX), suppress(FileNotFoundError):
                    if file.stat().st_mtime < oldest:
                        file.unlink()
                        swept += 1
        self.sweep_jobs()
        return swept

    def sweep_jobs(self) -> None:
        """What a process that lives no more left half-done goes."""
        for path in self._incoming.glob("*"):
            with self._locked(fcntl.LOCK_EX), suppress(FileNotFoundError, BlockingIOError):
                held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(held)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
