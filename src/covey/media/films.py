"""Films and sounds. `ffprobe` says what they are. Where `ffmpeg` is, they are made anew, later,
because it takes long. Else those that every browser plays are kept as they were sent, but for what
phones write into them about the place. Without `ffprobe` there are pictures only."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from covey.errors import Refused
from covey.limits import (
    MEDIA_SECONDS,
    MEDIA_WORKER_SECONDS,
    TRANSCODE_SECONDS,
    VIDEO_FRAMES_PER_SECOND,
    VIDEO_PIXELS,
)

Run = Callable[..., Awaitable[tuple[int, bytes]]]
"""`work.run`."""

DEMUXERS: Final = {
    "video/mp4": "mov", "audio/mp4": "mov", "video/webm": "matroska", "audio/mpeg": "mp3",
    "audio/ogg": "ogg", "audio/flac": "flac", "audio/wav": "wav",
}  # fmt: skip
"""Named, so that nothing is taken for a playlist, whose parts lie elsewhere."""
PLAYED: Final = {
    "video/mp4": ("h264", "aac", "mp3"), "audio/mp4": ("aac",),
    "video/webm": ("vp8", "vp9", "av1", "opus", "vorbis"), "audio/mpeg": ("mp3",),
    "audio/ogg": ("opus", "vorbis"), "audio/flac": ("flac",), "audio/wav": ("pcm_s16le",),
}  # fmt: skip
"""Codecs that browsers play, in which container."""


class Stream(Struct, frozen=True):
    codec_type: str = ""
    codec_name: str = ""
    width: int = 0
    height: int = 0
    avg_frame_rate: str = "0/0"
    disposition: dict[str, int] = {}


class _Format(Struct, frozen=True):
    duration: str = ""


class _Probed(Struct, frozen=True):
    streams: list[Stream] = []
    format: _Format = _Format()


class Film(Struct, frozen=True):
    """What one is."""

    media_type: str
    type: Literal["video", "audio"]
    codecs: tuple[str, ...]
    width: int
    height: int
    milliseconds: int


def can_look() -> bool:
    return shutil.which("ffprobe") is not None


def can_make() -> bool:
    return can_look() and shutil.which("ffmpeg") is not None


async def look(path: Path, kind: str, run: Run) -> Film:
    """What a film or sound is. Raises Refused: "media_films", "media_unreadable"."""
    if not can_look():
        raise Refused("media_films")
    status, said = await run(
        sys.executable, "-m", "covey.media.limited", str(MEDIA_WORKER_SECONDS),
        "ffprobe", "-v", "error", "-protocol_whitelist", "file", "-f", DEMUXERS[kind],
        "-print_format", "json", "-show_format", "-show_streams", f"file:{path}",
        seconds=4 * MEDIA_WORKER_SECONDS,
    )  # fmt: skip
    if status:
        raise Refused("media_unreadable", why="ffprobe finds it damaged")
    try:
        probed = msgspec.json.decode(said, type=_Probed, strict=False)
        seconds = float(probed.format.duration)
    except (msgspec.DecodeError, ValueError):
        raise Refused("media_unreadable", why="nobody can say how long it plays") from None
    return _film(kind, probed.streams, seconds)


def _film(kind: str, streams: list[Stream], seconds: float) -> Film:
    if not 0 < seconds <= MEDIA_SECONDS:
        raise Refused(
            "media_unreadable", why=f"it plays more than {MEDIA_SECONDS} s, or not at all"
        )
    # the picture of a song's album counts as a stream of pictures
    films = [
        s for s in streams if s.codec_type == "video" and not s.disposition.get("attached_pic")
    ]
    sounds = [s for s in streams if s.codec_type == "audio"]
    if len(films) > 1 or not (films or sounds):
        raise Refused("media_unreadable", why="it has no film and no sound, or several films")
    for film in films:
        if not 0 < film.width * film.height <= VIDEO_PIXELS:
            raise Refused("media_unreadable", why=f"a film has at most {VIDEO_PIXELS} pixels")
        if _rate(film.avg_frame_rate) > VIDEO_FRAMES_PER_SECOND:
            why = f"a film has at most {VIDEO_FRAMES_PER_SECOND} pictures a second"
            raise Refused("media_unreadable", why=why)
    if films and not kind.startswith("video/"):
        raise Refused("media_unreadable", why="a film is an MP4 or WebM")
    if not films and kind == "video/mp4":
        kind = "audio/mp4"
    if not films and kind == "video/webm":
        raise Refused("media_unreadable", why="a sound is an MP3, M4A, Ogg, FLAC or WAV")
    shown = films[0] if films else Stream()
    codecs = tuple(stream.codec_name for stream in (*films, *sounds))
    return Film(
        kind, "video" if films else "audio", codecs, shown.width, shown.height,
        round(1000 * seconds),
    )  # fmt: skip


def _rate(text: str) -> float:
    over, _, under = text.partition("/")
    try:
        return int(over) / int(under or 1)
    except (ValueError, ZeroDivisionError):
        return 0.0


def check_played(film: Film) -> None:
    """Browsers play it as it is. Raises Refused("media_unreadable")."""
    strange = [codec for codec in film.codecs if codec not in PLAYED[film.media_type]]
    if strange:
        why = (
            f"its codec {strange[0][:20]} is not one that all browsers play, and there is no ffmpeg"
        )
        raise Refused("media_unreadable", why=why)


# --- made anew --------------------------------------------------------------------------------


async def remake(source: Path, folder: Path, film: Film, run: Run) -> str:
    """Writes `file`, without what the source says about itself, and for a film `upload`, a picture
    of it. → the media type. Raises Refused("media_unreadable")."""
    read = ["-protocol_whitelist", "file", "-f", DEMUXERS[film.media_type], "-i", f"file:{source}"]
    plain = ["-map_metadata", "-1", "-map_chapters", "-1", "-dn", "-sn"]
    if film.type == "audio":
        made, how = "audio/mpeg", ["-vn", "-c:a", "libmp3lame", "-q:a", "2", "-f", "mp3"]
    else:
        copied = set(film.codecs) <= {"h264", "aac"} and film.media_type == "video/mp4"
        how = ["-c", "copy"] if copied else [
            "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p",
            "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-c:a", "aac", "-b:a", "128k",
        ]  # fmt: skip
        made, how = "video/mp4", [*how, "-movflags", "+faststart", "-f", "mp4"]
    await _ffmpeg(run, [*read, *plain, *how, str(folder / "file")])
    if film.type == "video":
        still = ["-frames:v", "1", "-c:v", "png", "-f", "image2pipe"]
        await _ffmpeg(run, [*read, *plain, *still, str(folder / "upload")])
    return made


async def _ffmpeg(run: Run, arguments: list[str]) -> None:
    status, _ = await run(
        sys.executable, "-m", "covey.media.limited", str(TRANSCODE_SECONDS),
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *arguments,
        seconds=4 * TRANSCODE_SECONDS,
    )  # fmt: skip
    if status:
        raise Refused("media_unreadable", why="ffmpeg finds it damaged")


# --- kept as it is ----------------------------------------------------------------------------

_HOLDERS: Final = (b"moov", b"trak")
_TOLD: Final = (b"udta", b"meta", b"uuid")
"""Boxes of an MP4 in which programs say what they like: titles, makers, places."""


async def scrub(path: Path, kind: str) -> None:
    """Blank what an MP4 tells beside film and sound, and an MP3's tags. Others keep theirs."""
    if kind in ("video/mp4", "audio/mp4"):
        await asyncio.to_thread(_scrub_mp4, path)
    elif kind == "audio/mpeg":
        await asyncio.to_thread(_scrub_mp3, path)


def _scrub_mp4(path: Path) -> None:
    """Boxes become `free` ones of the same length, so that every offset stays true."""
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        todo = [(0, end)]
        while todo:
            at, end = todo.pop()
            while at + 8 <= end:
                file.seek(at)
                head = file.read(16)
                size, name, first = int.from_bytes(head[:4], "big"), head[4:8], 8
                if size == 1:
                    size, first = int.from_bytes(head[8:16], "big"), 16
                elif size == 0:
                    size = end - at
                if size < first or at + size > end:
                    break
                if name in _HOLDERS:
                    todo.append((at + first, at + size))
                elif name in _TOLD:
                    file.seek(at + 4)
                    file.write(b"free")
                    file.seek(at + first)
                    for start in range(0, size - first, 1 << 20):
                        file.write(bytes(min(1 << 20, size - first - start)))
                at += size


def _scrub_mp3(path: Path) -> None:
    """An ID3v2 tag before the sound is left out, an ID3v1 behind it too."""
    data = path.read_bytes()
    start, end = 0, len(data)
    while data[start : start + 3] == b"ID3" and len(data) >= start + 10:
        size = 0
        for byte in data[start + 6 : start + 10]:
            size = size << 7 | byte & 0x7F
        start += 10 + size
    if data[max(0, end - 128) : end][:3] == b"TAG":
        end -= 128
    path.write_bytes(data[start:end])
