"""Lists: queues of the posts of some of those whom an account follows. What stands in one is
decided at reading (`delivery.audience.listed`).

The members of an *exclusive* list do not stand in their reader's home, so whatever changes them
moves that reader's floor. Who is followed no more is in no list (`follows.unfollow`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covey.errors import Refused
from covey.limits import ACCOUNTS_PER_LIST, LIST_TITLE_CHARACTERS, LISTS_PER_ACCOUNT
from covey.messages import (
    AddToList,
    ChangeList,
    CreateList,
    DeleteList,
    Entry,
    RemoveFromList,
)
from covey.state.follows import moved
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_there
from covey.state.state import Outcome, State
from covey.state.texts import check_text


def owned(state: State, actor: int, number: int) -> tuple[Any, ...]:
    """(title, replies, exclusive) of the actor's list. Raises Refused("not_found")."""
    row = state.row(
        "select title, replies, exclusive from lists where number = ? and account = ?",
        (number, actor),
    )
    if row is None:
        raise Refused("not_found")
    return row


def _check_title(title: str) -> None:
    if not title or title.isspace():
        raise Refused("parameter_missing", name="title")
    check_text("The list's title", title, LIST_TITLE_CHARACTERS, lines=False)


def _members(state: State, number: int) -> list[int]:
    rows = state.execute(
        "select account from list_members where list = ? order by account", (number,)
    )
    return [account for (account,) in rows]


# --- make, change, delete ---------------------------------------------------------------------


@check_of(CreateList)
def check_create_list(state: State, actor: int, message: CreateList, stamp: int) -> None:
    _check_title(message.title)
    lists = state.count("select count(*) from lists where account = ?", (actor,))
    if lists >= LISTS_PER_ACCOUNT:
        raise Refused("lists_many", limit=LISTS_PER_ACCOUNT)


@apply_of(CreateList)
def apply_create_list(state: State, entry: Entry, message: CreateList, outcome: Outcome) -> None:
    state.execute(
        "insert into lists values (?, ?, ?, ?, ?)",
        (entry.id, entry.actor, message.title, message.replies, message.exclusive),
    )


@check_of(ChangeList)
def check_change_list(state: State, actor: int, message: ChangeList, stamp: int) -> None:
    before = owned(state, actor, message.list)
    _check_title(message.title)
    if before == (message.title, message.replies, message.exclusive):
        raise Refused("already_done")


@apply_of(ChangeList)
def apply_change_list(state: State, entry: Entry, message: ChangeList, outcome: Outcome) -> None:
    state.execute(
        "update lists set title = ?, replies = ?, exclusive = ? where number = ?",
        (message.title, message.replies, message.exclusive, message.list),
    )
    _hide(state, entry, outcome, _members(state, message.list))


@check_of(DeleteList)
def check_delete_list(state: State, actor: int, message: DeleteList, stamp: int) -> None:
    owned(state, actor, message.list)


@apply_of(DeleteList)
def apply_delete_list(state: State, entry: Entry, message: DeleteList, outcome: Outcome) -> None:
    members = _members(state, message.list)
    state.execute("delete from list_members where list = ?", (message.list,))
    state.execute("delete from lists where number = ?", (message.list,))
    state.execute(
        "delete from positions where account = ? and queue = ?",
        (entry.actor, f"list/{message.list}"),
    )
    _hide(state, entry, outcome, members)


# --- members ----------------------------------------------------------------------------------


@check_of(AddToList)
def check_add_to_list(state: State, actor: int, message: AddToList, stamp: int) -> None:
    owned(state, actor, message.list)
    members = _members(state, message.list)
    new = set(message.accounts).difference(members)
    if not new:
        raise Refused("already_done")
    if len(members) + len(new) > ACCOUNTS_PER_LIST:
        raise Refused("list_accounts_many", limit=ACCOUNTS_PER_LIST)
    for account in sorted(new):
        require_there(state, account)
        if account != actor and not state.graph.followers.has(account, actor):
            raise Refused("list_not_followed")


@apply_of(AddToList)
def apply_add_to_list(state: State, entry: Entry, message: AddToList, outcome: Outcome) -> None:
    for account in message.accounts:
        state.execute(
            "insert or ignore into list_members values (?, ?, ?)",
            (message.list, account, entry.number),
        )
    _hide(state, entry, outcome, message.accounts)


@check_of(RemoveFromList)
def check_remove_from_list(state: State, actor: int, message: RemoveFromList, stamp: int) -> None:
    owned(state, actor, message.list)
    if len(message.accounts) > ACCOUNTS_PER_LIST:
        raise Refused("list_accounts_many", limit=ACCOUNTS_PER_LIST)
    if not set(message.accounts).intersection(_members(state, message.list)):
        raise Refused("already_done")


@apply_of(RemoveFromList)
def apply_remove_from_list(
    state: State, entry: Entry, message: RemoveFromList, outcome: Outcome
) -> None:
    for account in message.accounts:
        state.execute(
            "delete from list_members where list = ? and account = ?", (message.list, account)
        )
    _hide(state, entry, outcome, message.accounts)


def _hide(state: State, entry: Entry, outcome: Outcome, accounts: Iterable[int]) -> None:
    """The graph's side of exclusive lists, where the actor's lists of these accounts changed."""
    actor, hiders = entry.actor, state.graph.hiders
    hidden = {
        account
        for (account,) in state.execute(
            "select m.account from list_members m join lists l on l.number = m.list"
            " where l.account = ? and l.exclusive = 1",
            (actor,),
        )
    }
    changed = False
    for account in accounts:
        if (account in hidden) != hiders.has(account, actor):
            (hiders.add if account in hidden else hiders.remove)(account, actor)
            changed = True
    if changed:
        moved(state, entry, outcome, actor)
