"""How an account stands: active, limited, or not there for others: pending, suspended, closed.

Who is not there can do nothing (`require_active` is asked before every check of an act), is seen by
nobody and can't be followed, invited or mentioned into a notification. What a limited account posts
reaches only those who follow it.
"""

from __future__ import annotations

from array import array
from typing import Final, Literal

from pyroaring import BitMap

from covey.errors import Refused
from covey.limits import ROWS_PER_MESSAGE
from covey.messages import SERVER, Entry
from covey.state.state import Outcome, State

Standing = Literal["active", "limited", "pending", "suspended", "closed"]

_AWAY: Final = ("pending", "suspended", "closed")


def standing_of(state: State, account: int) -> Standing:
    """Raises Refused("not_found")."""
    row = state.row("select standing from accounts where number = ?", (account,))
    if row is None:
        raise Refused("not_found")
    standing: Standing = row[0]
    return standing


def is_away(state: State, account: int) -> bool:
    """Whether it is pending, suspended or closed."""
    graph = state.graph
    return graph.hidden.has(graph.SUSPENDED, account)


def require_active(state: State, actor: int) -> None:
    """Whoever acts is there and may; the server always may. Raises Refused: "not_found",
    "account_pending", "account_suspended", "account_closed"."""
    if actor == SERVER:
        return
    if not 0 < actor <= state.accounts:
        raise Refused("not_found")
    if is_away(state, actor):
        raise Refused(f"account_{standing_of(state, actor)}")


def require_there(state: State, account: int) -> None:
    """The account an act is about can be seen. Raises Refused("not_found")."""
    if not 0 < account <= state.accounts or is_away(state, account):
        raise Refused("not_found")


def require_role(state: State, actor: int, role: str) -> None:
    """The server may all. Raises Refused("forbidden")."""
    row = state.row("select role from accounts where number = ?", (actor,))
    if actor != SERVER and (row is None or row[0] != role):
        raise Refused("forbidden", role=role)


def stand(state: State, entry: Entry, outcome: Outcome, account: int, standing: Standing) -> None:
    """From now on it stands so. What it wrote is, or is no more, delivered: the floors of all who
    may have it at home move."""
    graph = state.graph
    state.execute(
        "update accounts set standing = ?, changed = ? where number = ?",
        (standing, entry.number, account),
    )
    for which, holds in (
        (graph.SUSPENDED, standing in _AWAY),
        (graph.LIMITED, standing == "limited"),
    ):
        (graph.hidden.add if holds else graph.hidden.remove)(which, account)
    outcome.wide_floors.append((_may_have(state, account), state.last_id))
    outcome.relations = outcome.profiles = entry.number


def _may_have(state: State, account: int) -> BitMap:
    """In whose homes posts of the account may stand: its own, those of its followers, and of those
    whom a tag or a group brought one. Of who wrote much it is whoever follows a tag or is in a
    group: rather a page merged in vain than a walk through all posts."""
    graph = state.graph
    readers = graph.followers[account] | BitMap([account])
    reasons = state.execute(
        "select first_tags, groups from posts where account = ? order by id desc limit ?",
        (account, ROWS_PER_MESSAGE + 1),
    ).fetchall()
    if len(reasons) > ROWS_PER_MESSAGE:
        return readers | graph.tag_followers.everybody() | graph.members.everybody()
    for tags, groups in dict.fromkeys(reasons):
        for tag in tags.split():
            readers |= graph.tag_followers[tag]
        for group in array("I", groups):
            readers |= graph.members[group]
    return readers
