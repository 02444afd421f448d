"""What the oracle keeps of each thing there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Account:
    name: str
    email: str = ""
    role: str = "member"
    created: int = 0
    standing: str = "active"
    locked: bool = False


class Followed(NamedTuple):
    """How one account follows another."""

    boosts: bool
    notify: bool
    languages: tuple[str, ...]
    """Empty: all."""
    number: int
    """Of the message that began it."""


@dataclass(slots=True)
class List:
    """Of accounts: a queue."""

    owner: int
    title: str
    replies: str
    exclusive: bool
    members: dict[int, int] = field(default_factory=dict)
    """account → number of the message that added it."""


@dataclass(slots=True)
class Media:
    account: int
    state: str
    """processing, ready or failed"""
    bytes: int
    words: tuple[str, int, int]
    """Description and focus."""
    shown_by: tuple[str, int] | None = None
    """("post", id), ("draft", number), ("avatar" or "header", account)."""
    expires: int = 0


class Said(NamedTuple):
    """What a post says, since when, and by which message."""

    text: str
    language: str
    warning: str
    sensitive: bool
    tags: tuple[str, ...]
    options: tuple[str, ...]
    """Of its poll."""
    media: tuple[int, ...]
    stamp: int
    number: int


@dataclass(slots=True)
class Asked:
    """A poll."""

    options: tuple[str, ...]
    multiple: bool
    hide_totals: bool
    ends: int
    ended: bool = False
    votes: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Row:
    """A post or boost; a deleted one stays as its own tombstone."""

    id: int
    number: int
    author: int
    visibility: str
    reply_to: int = 0
    parent_author: int = 0
    boost_of: int = 0
    original_author: int = 0
    mentioned: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Posted to."""
    taken_out_of: list[int] = field(default_factory=list)
    """Groups whose moderators did."""
    language: str = ""
    quote_of: int = 0
    quoted_author: int = 0
    quotes: str = "public"
    """Who may quote it."""
    revoked: bool = False
    """By the author of what it quotes."""
    deleted: bool = False
    versions: list[Said] = field(default_factory=list)
    """What it said, the present version last; nothing of a boost. All above is of the first."""
    ever_mentioned: set[int] = field(default_factory=set)
    """By any of them."""
    poll: Asked | None = None


class Told(NamedTuple):
    """A notification."""

    account: int
    number: int
    kind: str
    sender: int
    post: int
