"""Stamps as the API writes them: always three decimals and a Z."""

from __future__ import annotations

from datetime import UTC, datetime

from covey.clock import iso as iso
from covey.errors import Refused
from covey.messages import ID_TIME_BITS


def day(post_id: int) -> str | None:
    """The day a post was made, of its id; None for no post."""
    if not post_id:
        return None
    return day_of(post_id >> ID_TIME_BITS)


def day_of(stamp: int) -> str:
    """Milliseconds since 1970 → 2026-11-24."""
    return f"{datetime.fromtimestamp(stamp // 1000, UTC):%Y-%m-%d}"


def moment(text: str, name: str) -> int:
    """ISO 8601 (UTC when it says no zone) → milliseconds since 1970. Raises
    Refused("parameter_malformed") about the parameter `name`."""
    try:
        at = datetime.fromisoformat(text.strip())
        stamp = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        why = "it is a moment like 2026-11-24T18:40:00Z"
        raise Refused("parameter_malformed", name=name, why=why) from None
    return int(stamp * 1000)
