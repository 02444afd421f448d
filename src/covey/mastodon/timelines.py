"""Timelines: home, public, tag, list, and what an account keeps: queues read by a cursor."""

from __future__ import annotations

from covey.delivery.audience import Relations
from covey.edge import home as home_queue
from covey.edge import queues
from covey.edge.cursor import Page
from covey.edge.shown import shown
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.limits import TAGS_PER_TIMELINE
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
    cursor, only_media = cursor_of(call), call.parameters.boolean("only_media")
    if _is_elsewhere(call):
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.public(snapshot, reader, cursor, only_media=only_media)
        return _answer(call, snapshot, reader, page)


@operation("GET", "/api/v1/timelines/tag/*", "read:statuses", needs="anyone")
async def tag(call: Call) -> Answer:
    """Posts with the tag in the path or one of `any`, with all of `all` and with none of `none`."""
    cursor, only_media = cursor_of(call), call.parameters.boolean("only_media")
    named = tag_name(call.words[0].removeprefix("#"))
    either, also, without = (_tags(call, name) for name in ("any", "all", "none"))
    names = [name for name in (named, *either) if name]
    if not names or not all(also) or _is_elsewhere(call):
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.tags(
            snapshot, reader, names, cursor, also=also, without=[name for name in without if name],
            only_media=only_media,
        )  # fmt: skip
        return _answer(call, snapshot, reader, page)


def _tags(call: Call, parameter: str) -> list[str]:
    """Empty where what is said can be no tag. Raises Refused("parameter_malformed")."""
    words = [word for word in call.parameters.texts(parameter) if word]
    if len(words) > TAGS_PER_TIMELINE:
        why = f"there are more than {TAGS_PER_TIMELINE}"
        raise Refused("parameter_malformed", name=parameter, why=why)
    return [tag_name(word.removeprefix("#")) for word in words]


@operation("GET", "/api/v1/timelines/link", "read:statuses", needs="anyone")
async def link(call: Call) -> Answer:
    """Public posts of late that link to `url`."""
    cursor, url = cursor_of(call), call.parameters.required_text("url")
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        return _answer(call, snapshot, reader, queues.linking(snapshot, reader, url, cursor))


@operation("GET", "/api/v1/timelines/direct", "read:statuses")
async def direct(call: Call) -> Answer:
    """For old clients: newer ones ask for conversations."""
    cursor = cursor_of(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        return _answer(call, snapshot, reader, queues.direct(snapshot, reader, cursor))


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


def _is_elsewhere(call: Call) -> bool:
    """Only what other servers posted is asked for: there are none, all is local."""
    return call.parameters.boolean("remote") and not call.parameters.boolean("local")
