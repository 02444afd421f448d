"""What a submission comes to. Edges and readers know it too, so nothing heavy is imported here."""

from __future__ import annotations

from msgspec import Struct

from covey.errors import Refused


class Accepted(Struct, frozen=True):
    """The message stands in the log, durable and visible."""

    number: int
    id: int
    repeated: bool = False
    """It was accepted before, under the same key."""


Answer = Accepted | Refused
