"""Attempts that are limited for the whole server, counted where all edges meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from covey.limits import (
    APP_TOKENS_PER_ADDRESS,
    APP_WINDOW_SECONDS,
    APPS_PER_ADDRESS,
    LOG_IN_ATTEMPTS,
    LOG_IN_ATTEMPTS_PER_ADDRESS,
    LOG_IN_WINDOW_SECONDS,
    MEDIA_PER_ACCOUNT,
    MEDIA_WINDOW_SECONDS,
    READ_WINDOW_SECONDS,
    REGISTRATION_WINDOW_SECONDS,
    REGISTRATIONS_PER_ADDRESS,
    SECOND_FACTOR_ATTEMPTS,
    SECOND_FACTOR_WINDOW_SECONDS,
    WRITES_PER_WINDOW,
)

BUCKETS: Final = {
    "write": (WRITES_PER_WINDOW, READ_WINDOW_SECONDS),
    "log_in": (LOG_IN_ATTEMPTS, LOG_IN_WINDOW_SECONDS),
    "log_in_address": (LOG_IN_ATTEMPTS_PER_ADDRESS, LOG_IN_WINDOW_SECONDS),
    "second_factor": (SECOND_FACTOR_ATTEMPTS, SECOND_FACTOR_WINDOW_SECONDS),
    "registration": (REGISTRATIONS_PER_ADDRESS, REGISTRATION_WINDOW_SECONDS),
    "app": (APPS_PER_ADDRESS, APP_WINDOW_SECONDS),
    "media": (MEDIA_PER_ACCOUNT, MEDIA_WINDOW_SECONDS),
    "app_token": (APP_TOKENS_PER_ADDRESS, APP_WINDOW_SECONDS),
}
"""bucket → (attempts, in so many seconds), where no setting says another number."""

SUBJECTS_MAX: Final = 100_000
"""Subjects remembered a bucket; when more come, the oldest windows are forgotten."""


class Standing(Struct, frozen=True):
    """How a subject stands in a bucket."""

    limit: int
    remaining: int
    """-1: this attempt was one too many, and is not counted."""
    until: int
    """The stamp (ms) at which its window ends."""


class Counters:
    """Fixed windows: a subject's window begins with its first attempt. `attempts`: bucket → how
    many its window has instead of BUCKETS'."""

    def __init__(self, attempts: Mapping[str, int] | None = None) -> None:
        self._attempts = dict(attempts or {})
        self._windows: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in BUCKETS}

    def count(self, bucket: str, subject: str, now: int) -> Standing:
        """Count an attempt at `now` (ms). Raises KeyError for an unknown bucket."""
        attempts, seconds = BUCKETS[bucket]
        attempts = self._attempts.get(bucket, attempts)
        windows = self._windows[bucket]
        ends, used = windows.get(subject, (0, 0))
        if ends <= now:
            ends, used = now + seconds * 1000, 0
            windows.pop(subject, None)  # to the end of the dict: oldest windows come first
            if len(windows) >= SUBJECTS_MAX:
                del windows[next(iter(windows))]
        if used >= attempts:
            return Standing(attempts, -1, ends)
        windows[subject] = (ends, used + 1)
        return Standing(attempts, attempts - used - 1, ends)
