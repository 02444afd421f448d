"""The time of a run: the wall clock read once, then the boot clock, so that stamps do not jump when
somebody sets the clock; and how a stamp is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache


def boot_clock() -> Callable[[], int]:
    """→ a function that gives milliseconds since 1970 and never falls while the process lives."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    offset_ns = time.time_ns() - time.clock_gettime_ns(clock)

    def now() -> int:
        return (time.clock_gettime_ns(clock) + offset_ns) // 1_000_000

    return now


def iso(stamp: int) -> str:
    """Milliseconds since 1970 → 2026-11-24T18:40:00.000Z: always three decimals and a Z."""
    return f"{_second(stamp // 1000)}.{stamp % 1000:03d}Z"


@lru_cache(maxsize=8_192)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
