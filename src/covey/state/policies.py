"""Notification policies: what becomes of notifications of strangers. They are taken, or filtered
(they wait in a request of their sender until it is accepted or dismissed), or dropped.

| policy | holds for senders |
|---|---|
| not_following | whom the account does not follow |
| not_followers | who do not follow the account |
| new_accounts | whom it does not follow, younger than NEW_ACCOUNT_MS |
| private_mentions | whom it does not follow, for direct posts that answer none of its own |
| limited_accounts | whom it does not follow, limited by a moderator |

Of several that hold the strictest counts. Mentions by moderators are never filtered.
"""

from __future__ import annotations

from typing import Final, Literal

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.limits import NEW_ACCOUNT_MS, ROWS_PER_MESSAGE
from covey.messages import AcceptRequest, DismissRequest, Entry, NotificationPolicy
from covey.state.changes import changed
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.time import due_of, schedule

Verdict = Literal["accept", "filter", "drop"]

POLICIES: Final = (
    "not_following", "not_followers", "new_accounts", "private_mentions", "limited_accounts"
)  # fmt: skip
FILTERABLE: Final = frozenset(
    ["mention", "boost", "favourite", "quote", "follow", "follow_request", "group_invitation"]
)
"""Kinds that come uncalled for. Of others the account asked to be told."""

_DEFAULT: Final = NotificationPolicy()
_DEFAULTS: Final = tuple(getattr(_DEFAULT, name) for name in POLICIES)


def verdict(state: State, account: int, sender: int, kind: str, post: int, stamp: int) -> Verdict:
    """What becomes of a notification at `stamp`."""
    if kind not in FILTERABLE:
        return "accept"
    policy = state.row(
        f"select {', '.join(POLICIES)} from notification_policies where account = ?", (account,)
    )
    found = _strictest(state, policy or _DEFAULTS, account, sender, kind, post, stamp)
    if found != "accept" and _request(state, account, sender) == "accepted":
        return "accept"
    return found


def _strictest(
    state: State,
    policy: tuple[Verdict, ...],
    account: int,
    sender: int,
    kind: str,
    post: int,
    stamp: int,
) -> Verdict:
    graph = state.graph
    not_following, not_followers, new_accounts, private_mentions, limited_accounts = policy
    verdicts: list[Verdict] = []
    if not_followers != "accept" and not graph.followers.has(account, sender):
        verdicts.append(not_followers)
    if not graph.followers.has(sender, account):
        verdicts.append(not_following)
        if graph.hidden.has(graph.LIMITED, sender):
            verdicts.append(limited_accounts)
        if new_accounts != "accept" and _is_new(state, sender, stamp):
            verdicts.append(new_accounts)
        if (
            kind == "mention"
            and private_mentions != "accept"
            and _is_uncalled(state, post, account)
        ):
            verdicts.append(private_mentions)
    if "drop" in verdicts:
        return "drop"
    if "filter" not in verdicts:
        return "accept"
    return "accept" if kind == "mention" and _is_moderator(state, sender) else "filter"


def _is_new(state: State, account: int, stamp: int) -> bool:
    created = state.count("select created from accounts where number = ?", (account,))
    return created > stamp - NEW_ACCOUNT_MS


def _is_uncalled(state: State, post: int, account: int) -> bool:
    """Whether the post is a direct one that answers none of the account's."""
    row = state.row("select visibility, reply_account from posts where id = ?", (post,))
    return row is not None and row[0] == Reach.DIRECT and row[1] != account


def _is_moderator(state: State, account: int) -> bool:
    return state.row("select role from accounts where number = ?", (account,)) != ("member",)


def _request(state: State, account: int, sender: int) -> str:
    """ "waiting", "accepted" or "dismissed"; empty: nothing was ever filtered."""
    row = state.row(
        "select state from notification_requests where account = ? and sender = ?",
        (account, sender),
    )
    return row[0] if row else ""


def ask(state: State, account: int, sender: int, number: int) -> None:
    """Notification `number` was filtered: its sender has a request."""
    state.execute(
        "insert into notification_requests values (?, ?, 'waiting', ?)"
        " on conflict (account, sender) do update set state = 'waiting', number = excluded.number",
        (account, sender, number),
    )


@check_of(NotificationPolicy)
def check_policy(state: State, actor: int, message: NotificationPolicy, stamp: int) -> None:
    """Any is allowed; its values are the struct's."""


@apply_of(NotificationPolicy)
def apply_policy(state: State, entry: Entry, message: NotificationPolicy, outcome: Outcome) -> None:
    """From now on; what was filtered waits."""
    state.execute(
        "insert or replace into notification_policies values (?, ?, ?, ?, ?, ?)",
        (entry.actor, *(getattr(message, name) for name in POLICIES)),
    )


# --- requests ---------------------------------------------------------------------------------


def _check_waiting(state: State, actor: int, sender: int) -> None:
    """Raises Refused("not_found")."""
    if _request(state, actor, sender) != "waiting":
        raise Refused("not_found")


@check_of(AcceptRequest)
def check_accept_request(state: State, actor: int, message: AcceptRequest, stamp: int) -> None:
    _check_waiting(state, actor, message.account)


@apply_of(AcceptRequest)
def apply_accept_request(
    state: State, entry: Entry, message: AcceptRequest, outcome: Outcome
) -> None:
    _settle(state, entry, outcome, entry.actor, message.account, "accepted")


@check_of(DismissRequest)
def check_dismiss_request(state: State, actor: int, message: DismissRequest, stamp: int) -> None:
    _check_waiting(state, actor, message.account)


@apply_of(DismissRequest)
def apply_dismiss_request(
    state: State, entry: Entry, message: DismissRequest, outcome: Outcome
) -> None:
    """The next one that is filtered is a new request."""
    _settle(state, entry, outcome, entry.actor, message.account, "dismissed")


def _settle(
    state: State, entry: Entry, outcome: Outcome, account: int, sender: int, answer: str
) -> None:
    """What waits is taken or deleted; of very many the rest in a moment."""
    state.execute(
        "update notification_requests set state = ? where account = ? and sender = ?",
        (answer, account, sender),
    )
    act = (
        "update notifications set filtered = 0"
        if answer == "accepted"
        else ("delete from notifications")
    )
    state.execute(
        f"{act} where account = ? and number in (select number from notifications"
        " where account = ? and sender = ? and filtered = 1 order by number limit ?)",
        (account, account, sender, ROWS_PER_MESSAGE),
    )
    if state.connection.changes() == ROWS_PER_MESSAGE:
        schedule(state, entry, entry.stamp, "settle_request", account, sender)
    elif answer == "accepted":
        changed(state, entry, outcome, "notifications_merged", 0, account)


@due_of("settle_request")
def due_settle_request(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, sender: int
) -> None:
    """Unless the sender asked anew since."""
    answer = _request(state, account, sender)
    if answer in ("accepted", "dismissed"):
        _settle(state, entry, outcome, account, sender, answer)
