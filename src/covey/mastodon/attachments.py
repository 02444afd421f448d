"""MediaAttachment: a picture, film or sound as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covey.edge.media import media_url
from covey.state.media import FOCUS_MAX
from covey.state.queries import MediaRow, Snapshot


def attachment(row: MediaRow, public_url: str) -> dict[str, Any]:
    """A MediaAttachment. What is not ready has no address."""
    url = media_url(public_url, row.file) if row.state == "ready" else None
    small = media_url(public_url, row.small) if row.small else None
    return {
        "id": str(row.number),
        "type": row.type,
        "url": url,
        # of a film without a picture, and of a sound, there is nothing smaller to show
        "preview_url": small or (url if row.type == "image" else None),
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": _meta(row),
        "description": row.description or None,
        "blurhash": row.blurhash or None,
    }


def _meta(row: MediaRow) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if row.type == "image":
        meta["focus"] = {"x": row.focus_x / FOCUS_MAX, "y": row.focus_y / FOCUS_MAX}
    if row.width and row.height:
        meta["original"] = _size(row.width, row.height)
    if row.milliseconds:
        seconds = row.milliseconds / 1000
        meta["duration"] = seconds
        meta["original"] = {**meta.get("original", {}), "duration": seconds}
        meta["original"].pop("aspect", None)
        meta["original"].pop("size", None)
    if row.small:
        meta["small"] = _size(row.small_width, row.small_height)
    elif row.type == "image" and "original" in meta:
        meta["small"] = meta["original"]
    return meta


def _size(width: int, height: int) -> dict[str, Any]:
    return {
        "width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height,
    }  # fmt: skip


def attachments(
    snapshot: Snapshot, numbers: Sequence[int], public_url: str
) -> list[dict[str, Any]]:
    """Those there are, in this order."""
    rows = snapshot.media(numbers)
    return [attachment(rows[number], public_url) for number in numbers if number in rows]
