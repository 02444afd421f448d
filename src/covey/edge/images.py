"""Default pictures: a face of squares for each name, and one header. The same name always gets the
same bytes, so they are cached for ever."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from colorsys import hls_to_rgb
from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from covey.edge.media import media_url
from covey.errors import Refused
from covey.limits import NAME_CHARACTERS
from covey.state.queries import AccountRow

_NAME: Final = re.compile(rf"[A-Za-z0-9_]{{1,{NAME_CHARACTERS}}}")
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Access-Control-Allow-Origin": "*",
}

_CELLS: Final = 5
_CELL: Final = 64
"""Pixels."""
_MARGIN: Final = 40


def avatar_url(public_url: str, account: AccountRow) -> str:
    """Its own picture, or the face of its name."""
    if account.avatar_file:
        return media_url(public_url, account.avatar_file)
    return f"{public_url}/avatars/{account.name.lower()}.png"


def header_url(public_url: str, account: AccountRow) -> str:
    if account.header_file:
        return media_url(public_url, account.header_file)
    return default_header_url(public_url)


def default_header_url(public_url: str) -> str:
    return f"{public_url}/headers/default.png"


def routes() -> list[BaseRoute]:
    """`/avatars/NAME.png` and `/headers/default.png`."""
    return [Route("/avatars/{file}", _avatar), Route("/headers/default.png", _header)]


@lru_cache(maxsize=2048)
def avatar(name: str) -> bytes:
    """A PNG of 400 × 400: squares in one colour, its left half mirrored."""
    digest = hashlib.sha256(name.lower().encode()).digest()
    colour = _colour(digest[0] / 256, 0.45, 0.55)
    rows = []
    for row in range(_CELLS):
        left = [digest[1 + row * 3 + column] & 1 for column in range(3)]
        cells = [*left, left[1], left[0]]
        pixels = [0] * _MARGIN + [cell for cell in cells for _ in range(_CELL)] + [0] * _MARGIN
        rows.append(_packed(pixels))
    blank = bytes(len(rows[0]))
    lines = [blank] * _MARGIN
    for line in rows:
        lines += [line] * _CELL
    lines += [blank] * _MARGIN
    size = _CELLS * _CELL + 2 * _MARGIN
    return _png(size, size, 1, [(240, 240, 244), colour], lines)


@lru_cache(maxsize=1)
def default_header() -> bytes:
    """A PNG of 1500 × 500: one colour growing lighter."""
    shades = [_colour(0.62, 0.42 + 0.3 * step / 255, 0.4) for step in range(256)]
    lines = [bytes([y * 255 // 499]) * 1500 for y in range(500)]
    return _png(1500, 500, 8, shades, lines)


async def _avatar(request: Request) -> Response:
    name, _, ending = request.path_params["file"].partition(".")
    if ending != "png" or not _NAME.fullmatch(name):
        return Response(Refused("no_such_page").sentence, status_code=404, media_type="text/plain")
    return Response(avatar(name.lower()), media_type="image/png", headers=_HEADERS)


async def _header(request: Request) -> Response:
    return Response(default_header(), media_type="image/png", headers=_HEADERS)


def _colour(hue: float, lightness: float, saturation: float) -> tuple[int, int, int]:
    red, green, blue = hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _packed(bits: list[int]) -> bytes:
    """One bit a pixel."""
    return int("".join(map(str, bits)), 2).to_bytes(len(bits) // 8, "big")


def _png(
    width: int, height: int, depth: int, palette: list[tuple[int, int, int]], lines: list[bytes]
) -> bytes:
    """A PNG with a palette; `lines` are packed rows of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0)),
            chunk(b"PLTE", b"".join(bytes(colour) for colour in palette)),
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines), 9)),
            chunk(b"IEND", b""),
        ]
    )
