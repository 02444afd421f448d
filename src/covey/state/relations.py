"""Relations: follow, block, mute and their ends.

Each changes an input of somebody's audiences, so it moves that reader's floor: below the floor the
arena is not believed and the page is merged. A new follow's older posts are there at once, and an
unfollowed account's are gone.
"""

from __future__ import annotations

from covey.errors import Refused
from covey.limits import MUTE_MS_MAX
from covey.messages import Block, Entry, Follow, Mute, Unblock, Unfollow, Unmute
from covey.state.accounts import require_account
from covey.state.notifications import notify, withdraw
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


def _moved(state: State, entry: Entry, outcome: Outcome, *readers: int) -> None:
    outcome.relations = entry.number
    for reader in readers:
        outcome.floors[reader] = state.last_id


def _changed(state: State, number: int, account: int, **counts: int) -> None:
    """Counts of an account grow by so much, and caches of it are stale."""
    for column, by in counts.items():
        state.execute(
            f"update accounts set {column} = {column} + ?, changed = ? where number = ?",
            (by, number, account),
        )


@check_of(Follow)
def check_follow(state: State, actor: int, message: Follow, stamp: int) -> None:
    require_account(state, actor)
    require_account(state, message.account)
    target, graph = message.account, state.graph
    if target == actor:
        raise Refused("self_follow")
    if graph.blocks.has(actor, target):
        raise Refused("blocked_by_you")
    if graph.blocks.has(target, actor):
        raise Refused("blocks_you")
    if (
        graph.followers.has(target, actor)
        and graph.boost_hiders.has(target, actor) != message.boosts
        and graph.watchers.has(target, actor) == message.notify
    ):
        raise Refused("already_done")


@apply_of(Follow)
def apply_follow(state: State, entry: Entry, message: Follow, outcome: Outcome) -> None:
    actor, target, graph = entry.actor, message.account, state.graph
    new = not graph.followers.has(target, actor)
    state.execute(
        "insert into follows (follower, followed, boosts, notify, number)"
        " values (?, ?, ?, ?, ?) on conflict (follower, followed)"
        " do update set boosts = excluded.boosts, notify = excluded.notify",
        (actor, target, message.boosts, message.notify, entry.number),
    )
    graph.followers.add(target, actor)
    if message.boosts:
        graph.boost_hiders.remove(target, actor)
    else:
        graph.boost_hiders.add(target, actor)
    if message.notify:
        graph.watchers.add(target, actor)
    else:
        graph.watchers.remove(target, actor)
    if new:
        _changed(state, entry.number, actor, following_count=1)
        _changed(state, entry.number, target, followers_count=1)
        notify(state, entry, outcome, target, "follow")
    _moved(state, entry, outcome, actor)


@check_of(Unfollow)
def check_unfollow(state: State, actor: int, message: Unfollow, stamp: int) -> None:
    require_account(state, message.account)
    if not state.graph.followers.has(message.account, actor):
        raise Refused("already_done")


@apply_of(Unfollow)
def apply_unfollow(state: State, entry: Entry, message: Unfollow, outcome: Outcome) -> None:
    _unfollow(state, entry, entry.actor, message.account)
    _moved(state, entry, outcome, entry.actor)


def _unfollow(state: State, entry: Entry, follower: int, followed: int) -> None:
    graph = state.graph
    if not graph.followers.has(followed, follower):
        return
    began = state.count(
        "select number from follows where follower = ? and followed = ?", (follower, followed)
    )
    withdraw(state, followed, began)
    state.execute("delete from follows where follower = ? and followed = ?", (follower, followed))
    graph.followers.remove(followed, follower)
    graph.boost_hiders.remove(followed, follower)
    graph.watchers.remove(followed, follower)
    _changed(state, entry.number, follower, following_count=-1)
    _changed(state, entry.number, followed, followers_count=-1)


@check_of(Block)
def check_block(state: State, actor: int, message: Block, stamp: int) -> None:
    require_account(state, actor)
    require_account(state, message.account)
    if message.account == actor:
        raise Refused("self_block")
    if state.graph.blocks.has(actor, message.account):
        raise Refused("already_done")


@apply_of(Block)
def apply_block(state: State, entry: Entry, message: Block, outcome: Outcome) -> None:
    actor, target = entry.actor, message.account
    state.execute("insert into blocks values (?, ?, ?)", (actor, target, entry.number))
    state.graph.blocks.add(actor, target)
    state.graph.blockers.add(target, actor)
    _unfollow(state, entry, actor, target)
    _unfollow(state, entry, target, actor)
    _moved(state, entry, outcome, actor, target)


@check_of(Unblock)
def check_unblock(state: State, actor: int, message: Unblock, stamp: int) -> None:
    require_account(state, message.account)
    if not state.graph.blocks.has(actor, message.account):
        raise Refused("already_done")


@apply_of(Unblock)
def apply_unblock(state: State, entry: Entry, message: Unblock, outcome: Outcome) -> None:
    actor, target = entry.actor, message.account
    state.execute("delete from blocks where account = ? and target = ?", (actor, target))
    state.graph.blocks.remove(actor, target)
    state.graph.blockers.remove(target, actor)
    _moved(state, entry, outcome, actor, target)


@check_of(Mute)
def check_mute(state: State, actor: int, message: Mute, stamp: int) -> None:
    require_account(state, actor)
    require_account(state, message.account)
    if message.account == actor:
        raise Refused("self_mute")
    if message.until and not stamp < message.until <= stamp + MUTE_MS_MAX:
        raise Refused("parameter_malformed", name="duration", why="not within ten years from now")


@apply_of(Mute)
def apply_mute(state: State, entry: Entry, message: Mute, outcome: Outcome) -> None:
    actor, target = entry.actor, message.account
    state.execute(
        "insert into mutes values (?, ?, ?, ?, ?) on conflict (account, target) do update"
        " set notifications = excluded.notifications, until = excluded.until",
        (actor, target, message.notifications, message.until, entry.number),
    )
    if message.until:
        state.execute(
            "insert into dues values (?, ?, 'unmute', ?, ?)",
            (entry.number, message.until, actor, target),
        )
    state.graph.muters.add(target, actor)
    _moved(state, entry, outcome, actor)


@check_of(Unmute)
def check_unmute(state: State, actor: int, message: Unmute, stamp: int) -> None:
    require_account(state, message.account)
    if not state.graph.muters.has(message.account, actor):
        raise Refused("already_done")


@apply_of(Unmute)
def apply_unmute(state: State, entry: Entry, message: Unmute, outcome: Outcome) -> None:
    unmute(state, entry, outcome, entry.actor, message.account)


def unmute(state: State, entry: Entry, outcome: Outcome, account: int, target: int) -> None:
    """The mute ends, by hand or in its time."""
    state.execute("delete from mutes where account = ? and target = ?", (account, target))
    state.graph.muters.remove(target, account)
    _moved(state, entry, outcome, account)
