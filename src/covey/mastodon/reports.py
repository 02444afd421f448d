"""Reports: what one tells the moderators of an account."""

from __future__ import annotations

from typing import Final, get_args

from covey.edge.requests import id_of
from covey.edge.text import normal
from covey.errors import Refused
from covey.mastodon.accounts import account_of
from covey.mastodon.door import Answer, Call, encode, operation
from covey.mastodon.entities import entities
from covey.mastodon.times import iso
from covey.messages import Report, ReportCategory

_CATEGORIES: Final[tuple[str, ...]] = get_args(ReportCategory)


def _numbers(call: Call, name: str) -> tuple[int, ...]:
    """Raises Refused("parameter_malformed")."""
    found = [id_of(word) for word in call.parameters.texts(name)]
    if None in found:
        raise Refused("parameter_malformed", name=name, why="an id is a number, in digits")
    return tuple(dict.fromkeys(number for number in found if number is not None))


@operation("POST", "/api/v1/reports", "write:reports")
async def report(call: Call) -> Answer:
    """`account_id`, and what of it: `status_ids[]`, `rule_ids[]`, `comment`, `category`."""
    parameters = call.parameters
    account = parameters.id("account_id")
    if not account:
        raise Refused("parameter_missing", name="account_id")
    rules = _numbers(call, "rule_ids")
    category = "violation" if rules else parameters.text("category") or "other"
    if category not in _CATEGORIES:
        why = f"it is one of: {', '.join(_CATEGORIES)}"
        raise Refused("parameter_malformed", name="category", why=why)
    with call.edge.snapshot() as snapshot:
        account_of(call, snapshot, account)
    message = Report(
        account=account,
        posts=_numbers(call, "status_ids"),
        category=category,  # type: ignore[arg-type]
        comment=normal(parameters.text("comment")).strip(),
        rules=rules,
    )
    accepted = await call.edge.submit(call.account, message)
    with call.edge.snapshot() as snapshot:
        (target,) = entities(call.edge).accounts(snapshot, [account])
        row = snapshot.row("select stamp from reports where number = ?", (accepted.number,))
    fields = {
        "id": str(accepted.number),
        "action_taken": False,
        "action_taken_at": None,
        "category": category,
        "comment": message.comment,
        "forwarded": False,
        "created_at": iso(row[0] if row else call.edge.now()),
        "status_ids": [str(post) for post in message.posts],
        "rule_ids": [str(rule) for rule in rules],
        "collection_ids": [],
    }
    return Answer(b'%s,"target_account":%s}' % (encode(fields)[:-1], target))
