"""Default pictures."""

from __future__ import annotations

import struct
import zlib

from covey.edge.images import avatar, default_header


def size_of(png: bytes) -> tuple[int, int]:
    """Reads every chunk and the pixels."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, size, pixels = 8, (0, 0), b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", png, at + 8 + length)
        assert check == zlib.crc32(kind + data)
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data)
            depth = data[8]
        elif kind == b"IDAT":
            pixels += zlib.decompress(data)
        at += 12 + length
    assert len(pixels) == size[1] * (1 + size[0] * depth // 8)
    return size


def test_a_name_has_one_picture() -> None:
    assert avatar("ada") == avatar("ADA")
    assert avatar("ada") != avatar("bea")
    assert size_of(avatar("ada")) == (400, 400)
    assert len(avatar("ada")) < 1_000


def test_the_header() -> None:
    assert size_of(default_header()) == (1500, 500)
    assert len(default_header()) < 5_000
