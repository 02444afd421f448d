"""Who gets it: one rule in two forms, which a property test holds together.

`audience` is the set form: Roaring algebra, once per post, at fan-out. `delivered` is the
predicate form: one candidate, one reader, at the merge; it needs only the reader's own relations.
Both use what of a post is frozen with its first version, so a later change never moves it in or
out of homes.

| reason | who | not those who |
|---|---|---|
| self | the author, except direct posts | - |
| follow | followers, where it is public, unlisted, | do not follow whom it replies to; hide the |
|        | followers-only or local | author's boosts; take only other languages; have the      |
|        |                         | author in an exclusive list                               |
| group | members of a group that it is posted to | - |
| tag | followers of a tag in it, where it is public and the author not limited | - |

And none of those who set it aside: the reader blocks or mutes the author or its domain, or the
author blocks the reader; for a boost or a quote also the original's author in the author's place,
either way; the post, or the original of a boost, mentions somebody the reader blocks.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Protocol

from msgspec import Struct, structs
from pyroaring import BitMap

from covey.delivery.graph import Graph
from covey.messages import RepliesPolicy, Visibility


class Reach(IntEnum):
    """A post's visibility, as rows hold it."""

    PUBLIC = 0
    UNLISTED = 1
    FOLLOWERS = 2
    DIRECT = 3
    GROUP = 4
    """Only in the groups it is posted to."""
    LOCAL = 5
    """As public, but for this server's accounts alone."""

    @property
    def word(self) -> Visibility:
        return _WORDS[self]


_WORDS: Final[tuple[Visibility, ...]] = (
    "public", "unlisted", "followers", "direct", "group", "local"
)  # fmt: skip
REACH: Final[dict[str, Reach]] = {word: Reach(place) for place, word in enumerate(_WORDS)}

# An enumeration's member costs 0.13 µs each time it is asked for by name, a module's 0.02.
PUBLIC: Final = Reach.PUBLIC
UNLISTED: Final = Reach.UNLISTED
DIRECT: Final = Reach.DIRECT

TO_FOLLOWERS: Final = frozenset({Reach.PUBLIC, Reach.UNLISTED, Reach.FOLLOWERS, Reach.LOCAL})


class Candidate(Struct, frozen=True):
    """What of a post or boost is frozen: all that its audience depends on."""

    id: int
    account: int
    visibility: int
    reply_to: int = 0
    reply_account: int = 0
    boost_of: int = 0
    boost_account: int = 0
    quote_account: int = 0
    language: str = ""
    mentioned: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    """Posted to."""
    tags: tuple[str, ...] = ()


class Seen(Protocol):
    """What of a post decides who may see it: a candidate has it, and so has a row."""

    @property
    def account(self) -> int: ...
    @property
    def visibility(self) -> int: ...
    @property
    def boost_of(self) -> int: ...
    @property
    def mentioned(self) -> tuple[int, ...]: ...
    @property
    def groups(self) -> tuple[int, ...]: ...


class Everybody(Struct, frozen=True):
    """What concerns all readers alike."""

    hidden: BitMap
    """Accounts that are pending, suspended or closed: nobody sees what they wrote."""
    limited: BitMap
    """Accounts whose posts reach those who follow them and nobody else."""
    open_groups: BitMap
    """Groups whose posts everybody may see."""


NOTHING_SPECIAL: Final = Everybody(BitMap(), BitMap(), BitMap())


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
    exclusive: BitMap = BitMap()
    """Whom it has in an exclusive list."""
    languages: dict[int, frozenset[str]] = {}
    """Of whom it takes only posts in these languages."""
    groups: BitMap = BitMap()
    """Of which it is a member."""
    tags: frozenset[str] = frozenset()
    """That it follows."""
    everybody: Everybody = NOTHING_SPECIAL


STRANGER: Final = Relations(0, BitMap(), BitMap(), BitMap(), BitMap(), BitMap())


def audience(graph: Graph, post: Candidate) -> BitMap:
    """The accounts in whose home the post stands."""
    author = post.account
    if post.visibility == DIRECT or graph.hidden.has(graph.SUSPENDED, author):
        return BitMap()
    readers = _followers(graph, post) if post.visibility in TO_FOLLOWERS else BitMap()
    for group in post.groups:
        readers |= graph.members[group]
    if post.tags and post.visibility == PUBLIC and not graph.hidden.has(graph.LIMITED, author):
        for tag in post.tags:
            if followers := graph.tag_followers.get(tag):
                readers |= followers
    # most of these sets are empty, and looking is cheaper than subtracting: 0.1 µs instead of 0.4
    if aside := graph.aside(author):
        readers -= aside
    for original in (post.boost_account, post.quote_account):
        if original and original != author:
            readers -= graph.aside(original)
    for mentioned in post.mentioned:
        if blockers := graph.blockers.get(mentioned):
            readers -= blockers
    readers.add(author)
    return readers


def _followers(graph: Graph, post: Candidate) -> BitMap:
    """For the reason follow."""
    author = post.account
    followers = graph.followers.get(author)
    if followers is None:
        return BitMap()
    hiders = graph.hiders.get(author)
    readers = followers - hiders if hiders else followers.copy()
    choosers = graph.choosers.get(author)
    if choosers and post.language:
        readers -= choosers - graph.takers[author, post.language]
    if post.boost_of:
        readers -= graph.boost_hiders[author]
    elif post.reply_to and post.reply_account != author:
        parent = post.reply_account
        hears_parent = parent in readers
        readers &= graph.followers[parent]
        if hears_parent:
            readers.add(parent)
    return readers


def delivered(post: Candidate, reader: Relations) -> bool:
    """Does the post stand in this reader's home?"""
    author, everybody = post.account, reader.everybody
    if post.visibility == Reach.DIRECT or author in everybody.hidden:
        return False
    if author == reader.account:
        return True
    if author in reader.aside:
        return False
    for original in (post.boost_account, post.quote_account):
        if original != author and original in reader.aside:
            return False
    if any(account in reader.blocks for account in post.mentioned):
        return False
    return (
        _follows(post, reader)
        or any(group in reader.groups for group in post.groups)
        or (
            post.visibility == Reach.PUBLIC
            and author not in everybody.limited
            and any(tag in reader.tags for tag in post.tags)
        )
    )


def _follows(post: Candidate, reader: Relations) -> bool:
    """For the reason follow."""
    author = post.account
    if (
        post.visibility not in TO_FOLLOWERS
        or author not in reader.following
        or author in reader.exclusive
    ):
        return False
    if post.language and reader.languages:
        taken = reader.languages.get(author)
        if taken and post.language not in taken:
            return False
    if post.boost_of:
        return author not in reader.hides_boosts
    parent = post.reply_account
    return not post.reply_to or parent in (author, reader.account) or parent in reader.following


class Listing(Struct, frozen=True):
    """One of a reader's lists."""

    members: BitMap
    replies: RepliesPolicy
    """Answers to others stand in it where the reader follows them too, only where they are in the
    list too, or nowhere."""
    reader: Relations
    """The reader as if it had no exclusive lists."""


def listing(reader: Relations, members: BitMap, replies: RepliesPolicy) -> Listing:
    return Listing(members, replies, structs.replace(reader, exclusive=BitMap()))


def listed(post: Candidate, list_: Listing) -> bool:
    """Does the post stand in the list? It does where its author is a member and, were there no
    exclusive lists, it would stand in the reader's home; but for answers that the list leaves out.
    """
    author, reader = post.account, list_.reader
    if author not in list_.members or not delivered(post, reader):
        return False
    if not post.reply_to or post.reply_account in (author, reader.account):
        return True
    if list_.replies == "followed":
        return post.reply_account in reader.following
    return list_.replies == "list" and post.reply_account in list_.members


def visible(post: Seen, reader: Relations) -> bool:
    """May this reader see the post at all? Looked at on every row served, whatever brought it
    there. A boost is visible where its original is: ask for the original."""
    author, reach = post.account, post.visibility
    if author in reader.everybody.hidden:
        return False
    if author == reader.account:
        return True
    if author in reader.blocked_by:
        return False
    if reach <= Reach.UNLISTED:
        return True
    if not reader.account:
        return reach == Reach.GROUP and _in_open_group(post, reader)
    if reach == Reach.LOCAL or (reader.account in post.mentioned and not post.boost_of):
        return True
    if reach == Reach.GROUP:
        return any(group in reader.groups for group in post.groups) or _in_open_group(post, reader)
    return reach == Reach.FOLLOWERS and author in reader.following


def _in_open_group(post: Seen, reader: Relations) -> bool:
    return any(group in reader.everybody.open_groups for group in post.groups)


def sets_aside(post: Seen, reader: Relations) -> bool:
    """Does a queue of everybody (public, a tag, a group) leave the post out for this reader? One's
    own posts it never does; those of limited accounts it has for their followers."""
    author = post.account
    if author == reader.account:
        return False
    if author in reader.aside:
        return True
    if author in reader.everybody.limited and author not in reader.following:
        return True
    return any(account in reader.blocks for account in post.mentioned)
