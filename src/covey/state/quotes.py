"""Quotes: who may quote a post, and when its author wants no more of it.

Whom a quote reaches is decided by what of it is frozen (`delivery.audience`). Revoking changes what
it shows: the quote alone, without its original. That moves no post in or out of a home.
"""

from __future__ import annotations

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.messages import Entry, Post, RevokeQuote, SetQuotePolicy
from covey.state.accounts import require_account
from covey.state.candidates import standing
from covey.state.changes import changed
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


def check_quote(state: State, actor: int, message: Post) -> None:
    """Raises Refused: "not_found", "quote_not_allowed"."""
    original = standing(state, message.quote_of, actor)
    if original.account == actor:
        return
    policy = state.row("select quotes from posts where id = ?", (original.id,))
    if (
        original.visibility > Reach.UNLISTED
        or policy == ("nobody",)
        or (policy == ("followers",) and not state.graph.followers.has(original.account, actor))
    ):
        raise Refused("quote_not_allowed")


def count_quote(state: State, number: int, id_: int, by: int) -> None:
    """In the count of the post that `id_` quotes. Everybody sees it, so it tells nothing of what
    not everybody may see, nor of what was revoked."""
    state.execute(
        "update posts set quotes_count = quotes_count + ?, changed = ? where id ="
        " (select quote_of from posts where id = ? and quote_of != 0 and quote_revoked = 0"
        f" and visibility <= {int(Reach.UNLISTED)})",
        (by, number, id_),
    )


# --- who may ----------------------------------------------------------------------------------


@check_of(SetQuotePolicy)
def check_quote_policy(state: State, actor: int, message: SetQuotePolicy, stamp: int) -> None:
    row = state.row(
        "select account, quotes from posts where id = ? and deleted = 0 and boost_of = 0",
        (message.post,),
    )
    if row is None or row[0] != actor:
        raise Refused("not_yours")
    if row[1] == message.quotes:
        raise Refused("already_done")


@apply_of(SetQuotePolicy)
def apply_quote_policy(
    state: State, entry: Entry, message: SetQuotePolicy, outcome: Outcome
) -> None:
    state.execute(
        "update posts set quotes = ?, changed = ? where id = ?",
        (message.quotes, entry.number, message.post),
    )


# --- revoke -----------------------------------------------------------------------------------


@check_of(RevokeQuote)
def check_revoke_quote(state: State, actor: int, message: RevokeQuote, stamp: int) -> None:
    require_account(state, actor)
    row = state.row(
        "select quote_account, quote_revoked from posts"
        " where id = ? and quote_of != 0 and deleted = 0",
        (message.post,),
    )
    if row is None or row[0] != actor:
        raise Refused("not_found")
    if row[1]:
        raise Refused("already_done")


@apply_of(RevokeQuote)
def apply_revoke_quote(state: State, entry: Entry, message: RevokeQuote, outcome: Outcome) -> None:
    """Live streams carry it as an edit of what quoted."""
    post, number = message.post, entry.number
    count_quote(state, number, post, -1)
    state.execute("update posts set quote_revoked = 1, changed = ? where id = ?", (number, post))
    author = state.count("select account from posts where id = ?", (post,))
    changed(state, entry, outcome, "edit", post, author)
