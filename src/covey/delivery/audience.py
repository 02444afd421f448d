"""Who gets it: one rule in two forms, which a property test holds together.

`audience` is the set form: Roaring algebra, once per post, at fan-out. `delivered` is the
predicate form: one candidate, one reader, at the merge; it needs only the reader's own relations.
Both use what of a post is frozen with its first version, so a later change never moves it in or
out of homes.

| reason | who | not those who |
|---|---|---|
| self | the author, except direct posts | - |
| follow | followers, where it is public, unlisted or | set the author aside; do not follow whom |
|        | followers-only                             | it replies to; hide the author's boosts  |

Set aside: the reader blocks or mutes the author, or the author blocks the reader; for a boost also
the original's author in the author's place, either way; the post mentions somebody the reader
blocks.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Protocol

from msgspec import Struct
from pyroaring import BitMap

from covey.delivery.graph import Graph
from covey.messages import Visibility


class Reach(IntEnum):
    """A post's visibility, as rows hold it."""

    PUBLIC = 0
    UNLISTED = 1
    FOLLOWERS = 2
    DIRECT = 3

    @property
    def word(self) -> Visibility:
        return _WORDS[self]


_WORDS: Final[tuple[Visibility, ...]] = ("public", "unlisted", "followers", "direct")
REACH: Final[dict[str, Reach]] = {word: Reach(place) for place, word in enumerate(_WORDS)}


class Candidate(Struct, frozen=True):
    """What of a post or boost is frozen: all that its audience depends on."""

    id: int
    account: int
    visibility: int
    reply_to: int = 0
    reply_account: int = 0
    boost_of: int = 0
    boost_account: int = 0
    mentioned: tuple[int, ...] = ()


class Seen(Protocol):
    """What of a post decides who may see it: a candidate has it, and so has a row."""

    @property
    def account(self) -> int: ...
    @property
    def visibility(self) -> int: ...
    @property
    def mentioned(self) -> tuple[int, ...]: ...


class Relations(Struct, frozen=True):
    """A reader's own relations; account 0 is a stranger."""

    account: int
    following: BitMap
    hides_boosts: BitMap
    """Of whom it wants no boosts."""
    blocks: BitMap
    aside: BitMap
    """Whom it blocks or mutes, and who blocks it."""
    blocked_by: BitMap


STRANGER: Final = Relations(0, BitMap(), BitMap(), BitMap(), BitMap(), BitMap())


def audience(graph: Graph, post: Candidate) -> BitMap:
    """The accounts in whose home the post stands."""
    author = post.account
    if post.visibility == Reach.DIRECT:
        return BitMap()
    readers = graph.followers[author] - graph.aside(author)
    if post.boost_of:
        readers -= graph.boost_hiders[author]
        if post.boost_account != author:
            readers -= graph.aside(post.boost_account)
    elif post.reply_to and post.reply_account != author:
        parent = post.reply_account
        follows_parent = graph.followers[parent]
        hears_parent = parent in readers
        readers &= follows_parent
        if hears_parent:
            readers.add(parent)
    for mentioned in post.mentioned:
        readers -= graph.blockers[mentioned]
    readers.add(author)
    return readers


def delivered(post: Candidate, reader: Relations) -> bool:
    """Does the post stand in this reader's home?"""
    author = post.account
    if post.visibility == Reach.DIRECT:
        return False
    if author == reader.account:
        return True
    if author not in reader.following or author in reader.aside:
        return False
    if post.boost_of:
        return author not in reader.hides_boosts and post.boost_account not in reader.aside
    parent = post.reply_account
    if post.reply_to and parent not in (author, reader.account) and parent not in reader.following:
        return False
    return not any(account in reader.blocks for account in post.mentioned)


def visible(post: Seen, reader: Relations) -> bool:
    """May this reader see the post at all? Looked at on every row served, whatever brought it
    there. A boost is visible where its original is: ask for the original."""
    author = post.account
    if author == reader.account:
        return True
    if author in reader.blocked_by:
        return False
    if post.visibility <= Reach.UNLISTED:
        return True
    if reader.account and reader.account in post.mentioned:
        return True
    return post.visibility == Reach.FOLLOWERS and author in reader.following


def sets_aside(post: Seen, reader: Relations) -> bool:
    """Does a queue of everybody (public, a tag) leave the post out for this reader? One's own posts
    it never does."""
    if post.account == reader.account:
        return False
    return post.account in reader.aside or any(
        account in reader.blocks for account in post.mentioned
    )
