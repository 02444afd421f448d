"""Importing this makes every kind of message known to `rules`."""

from covey.messages import KINDS
from covey.state import (
    access,
    accounts,
    bookmarks,
    closing,
    drafts,
    edits,
    filters,
    follows,
    groups,
    lists,
    moderation,
    notifications,
    place,
    policies,
    polls,
    posts,
    private,
    quotes,
    reading,
    relations,
    reports,
    tags,
    threads,
    time,
)
from covey.state.rules import APPLIES, CHECKS, apply, check

__all__ = [
    "access",
    "accounts",
    "apply",
    "bookmarks",
    "check",
    "closing",
    "drafts",
    "edits",
    "filters",
    "follows",
    "groups",
    "lists",
    "moderation",
    "notifications",
    "place",
    "policies",
    "polls",
    "posts",
    "private",
    "quotes",
    "reading",
    "relations",
    "reports",
    "tags",
    "threads",
    "time",
]

if not set(CHECKS) == set(APPLIES) == set(KINDS.values()):
    raise ImportError("a kind of message has no check or no apply")
