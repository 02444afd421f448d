"""The merge: a home by its definition, all posts P with `delivered(P, reader)`, in order of id.

It needs no arena, reaches to the first post, and costs about the same at any depth. There are two
ways to the posts of the followed:

- *by post*: walk all posts and test each author against the reader's bitmap. Good where the reader
  follows much of what is being posted.
- *by author*: one index seek for each author's next post, then the outboxes of those whose turn
  comes first. Good where the reader follows little of it.

The merge begins by post, and goes on by author as soon as what it met says that this is cheaper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import apsw
from pyroaring import BitMap

from covey.delivery.audience import Candidate, Relations, delivered
from covey.limits import PAGE_POSTS
from covey.state.queries import Snapshot, numbers

END: Final = (1 << 63) - 1
"""Above every post id."""

SEEK_POSTS: Final = 4
"""What one author's seek costs, in posts walked by: 0.5 to 1 µs against 0.2 (bench/merge.py)."""
PIECE_POSTS: Final = 128
"""Walked by between two estimates."""
ROUND_POSTS: Final = 64
"""Authors whose outboxes are opened in a round, and ids read of each at most: a page and its boost
window in one round. Each further round opens twice as many."""
ROUND_POSTS_MAX: Final = 1_024


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
    for ids in _pieces(snapshot, authors, below, above, ascending, wanted):
        posts = snapshot.candidates(ids)
        for id_ in ids:
            if delivered(posts[id_], reader):
                yield posts[id_]


def _pieces(
    snapshot: Snapshot, authors: BitMap, below: int, above: int, ascending: bool, wanted: int
) -> Iterator[list[int]]:
    """Ids of the authors' posts, in order."""
    cost_of_seeks = SEEK_POSTS * len(authors)
    met = walked = 0
    cost = PIECE_POSTS
    while cost <= cost_of_seeks:
        posts = _walk(snapshot, below, above, ascending)
        ids = [id_ for id_, account in posts if account in authors]
        yield ids
        if len(posts) < PIECE_POSTS:
            return
        below, above = _rest(posts[-1][0], below, above, ascending)
        met, walked = met + len(ids), walked + len(posts)
        cost = wanted * walked // max(met, 1)  # of as many again
    size = ROUND_POSTS
    while True:
        ids, last = _round(snapshot, authors, below, above, ascending, size)
        for start in range(0, len(ids), wanted):
            yield ids[start : start + wanted]
        if last is None:
            return
        below, above = _rest(last, below, above, ascending)
        size = min(2 * size, ROUND_POSTS_MAX)


def _rest(id_: int, below: int, above: int, ascending: bool) -> tuple[int, int]:
    """What is left of the range when all up to `id_` is done."""
    return (below, id_) if ascending else (id_, above)


def _walk(snapshot: Snapshot, below: int, above: int, ascending: bool) -> list[tuple[int, int]]:
    """(id, account) of the next PIECE_POSTS posts of all."""
    return snapshot.rows(
        "select id, account from posts where id < ? and id > ?"
        f" order by id {'asc' if ascending else 'desc'} limit {PIECE_POSTS}",
        (below, above),
    )


def _round(
    snapshot: Snapshot, authors: BitMap, below: int, above: int, ascending: bool, size: int
) -> tuple[list[int], int | None]:
    """Ids of the authors' next posts, in order, and the id up to which they are all of them; None:
    there are no more."""
    order, following = ("asc", "min") if ascending else ("desc", "max")
    heads = snapshot.rows(
        f"select (select {following}(id) from posts where account = value and id < ? and id > ?)"
        f" as head, value from carray(?) order by head {order} nulls last limit ?",
        # the numbers as they lie in the bitmap's own array: 4 bytes each, none above 2^31
        (below, above, apsw.carray(memoryview(authors.to_array()).cast("B").cast("i")), size),
    )
    opened = [account for head, account in heads if head is not None]
    if not opened:
        return [], None
    last = None
    if len(opened) == size:
        # those that were not opened have nothing before this one's head
        last = heads[-1][0]
        below, above = (last + 1, above) if ascending else (below, last - 1)
    found = snapshot.rows(
        "select id, value from carray(?1) cross join posts on id in"
        " (select id from posts where account = value and id < ?2 and id > ?3"
        f" order by id {order} limit ?4) order by id {order}",
        (numbers(opened), below, above, size),
    )
    read = Counter(account for _, account in found)
    cut = {account for account, count in read.items() if count == size}
    if cut:
        # an outbox that was not read to its end: nothing behind the first such end is sure
        ends = {account: id_ for id_, account in found if account in cut}
        last = min(ends.values()) if ascending else max(ends.values())
        found = [row for row in found if (row[0] <= last if ascending else row[0] >= last)]
    return [id_ for id_, _ in found], last
