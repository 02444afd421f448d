"""What becomes of notifications of strangers: the policy, and the requests of those whose
notifications it filtered. A request is known by its sender's account."""

from __future__ import annotations

from typing import Any, Final, get_args

from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.edge.shown import shown
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.entities import entities
from covey.mastodon.pages import cursor_of, ids_of, listed
from covey.mastodon.times import iso
from covey.messages import AcceptRequest, DismissRequest, NotificationPolicy
from covey.state.policies import POLICIES, Verdict
from covey.state.queries import Snapshot

_VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
PAGE_REQUESTS: Final = 40
PAGE_REQUESTS_MAX: Final = 80


def _policy(call: Call, snapshot: Snapshot) -> NotificationPolicy:
    row = snapshot.row(
        f"select {', '.join(POLICIES)} from notification_policies where account = ?",
        (call.account,),
    )
    return NotificationPolicy(**dict(zip(POLICIES, row, strict=True))) if row else _DEFAULT


_DEFAULT: Final = NotificationPolicy()


def _shown(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        policy = _policy(call, snapshot)
        waiting = snapshot.row(
            "select count(distinct n.sender), count(*) from notifications n"
            " join notification_requests r on r.account = n.account and r.sender = n.sender"
            " where n.account = ? and n.filtered = 1 and r.state = 'waiting'",
            (call.account,),
        ) or (0, 0)
    fields: dict[str, Any] = {f"for_{name}": getattr(policy, name) for name in POLICIES}
    fields["summary"] = {
        "pending_requests_count": waiting[0],
        "pending_notifications_count": waiting[1],
    }
    return as_json(fields)


@operation("GET", "/api/v2/notifications/policy", "read:notifications")
async def policy(call: Call) -> Answer:
    return _shown(call)


@operation("PATCH", "/api/v2/notifications/policy", "write:notifications")
async def change(call: Call) -> Answer:
    """What is not said stays."""
    with call.edge.snapshot() as snapshot:
        before = _policy(call, snapshot)
    said: dict[str, Any] = {}
    for name in POLICIES:
        word = call.parameters.text(f"for_{name}") or getattr(before, name)
        if word not in _VERDICTS:
            why = f"it is one of: {', '.join(_VERDICTS)}"
            raise Refused("parameter_malformed", name=f"for_{name}", why=why)
        said[name] = word
    await call.edge.submit(call.account, NotificationPolicy(**said))
    return _shown(call)


# --- requests ---------------------------------------------------------------------------------


def _requests(call: Call, snapshot: Snapshot, rows: list[tuple[int, int, int]]) -> list[bytes]:
    """A NotificationRequest for each (number of its last notification, sender, how many wait)."""
    made, reader = entities(call.edge), call.edge.relations(snapshot, call.account)
    found = []
    for number, sender, count in rows:
        began, last_stamp = snapshot.row(
            "select min(stamp), max(stamp) from notifications"
            " where account = ? and sender = ? and filtered = 1",
            (call.account, sender),
        ) or (0, 0)
        head = encode(
            {
                "id": str(sender),
                "created_at": iso(began or 0),
                "updated_at": iso(last_stamp or 0),
                "notifications_count": str(count),
            }
        )
        post = snapshot.row(
            "select post from notifications where account = ? and number = ?",
            (call.account, number),
        )
        row = snapshot.post(post[0]) if post and post[0] else None
        status = None
        if row is not None and shown(snapshot.posts, [row], {}, reader):
            status = made.status(snapshot, reader, row)
        account = made.accounts(snapshot, [sender])[0]
        found.append(b'%s,"account":%s,"last_status":%s}' % (head[:-1], account, status or b"null"))
    return found


@operation("GET", "/api/v1/notifications/requests", "read:notifications")
async def requests(call: Call) -> Answer:
    cursor = cursor_of(call, PAGE_REQUESTS, PAGE_REQUESTS_MAX)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.requests(snapshot, reader, cursor)
        items = _requests(call, snapshot, page.rows)
        return listed(call, items, page.newest, page.oldest, page.older)


@operation("GET", "/api/v1/notifications/requests/merged", "read:notifications")
async def merged(call: Call) -> Answer:
    """What is accepted stands in the list with the answer."""
    return as_json({"merged": True})


@operation("GET", "/api/v1/notifications/requests/*", "read:notifications")
async def request(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = snapshot.row(
            "select number from notification_requests"
            " where account = ? and sender = ? and state = 'waiting'",
            (call.account, call.id),
        )
        reader = call.edge.relations(snapshot, call.account)
        if row is not None:
            page = queues.requests(snapshot, reader, Cursor(row[0] + 1, row[0] - 1, limit=1))
            for found in _requests(call, snapshot, page.rows):
                return Answer(found)
    raise Refused("not_found")


@operation("POST", "/api/v1/notifications/requests/*/accept", "write:notifications")
async def accept(call: Call) -> Answer:
    await call.edge.submit(call.account, AcceptRequest(account=call.id))
    return EMPTY_TREE


@operation("POST", "/api/v1/notifications/requests/*/dismiss", "write:notifications")
async def dismiss(call: Call) -> Answer:
    await call.edge.submit(call.account, DismissRequest(account=call.id))
    return EMPTY_TREE


@operation("POST", "/api/v1/notifications/requests/accept", "write:notifications")
async def accept_many(call: Call) -> Answer:
    for sender in ids_of(call):
        await call.edge.submit(call.account, AcceptRequest(account=sender))
    return EMPTY_TREE


@operation("POST", "/api/v1/notifications/requests/dismiss", "write:notifications")
async def dismiss_many(call: Call) -> Answer:
    for sender in ids_of(call):
        await call.edge.submit(call.account, DismissRequest(account=sender))
    return EMPTY_TREE
