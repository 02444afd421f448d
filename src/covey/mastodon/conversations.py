"""Conversations: threads of direct posts. One is known by the post that began it."""

from __future__ import annotations

from covey.delivery.audience import Relations
from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.edge.queues import ConversationRow
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, operation
from covey.mastodon.entities import entities, joined
from covey.mastodon.pages import cursor_of, listed
from covey.messages import DeleteConversation, Read
from covey.state.queries import Snapshot


def _entity(call: Call, snapshot: Snapshot, reader: Relations, row: ConversationRow) -> bytes:
    """A Conversation; `accounts` are the others in its last status."""
    made = entities(call.edge)
    post = row.post
    others = dict.fromkeys(
        account for account in (post.account, *post.mentioned) if account != reader.account
    )
    return b'{"id":"%d","unread":%s,"accounts":%s,"last_status":%s}' % (
        row.thread,
        b"true" if row.unread else b"false",
        joined(made.accounts(snapshot, list(others))),
        made.status(snapshot, reader, post) or b"null",
    )


@operation("GET", "/api/v1/conversations", "read:statuses")
async def conversations(call: Call) -> Answer:
    """A page goes by the ids of their last posts."""
    cursor = cursor_of(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.conversations(snapshot, reader, cursor)
        items = [_entity(call, snapshot, reader, row) for row in page.rows]
        return listed(call, items, page.newest, page.oldest, page.older)


@operation("POST", "/api/v1/conversations/*/read", "write:conversations")
async def read(call: Call) -> Answer:
    thread = call.id
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, thread)
    if row.unread:
        message = Read(queue=f"conversation/{thread}", position=row.post.id)
        await call.edge.do(call.account, message)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        return Answer(_entity(call, snapshot, reader, _row(call, snapshot, thread)))


@operation("DELETE", "/api/v1/conversations/*", "write:conversations")
async def delete(call: Call) -> Answer:
    """It is there again as soon as something is said in it."""
    await call.edge.submit(call.account, DeleteConversation(thread=call.id))
    return EMPTY_TREE


def holding(call: Call, snapshot: Snapshot, post: int) -> bytes | None:
    """The conversation that the direct post stands in, as the reader has it now; None: not any
    more."""
    row = snapshot.row("select thread from posts where id = ?", (post,))
    try:
        found = _row(call, snapshot, row[0] if row else 0)
    except Refused:
        return None
    return _entity(call, snapshot, call.edge.relations(snapshot, call.account), found)


def _row(call: Call, snapshot: Snapshot, thread: int) -> ConversationRow:
    """Raises Refused("not_found")."""
    last = snapshot.row(
        "select last_post from conversations where account = ? and thread = ?",
        (call.account, thread),
    )
    reader = call.edge.relations(snapshot, call.account)
    if last is not None:
        page = queues.conversations(snapshot, reader, Cursor(last[0] + 1, last[0] - 1, limit=1))
        if page.rows:
            return page.rows[0]
    raise Refused("not_found")
