"""The merge: a home by its definition, all posts P with `delivered(P, reader)`, in order of id.

It needs no arena, reaches to the first post, and costs about the same at any depth. Candidates come
from three *sources*, one for each reason: the outboxes of the followed, the tags that the reader
follows, the groups that it is a member of. Of a source many queues are read at once, in *rounds*:
one index seek for each queue's next post, then those whose turn comes first.

The followed have a second way, *by post*: walk all posts and test each author against the reader's
bitmap. It is good where the reader follows much of what is being posted. The merge begins by post,
and goes on in rounds as soon as what it met says that this is cheaper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import merge as in_order
from itertools import chain, groupby, islice
from typing import Any, Final

import apsw
from msgspec import Struct
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


class Source(Struct, frozen=True):
    """Queues of one sort, each an index of its own: of `table`, those rows where `key` is the
    queue's, in order of `id`."""

    table: str
    key: str
    id: str
    also: str = ""


AUTHORS: Final = Source("posts", "account", "id")
TAGS: Final = Source("tags", "tag", "post", "and first = 1")
GROUPS: Final = Source("group_posts", '"group"', "post")
"""Whatever became of the posts there: a home has tombstones too."""


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
    authors = reader.following - reader.aside - reader.exclusive
    authors.add(reader.account)
    for ids in _ids(snapshot, reader, authors, below, above, ascending, wanted):
        posts = snapshot.candidates(ids)
        for id_ in ids:
            if delivered(posts[id_], reader):
                yield posts[id_]


def merge_of(
    snapshot: Snapshot,
    authors: BitMap,
    *,
    below: int = END,
    above: int = 0,
    ascending: bool = False,
    wanted: int = PAGE_POSTS,
) -> Iterator[Candidate]:
    """All posts of the authors with `above` < id < `below`, tombstones too, in the same orders."""
    for ids in _by_authors(snapshot, authors, below, above, ascending, wanted):
        posts = snapshot.candidates(ids)
        for id_ in ids:
            yield posts[id_]


def _ids(
    snapshot: Snapshot,
    reader: Relations,
    authors: BitMap,
    below: int,
    above: int,
    ascending: bool,
    wanted: int,
) -> Iterator[list[int]]:
    """Ids of all sources, in order, each once."""
    place = below, above, ascending, wanted
    sources = [_by_authors(snapshot, authors, *place)]
    if reader.tags:
        tags = apsw.carray(tuple(sorted(reader.tags)))
        sources.append(_in_rounds(snapshot, TAGS, tags, *place))
    if reader.groups:
        sources.append(_in_rounds(snapshot, GROUPS, _array(reader.groups), *place))
    if len(sources) == 1:
        yield from sources[0]
        return
    flat = in_order(*map(chain.from_iterable, sources), reverse=not ascending)
    once = (id_ for id_, _ in groupby(flat))
    while ids := list(islice(once, wanted)):
        yield ids


def _by_authors(
    snapshot: Snapshot, authors: BitMap, below: int, above: int, ascending: bool, wanted: int
) -> Iterator[list[int]]:
    """Ids of the authors' posts, in order: by post, and then in rounds."""
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
    if authors:
        yield from _in_rounds(snapshot, AUTHORS, _array(authors), below, above, ascending, wanted)


def _in_rounds(
    snapshot: Snapshot,
    source: Source,
    queues: Any,
    below: int,
    above: int,
    ascending: bool,
    wanted: int,
) -> Iterator[list[int]]:
    """Ids of the posts in these queues of the source (a carray of at least one), in order; one that
    stands in several of them comes as often."""
    size = ROUND_POSTS
    while True:
        ids, last = _round(snapshot, source, queues, below, above, ascending, size)
        for start in range(0, len(ids), wanted):
            yield ids[start : start + wanted]
        if last is None:
            return
        below, above = _rest(last, below, above, ascending)
        size = min(2 * size, ROUND_POSTS_MAX)


def _array(accounts: BitMap) -> Any:
    """The numbers as they lie in the bitmap's own array: 4 bytes each, none above 2^31."""
    return apsw.carray(memoryview(accounts.to_array()).cast("B").cast("i"))


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
    snapshot: Snapshot,
    source: Source,
    queues: Any,
    below: int,
    above: int,
    ascending: bool,
    size: int,
) -> tuple[list[int], int | None]:
    """Ids of the queues' next posts, in order, and the id up to which they are all of them; None:
    there are no more."""
    id_, order, next_ = source.id, *(("asc", "min") if ascending else ("desc", "max"))
    ahead = f"from {source.table} where {source.key} = value and {id_} < ?2 and {id_} > ?3"
    ahead += f" {source.also}"
    heads = snapshot.rows(
        f"select (select {next_}({id_}) {ahead}) as head, value from carray(?1)"
        f" order by head {order} nulls last limit ?4",
        (queues, below, above, size),
    )
    opened = [queue for head, queue in heads if head is not None]
    if not opened:
        return [], None
    last = None
    if len(opened) == size:
        # those that were not opened have nothing before this one's head
        last = heads[-1][0]
        below, above = (last + 1, above) if ascending else (below, last - 1)
    found = snapshot.rows(
        f"select {id_}, value from carray(?1) cross join {source.table} on {source.key} = value"
        f" and {id_} in (select {id_} {ahead} order by {id_} {order} limit ?4)"
        f" order by {id_} {order}",
        (_carray(opened), below, above, size),
    )
    read = Counter(queue for _, queue in found)
    cut = {queue for queue, count in read.items() if count == size}
    if cut:
        # a queue that was not read to its end: nothing behind the first such end is sure
        ends = {queue: read_to for read_to, queue in found if queue in cut}
        last = min(ends.values()) if ascending else max(ends.values())
        found = [row for row in found if (row[0] <= last if ascending else row[0] >= last)]
    return [post for post, _ in found], last


def _carray(queues: list[Any]) -> Any:
    if isinstance(queues[0], str):
        return apsw.carray(tuple(queues))
    return numbers(queues)
