"""Follows: follow, ask to, accept, reject, unfollow, remove a follower.

Following changes an input of the follower's audiences, so it moves that reader's floor: below the
floor the arena is not believed and the page is merged. A new follow's older posts are there at
once, and an unfollowed account's are gone.
"""

from __future__ import annotations

from typing import Final

from covey.errors import Refused
from covey.limits import LANGUAGES_PER_FOLLOW, ROWS_PER_MESSAGE
from covey.messages import (
    AcceptFollow,
    Entry,
    Follow,
    RejectFollow,
    RemoveFollower,
    Unfollow,
)
from covey.state.accounts import is_locked, require_account
from covey.state.notifications import notify, withdraw
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_there
from covey.state.state import Outcome, State
from covey.state.texts import check_language
from covey.state.time import due_of, schedule

ACCEPTED_PER_DUE: Final = ROWS_PER_MESSAGE // 10
"""Requests, when an account is unlocked: each changes rows of both accounts, and their own."""
_OPTIONS = "boosts, notify, languages"


def moved(state: State, entry: Entry, outcome: Outcome, *readers: int) -> None:
    """What stands in the homes of these readers is another from now on."""
    outcome.relations = entry.number
    for reader in readers:
        outcome.floors[reader] = state.last_id


def _counted(state: State, number: int, follower: int, followed: int, by: int) -> None:
    """Counts of both grow by so much, and caches of them are stale."""
    state.execute(
        "update accounts set following_count = following_count + ?, changed = ? where number = ?",
        (by, number, follower),
    )
    state.execute(
        "update accounts set followers_count = followers_count + ?, changed = ? where number = ?",
        (by, number, followed),
    )


def request_of(state: State, follower: int, followed: int) -> tuple[int, int, str, int] | None:
    """(boosts, notify, languages, number) of a standing wish to follow."""
    return state.row(
        f"select {_OPTIONS}, number from follow_requests where follower = ? and followed = ?",
        (follower, followed),
    )


@check_of(Follow)
def check_follow(state: State, actor: int, message: Follow, stamp: int) -> None:
    require_there(state, message.account)
    target, graph = message.account, state.graph
    if target == actor:
        raise Refused("self_follow")
    if graph.blocks.has(actor, target):
        raise Refused("blocked_by_you")
    if graph.blocks.has(target, actor):
        raise Refused("blocks_you")
    if len(message.languages) > LANGUAGES_PER_FOLLOW:
        raise Refused("languages_many", limit=LANGUAGES_PER_FOLLOW, count=len(message.languages))
    for language in message.languages:
        if not language:
            raise Refused("language_unknown", language="")
        check_language(language)
    follows = graph.followers.has(target, actor)
    table = "follows" if follows else "follow_requests"
    if (follows or is_locked(state, target)) and state.row(
        f"select 1 from {table} where follower = ? and followed = ?"
        " and boosts = ? and notify = ? and languages = ?",
        (actor, target, message.boosts, message.notify, ",".join(message.languages)),
    ):
        raise Refused("already_done")


@apply_of(Follow)
def apply_follow(state: State, entry: Entry, message: Follow, outcome: Outcome) -> None:
    actor, target = entry.actor, message.account
    languages = ",".join(message.languages)
    options = (message.boosts, message.notify, languages)
    if not state.graph.followers.has(target, actor) and is_locked(state, target):
        asked = request_of(state, actor, target)
        state.execute(
            "insert into follow_requests values (?, ?, ?, ?, ?, ?) on conflict (follower, followed)"
            " do update set boosts = excluded.boosts, notify = excluded.notify,"
            " languages = excluded.languages",
            (actor, target, *options, entry.number),
        )
        if asked is None:
            notify(state, entry, outcome, target, "follow_request")
        outcome.relations = entry.number
        return
    # it may have asked while the account was locked
    drop_request(state, entry, outcome, actor, target)
    if _follow(state, entry, outcome, actor, target, options):
        notify(state, entry, outcome, target, "follow")


def _follow(
    state: State,
    entry: Entry,
    outcome: Outcome,
    follower: int,
    followed: int,
    options: tuple[bool, bool, str],
) -> bool:
    """From now on, with these options (boosts, notify, languages). → whether it is new."""
    graph = state.graph
    boosts, notified, languages = options
    new = not graph.followers.has(followed, follower)
    before = "" if new else _languages(state, follower, followed)
    state.execute(
        "insert into follows values (?, ?, ?, ?, ?, ?) on conflict (follower, followed)"
        " do update set boosts = excluded.boosts, notify = excluded.notify,"
        " languages = excluded.languages",
        (follower, followed, *options, entry.number),
    )
    graph.followers.add(followed, follower)
    (graph.boost_hiders.remove if boosts else graph.boost_hiders.add)(followed, follower)
    (graph.watchers.add if notified else graph.watchers.remove)(followed, follower)
    _choose(state, follower, followed, before, languages)
    if new:
        _counted(state, entry.number, follower, followed, 1)
    moved(state, entry, outcome, follower)
    return new


def _languages(state: State, follower: int, followed: int) -> str:
    row = state.row(
        "select languages from follows where follower = ? and followed = ?", (follower, followed)
    )
    return row[0] if row else ""


def _choose(state: State, follower: int, followed: int, before: str, after: str) -> None:
    """The graph's side of a follow's languages (comma-separated; empty: all)."""
    graph = state.graph
    for language in filter(None, before.split(",")):
        graph.takers.remove((followed, language), follower)
    for language in filter(None, after.split(",")):
        graph.takers.add((followed, language), follower)
    (graph.choosers.add if after else graph.choosers.remove)(followed, follower)


@check_of(Unfollow)
def check_unfollow(state: State, actor: int, message: Unfollow, stamp: int) -> None:
    require_account(state, message.account)
    if not state.graph.followers.has(message.account, actor) and not request_of(
        state, actor, message.account
    ):
        raise Refused("already_done")


@apply_of(Unfollow)
def apply_unfollow(state: State, entry: Entry, message: Unfollow, outcome: Outcome) -> None:
    """Also takes back a wish to follow."""
    drop_request(state, entry, outcome, entry.actor, message.account)
    unfollow(state, entry, outcome, entry.actor, message.account)


def unfollow(state: State, entry: Entry, outcome: Outcome, follower: int, followed: int) -> None:
    """If it follows; its notification of the follow goes too."""
    graph = state.graph
    if not graph.followers.has(followed, follower):
        return
    began = state.count(
        "select number from follows where follower = ? and followed = ?", (follower, followed)
    )
    withdraw(state, followed, began)
    _choose(state, follower, followed, _languages(state, follower, followed), "")
    state.execute("delete from follows where follower = ? and followed = ?", (follower, followed))
    state.execute("delete from endorsements where account = ? and target = ?", (follower, followed))
    graph.followers.remove(followed, follower)
    graph.boost_hiders.remove(followed, follower)
    graph.watchers.remove(followed, follower)
    state.execute(
        "delete from list_members where account = ? and list in"
        " (select number from lists where account = ?)",
        (followed, follower),
    )
    graph.hiders.remove(followed, follower)
    _counted(state, entry.number, follower, followed, -1)
    moved(state, entry, outcome, follower)


# --- requests ---------------------------------------------------------------------------------


def drop_request(
    state: State, entry: Entry, outcome: Outcome, follower: int, followed: int
) -> None:
    """If there is one; its notification goes too."""
    asked = request_of(state, follower, followed)
    if asked is None:
        return
    withdraw(state, followed, asked[3])
    state.execute(
        "delete from follow_requests where follower = ? and followed = ?", (follower, followed)
    )
    outcome.relations = entry.number


def _check_request(state: State, actor: int, account: int) -> None:
    """Raises Refused("not_found")."""
    if request_of(state, account, actor) is None:
        raise Refused("not_found")


@check_of(AcceptFollow)
def check_accept_follow(state: State, actor: int, message: AcceptFollow, stamp: int) -> None:
    _check_request(state, actor, message.account)


@apply_of(AcceptFollow)
def apply_accept_follow(
    state: State, entry: Entry, message: AcceptFollow, outcome: Outcome
) -> None:
    _accept(state, entry, outcome, message.account, entry.actor)


def _accept(state: State, entry: Entry, outcome: Outcome, follower: int, followed: int) -> None:
    asked = request_of(state, follower, followed)
    drop_request(state, entry, outcome, follower, followed)
    if asked:
        boosts, notified, languages, _ = asked
        options = (bool(boosts), bool(notified), languages)
        _follow(state, entry, outcome, follower, followed, options)


@due_of("accept_follows")
def due_accept_follows(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, subject: int
) -> None:
    """The account was unlocked: who asked follows, but whom a moderator limited, who waits on.
    Unless it was locked again meanwhile."""
    if is_locked(state, account):
        return
    asking = state.execute(
        "select follower from follow_requests r join accounts on accounts.number = follower"
        " where followed = ? and standing = 'active' order by r.number limit ?",
        (account, ACCEPTED_PER_DUE),
    ).fetchall()
    for (follower,) in asking:
        _accept(state, entry, outcome, follower, account)
    if len(asking) == ACCEPTED_PER_DUE:
        schedule(state, entry, entry.stamp, "accept_follows", account)


@check_of(RejectFollow)
def check_reject_follow(state: State, actor: int, message: RejectFollow, stamp: int) -> None:
    _check_request(state, actor, message.account)


@apply_of(RejectFollow)
def apply_reject_follow(
    state: State, entry: Entry, message: RejectFollow, outcome: Outcome
) -> None:
    drop_request(state, entry, outcome, message.account, entry.actor)


@check_of(RemoveFollower)
def check_remove_follower(state: State, actor: int, message: RemoveFollower, stamp: int) -> None:
    require_account(state, message.account)
    if not state.graph.followers.has(actor, message.account):
        raise Refused("already_done")


@apply_of(RemoveFollower)
def apply_remove_follower(
    state: State, entry: Entry, message: RemoveFollower, outcome: Outcome
) -> None:
    unfollow(state, entry, outcome, message.account, entry.actor)
