"""What of a queue a reader is shown: looked at on every row served, whatever brought it there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol, TypeVar

from covey.delivery.audience import Relations, Seen, visible


class Listed(Seen, Protocol):
    """What of a post decides whether a page shows it: a PostRow has it, and so has a PostGist."""

    @property
    def id(self) -> int: ...
    @property
    def boost_of(self) -> int: ...
    @property
    def deleted(self) -> int: ...


Post = TypeVar("Post", bound=Listed)
Load = Callable[[Collection[int]], dict[int, Post]]
"""ids → rows: `snapshot.posts`, or `snapshot.gists` for those who only count."""


def is_shown(post: Listed, originals: Mapping[int, Listed], reader: Relations) -> bool:
    """Whether it stands and the reader may see it; a boost, where its original stands and may be
    seen."""
    if post.deleted or not visible(post, reader):
        return False
    if not post.boost_of:
        return True
    original = originals.get(post.boost_of)
    return original is not None and not original.deleted and visible(original, reader)


def load_originals(load: Load[Post], posts: Iterable[Post], originals: dict[int, Post]) -> bool:
    """Load what `posts` boost into `originals`, in one query. → whether there is a boost."""
    wanted = {post.boost_of for post in posts if post.boost_of and not post.deleted}
    missing = wanted - originals.keys()
    if missing:
        originals.update(load(missing))
    return bool(wanted)
