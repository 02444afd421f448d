"""The reading position on a page: how far behind the reader is, and the ways on. Looking at a page
never moves it; only the two buttons do."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup
from msgspec import Struct

from covey.state.queries import Snapshot
from covey.web.times import moment_tag
from covey.web.visit import Visit


class Behind(Struct, frozen=True):
    """What `behind.html` shows."""

    count: str
    noun: str
    since: Markup
    """When the oldest of them came, as `<time>`."""
    action: str
    page: str
    resume: str
    """Address of the page right above the position; empty when this is it."""
    here: int
    """Position of the first row of this page, when it is above the reading position; else 0."""
    after: str
    """Where "Mark read to here" goes on."""
    now: int
    """Position of the newest, when it is not on this page; else 0."""


def behind(
    visit: Visit,
    snapshot: Snapshot,
    queue: str,
    first: int,
    newest: int,
    *,
    top: bool,
    page: str = "",
) -> Behind | None:
    """None: the reader is up to date. `first`: position of the page's first row, 0 when it has
    none; `newest`: of the queue's. `page`: its path, where that is not its name."""
    if not visit.account:
        return None
    count = visit.unread_of(snapshot, queue)
    if not count.count:
        return None
    row = snapshot.position(visit.account, queue)
    position = row.position if row else 0
    one = "notification" if queue == "notifications" else "post"
    path = page or f"/{queue}"
    resume = f"{path}?min_id={position}"
    more = not top and first > position
    return Behind(
        count=count.words,
        noun=one if count.count == 1 else f"{one}s",
        since=moment_tag(count.since, visit.now),
        action=f"/read/{quote(queue)}" if page else f"/{queue}/read",
        page=path,
        resume="" if visit.here == resume else resume,
        here=first if first > position else 0,
        after=f"{path}?min_id={first}" if more else path,
        now=0 if top else newest,
    )
