"""Notifications, version 1 of the API: a list of what happened, newest first."""

from __future__ import annotations

from typing import Final

from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.errors import Refused
from covey.mastodon.door import EMPTY_LIST, EMPTY_TREE, Answer, Call, as_json, operation
from covey.mastodon.entities import NEW_TYPES, NOTIFICATION_TYPES, entities
from covey.mastodon.pages import cursor_of, listed
from covey.messages import Dismiss
from covey.state.queries import Snapshot

PAGE_NOTIFICATIONS: Final = 40
PAGE_NOTIFICATIONS_MAX: Final = 80


def _kinds(call: Call) -> tuple[str, ...]:
    """The kinds asked for. Types that nobody knows here bring nothing; newer ones go to clients
    that name them."""
    only = call.parameters.texts("types")
    without = call.parameters.texts("exclude_types")
    named = [*only, *call.parameters.texts("supported_types")]
    newer = {kind: word for kind, word in NEW_TYPES.items() if word in named}
    return tuple(
        kind
        for kind, word in (NOTIFICATION_TYPES | newer).items()
        if (not only or word in only) and word not in without
    )


@operation("GET", "/api/v1/notifications", "read:notifications")
async def notifications(call: Call) -> Answer:
    cursor, kinds = cursor_of(call, PAGE_NOTIFICATIONS, PAGE_NOTIFICATIONS_MAX), _kinds(call)
    if call.parameters.text("account_id"):
        raise Refused("not_there_yet", what="notifications of one account (account_id)")
    if not kinds:
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.notifications(snapshot, reader, cursor, kinds)
        items = entities(call.edge).notifications(snapshot, reader, page.rows, page.posts)
        return listed(call, items, page.newest, page.oldest, page.older)


@operation("GET", "/api/v1/notifications/unread_count", "read:notifications")
async def unread_count(call: Call) -> Answer:
    """Of the kinds that the list shows."""
    limit = call.parameters.integer("limit", 100, 1, 1000)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        read = snapshot.position(call.account, "notifications")
        cursor = Cursor(since_id=read.position if read else 0, limit=limit)
        kinds = _kinds(call)
        rows = queues.notifications(snapshot, reader, cursor, kinds).rows if kinds else []
    return as_json({"count": len(rows)})


@operation("GET", "/api/v1/notifications/*", "read:notifications")
async def show(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        found = one(call, snapshot, call.id, _kinds(call))
    if found is None:
        raise Refused("not_found")
    return Answer(found)


def one(
    call: Call, snapshot: Snapshot, number: int, kinds: tuple[str, ...] = tuple(NOTIFICATION_TYPES)
) -> bytes | None:
    """The reader's notification of this number, if it is shown it and is of these kinds."""
    reader = call.edge.relations(snapshot, call.account)
    if not kinds:
        return None
    cursor = Cursor(number + 1, number - 1, limit=1)
    page = queues.notifications(snapshot, reader, cursor, kinds)
    items = entities(call.edge).notifications(snapshot, reader, page.rows, page.posts)
    return items[0] if items else None


@operation("POST", "/api/v1/notifications/clear", "write:notifications")
async def clear(call: Call) -> Answer:
    await call.edge.submit(call.account, Dismiss())
    return EMPTY_TREE


@operation("POST", "/api/v1/notifications/*/dismiss", "write:notifications")
async def dismiss(call: Call) -> Answer:
    number = call.id
    if not number:
        raise Refused("not_found")  # 0 means all
    await call.edge.submit(call.account, Dismiss(number=number))
    return EMPTY_TREE
