"""Groups: an account nobody logs in to, with members. A member's post that mentions it is posted to
it: `posts.apply_post` writes `group_posts`.

A row of `memberships` says how an account stands to a group: it asked, is invited, is a member, a
moderator or an owner. A group has at least one owner while it has members; when the last one
leaves, it passes to the oldest of its moderators, else of its members.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.limits import (
    ACCOUNTS_MAX,
    DISPLAY_NAME_CHARACTERS,
    GROUPS_PER_ACCOUNT,
    NOTE_CHARACTERS,
    RULE_CHARACTERS,
    RULES,
)
from covey.messages import (
    AcceptMember,
    ChangeGroup,
    CreateGroup,
    Entry,
    InviteToGroup,
    JoinGroup,
    LeaveGroup,
    RemoveFromGroup,
    RemoveMember,
    SetGroupRole,
)
from covey.state.accounts import check_free_name, look_key, require_account
from covey.state.notifications import notify
from covey.state.posts import bury
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_there
from covey.state.state import Outcome, State
from covey.state.texts import check_text

Standing = Literal["", "asked", "invited", "member", "moderator", "owner"]

_INSIDE: Final = ("member", "moderator", "owner")
_RANKS: Final = {"member": 0, "moderator": 1, "owner": 2}


def standing_in(state: State, group: int, account: int) -> Standing:
    """How the account stands to the group; empty: not at all."""
    row = state.row(
        'select role from memberships where "group" = ? and account = ?', (group, account)
    )
    return row[0] if row else ""


def join_of(state: State, group: int, account: int) -> str:
    """How one comes into the group. Raises Refused("not_found") for what is no group, and for a
    secret one of which the account knows nothing."""
    row = state.row('select "join" from groups where number = ?', (group,))
    if row is None or (row[0] == "secret" and not standing_in(state, group, account)):
        raise Refused("not_found")
    return str(row[0])


def _require(state: State, group: int, actor: int, role: str) -> None:
    """Raises Refused: "not_found", "group_role_missing"."""
    join_of(state, group, actor)
    if _RANKS.get(standing_in(state, group, actor), -1) < _RANKS[role]:
        raise Refused("group_role_missing", role=role)


def _check_texts(display_name: str, note: str) -> None:
    check_text("The group's name", display_name, DISPLAY_NAME_CHARACTERS, lines=False)
    check_text("The note", note, NOTE_CHARACTERS)


# --- make and change --------------------------------------------------------------------------


@check_of(CreateGroup)
def check_create_group(state: State, actor: int, message: CreateGroup, stamp: int) -> None:
    require_account(state, actor)
    check_free_name(state, message.name)
    _check_texts(message.display_name, message.note)
    owned = "select count(*) from memberships where account = ? and role = 'owner'"
    if state.count(owned, (actor,)) >= GROUPS_PER_ACCOUNT:
        raise Refused("groups_many", limit=GROUPS_PER_ACCOUNT)
    if state.accounts + 1 >= ACCOUNTS_MAX:
        raise Refused("registrations_closed")


@apply_of(CreateGroup)
def apply_create_group(state: State, entry: Entry, message: CreateGroup, outcome: Outcome) -> None:
    group = state.accounts = entry.id
    state.execute(
        "insert into accounts (number, name, name_key, look_key, display_name, note, kind,"
        " created, changed) values (?, ?, ?, ?, ?, ?, 'group', ?, ?)",
        (
            group, message.name, message.name.lower(), look_key(message.name),
            message.display_name, message.note, entry.stamp, entry.number,
        ),
    )  # fmt: skip
    state.execute('insert into groups (number, "join") values (?, ?)', (group, message.join))
    if message.join == "open":
        state.graph.open_groups.add(0, group)
    _enter(state, entry, outcome, group, entry.actor, "owner")


@check_of(ChangeGroup)
def check_change_group(state: State, actor: int, message: ChangeGroup, stamp: int) -> None:
    _require(state, message.group, actor, "owner")
    _check_texts(message.display_name, message.note)
    if len(message.rules) > RULES:
        raise Refused("rules_many", limit=RULES, count=len(message.rules))
    for rule in message.rules:
        check_text("A rule", rule, RULE_CHARACTERS)


@apply_of(ChangeGroup)
def apply_change_group(state: State, entry: Entry, message: ChangeGroup, outcome: Outcome) -> None:
    group = message.group
    state.execute(
        "update accounts set display_name = ?, note = ?, changed = ? where number = ?",
        (message.display_name, message.note, entry.number, group),
    )
    rules = msgspec.msgpack.encode(message.rules) if message.rules else b""
    state.execute(
        'update groups set "join" = ?, rules = ? where number = ?', (message.join, rules, group)
    )
    if message.join == "open":
        state.graph.open_groups.add(0, group)
    else:
        state.graph.open_groups.remove(0, group)
    outcome.profiles = outcome.relations = entry.number


# --- come and go ------------------------------------------------------------------------------


@check_of(JoinGroup)
def check_join_group(state: State, actor: int, message: JoinGroup, stamp: int) -> None:
    require_account(state, actor)
    join = join_of(state, message.group, actor)
    standing = standing_in(state, message.group, actor)
    # who had asked comes in when the group has been opened since
    if standing in _INSIDE or (standing == "asked" and join != "open"):
        raise Refused("already_done")
    if standing != "invited" and join in ("invitation", "secret"):
        raise Refused("invitation_missing")


@apply_of(JoinGroup)
def apply_join_group(state: State, entry: Entry, message: JoinGroup, outcome: Outcome) -> None:
    group, actor = message.group, entry.actor
    join = state.row('select "join" from groups where number = ?', (group,))
    if join == ("request",) and standing_in(state, group, actor) != "invited":
        _stand(state, entry, group, actor, "asked")
        for moderator in _moderators(state, group):
            notify(state, entry, outcome, moderator, "group_request")
    else:
        _enter(state, entry, outcome, group, actor, "member")


@check_of(LeaveGroup)
def check_leave_group(state: State, actor: int, message: LeaveGroup, stamp: int) -> None:
    if not standing_in(state, message.group, actor):
        raise Refused("already_done")


@apply_of(LeaveGroup)
def apply_leave_group(state: State, entry: Entry, message: LeaveGroup, outcome: Outcome) -> None:
    _go(state, entry, outcome, message.group, entry.actor)


@check_of(InviteToGroup)
def check_invite_to_group(state: State, actor: int, message: InviteToGroup, stamp: int) -> None:
    join = join_of(state, message.group, actor)
    _require(state, message.group, actor, "member" if join == "open" else "moderator")
    require_there(state, message.account)
    if state.row("select 1 from groups where number = ?", (message.account,)):
        raise Refused("not_found")  # nobody logs in as a group
    graph = state.graph
    if graph.blocks.has(message.account, actor):
        raise Refused("blocks_you")
    standing = standing_in(state, message.group, message.account)
    if standing in (*_INSIDE, "invited"):
        raise Refused("already_done")


@apply_of(InviteToGroup)
def apply_invite_to_group(
    state: State, entry: Entry, message: InviteToGroup, outcome: Outcome
) -> None:
    """Whoever had asked to is in."""
    group, account = message.group, message.account
    if standing_in(state, group, account) == "asked":
        _enter(state, entry, outcome, group, account, "member")
        notify(state, entry, outcome, account, "group_accepted")
    else:
        _stand(state, entry, group, account, "invited")
        notify(state, entry, outcome, account, "group_invitation")


@check_of(AcceptMember)
def check_accept_member(state: State, actor: int, message: AcceptMember, stamp: int) -> None:
    _require(state, message.group, actor, "moderator")
    if standing_in(state, message.group, message.account) != "asked":
        raise Refused("not_found")


@apply_of(AcceptMember)
def apply_accept_member(
    state: State, entry: Entry, message: AcceptMember, outcome: Outcome
) -> None:
    _enter(state, entry, outcome, message.group, message.account, "member")
    notify(state, entry, outcome, message.account, "group_accepted")


@check_of(RemoveMember)
def check_remove_member(state: State, actor: int, message: RemoveMember, stamp: int) -> None:
    """Moderators remove members, owners everybody but themselves (they leave)."""
    _require(state, message.group, actor, "moderator")
    _outranks(state, message.group, actor, message.account)


def _outranks(state: State, group: int, actor: int, account: int) -> None:
    """Raises Refused: "not_found", "group_role_missing"."""
    other = standing_in(state, group, account)
    if not other or account == actor:
        raise Refused("not_found")
    mine = standing_in(state, group, actor)
    if mine != "owner" and _RANKS.get(other, -1) >= _RANKS["moderator"]:
        raise Refused("group_role_missing", role="owner")


@apply_of(RemoveMember)
def apply_remove_member(
    state: State, entry: Entry, message: RemoveMember, outcome: Outcome
) -> None:
    _go(state, entry, outcome, message.group, message.account)


@check_of(SetGroupRole)
def check_group_role(state: State, actor: int, message: SetGroupRole, stamp: int) -> None:
    _require(state, message.group, actor, "owner")
    standing = standing_in(state, message.group, message.account)
    if standing not in _INSIDE or message.account == actor:
        raise Refused("not_found")
    if standing == message.role:
        raise Refused("already_done")


@apply_of(SetGroupRole)
def apply_group_role(state: State, entry: Entry, message: SetGroupRole, outcome: Outcome) -> None:
    state.execute(
        'update memberships set role = ? where "group" = ? and account = ?',
        (message.role, message.group, message.account),
    )
    outcome.relations = entry.number


# --- posts ------------------------------------------------------------------------------------


@check_of(RemoveFromGroup)
def check_remove_from_group(state: State, actor: int, message: RemoveFromGroup, stamp: int) -> None:
    """A moderator, or the post's author."""
    row = state.row(
        'select account from group_posts join posts on id = post where "group" = ? and post = ?'
        " and now = 1",
        (message.group, message.post),
    )
    if row is None:
        raise Refused("not_found")
    if row[0] != actor:
        _require(state, message.group, actor, "moderator")


@apply_of(RemoveFromGroup)
def apply_remove_from_group(
    state: State, entry: Entry, message: RemoveFromGroup, outcome: Outcome
) -> None:
    """It leaves the group's queue; one that stood nowhere else is deleted. The audience that it had
    does not move."""
    post = message.post
    state.execute(
        'update group_posts set now = 0 where "group" = ? and post = ?', (message.group, post)
    )
    only_here = state.row(
        "select 1 from posts where id = ? and visibility = ? and not exists"
        " (select 1 from group_posts where post = ? and now = 1)",
        (post, int(Reach.GROUP), post),
    )
    if only_here:
        bury(state, entry, outcome, post)


# --- memberships ------------------------------------------------------------------------------


def _stand(state: State, entry: Entry, group: int, account: int, role: str) -> None:
    state.execute(
        'insert into memberships values (?, ?, ?, ?) on conflict ("group", account)'
        " do update set role = excluded.role, number = excluded.number",
        (group, account, role, entry.number),
    )


def _enter(
    state: State, entry: Entry, outcome: Outcome, group: int, account: int, role: str
) -> None:
    _stand(state, entry, group, account, role)
    state.graph.members.add(group, account)
    _count(state, entry, group, 1)
    _moved(state, entry, outcome, account)


def _go(state: State, entry: Entry, outcome: Outcome, group: int, account: int) -> None:
    standing = standing_in(state, group, account)
    state.execute('delete from memberships where "group" = ? and account = ?', (group, account))
    if standing not in _INSIDE:
        return
    state.graph.members.remove(group, account)
    _count(state, entry, group, -1)
    _moved(state, entry, outcome, account)
    if standing == "owner":
        _pass_on(state, group)


def _pass_on(state: State, group: int) -> None:
    """A group without an owner gets the moderator, else the member, who has been there longest."""
    heir = state.row(
        'select account, role from memberships where "group" = ?'
        " and role in ('owner', 'moderator', 'member')"
        " order by case role when 'owner' then 0 when 'moderator' then 1 else 2 end, number"
        " limit 1",
        (group,),
    )
    if heir and heir[1] != "owner":
        state.execute(
            "update memberships set role = 'owner' where \"group\" = ? and account = ?",
            (group, heir[0]),
        )


def _moved(state: State, entry: Entry, outcome: Outcome, account: int) -> None:
    outcome.floors[account] = state.last_id
    outcome.relations = entry.number


def _count(state: State, entry: Entry, group: int, by: int) -> None:
    """A group's followers are its members."""
    state.execute(
        "update accounts set followers_count = followers_count + ?, changed = ? where number = ?",
        (by, entry.number, group),
    )


def _moderators(state: State, group: int) -> list[int]:
    rows = state.execute(
        "select account from memberships where \"group\" = ? and role in ('moderator', 'owner')"
        " order by account",
        (group,),
    )
    return [row[0] for row in rows]
