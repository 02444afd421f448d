"""The page that finds people, tags and posts."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from covey.edge import search as searching
from covey.edge.cursor import Cursor
from covey.edge.query import parse
from covey.edge.shown import shown
from covey.errors import Refused
from covey.limits import PAGE_POSTS
from covey.state.queries import Snapshot
from covey.web.posts import show
from covey.web.visit import Visit

PEOPLE: Final = 5
TAGS: Final = 8
"""Shown of each above the posts."""


async def search(visit: Visit) -> Response:
    """What is wrong with a question is said above it, and the question stays."""
    text = visit.query.text("q").strip()
    with visit.edge.snapshot() as snapshot:
        place = _place(visit, snapshot, text)
    if place:
        return visit.redirect(place)
    if text:
        searching.searcher(visit.edge).rates.count(visit.account or visit.address, visit.now)
    max_id = visit.query.id("max_id")
    found, trouble = searching.Found([], 0, False), ""
    try:
        query = parse(text)
        if not query.is_empty:
            with visit.edge.snapshot() as snapshot:
                reader = visit.relations(snapshot)
            at = Cursor(max_id=max_id or None, limit=PAGE_POSTS)
            found = await searching.searcher(visit.edge).search(reader, query, at, 0)
    except Refused as refused:
        if refused.code == "overloaded":
            raise
        trouble = refused.sentence
    with visit.edge.snapshot() as snapshot:
        reader = visit.relations(snapshot)
        posts = snapshot.posts(found.ids)
        rows = shown(snapshot.posts, [posts[id_] for id_ in found.ids if id_ in posts], {}, reader)
        people, tags = [], []
        if text and not max_id and not trouble:
            domain = visit.edge.settings.domain
            if not text.startswith("#"):
                people = searching.accounts(snapshot, reader, text, domain)[:PEOPLE]
            if not text.startswith("@"):
                tags = searching.tags(snapshot, text, TAGS)
        older = ""
        if found.more and found.last:
            older = f"/search?{urlencode({'q': text, 'max_id': found.last})}"
        return visit.page(
            snapshot, "search.html", text=text, trouble=trouble, people=people,
            tags=[(name, f"/tags/{quote(name, safe='')}") for name in tags],
            posts=show(snapshot, rows, visit.account, visit.now), older=older, moved=bool(max_id),
            status=422 if trouble else 200,
        )  # fmt: skip


def _place(visit: Visit, snapshot: Snapshot, text: str) -> str:
    """Where a pasted address of this server leads; empty: it is none, or leads nowhere."""
    place = searching.place_of(text, visit.edge.settings.public_url)
    if place is None:
        return ""
    if place.tag:
        return f"/tags/{quote(place.tag, safe='')}"
    if place.name:
        return f"/@{place.name}/{place.post}" if place.post else f"/@{place.name}"
    return ""
