"""The time of a run: the wall clock read once, then the boot clock, so that stamps do not jump when
somebody sets the clock."""

from __future__ import annotations

import time
from collections.abc import Callable


def boot_clock() -> Callable[[], int]:
    """→ a function that gives milliseconds since 1970 and never falls while the process lives."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    offset_ns = time.time_ns() - time.clock_gettime_ns(clock)

    def now() -> int:
        return (time.clock_gettime_ns(clock) + offset_ns) // 1_000_000

    return now
