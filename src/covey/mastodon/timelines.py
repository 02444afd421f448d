"""Timelines: home, public, tag, list, and what an account keeps: queues read by a cursor."""

from __future__ import annotations

from covey.delivery.audience import Relations
from covey.edge import home as home_queue
from covey.edge import queues
from covey.edge.cursor import Page
from covey.edge.shown import shown
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.mastodon.door import EMPTY_LIST, Answer, Call, operation
from covey.mastodon.entities import entities
from covey.mastodon.pages import cursor_of, listed, numbered
from covey.state.queries import PostRow, Snapshot


def _answer(call: Call, snapshot: Snapshot, reader: Relations, page: Page[PostRow]) -> Answer:
    items = entities(call.edge).statuses(snapshot, reader, page.rows, page.posts)
    return listed(call, items, page.newest, page.oldest, page.older)


@operation("GET", "/api/v1/timelines/home", "read:statuses")
async def home(call: Call) -> Answer:
    cursor, edge = cursor_of(call), call.edge
    with edge.snapshot() as snapshot:
        reader = edge.relations(snapshot, call.account)
        page = home_queue.page(snapshot, edge.arena, reader, cursor)
        return _answer(call, snapshot, reader, page)


@operation("GET", "/api/v1/timelines/public", "read:statuses", needs="anyone")
async def public(call: Call) -> Answer:
    cursor = cursor_of(call)
    if _holds_nothing(call):
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        only_media = call.parameters.boolean("only_media")
        page = queues.public(snapshot, reader, cursor, only_media=only_media)
        return _answer(call, snapshot, reader, page)


@operation("GET", "/api/v1/timelines/tag/*", "read:statuses", needs="anyone")
async def tag(call: Call) -> Answer:
    cursor, parameters = cursor_of(call), call.parameters
    for more in ("any", "all", "none"):
        if [word for word in parameters.texts(more) if word]:
            raise Refused("not_there_yet", what=f"timelines of several tags ({more})")
    name = tag_name(call.words[0].removeprefix("#"))
    if not name or _holds_nothing(call):
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        only_media = parameters.boolean("only_media")
        page = queues.tag(snapshot, reader, name, cursor, only_media=only_media)
        return _answer(call, snapshot, reader, page)


@operation("GET", "/api/v1/timelines/list/*", "read:lists")
async def list_(call: Call) -> Answer:
    cursor = cursor_of(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = home_queue.list_page(snapshot, reader, call.id, cursor)
        return _answer(call, snapshot, reader, page)


@operation("GET", "/api/v1/bookmarks", "read:bookmarks")
async def bookmarks(call: Call) -> Answer:
    """A page goes by the numbers of the bookmarks."""
    cursor = cursor_of(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.bookmarks(snapshot, reader, cursor)
        rows = [row for _, row in page.rows]
        items = entities(call.edge).statuses(snapshot, reader, rows, page.posts)
        return listed(call, items, page.newest, page.oldest, page.older)


@operation("GET", "/api/v1/favourites", "read:favourites")
async def favourites(call: Call) -> Answer:
    """A page goes by the numbers of the favourites. What may not be seen any more is left out."""
    cursor = cursor_of(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        select = "select number, post from favourites where account = ?"
        page = numbered(snapshot, cursor, select, "number", (call.account,))
        posts = snapshot.posts([post for _, post in page.rows])
        found = [posts[post] for _, post in page.rows if post in posts]
        rows = shown(snapshot.posts, found, {}, reader)
        items = entities(call.edge).statuses(snapshot, reader, rows)
        return listed(call, items, page.newest, page.oldest, page.older)


def _holds_nothing(call: Call) -> bool:
    """There are no other servers: all is local."""
    return call.parameters.boolean("remote")
