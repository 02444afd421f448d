"""Moments in words, in UTC; a page's script puts them into the reader's own zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

_MINUTE_MS: Final = 60 * 1000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS

_TAG: Final = Markup('<time datetime="{}" title="{}" data-shown="{}">{}</time>')


def age_tag(stamp: int, now: int) -> Markup:
    """`<time>` that says how long ago, or the day. Both in ms since 1970."""
    return time_tag(stamp, "age", age(stamp, now))


def moment_tag(stamp: int, now: int) -> Markup:
    """`<time>` that says when: "Tuesday 14:10", or with the date when it is long ago."""
    return time_tag(stamp, "moment", moment(stamp, now))


def exact_tag(stamp: int) -> Markup:
    """`<time>` with the date and the time of day, however long ago."""
    at = _at(stamp)
    return time_tag(stamp, "moment", f"{at.day} {at:%B %Y, %H:%M}")


def day_tag(stamp: int) -> Markup:
    """`<time>` that says on what day: "12 March 2026"."""
    at = _at(stamp)
    return time_tag(stamp, "day", f"{at.day} {at:%B %Y}")


def age(stamp: int, now: int) -> str:
    passed = now - stamp
    if passed < 45 * 1000:
        return "now"
    if passed < _HOUR_MS:
        return f"{max(1, round(passed / _MINUTE_MS))} min"
    if passed < _DAY_MS:
        return f"{round(passed / _HOUR_MS)} h"
    at = _at(stamp)
    return f"{at.day} {at:%b}" if at.year == _at(now).year else f"{at.day} {at:%b %Y}"


def moment(stamp: int, now: int) -> str:
    at = _at(stamp)
    if 0 <= now - stamp < 6 * _DAY_MS:
        return f"{at:%A %H:%M}"
    return f"{at.day} {at:%B %Y, %H:%M}"


def exact(stamp: int) -> str:
    at = _at(stamp)
    return f"{at:%A} {at.day} {at:%B %Y, %H:%M} UTC"


def time_tag(stamp: int, shown: str, words: str) -> Markup:
    at = _at(stamp)
    return _TAG.format(f"{at:%Y-%m-%dT%H:%M:%S}.{stamp % 1000:03}Z", exact(stamp), shown, words)


def _at(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)
