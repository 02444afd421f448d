"""What an edge does with a file that came in: have it looked at and made by a process of its own,
and keep what comes out of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import msgspec
from msgspec import Struct

from covey.errors import Refused
from covey.limits import (
    DISK_FREE_BYTES_MIN,
    IMAGE_BYTES,
    MEDIA_WORKER_SECONDS,
    MEDIA_WORKERS,
    UPLOADS_PER_ACCOUNT,
    UPLOADS_PER_EDGE,
    VIDEO_BYTES,
)
from covey.media import films
from covey.media.folder import Job, MediaFolder
from covey.media.kinds import FILMS, HEAD_BYTES, PICTURES, SOUNDS, kind_of
from covey.messages import File, FinishMedia, MediaKind

logger: Final = logging.getLogger("covey.media")

UPLOAD: Final = "upload"
"""The name of what came in, in its job's folder."""
_TURN_SECONDS: Final = 600
"""For a picture to get its turn and be made; then its process is ended."""


_SAID_BYTES: Final = 1 << 20
"""Kept of what a program says: a damaged film can make it say very much."""


class _Written(Struct, frozen=True):
    name: str
    media_type: str
    width: int
    height: int


class _Answer(Struct, frozen=True):
    """Of a worker: what it made, or why it did not."""

    file: _Written | None = None
    small: _Written | None = None
    blurhash: str = ""
    why: str = ""


class Made(Struct, frozen=True):
    """What a message `media` says of a file, all of it durable in the folder."""

    type: MediaKind
    file: File
    small: File | None = None
    blurhash: str = ""
    milliseconds: int = 0
    ready: bool = True
    """Else `finish` is called later."""


class MediaWork:
    """Of one edge."""

    def __init__(self, folder: MediaFolder) -> None:
        self.folder = folder
        self._uploads: Counter[int] = Counter()
        self._turns = asyncio.Semaphore(MEDIA_WORKERS)
        self._next = os.getpid()  # edges begin with different locks

    @contextmanager
    def upload(self, account: int) -> Iterator[Job]:
        """A place for one upload. Raises Refused: "media_busy", "read_only"."""
        own = self._uploads[account]
        if own >= UPLOADS_PER_ACCOUNT or self._uploads.total() >= UPLOADS_PER_EDGE:
            raise Refused("media_busy")
        disk = os.statvfs(self.folder.path.parent)
        if disk.f_bavail * disk.f_frsize < DISK_FREE_BYTES_MIN + VIDEO_BYTES:
            raise Refused("read_only")
        self._uploads[account] += 1
        job: Job | None = None
        try:
            job = self.folder.job()
            yield job
        finally:
            self._uploads[account] -= 1
            if not self._uploads[account]:
                del self._uploads[account]
            if job is not None:
                job.close()

    async def make(self, job: Job, use: Literal["post", "avatar", "header"] = "post") -> Made:
        """Of the file `upload` in the job's folder. Raises Refused: "media_unreadable",
        "media_large", "media_kind", "media_films"."""
        path = job.path / UPLOAD
        with path.open("rb") as opened:
            kind = kind_of(opened.read(HEAD_BYTES))
        size = path.stat().st_size
        if not size:
            raise Refused("media_unreadable", why="it is empty")
        if kind in PICTURES:
            if size > IMAGE_BYTES:
                raise Refused("media_large", what="A picture", limit=IMAGE_BYTES)
            return await self._picture(job, use)
        if kind not in (*FILMS, *SOUNDS):
            raise Refused("media_unreadable", why="it is no picture, film or sound that is known")
        if use != "post":
            raise Refused("media_kind")
        return await self._film(job, kind)

    async def _picture(self, job: Job, use: str) -> Made:
        answer = await self._worker(job, use)
        if answer.file is None:
            raise Refused("media_unreadable", why=answer.why)
        file = await self._kept(job, answer.file)
        small = await self._kept(job, answer.small) if answer.small else None
        return Made("image", file, small, answer.blurhash)

    async def _worker(self, job: Job, use: str) -> _Answer:
        self._next += 1
        lock = self.folder.worker_lock(self._next % MEDIA_WORKERS)
        orders = {"folder": str(job.path), "lock": str(lock), "use": use}
        async with self._turns:
            status, said = await run(
                sys.executable, "-m", "covey.media.worker", msgspec.json.encode(orders).decode(),
                seconds=_TURN_SECONDS,
            )  # fmt: skip
        if status == 0:
            with contextlib.suppress(msgspec.DecodeError):
                return msgspec.json.decode(said, type=_Answer)
        logger.warning("a picture's process ended with %d: %s", status, said[-500:])
        return _Answer(
            why=f"it takes more than {MEDIA_WORKER_SECONDS} s or more memory than a picture may"
        )

    async def _kept(self, job: Job, written: _Written) -> File:
        hash_, size = await asyncio.to_thread(
            self.folder.keep, job.path / written.name, written.media_type
        )
        return File(hash_, written.media_type, size, written.width, written.height)

    # --- films and sounds ---------------------------------------------------------------------

    async def _film(self, job: Job, kind: str) -> Made:
        path = job.path / UPLOAD
        film = await films.look(path, kind, run)
        made_anew = films.can_make()
        if not made_anew:
            films.check_played(film)
            await films.scrub(path, film.media_type)
        kept = _Written(UPLOAD, film.media_type, film.width, film.height)
        return Made(
            film.type, await self._kept(job, kept), milliseconds=film.milliseconds,
            ready=not made_anew,
        )  # fmt: skip

    async def finish(self, number: int, name: str) -> FinishMedia:
        """The long work on the media `number`, whose source is the file `name`."""
        with contextlib.closing(self.folder.job()) as job:
            try:
                source = self.folder.file(name)
                with source.open("rb") as opened:
                    kind = kind_of(opened.read(HEAD_BYTES))
                film = await films.look(source, kind, run)
                made = await films.remake(source, job.path, film, run)
                # before a picture of it gets the same name
                file = await self._kept(job, _Written("file", made, film.width, film.height))
                picture = await self._worker(job, "post") if film.type == "video" else _Answer()
                still = picture.small or picture.file
                small = await self._kept(job, still) if still else None
            except (Refused, OSError) as error:
                logger.warning("media %d could not be made: %s", number, error)
                return FinishMedia(media=number)
        return FinishMedia(
            media=number, file=file, small=small, blurhash=picture.blurhash,
            milliseconds=film.milliseconds,
        )  # fmt: skip


async def run(*command: str, seconds: float) -> tuple[int, bytes]:
    """(exit status, what it wrote to stdout, or to stderr where it failed). Killed after so many
    seconds, and when whoever asked is gone. Its stdin is a pipe that closes when this process ends;
    of the environment it is given what it needs to start."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(seconds):
            out, err = await asyncio.gather(_head(process.stdout), _head(process.stderr))
            status = await process.wait()
    except TimeoutError:
        return -1, b"it took too long"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return status, out if status == 0 else err


async def _head(stream: asyncio.StreamReader) -> bytes:
    """What comes first; the rest is read and forgotten."""
    head = b""
    while piece := await stream.read(1 << 16):
        head += piece[: _SAID_BYTES - len(head)]
    return head


def _environment() -> dict[str, str]:
    names = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in names if name in os.environ}
