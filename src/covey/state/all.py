"""Importing this makes every kind of message known to `rules`."""

from covey.state import (
    access,
    accounts,
    closing,
    filters,
    follows,
    groups,
    lists,
    moderation,
    notifications,
    place,
    policies,
    posts,
    private,
    reading,
    relations,
    tags,
    time,
)
from covey.state.rules import APPLIES, CHECKS, answered, apply, check

__all__ = [
    "access",
    "accounts",
    "answered",
    "apply",
    "check",
    "closing",
    "filters",
    "follows",
    "groups",
    "lists",
    "moderation",
    "notifications",
    "place",
    "policies",
    "posts",
    "private",
    "reading",
    "relations",
    "tags",
    "time",
]

if set(CHECKS) != set(APPLIES):
    raise ImportError("a kind of message has no check or no apply")
