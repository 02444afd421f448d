"""The wire between engine and edges: frames on a Unix socket. `docs/formats.md` gives the bytes.

A frame is its length (4 bytes, little-endian, without themselves) and a msgpack array whose first
element is the frame's tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Union

import msgspec
from msgspec import Struct

from covey.limits import FRAME_BYTES
from covey.messages import AnyMessage


class Frame(Struct, frozen=True, array_like=True):
    """Base of all frames. `request` is chosen by the edge and comes back with the answer."""


# --- from an edge -----------------------------------------------------------------------------


class Submit(Frame, frozen=True, tag=1):
    request: int
    actor: int
    key: bytes
    message: AnyMessage


class Count(Frame, frozen=True, tag=2):
    """Count an attempt of `subject` in `bucket`."""

    request: int
    bucket: str
    subject: str


class Watch(Frame, frozen=True, tag=3):
    """Tell of what comes into `queue`: "home/NUMBER", "notifications/NUMBER", "direct/NUMBER" (of
    an account), "public", "tag/NAME", "group/NUMBER", "list/NUMBER"."""

    request: int
    queue: str


class Unwatch(Frame, frozen=True, tag=4):
    queue: str


class Ask(Frame, frozen=True, tag=5):
    """Ask for the engine's facts."""

    request: int


# --- from the engine --------------------------------------------------------------------------


class Welcome(Frame, frozen=True, tag=16):
    """The first frame on a connection."""

    log: str
    epoch: int
    applied: int


class Acceptance(Frame, frozen=True, tag=17):
    request: int
    number: int
    id: int
    repeated: bool


class Rejection(Frame, frozen=True, tag=18):
    """`code` is one of errors.REFUSALS."""

    request: int
    code: str
    details: dict[str, Any]


class Watching(Frame, frozen=True, tag=19):
    """From message `number` + 1 on, the queue's events come as wakes."""

    request: int
    number: int


class WireEvent(Struct, frozen=True, array_like=True):
    """engine.Event with the accounts that this edge watches, as a serialised Roaring bitmap."""

    number: int
    kind: str
    subject: int
    accounts: bytes
    queues: tuple[str, ...]


class Wake(Frame, frozen=True, tag=20):
    """Events of a batch that ends with message `number`. `previous` is the number of the wake
    before it on this connection, 0 for the first: another one means that wakes were dropped."""

    previous: int
    number: int
    events: tuple[WireEvent, ...]


class Facts(Frame, frozen=True, tag=21):
    """`arena` is (process id, file descriptor): /proc/PID/fd/FD, for the same user. `kernel` writes
    it: "numpy" or "numba"."""

    request: int
    applied: int
    deliveries: int
    failures: int
    inbox: int
    cpu_seconds: float
    arena: tuple[int, int]
    kernel: str


class Counted(Frame, frozen=True, tag=23):
    """`remaining` of `limit` attempts are left until the stamp `until`; -1: this one may not be."""

    request: int
    limit: int
    remaining: int
    until: int


class Beat(Frame, frozen=True, tag=22):
    """The engine lives; once a second. All wakes up to message `applied` have been sent."""

    applied: int


FromEdge = Union[Submit, Count, Watch, Unwatch, Ask]  # noqa: UP007 - read by msgspec
FromEngine = Union[Welcome, Acceptance, Rejection, Watching, Wake, Facts, Counted, Beat]  # noqa: UP007

_encoder: Final = msgspec.msgpack.Encoder()
from_edge: Final = msgspec.msgpack.Decoder(FromEdge)
from_engine: Final = msgspec.msgpack.Decoder(FromEngine)


class WrongFrame(Exception):
    """Bytes that are no frame: the connection is closed."""


def pack(frame: Frame) -> bytes:
    body = _encoder.encode(frame)
    return len(body).to_bytes(4, "little") + body


class Splitter:
    """Bytes as they come → the bodies of whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises WrongFrame for a frame over FRAME_BYTES."""
        buffer = self._buffer
        buffer += data
        start, end = 0, len(buffer)
        while end - start >= 4:
            size = int.from_bytes(buffer[start : start + 4], "little")
            if size > FRAME_BYTES:
                raise WrongFrame(f"a frame of {size} bytes")
            if end - start - 4 < size:
                break
            yield bytes(buffer[start + 4 : start + 4 + size])
            start += 4 + size
        del buffer[:start]
