"""Cursors and pages: every queue is read the same way, `(queue, cursor)` → page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from covey.limits import PAGE_POSTS
from covey.state.merge import END
from covey.state.queries import PostRow

Row = TypeVar("Row")

PULL_ROWS_MAX: Final = 512
"""Rows looked at in one piece when many are passed over."""


class Cursor(Struct, frozen=True):
    """Where to read in a queue. Positions are post ids, or log numbers where the queue says so.

    `max_id`: only what is older. `since_id`: only what is newer, the newest of it. `min_id`: only
    what is newer, and of it what lies directly above; it goes before `since_id`. Whatever is given,
    a page is newest first. The doors see to it that `limit` is 1 to 80 and positions are not
    negative.
    """

    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None
    limit: int = PAGE_POSTS

    @property
    def below(self) -> int:
        return END if self.max_id is None else min(self.max_id, END)

    @property
    def above(self) -> int:
        return min(self.min_id if self.min_id is not None else self.since_id or 0, END)

    @property
    def ascending(self) -> bool:
        """Whether the page is filled from its old end."""
        return self.min_id is not None


class Page(Struct, Generic[Row], frozen=True):
    """What a queue holds at a cursor, newest first."""

    rows: list[Row]
    newest: int = 0
    """Position of the first row, the `min_id` of the page above; 0 when there is none."""
    oldest: int = 0
    """Position of the last row, the `max_id` of the page below."""
    older: bool = False
    """Whether there may be rows below `oldest`."""
    posts: dict[int, PostRow] = msgspec.field(default_factory=dict)
    """What rows refer to, by id: originals of boosts, posts of notifications."""


def fill(
    cursor: Cursor,
    pull: Callable[[int, int, int], Sequence[Row]],
    show: Callable[[Sequence[Row]], list[Row]],
    position: Callable[[Row], int],
) -> list[Row]:
    """The rows of a page, newest first: pull pieces until enough of it is shown.

    `pull(below, above, count)` gives the next rows in the cursor's direction, fewer than `count`
    only at the end of the queue; `show` those of them that the reader is shown.
    """
    below, above, count = cursor.below, cursor.above, cursor.limit
    shown: list[Row] = []
    while len(shown) < cursor.limit and above < below:
        rows = pull(below, above, count)
        shown += show(rows)
        if len(rows) < count:
            break
        if cursor.ascending:
            above = position(rows[-1])
        else:
            below = position(rows[-1])
        count = min(2 * count, PULL_ROWS_MAX)
    del shown[cursor.limit :]
    if cursor.ascending:
        shown.reverse()
    return shown


def page(
    cursor: Cursor,
    rows: list[Row],
    position: Callable[[Row], int],
    posts: dict[int, PostRow] | None = None,
) -> Page[Row]:
    if not rows:
        return Page([])
    return Page(
        rows,
        newest=position(rows[0]),
        oldest=position(rows[-1]),
        older=len(rows) == cursor.limit or cursor.ascending,
        posts=posts or {},
    )
