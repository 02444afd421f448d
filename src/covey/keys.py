"""Keys of submissions: the same key from the same account gets the same answer.

The first byte says whose key it is, and so how long its answer is remembered:

| first byte | key | remembered |
|---|---|---|
| `u` | a client's random UUID (16 bytes) | for good |
| `c` | any other Idempotency-Key of a client: often a hash of the text | an hour |
| `e` | 16 random bytes an edge made up, used again when an answer got lost | 10 minutes |
| `d` | the engine's timer: the number that is due | never: `check` sees whether it still holds |

A client's hash of a text is not kept for good: "good morning" may be said twice in a life.
"""

from __future__ import annotations

import os
import re
import uuid
from typing import Final

from covey.errors import Refused
from covey.limits import KEY_CHARACTERS, KEY_CLIENT_MS, KEY_EDGE_MS

_PRINTABLE: Final = re.compile(rf"[!-~][ -~]{{0,{KEY_CHARACTERS - 1}}}")
_HEX: Final = "[0-9a-fA-F]"
_UUID: Final = re.compile(rf"{_HEX}{{8}}(-?){_HEX}{{4}}\1{_HEX}{{4}}\1{_HEX}{{4}}\1{_HEX}{{12}}")

FOR_GOOD: Final = 0


def client_key(text: str) -> bytes:
    """An Idempotency-Key → key. Raises Refused("key_malformed")."""
    if not _PRINTABLE.fullmatch(text):
        raise Refused("key_malformed", limit=KEY_CHARACTERS)
    if _UUID.fullmatch(text):
        value = uuid.UUID(text)
        if value.version == 4:
            return b"u" + value.bytes
    return b"c" + text.encode("ascii")


def edge_key(random: bytes | None = None) -> bytes:
    """A key for a submission whose sender named none."""
    return b"e" + (random or os.urandom(16))


def due_key(number: int) -> bytes:
    return b"d" + number.to_bytes(8, "big")


def expiry(key: bytes, stamp: int) -> int | None:
    """Until when (stamp) the answer is remembered; FOR_GOOD; None: not at all."""
    first = key[:1]
    if first == b"u":
        return FOR_GOOD
    if first == b"c":
        return stamp + KEY_CLIENT_MS
    if first == b"e":
        return stamp + KEY_EDGE_MS
    return None
