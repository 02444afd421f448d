"""A moving GIF stays a GIF, but for all that is not its picture: comments, texts, other programs'
blocks, and what hangs behind its end."""

from __future__ import annotations

from typing import Final

_LOOP: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_TABLE: Final = 0x80
"""A flag: a colour table follows, of 2 << (low three bits) colours."""


class Damaged(Exception):
    """It is no whole GIF."""


def cleaned(data: bytes) -> tuple[bytes, int]:
    """(the same pictures, how many). Raises Damaged."""
    try:
        return _cleaned(data)
    except IndexError:
        raise Damaged("it ends too early") from None


def _cleaned(data: bytes) -> tuple[bytes, int]:
    at = 13 + _table(data[10])
    pieces = [b"GIF89a", _bytes(data, 6, at)]
    frames = 0
    while True:
        mark = data[at]
        if mark == 0x3B:
            break
        if mark == 0x2C:
            start = at
            at = _blocks(data, at + 11 + _table(data[at + 9]))
            frames += 1
            pieces.append(_bytes(data, start, at))
        elif mark == 0x21:
            start, label = at, data[at + 1]
            at = _blocks(data, at + 2)
            block = _bytes(data, start, at)
            # how long a picture stands, with 4 bytes; how often all is shown, with a name and 3
            timing = label == 0xF9 and len(block) == 8
            looping = label == 0xFF and block[3:14] in _LOOP and len(block) == 19
            if timing or looping:
                pieces.append(block)
        else:
            raise Damaged("it has a block that no GIF has")
    if not frames:
        raise Damaged("it has no picture")
    return b"".join([*pieces, b"\x3b"]), frames


def _table(flags: int) -> int:
    """Bytes of the colour table."""
    return 3 * (2 << (flags & 7)) if flags & _TABLE else 0


def _blocks(data: bytes, at: int) -> int:
    """Past the blocks that begin at `at`, and the empty one that ends them."""
    while size := data[at]:
        at += 1 + size
    return at + 1


def _bytes(data: bytes, start: int, end: int) -> bytes:
    if end > len(data):
        raise IndexError
    return data[start:end]
