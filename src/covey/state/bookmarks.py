"""What an account keeps of posts: bookmarks, for itself alone, and the pins on its profile."""

from __future__ import annotations

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.limits import PINS_PER_ACCOUNT
from covey.messages import Bookmark, Entry, Pin, Unbookmark, Unpin
from covey.state.accounts import require_account
from covey.state.candidates import standing
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


def _keeps(state: State, table: str, account: int, post: int) -> bool:
    sql = f"select 1 from {table} where account = ? and post = ?"
    return state.row(sql, (account, post)) is not None


def _keep(state: State, table: str, entry: Entry, post: int) -> None:
    state.execute(f"insert into {table} values (?, ?, ?)", (entry.actor, entry.number, post))


def _let_go(state: State, table: str, account: int, post: int) -> None:
    state.execute(f"delete from {table} where account = ? and post = ?", (account, post))


# --- bookmarks --------------------------------------------------------------------------------


@check_of(Bookmark)
def check_bookmark(state: State, actor: int, message: Bookmark, stamp: int) -> None:
    require_account(state, actor)
    standing(state, message.post, actor)
    if _keeps(state, "bookmarks", actor, message.post):
        raise Refused("already_done")


@apply_of(Bookmark)
def apply_bookmark(state: State, entry: Entry, message: Bookmark, outcome: Outcome) -> None:
    _keep(state, "bookmarks", entry, message.post)


@check_of(Unbookmark)
def check_unbookmark(state: State, actor: int, message: Unbookmark, stamp: int) -> None:
    if not _keeps(state, "bookmarks", actor, message.post):
        raise Refused("already_done")


@apply_of(Unbookmark)
def apply_unbookmark(state: State, entry: Entry, message: Unbookmark, outcome: Outcome) -> None:
    _let_go(state, "bookmarks", entry.actor, message.post)


# --- pins -------------------------------------------------------------------------------------


@check_of(Pin)
def check_pin(state: State, actor: int, message: Pin, stamp: int) -> None:
    require_account(state, actor)
    post = standing(state, message.post, actor)
    if post.account != actor or post.visibility == Reach.DIRECT:
        raise Refused("pin_not_allowed")
    if _keeps(state, "pins", actor, message.post):
        raise Refused("already_done")
    count = state.count("select count(*) from pins where account = ?", (actor,))
    if count >= PINS_PER_ACCOUNT:
        raise Refused("pins_many", limit=PINS_PER_ACCOUNT)


@apply_of(Pin)
def apply_pin(state: State, entry: Entry, message: Pin, outcome: Outcome) -> None:
    _keep(state, "pins", entry, message.post)


@check_of(Unpin)
def check_unpin(state: State, actor: int, message: Unpin, stamp: int) -> None:
    if not _keeps(state, "pins", actor, message.post):
        raise Refused("already_done")


@apply_of(Unpin)
def apply_unpin(state: State, entry: Entry, message: Unpin, outcome: Outcome) -> None:
    drop_pin(state, entry.actor, message.post)


def drop_pin(state: State, account: int, post: int) -> None:
    """By hand, or because the post is gone."""
    _let_go(state, "pins", account, post)
