"""Scheduled statuses: posts that are held. One is known by the number of the message that made it;
the status gets its own id when it is posted."""

from __future__ import annotations

from typing import Any

from covey.delivery.audience import REACH
from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.edge.queues import DraftRow
from covey.errors import Refused
from covey.mastodon.attachments import attachments
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.entities import VISIBILITY
from covey.mastodon.pages import cursor_of, listed
from covey.mastodon.times import iso, moment
from covey.messages import CancelDraft, ChangeDraft
from covey.state.queries import Snapshot


def _fields(call: Call, snapshot: Snapshot, row: DraftRow) -> dict[str, Any]:
    """A ScheduledStatus; `params` is what was said."""
    post = row.post
    poll = post.poll and {
        "options": list(post.poll.options),
        "expires_in": str(post.poll.seconds),
        "multiple": post.poll.multiple,
        "hide_totals": post.poll.hide_totals,
    }
    return {
        "id": str(row.number),
        "scheduled_at": iso(row.at),
        "params": {
            "text": post.text,
            "visibility": VISIBILITY[REACH[post.visibility]],
            "language": post.language or None,
            "spoiler_text": post.warning or None,
            "sensitive": post.sensitive,
            "in_reply_to_id": str(post.reply_to) if post.reply_to else None,
            "poll": poll,
            "media_ids": [str(number) for number in post.media] or None,
            "scheduled_at": None,
            "idempotency": None,
            "with_rate_limit": False,
            "application_id": post.app,
        },
        "media_attachments": attachments(snapshot, post.media, call.public_url),
    }


def draft_answer(call: Call, number: int) -> Answer:
    """One's own draft. Raises Refused("not_found")."""
    with call.edge.snapshot() as snapshot:
        page = queues.drafts(snapshot, call.account, Cursor(number + 1, number - 1, limit=1))
        if not page.rows:
            raise Refused("not_found")
        return as_json(_fields(call, snapshot, page.rows[0]))


@operation("GET", "/api/v1/scheduled_statuses", "read:statuses")
async def scheduled_statuses(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        page = queues.drafts(snapshot, call.account, cursor_of(call))
        items = [encode(_fields(call, snapshot, row)) for row in page.rows]
    return listed(call, items, page.newest, page.oldest, page.older)


@operation("GET", "/api/v1/scheduled_statuses/*", "read:statuses")
async def show(call: Call) -> Answer:
    return draft_answer(call, call.id)


@operation("PUT", "/api/v1/scheduled_statuses/*", "write:statuses")
async def change(call: Call) -> Answer:
    at = moment(call.parameters.required_text("scheduled_at"), "scheduled_at")
    await call.edge.submit(call.account, ChangeDraft(number=call.id, at=at))
    return draft_answer(call, call.id)


@operation("DELETE", "/api/v1/scheduled_statuses/*", "write:statuses")
async def cancel(call: Call) -> Answer:
    await call.edge.submit(call.account, CancelDraft(number=call.id))
    return EMPTY_TREE
