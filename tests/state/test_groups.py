"""Groups: the four ways to come in, who may do what, who inherits, and posts to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, CYD, DEE, saying, told

from covey.limits import GROUPS_PER_ACCOUNT, RULES
from covey.messages import (
    SERVER,
    AcceptMember,
    AnyMessage,
    Block,
    ChangeGroup,
    CloseAccount,
    CreateGroup,
    Delete,
    Due,
    GroupKind,
    GroupRole,
    InviteToGroup,
    JoinGroup,
    LeaveGroup,
    Post,
    Read,
    RemoveFromGroup,
    RemoveMember,
    SetGroupRole,
    Suspend,
)

EVE = 5
KINDS: tuple[GroupKind, ...] = ("open", "request", "invitation", "secret")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[PlainEngine]:
    """Of five accounts. One post stands, so that floors are above nothing."""
    made = PlainEngine(tmp_path, accounts=5)
    made.submit(EVE, Post(text="a post"))
    yield made
    made.close()


def create(engine: PlainEngine, join: GroupKind = "open", name: str = "owls") -> int:
    """A group of Ann's."""
    return engine.submit(ANN, CreateGroup(name=name, join=join)).id


def roles(engine: PlainEngine, group: int) -> dict[int, str]:
    """account → how it stands to the group: the same in rows, graph and count."""
    found: dict[int, str] = dict(
        engine.state.execute('select account, role from memberships where "group" = ?', (group,))
    )
    inside = {account for account, role in found.items() if role not in ("asked", "invited")}
    assert set(engine.state.graph.members[group]) == inside
    count = "select followers_count from accounts where number = ?"
    assert engine.state.count(count, (group,)) == len(inside)
    return found


def within(engine: PlainEngine, group: int, account: int, role: GroupRole = "member") -> None:
    """Bring somebody in, whatever kind the group is of."""
    engine.submit(ANN, InviteToGroup(group=group, account=account))
    engine.submit(account, JoinGroup(group=group))
    if role != "member":
        engine.submit(ANN, SetGroupRole(group=group, account=account, role=role))


# --- make and change --------------------------------------------------------------------------


def test_a_group_has_a_name_and_an_owner(engine: PlainEngine) -> None:
    group = create(engine)
    assert roles(engine, group) == {ANN: "owner"}
    assert engine.outcome.floors == {ANN: engine.state.last_id}
    for name, code in (
        ("Owls", "name_taken"),
        ("ann", "name_taken"),
        ("0wls", "name_look_alike"),
        ("no good", "name_malformed"),
        ("admin", "name_reserved"),
    ):
        assert engine.refusal(BOB, CreateGroup(name=name)) == code
    assert engine.refusal(BOB, CreateGroup(name="x", display_name="y" * 1_000)) == "text_long"


def test_nobody_owns_very_many(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GROUPS_PER_ACCOUNT > 2
    monkeypatch.setattr("covey.state.groups.GROUPS_PER_ACCOUNT", 2)
    create(engine, name="first")
    group = create(engine, name="second")
    assert engine.refusal(ANN, CreateGroup(name="third")) == "groups_many"
    within(engine, group, BOB, "owner")
    engine.submit(ANN, LeaveGroup(group=group))
    assert engine.refusal(ANN, CreateGroup(name="third")) == ""


def test_an_owner_changes_it(engine: PlainEngine) -> None:
    group = create(engine)
    within(engine, group, BOB, "moderator")
    change = ChangeGroup(group=group, display_name="Owls", join="secret", rules=("be kind",))
    assert engine.refusal(BOB, change) == "group_role_missing"
    assert engine.refusal(ANN, ChangeGroup(group=group, rules=("r",) * (RULES + 1))) == "rules_many"
    assert engine.refusal(ANN, ChangeGroup(group=BOB)) == "not_found"
    assert engine.state.graph.open_groups.has(0, group)
    engine.submit(ANN, change)
    assert not engine.state.graph.open_groups.has(0, group)
    assert engine.refusal(CYD, JoinGroup(group=group)) == "not_found"
    engine.submit(ANN, ChangeGroup(group=group))
    assert engine.state.graph.open_groups.has(0, group)
    assert roles(engine, group) == {ANN: "owner", BOB: "moderator"}


# --- the four ways in -------------------------------------------------------------------------


def test_an_open_one_is_joined(engine: PlainEngine) -> None:
    group = create(engine)
    engine.submit(BOB, JoinGroup(group=group))
    assert roles(engine, group) == {ANN: "owner", BOB: "member"}
    assert engine.outcome.floors == {BOB: engine.state.last_id}
    assert engine.refusal(BOB, JoinGroup(group=group)) == "already_done"
    # every member invites
    engine.submit(BOB, InviteToGroup(group=group, account=CYD))
    assert told(engine) == [(CYD, "group_invitation", BOB, 0)]
    assert engine.refusal(DEE, InviteToGroup(group=group, account=EVE)) == "group_role_missing"


def test_one_on_request_is_asked(engine: PlainEngine) -> None:
    group = create(engine, "request")
    within(engine, group, BOB, "moderator")
    within(engine, group, EVE)
    before = told(engine)
    engine.submit(CYD, JoinGroup(group=group))
    assert roles(engine, group)[CYD] == "asked"
    assert engine.outcome.floors == {}
    asked = [(account, "group_request", CYD, 0) for account in (ANN, BOB)]
    assert sorted(told(engine)) == sorted(before + asked)
    assert engine.refusal(CYD, JoinGroup(group=group)) == "already_done"
    assert engine.refusal(EVE, AcceptMember(group=group, account=CYD)) == "group_role_missing"
    assert engine.refusal(BOB, AcceptMember(group=group, account=DEE)) == "not_found"
    engine.submit(BOB, AcceptMember(group=group, account=CYD))
    assert roles(engine, group)[CYD] == "member"
    assert engine.outcome.floors == {CYD: engine.state.last_id}
    assert (CYD, "group_accepted", BOB, 0) in told(engine)
    assert engine.refusal(BOB, AcceptMember(group=group, account=CYD)) == "not_found"


def test_a_request_is_taken_back_or_declined(engine: PlainEngine) -> None:
    group = create(engine, "request")
    ends = ((BOB, LeaveGroup(group=group)), (ANN, RemoveMember(group=group, account=BOB)))
    for actor, end in ends:
        engine.submit(BOB, JoinGroup(group=group))
        engine.submit(actor, end)
        assert roles(engine, group) == {ANN: "owner"}
        assert engine.outcome.floors == {}
        assert engine.refusal(actor, end) in ("already_done", "not_found")


def test_who_asked_and_is_invited_is_in_and_is_told(engine: PlainEngine) -> None:
    group = create(engine, "request")
    engine.submit(BOB, JoinGroup(group=group))
    engine.submit(ANN, InviteToGroup(group=group, account=BOB))
    assert roles(engine, group)[BOB] == "member"
    assert engine.outcome.floors == {BOB: engine.state.last_id}
    assert (BOB, "group_accepted", ANN, 0) in told(engine)


def test_who_asked_comes_in_when_the_group_is_opened(engine: PlainEngine) -> None:
    group = create(engine, "request")
    engine.submit(BOB, JoinGroup(group=group))
    engine.submit(ANN, ChangeGroup(group=group, join="open"))
    engine.submit(BOB, JoinGroup(group=group))
    assert roles(engine, group)[BOB] == "member"


@pytest.mark.parametrize(("join", "refused"), [
    ("invitation", "invitation_missing"), ("secret", "not_found"),
])  # fmt: skip
def test_others_come_by_invitation_alone(
    engine: PlainEngine, join: GroupKind, refused: str
) -> None:
    group = create(engine, join)
    assert engine.refusal(BOB, JoinGroup(group=group)) == refused
    engine.submit(ANN, InviteToGroup(group=group, account=BOB))
    assert roles(engine, group) == {ANN: "owner", BOB: "invited"}
    assert engine.outcome.floors == {}
    assert engine.refusal(ANN, InviteToGroup(group=group, account=BOB)) == "already_done"
    engine.submit(BOB, JoinGroup(group=group))
    assert roles(engine, group) == {ANN: "owner", BOB: "member"}
    # members of these do not invite
    assert engine.refusal(BOB, InviteToGroup(group=group, account=CYD)) == "group_role_missing"
    engine.submit(BOB, LeaveGroup(group=group))
    assert engine.refusal(BOB, JoinGroup(group=group)) == refused


def test_an_invitation_is_declined(engine: PlainEngine) -> None:
    group = create(engine, "invitation")
    engine.submit(ANN, InviteToGroup(group=group, account=BOB))
    engine.submit(BOB, LeaveGroup(group=group))
    assert roles(engine, group) == {ANN: "owner"}
    assert engine.refusal(BOB, JoinGroup(group=group)) == "invitation_missing"


def test_who_is_not_invited(engine: PlainEngine) -> None:
    group, other = create(engine), create(engine, name="others")
    engine.submit(BOB, Block(account=ANN))
    engine.submit(SERVER, Suspend(account=CYD))
    for account, code in (
        (BOB, "blocks_you"),
        (CYD, "not_found"),
        (ANN, "already_done"),
        (other, "not_found"),
        (group, "not_found"),
        (99, "not_found"),
    ):
        assert engine.refusal(ANN, InviteToGroup(group=group, account=account)) == code


def test_of_a_secret_one_others_know_nothing(engine: PlainEngine) -> None:
    group = create(engine, "secret")
    messages: tuple[AnyMessage, ...] = (
        JoinGroup(group=group),
        InviteToGroup(group=group, account=CYD),
        AcceptMember(group=group, account=CYD),
        RemoveMember(group=group, account=ANN),
        SetGroupRole(group=group, account=ANN, role="member"),
        ChangeGroup(group=group),
    )
    for message in messages:
        assert engine.refusal(BOB, message) == "not_found"
    assert engine.refusal(BOB, Read(queue=f"group/{group}", position=1)) == "queue_unknown"
    assert engine.refusal(BOB, saying("@owls hello", visibility="group")) == "group_missing"


# --- roles ------------------------------------------------------------------------------------


def test_who_may_remove_whom(engine: PlainEngine) -> None:
    group = create(engine)
    within(engine, group, BOB, "moderator")
    within(engine, group, CYD, "moderator")
    within(engine, group, DEE)
    for actor, account, code in (
        (DEE, BOB, "group_role_missing"),
        (BOB, ANN, "group_role_missing"),
        (BOB, CYD, "group_role_missing"),
        (BOB, BOB, "not_found"),
        (BOB, EVE, "not_found"),
        (BOB, DEE, ""),
        (ANN, CYD, ""),
        (ANN, ANN, "not_found"),
    ):
        message = RemoveMember(group=group, account=account)
        assert engine.refusal(actor, message) == code, (actor, account)
    engine.submit(BOB, RemoveMember(group=group, account=DEE))
    assert roles(engine, group) == {ANN: "owner", BOB: "moderator", CYD: "moderator"}
    assert engine.outcome.floors == {DEE: engine.state.last_id}


def test_owners_give_roles(engine: PlainEngine) -> None:
    group = create(engine)
    within(engine, group, BOB)
    engine.submit(ANN, InviteToGroup(group=group, account=CYD))
    for actor, account, role, code in (
        (BOB, BOB, "owner", "group_role_missing"),
        (ANN, ANN, "member", "not_found"),
        (ANN, CYD, "moderator", "not_found"),
        (ANN, DEE, "moderator", "not_found"),
        (ANN, BOB, "member", "already_done"),
    ):
        message = SetGroupRole(group=group, account=account, role=role)  # type: ignore[arg-type]
        assert engine.refusal(actor, message) == code, (actor, account, role)
    engine.submit(ANN, SetGroupRole(group=group, account=BOB, role="owner"))
    engine.submit(BOB, SetGroupRole(group=group, account=ANN, role="member"))
    assert roles(engine, group) == {ANN: "member", BOB: "owner", CYD: "invited"}
    # nothing in a home depends on it
    assert engine.outcome.floors == {}


def test_a_group_without_owner_passes_on(engine: PlainEngine) -> None:
    group = create(engine)
    for account, role in ((BOB, "member"), (CYD, "moderator"), (DEE, "moderator")):
        within(engine, group, account, role)  # type: ignore[arg-type]
    engine.submit(ANN, LeaveGroup(group=group))
    assert roles(engine, group) == {BOB: "member", CYD: "owner", DEE: "moderator"}
    engine.submit(CYD, LeaveGroup(group=group))
    engine.submit(DEE, LeaveGroup(group=group))
    assert roles(engine, group) == {BOB: "owner"}
    engine.submit(BOB, LeaveGroup(group=group))
    assert roles(engine, group) == {}
    # nobody's; who comes next is a member
    engine.submit(EVE, JoinGroup(group=group))
    assert roles(engine, group) == {EVE: "member"}


def test_a_closed_account_leaves(engine: PlainEngine) -> None:
    group = create(engine)
    within(engine, group, BOB)
    number = engine.submit(ANN, CloseAccount()).number
    engine.submit(SERVER, Due(number=number))
    assert roles(engine, group) == {BOB: "owner"}


# --- posts ------------------------------------------------------------------------------------


def shown(engine: PlainEngine, group: int) -> list[int]:
    """Posts in the group's queue."""
    rows = engine.state.execute(
        'select post from group_posts where "group" = ? and now = 1 order by post', (group,)
    )
    return [post for (post,) in rows]


def test_a_members_mention_posts_to_it(engine: PlainEngine) -> None:
    group, other = create(engine), create(engine, name="others")
    within(engine, group, BOB)
    assert engine.refusal(CYD, saying("@owls hello", visibility="group")) == "group_missing"
    assert engine.refusal(BOB, Post(text="hello", visibility="group")) == "group_missing"
    inside = engine.submit(BOB, saying("@owls @others hello", visibility="group")).id
    public = engine.submit(BOB, saying("@owls hello")).id
    engine.submit(CYD, saying("@owls from outside"))
    engine.submit(BOB, saying("@owls in private", visibility="direct"))
    assert shown(engine, group) == [inside, public]
    assert shown(engine, other) == []
    # nobody logs in as a group
    assert not [row for row in told(engine) if row[0] in (group, other)]
    engine.submit(BOB, Delete(post=public))
    assert shown(engine, group) == [inside]


def test_who_left_posts_to_it_no_more(engine: PlainEngine) -> None:
    group = create(engine)
    within(engine, group, BOB)
    post = engine.submit(BOB, saying("@owls hello")).id
    engine.submit(BOB, LeaveGroup(group=group))
    assert engine.refusal(BOB, saying("@owls again", visibility="group")) == "group_missing"
    assert shown(engine, group) == [post]


def test_moderators_and_the_author_take_a_post_out(engine: PlainEngine) -> None:
    group, other = create(engine), create(engine, name="others")
    for account, role in ((BOB, "moderator"), (CYD, "member"), (DEE, "member")):
        within(engine, group, account, role)  # type: ignore[arg-type]
    within(engine, other, CYD)
    posts = [engine.submit(CYD, saying("@owls @others hello")).id for _ in range(2)]
    first, second = (RemoveFromGroup(group=group, post=post) for post in posts)
    assert engine.refusal(DEE, first) == "group_role_missing"
    assert engine.refusal(EVE, first) == "group_role_missing"
    engine.submit(BOB, first)
    engine.submit(CYD, second)
    assert (shown(engine, group), shown(engine, other)) == ([], posts)
    # elsewhere it stands, and homes do not move
    assert engine.state.count("select count(*) from posts where deleted = 1") == 0
    assert engine.outcome.floors == {}
    assert engine.refusal(BOB, first) == "not_found"


def test_what_stood_in_groups_alone_is_deleted_with_the_last(engine: PlainEngine) -> None:
    group, other = create(engine), create(engine, name="others")
    for one in (group, other):
        within(engine, one, BOB)
    post = engine.submit(BOB, saying("@owls @others hello", visibility="group")).id
    deleted = "select deleted from posts where id = ?"
    engine.submit(ANN, RemoveFromGroup(group=group, post=post))
    assert engine.state.count(deleted, (post,)) == 0
    engine.submit(ANN, RemoveFromGroup(group=other, post=post))
    assert engine.state.count(deleted, (post,)) == 1
    assert [change[1:3] for change in engine.outcome.changes] == [("delete", post)]
