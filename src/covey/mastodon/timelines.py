"""Timelines: home, public, tag. Any of them is a queue read by a cursor."""

from __future__ import annotations

from covey.delivery.audience import Relations
from covey.edge import home as home_queue
from covey.edge import queues
from covey.edge.cursor import Page
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.mastodon.door import EMPTY_LIST, Answer, Call, operation
from covey.mastodon.entities import entities
from covey.mastodon.pages import cursor_of, listed
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
        return _answer(call, snapshot, reader, queues.public(snapshot, reader, cursor))


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
        return _answer(call, snapshot, reader, queues.tag(snapshot, reader, name, cursor))


def _holds_nothing(call: Call) -> bool:
    """There are no media yet, and no other servers: all is local."""
    return call.parameters.boolean("remote") or call.parameters.boolean("only_media")
