"""What a file is, by its first bytes: a name or a sender's Content-Type says nothing."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 64
"""That are needed to know."""

_BY_START: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
_BY_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BY_BRAND: Final = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
    b"mif1": "image/heic", b"msf1": "image/heic", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
}  # fmt: skip

PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif")
"""That can be sent. All but GIF are decoded and written anew."""
FILMS: Final = ("video/mp4", "video/webm")
SOUNDS: Final = ("audio/mpeg", "audio/mp4", "audio/ogg", "audio/flac", "audio/wav")


def kind_of(head: bytes) -> str:
    """The media type of a file that begins so, or "" when it is none of those we know."""
    for start, kind in _BY_START:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _BY_RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, len(head) - 3, 4))]
        if b"avif" in brands or b"avis" in brands:
            return "image/avif"
        return _BY_BRAND.get(brands[0], "video/mp4")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return "audio/mpeg"  # a frame of layer III, without a tag before it
    return ""
