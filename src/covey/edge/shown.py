"""What of a queue a reader is shown: looked at on every row served, whatever brought it there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from covey.delivery.audience import Relations, Seen, visible


class Listed(Seen, Protocol):
    """What of a post decides whether a page shows it: a PostRow has it, and so has a PostGist."""

    @property
    def id(self) -> int: ...
    @property
    def quote_of(self) -> int: ...
    @property
    def quote_revoked(self) -> int: ...
    @property
    def deleted(self) -> int: ...


Post = TypeVar("Post", bound=Listed)
Row = TypeVar("Row", bound=Listed)
Load = Callable[[Collection[int]], dict[int, Post]]
"""ids → rows: `snapshot.posts`, or `snapshot.gists` for those who only count."""


def is_shown(post: Listed, originals: Mapping[int, Listed], reader: Relations) -> bool:
    """Whether it stands and the reader may see it; a boost, where its original is shown; a quote,
    where its original may be seen, is gone or was revoked. `originals` is what `load_originals`
    loaded."""
    if post.deleted or not visible(post, reader):
        return False
    if post.boost_of:
        original = originals.get(post.boost_of)
        return original is not None and is_shown(original, originals, reader)
    if post.quote_of and not post.quote_revoked:
        quoted = originals[post.quote_of]
        return bool(quoted.deleted) or visible(quoted, reader)
    return True


def load_originals(load: Load[Post], posts: Collection[Listed], originals: dict[int, Post]) -> bool:
    """Load what `posts` boost and quote, and what the boosted quote, into `originals`. → whether
    there is a boost."""
    boosted = {post.boost_of for post in posts if post.boost_of and not post.deleted}
    _load_missing(load, boosted | _quoted(posts), originals)
    if boosted:
        _load_missing(load, _quoted([originals[id_] for id_ in boosted]), originals)
    return bool(boosted)


def _quoted(posts: Collection[Listed]) -> set[int]:
    return {
        post.quote_of
        for post in posts
        if post.quote_of and not post.deleted and not post.quote_revoked
    }


def _load_missing(load: Load[Post], ids: set[int], originals: dict[int, Post]) -> None:
    missing = ids - originals.keys()
    if missing:
        originals.update(load(missing))


def shown(
    load: Load[Post], posts: Sequence[Row], originals: dict[int, Post], reader: Relations
) -> list[Row]:
    """Those of `posts` that the reader is shown. What they boost and quote is loaded into
    `originals`."""
    load_originals(load, posts, originals)
    return [post for post in posts if is_shown(post, originals, reader)]
