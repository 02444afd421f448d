"""Blocks and mutes, and their ends. Each moves the floor of whom it concerns, as follows do."""

from __future__ import annotations

from covey.errors import Refused
from covey.limits import MUTE_MS_MAX
from covey.messages import Block, Entry, Mute, Unblock, Unmute
from covey.state.accounts import require_account
from covey.state.follows import drop_request, moved, unfollow
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.time import due_of, schedule


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
    for one, other in ((actor, target), (target, actor)):
        drop_request(state, entry, outcome, one, other)
        unfollow(state, entry, outcome, one, other)
    moved(state, entry, outcome, actor, target)


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
    moved(state, entry, outcome, actor, target)


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
        schedule(state, entry, message.until, "unmute", actor, target)
    state.graph.muters.add(target, actor)
    moved(state, entry, outcome, actor)


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
    moved(state, entry, outcome, account)


@due_of("unmute")
def due_unmute(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, target: int
) -> None:
    """Unless it was ended or prolonged since."""
    if state.row(
        "select 1 from mutes where account = ? and target = ? and until = ?",
        (account, target, at),
    ):
        unmute(state, entry, outcome, account, target)
