"""Lists: queues of some of those whom an account follows."""

from __future__ import annotations

from typing import Any, Final, get_args

from covey.errors import Refused
from covey.mastodon.accounts import people, people_cursor
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, operation
from covey.mastodon.pages import ids_of, numbered
from covey.messages import (
    AddToList,
    ChangeList,
    CreateList,
    DeleteList,
    RemoveFromList,
    RepliesPolicy,
)
from covey.state.queries import ListRow, Snapshot

_POLICIES: Final[tuple[str, ...]] = get_args(RepliesPolicy)


def _fields(row: ListRow) -> dict[str, Any]:
    return {
        "id": str(row.number),
        "title": row.title,
        "replies_policy": row.replies,
        "exclusive": bool(row.exclusive),
    }


def _own(call: Call, snapshot: Snapshot, number: int) -> ListRow:
    """Raises Refused("not_found")."""
    row = snapshot.list_of(call.account, number)
    if row is None:
        raise Refused("not_found")
    return row


def _shown(call: Call, number: int) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json(_fields(_own(call, snapshot, number)))


def _replies(call: Call, default: RepliesPolicy) -> RepliesPolicy:
    word = call.parameters.text("replies_policy") or default
    if word not in _POLICIES:
        why = f"it is one of: {', '.join(_POLICIES)}"
        raise Refused("parameter_malformed", name="replies_policy", why=why)
    return word  # type: ignore[return-value]


@operation("GET", "/api/v1/lists", "read:lists")
async def lists(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json([_fields(row) for row in snapshot.lists(call.account)])


@operation("GET", "/api/v1/lists/*", "read:lists")
async def show(call: Call) -> Answer:
    return _shown(call, call.id)


@operation("POST", "/api/v1/lists", "write:lists")
async def create(call: Call) -> Answer:
    message = CreateList(
        title=call.parameters.required_text("title").strip(),
        replies=_replies(call, "list"),
        exclusive=call.parameters.boolean("exclusive"),
    )
    accepted = await call.edge.submit(call.account, message)
    return _shown(call, accepted.id)


@operation("PUT", "/api/v1/lists/*", "write:lists")
async def change(call: Call) -> Answer:
    """What is not said stays."""
    with call.edge.snapshot() as snapshot:
        row = _own(call, snapshot, call.id)
    message = ChangeList(
        list=row.number,
        title=call.parameters.text("title", row.title).strip(),
        replies=_replies(call, row.replies),
        exclusive=call.parameters.boolean("exclusive", bool(row.exclusive)),
    )
    await call.edge.do(call.account, message)
    return _shown(call, row.number)


@operation("DELETE", "/api/v1/lists/*", "write:lists")
async def delete(call: Call) -> Answer:
    await call.edge.submit(call.account, DeleteList(list=call.id))
    return EMPTY_TREE


# --- members ----------------------------------------------------------------------------------


@operation("GET", "/api/v1/lists/*/accounts", "read:lists")
async def accounts(call: Call) -> Answer:
    """A page goes by account: several come into a list by one message."""
    cursor = people_cursor(call)
    with call.edge.snapshot() as snapshot:
        row = _own(call, snapshot, call.id)
        select = (
            "select account, account from list_members join accounts a on a.number = account"
            " where list = ? and standing in ('active', 'limited')"
        )
        return people(call, snapshot, numbered(snapshot, cursor, select, "account", (row.number,)))


@operation("POST", "/api/v1/lists/*/accounts", "write:lists")
async def add(call: Call) -> Answer:
    message = AddToList(list=call.id, accounts=tuple(ids_of(call, "account_ids")))
    await call.edge.do(call.account, message)
    return EMPTY_TREE


@operation("DELETE", "/api/v1/lists/*/accounts", "write:lists")
async def remove(call: Call) -> Answer:
    message = RemoveFromList(list=call.id, accounts=tuple(ids_of(call, "account_ids")))
    await call.edge.do(call.account, message)
    return EMPTY_TREE


@operation("GET", "/api/v1/accounts/*/lists", "read:lists")
async def lists_with(call: Call) -> Answer:
    """One's own lists that have the account."""
    with call.edge.snapshot() as snapshot:
        rows = snapshot.rows("select list from list_members where account = ?", (call.id,))
        having = {number for (number,) in rows}
        found = [row for row in snapshot.lists(call.account) if row.number in having]
    return as_json([_fields(row) for row in found])
