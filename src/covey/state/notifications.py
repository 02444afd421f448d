"""The notifications queue: who is told of what. At most one per account and message, by precedence:
mention, status, boost, favourite, follow; its id is the message's number."""

from __future__ import annotations

from covey.errors import Refused
from covey.messages import Dismiss, Entry
from covey.state.policies import ask, verdict
from covey.state.rules import apply_of, check_of
from covey.state.standing import is_away
from covey.state.state import Outcome, State
from covey.state.threads import mutes_thread


def notify(
    state: State, entry: Entry, outcome: Outcome, account: int, kind: str, post: int = 0
) -> None:
    """Tell `account` of what the entry's actor did, unless it set the actor aside or its policy
    says otherwise. Of several kinds
    for one message the first one stands: call in the order of precedence."""
    actor, graph = entry.actor, state.graph
    if (
        (account == actor and kind != "poll")
        or is_away(state, account)
        or graph.blocks.has(account, actor)
        or graph.blocks.has(actor, account)
    ):
        return
    if graph.muters.has(actor, account) and state.row(
        "select 1 from mutes where account = ? and target = ? and notifications = 1",
        (account, actor),
    ):
        return
    if post and mutes_thread(state, account, post):
        return
    found = verdict(state, account, actor, kind, post, entry.stamp)
    if found == "drop":
        return
    state.execute(
        "insert or ignore into notifications values (?, ?, ?, ?, ?, ?, ?)",
        (account, entry.number, kind, actor, post, entry.stamp, found == "filter"),
    )
    if not state.connection.changes():
        return
    if found == "filter":
        ask(state, account, actor, entry.number)
    else:
        outcome.notifications.append((entry.number, account))


def withdraw(state: State, account: int, number: int) -> None:
    """What it told of was taken back."""
    state.execute("delete from notifications where account = ? and number = ?", (account, number))


@check_of(Dismiss)
def check_dismiss(state: State, actor: int, message: Dismiss, stamp: int) -> None:
    if message.number and not state.row(
        "select 1 from notifications where account = ? and number = ?", (actor, message.number)
    ):
        raise Refused("not_found")


@apply_of(Dismiss)
def apply_dismiss(state: State, entry: Entry, message: Dismiss, outcome: Outcome) -> None:
    if message.number and message.since:
        state.execute(
            "delete from notifications where account = ?1 and number between ?2 and ?3"
            " and (kind, post) = (select kind, post from notifications"
            " where account = ?1 and number = ?3)",
            (entry.actor, message.since, message.number),
        )
    elif message.number:
        withdraw(state, entry.actor, message.number)
    else:
        state.execute("delete from notifications where account = ?", (entry.actor,))
