"""Raw candidates of a home: from the arena as far as it reaches, then from the merge, and nobody
can tell where the seam is. And those of a list, which are merged always."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, TypeGuard

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Candidate, Listing, Relations, listed
from covey.limits import PAGE_POSTS
from covey.state.merge import merge, merge_of
from covey.state.queries import Snapshot

NEAR_POSTS: Final = 400
"""How far the arena is read for the posts right above an old one; beyond, the merge."""


def _holds(
    arena: ArenaReader | None, snapshot: Snapshot, reader: Relations
) -> TypeGuard[ArenaReader]:
    """Whether all that the snapshot holds was delivered. Between a batch's commit and its last
    store it was not: then the page is merged. An arena that is ahead is no trouble: nothing above
    the snapshot's newest post is asked for, and floors only rise."""
    return (
        arena is not None
        and arena.applied >= snapshot.applied
        and reader.account < arena.max_accounts
    )


def ids_below(
    snapshot: Snapshot,
    arena: ArenaReader | None,
    reader: Relations,
    below: int,
    above: int = 0,
    wanted: int = PAGE_POSTS,
) -> Iterator[int]:
    """Ids of the candidates with `above` < id < `below`, newest first, tombstones too. `wanted`:
    how many the caller is likely to take."""
    below = min(below, snapshot.last_id + 1)
    if _holds(arena, snapshot, reader):
        while above + 1 < below:
            ids, below = arena.read(reader.account, below, wanted, above)
            yield from ids
            if len(ids) < wanted:
                break
    if above + 1 < below:
        for post in merge(snapshot, reader, below=below, above=above, wanted=wanted):
            yield post.id


def ids_above(
    snapshot: Snapshot,
    arena: ArenaReader | None,
    reader: Relations,
    above: int,
    below: int,
    wanted: int = PAGE_POSTS,
) -> Iterator[int]:
    """The same, oldest first."""
    below = min(below, snapshot.last_id + 1)
    if above + 1 >= below:
        return
    if _holds(arena, snapshot, reader):
        ids, reach = arena.read(reader.account, below, NEAR_POSTS, above)
        if reach <= above + 1:
            yield from reversed(ids)
            return
    for post in merge(snapshot, reader, below=below, above=above, ascending=True, wanted=wanted):
        yield post.id


def list_ids_below(
    snapshot: Snapshot, list_: Listing, below: int, above: int = 0, wanted: int = PAGE_POSTS
) -> Iterator[int]:
    """The same of a list, which no arena holds: newest first."""
    members = list_.members
    for post in merge_of(snapshot, members, below=below, above=above, wanted=wanted):
        if listed(post, list_):
            yield post.id


def list_ids_above(
    snapshot: Snapshot, list_: Listing, above: int, below: int, wanted: int = PAGE_POSTS
) -> Iterator[int]:
    """The same, oldest first."""
    members = list_.members
    for post in merge_of(
        snapshot, members, below=below, above=above, ascending=True, wanted=wanted
    ):
        if listed(post, list_):
            yield post.id


def candidates_below(
    snapshot: Snapshot,
    arena: ArenaReader | None,
    reader: Relations,
    below: int,
    limit: int,
    above: int = 0,
) -> list[Candidate]:
    """The newest `limit` candidates with `above` < id < `below`, newest first."""
    ids = list(islice(ids_below(snapshot, arena, reader, below, above, limit), limit))
    found = snapshot.candidates(ids)
    return [found[id_] for id_ in ids]


def candidates_above(
    snapshot: Snapshot,
    arena: ArenaReader | None,
    reader: Relations,
    above: int,
    limit: int,
    below: int,
) -> list[Candidate]:
    """The oldest `limit` candidates with `above` < id < `below`, oldest first."""
    ids = list(islice(ids_above(snapshot, arena, reader, above, below, limit), limit))
    found = snapshot.candidates(ids)
    return [found[id_] for id_ in ids]
