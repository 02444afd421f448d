"""Notifications: a list of what happened, newest first (version 1), and the same in groups
(version 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from covey.edge import grouped, queues
from covey.edge.cursor import Cursor
from covey.edge.grouped import Group
from covey.errors import Refused
from covey.mastodon.door import EMPTY_LIST, EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.entities import ALL_TYPES, NEW_TYPES, NOTIFICATION_TYPES, entities, joined
from covey.mastodon.pages import cursor_of, linked, listed
from covey.mastodon.times import iso
from covey.messages import Dismiss
from covey.state.queries import PostRow, Snapshot

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


def _whose(call: Call) -> tuple[int, bool]:
    """(only of this account, or 0; also what was filtered)."""
    return call.parameters.id("account_id"), call.parameters.boolean("include_filtered")


@operation("GET", "/api/v1/notifications", "read:notifications")
async def notifications(call: Call) -> Answer:
    """`account_id`: only what this account did; `include_filtered`: also what the policy filtered,
    which is how a request is looked into."""
    cursor, kinds = cursor_of(call, PAGE_NOTIFICATIONS, PAGE_NOTIFICATIONS_MAX), _kinds(call)
    sender, filtered_too = _whose(call)
    if not kinds:
        return EMPTY_LIST
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.notifications(
            snapshot, reader, cursor, kinds, sender=sender, filtered_too=filtered_too
        )
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


# --- in groups --------------------------------------------------------------------------------

SAMPLE_ACCOUNTS: Final = 8
"""Of a group, the newest."""
_KINDS_OF: Final = {word: kind for kind, word in ALL_TYPES.items()}


def _grouped_kinds(call: Call) -> frozenset[str]:
    """Kinds that are grouped: all that can be, or those of them that the client names."""
    if "grouped_types" not in call.parameters:
        return grouped.GROUPABLE
    named = call.parameters.texts("grouped_types")
    return frozenset(_KINDS_OF[word] for word in named if word in _KINDS_OF) & grouped.GROUPABLE


def _expands(call: Call) -> bool:
    """Whether accounts are told of in whole, or all but the newest of a group by their picture."""
    word = call.parameters.text("expand_accounts") or "full"
    if word not in ("full", "partial_avatars"):
        why = "it is full or partial_avatars"
        raise Refused("parameter_malformed", name="expand_accounts", why=why)
    return word == "full"


def _results(
    call: Call,
    snapshot: Snapshot,
    found: Sequence[Group],
    posts: Mapping[int, PostRow],
    whole_accounts: bool,
    of_a_page: bool = True,
) -> bytes:
    """GroupedNotificationsResults: the groups, and apart from them whom and what they are about."""
    made, reader = entities(call.edge), call.edge.relations(snapshot, call.account)
    rows = {group.newest.post: posts[group.newest.post] for group in found if group.newest.post}
    shown = list(rows.values())
    statuses = made.statuses(snapshot, reader, shown, posts)
    accounts: dict[int, None] = {}
    partial: dict[int, None] = {}
    groups = []
    for group in found:
        newest, senders = group.newest, group.senders[:SAMPLE_ACCOUNTS]
        accounts[senders[0]] = None
        (accounts if whole_accounts else partial).update(dict.fromkeys(senders[1:]))
        fields = {
            "group_key": group.key,
            "notifications_count": len(group.rows),
            "type": ALL_TYPES[newest.kind],
            # clients decode an integer here, and a text everywhere else
            "most_recent_notification_id": newest.number,
            "sample_account_ids": [str(sender) for sender in senders],
        }
        if newest.post:
            fields["status_id"] = str(newest.post)
        if of_a_page:
            fields["page_min_id"] = str(group.rows[-1].number)
            fields["page_max_id"] = str(newest.number)
            fields["latest_page_notification_at"] = iso(newest.stamp)
        groups.append(encode(fields))
    pieces = {
        b"accounts": made.accounts(snapshot, list(accounts)),
        b"statuses": statuses,
        b"notification_groups": groups,
    }
    if not whole_accounts:
        pieces[b"partial_accounts"] = _partial(
            call, snapshot, [number for number in partial if number not in accounts]
        )
    return b"{%s}" % b",".join(b'"%s":%s' % (name, joined(all_)) for name, all_ in pieces.items())


_PARTIAL: Final = ("id", "acct", "url", "avatar", "avatar_static", "locked", "bot")


def _partial(call: Call, snapshot: Snapshot, numbers: list[int]) -> list[bytes]:
    rows, made = snapshot.accounts(numbers), entities(call.edge)
    found = (made.account_fields(snapshot, rows[number]) for number in numbers if number in rows)
    return [encode({name: fields[name] for name in _PARTIAL}) for fields in found]


@operation("GET", "/api/v2/notifications", "read:notifications")
async def notification_groups(call: Call) -> Answer:
    cursor, kinds = cursor_of(call, PAGE_NOTIFICATIONS, PAGE_NOTIFICATIONS_MAX), _kinds(call)
    (sender, filtered_too), whole = _whose(call), _expands(call)
    with call.edge.snapshot() as snapshot:
        if not kinds:
            return Answer(_results(call, snapshot, [], {}, whole))
        reader = call.edge.relations(snapshot, call.account)
        page = grouped.groups(
            snapshot, reader, cursor, kinds, _grouped_kinds(call), sender, filtered_too
        )
        body = _results(call, snapshot, page.rows, page.posts, whole)
        return linked(call, body, page.newest, page.oldest, page.older)


@operation("GET", "/api/v2/notifications/unread_count", "read:notifications")
async def unread_groups(call: Call) -> Answer:
    """Groups above the reading position, of the kinds that the list shows."""
    limit, kinds = call.parameters.integer("limit", 100, 1, 1000), _kinds(call)
    sender, filtered_too = _whose(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        read = snapshot.position(call.account, "notifications")
        cursor = Cursor(since_id=read.position if read else 0, limit=limit)
        found = grouped.groups(
            snapshot, reader, cursor, kinds, _grouped_kinds(call), sender, filtered_too
        ).rows if kinds else []  # fmt: skip
    return as_json({"count": len(found)})


def _group(call: Call, snapshot: Snapshot) -> tuple[Group, Mapping[int, PostRow]]:
    """Raises Refused("not_found")."""
    reader = call.edge.relations(snapshot, call.account)
    found = grouped.group_of(snapshot, reader, call.words[0], tuple(ALL_TYPES))
    if found is None:
        raise Refused("not_found")
    return found


@operation("GET", "/api/v2/notifications/*", "read:notifications")
async def show_group(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        group, posts = _group(call, snapshot)
        return Answer(_results(call, snapshot, [group], posts, True, of_a_page=False))


@operation("GET", "/api/v2/notifications/*/accounts", "read:notifications")
async def group_accounts(call: Call) -> Answer:
    """All of the group's, the newest first."""
    with call.edge.snapshot() as snapshot:
        group, _ = _group(call, snapshot)
        return Answer(joined(entities(call.edge).accounts(snapshot, group.senders)))


@operation("POST", "/api/v2/notifications/*/dismiss", "write:notifications")
async def dismiss_group(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        group, _ = _group(call, snapshot)
    message = Dismiss(number=group.position, since=group.rows[-1].number)
    await call.edge.submit(call.account, message)
    return EMPTY_TREE
