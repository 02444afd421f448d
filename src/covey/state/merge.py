"""The merge: a home by its definition, all posts P with `delivered(P, reader)`, in order of id.

It needs no arena, reaches to the first post, and costs the same at any depth. Two ways to the same
answer:

- *by post*: walk all posts and test each author against the reader's bitmap. Good where the reader
  follows much of what is being posted.
- *by author*: one index seek for each followed author's next post, then a heap of them. Good where
  the reader follows little of it.

It begins by post, and goes on by author as soon as what was met so far says that this is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace
from typing import Any, Final

import apsw
from pyroaring import BitMap

from covey.delivery.audience import Candidate, Relations, delivered
from covey.limits import PAGE_POSTS
from covey.state.posts import FROZEN, candidate_of
from covey.state.queries import Snapshot

END: Final = (1 << 63) - 1
"""Above every post id."""

SEEK_POSTS: Final = 0.8
"""What one author's seek costs, in posts walked by (bench/merge.py)."""
PIECE_POSTS: Final = 128
"""Walked by between two estimates."""
OUTBOX_POSTS: Final = 4
"""Read from an author's outbox when it is opened; then four times as many each time."""
OUTBOX_POSTS_MAX: Final = 256


def merge(
    snapshot: Snapshot,
    reader: Relations,
    *,
    below: int = END,
    above: int = 0,
    ascending: bool = False,
    wanted: int = PAGE_POSTS,
) -> Iterator[Candidate]:
    """The home's candidates with `above` < id < `below`, tombstones too; newest first, or oldest
    first when `ascending`. `wanted`: how many the caller is likely to take, for the estimate."""
    authors = reader.following - reader.aside
    authors.add(reader.account)
    cost_of_seeks = SEEK_POSTS * len(authors)
    if cost_of_seeks > PIECE_POSTS:
        every = (
            f"select {FROZEN} from posts where id > ? and id < ?"
            f" order by id {'asc' if ascending else 'desc'} limit ?"
        )
        met, walked, cost = 0, 0, 0.0
        while cost <= cost_of_seeks:
            rows = snapshot.rows(every, (above, below, PIECE_POSTS))
            for row in rows:
                if row[1] in authors:
                    met += 1
                    post = candidate_of(row)
                    if delivered(post, reader):
                        yield post
            if len(rows) < PIECE_POSTS:
                return
            if ascending:
                above = rows[-1][0]
            else:
                below = rows[-1][0]
            walked += PIECE_POSTS
            cost = wanted * walked / max(met, 1)
    for row in by_author(snapshot, authors, below, above, ascending):
        post = candidate_of(row)
        if delivered(post, reader):
            yield post


def by_author(
    snapshot: Snapshot, authors: BitMap, below: int, above: int, ascending: bool
) -> Iterator[tuple[Any, ...]]:
    """Rows (FROZEN) of the authors' posts in order, from a heap of each one's next."""
    sign, order = (1, "asc") if ascending else (-1, "desc")
    next_post = "min(id)" if ascending else "max(id)"
    seeks = (
        f"select value, (select {next_post} from posts where account = value"
        " and id > ? and id < ?) from carray(?)"
    )
    outbox = (
        f"select {FROZEN} from posts where account = ? and id > ? and id < ?"
        f" order by id {order} limit ?"
    )
    # the numbers as they lie in the bitmap's own array: 4 bytes each, none above 2^31
    seeked = apsw.carray(memoryview(authors.to_array()).cast("B").cast("i"))
    heap = [
        (sign * id_, account)
        for account, id_ in snapshot.execute(seeks, (above, below, seeked))
        if id_ is not None
    ]
    heapify(heap)
    opened: dict[int, list[tuple[Any, ...]]] = {}
    sizes: dict[int, int] = {}
    while heap:
        place, account = heap[0]
        rows = opened.get(account)
        if rows is None or (len(rows) == 1 and sizes[account]):
            # an outbox is opened when its turn comes, and read on from its last row
            size = min(sizes.get(account, OUTBOX_POSTS // 4) * 4, OUTBOX_POSTS_MAX)
            id_ = sign * place
            bounds = (id_ - 1, below) if ascending else (above, id_ + 1)
            rows = snapshot.rows(outbox, (account, *bounds, size))
            sizes[account] = size if len(rows) == size else 0
            rows.reverse()
            opened[account] = rows
        yield rows.pop()
        if rows:
            heapreplace(heap, (sign * rows[-1][0], account))
        else:
            heappop(heap)
