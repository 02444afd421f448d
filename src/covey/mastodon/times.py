"""Stamps as the API writes them: always three decimals and a Z."""

from __future__ import annotations

from datetime import UTC, datetime

from covey.messages import ID_TIME_BITS


def iso(stamp: int) -> str:
    """Milliseconds since 1970 → 2026-11-24T18:40:00.000Z."""
    at = datetime.fromtimestamp(stamp // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{stamp % 1000:03d}Z"


def day(post_id: int) -> str | None:
    """The day a post was made, of its id; None for no post."""
    if not post_id:
        return None
    at = datetime.fromtimestamp((post_id >> ID_TIME_BITS) // 1000, UTC)
    return f"{at:%Y-%m-%d}"
