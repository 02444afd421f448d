"""Groups: those there are, a group's own page (its queue in place of an outbox), its members, and
what its moderators and owners do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import msgspec
from msgspec import Struct
from starlette.responses import Response

from covey.edge import queues
from covey.edge.cursor import Page, fill, page
from covey.edge.requests import Parameters
from covey.errors import Refused
from covey.limits import RULES
from covey.messages import (
    AcceptMember,
    AnyMessage,
    ChangeGroup,
    CreateGroup,
    GroupKind,
    InviteToGroup,
    RemoveMember,
    SetGroupRole,
)
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.web import reading, writing
from covey.web.acts import account_at, account_called
from covey.web.forms import Fault, fault, kept, new_key, submission_key
from covey.web.position import behind
from covey.web.posts import note
from covey.web.visit import Visit

KINDS: Final[dict[str, tuple[str, str]]] = {
    "open": ("open group", "Everybody may join and read"),
    "request": ("group, by request", "Who wants to join has to ask"),
    "invitation": ("group, by invitation", "One is invited by its moderators"),
    "secret": ("secret group", "By invitation, and only members know of it"),
}
"""How one comes in → (what it is, what that means)."""

INSIDE: Final = ("member", "moderator", "owner")
_ROLES: Final = {
    "asked": "asks to join", "invited": "invited", "member": "", "moderator": "moderator",
    "owner": "owner",
}  # fmt: skip
_GROUPS_SHOWN: Final = 100

_texts: Final = msgspec.msgpack.Decoder(tuple[str, ...])


class _Group(Struct):
    """A group, and how the viewer stands to it."""

    account: AccountRow
    join: str
    rules: tuple[str, ...]
    standing: str

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def kind(self) -> str:
        return KINDS[self.join][0]

    @property
    def is_inside(self) -> bool:
        return self.standing in INSIDE

    @property
    def moderates(self) -> bool:
        return self.standing in INSIDE[1:]


class _Member(Struct):
    account: AccountRow
    standing: str
    role: str
    acts: list[tuple[str, str]]
    """(last part of the address, label) of what the viewer can do."""


def _group(visit: Visit, snapshot: Snapshot, account: AccountRow) -> _Group:
    """Raises Refused("no_such_page") for what is no group."""
    row = snapshot.row('select "join", rules from groups where number = ?', (account.number,))
    if row is None:
        raise Refused("no_such_page")
    mine = snapshot.row(
        'select role from memberships where "group" = ? and account = ?',
        (account.number, visit.account),
    )
    rules = _texts.decode(row[1]) if row[1] else ()
    return _Group(account, row[0], rules, mine[0] if mine else "")


def group_page(visit: Visit, snapshot: Snapshot, account: AccountRow) -> Response:
    group = _group(visit, snapshot, account)
    at, reader, path = reading.cursor(visit), visit.relations(snapshot), f"/@{group.name}"
    may_read = group.is_inside or group.join == "open"
    rows: Page[PostRow] = (
        queues.group(snapshot, reader, account.number, at) if may_read else Page([])
    )
    top = at.max_id is None and not at.ascending
    found = reading.links(rows, at, path)
    viewer = snapshot.account(visit.account) if group.is_inside else None
    form = writing.blank(visit, snapshot, viewer, f"@{group.name} ") if viewer and top else None
    if form and group.join != "open":
        form.visibility = "group"
    place = behind(
        visit, snapshot, f"group/{account.number}", rows.newest, snapshot.last_id, top=top,
        page=path,
    ) if group.is_inside else None  # fmt: skip
    return visit.page(
        snapshot, "group.html", group=group, account=account, may_read=may_read, form=form,
        note=note(snapshot, account) if account.note else "", behind=place,
        buttons=_buttons(group), posts=reading.posts(visit, snapshot, rows),
        newer=found.newer, older=found.older,
    )  # fmt: skip


def _buttons(group: _Group) -> list[tuple[str, str, str]]:
    """(act, label, class)"""
    if group.standing == "invited":
        return [("leave", "Decline", ""), ("join", "Accept the invitation", "main")]
    if group.standing == "asked":
        return [("leave", "Requested", "")]
    if group.is_inside:
        return [("leave", "Leave", "")]
    if group.join == "open":
        return [("join", "Join", "main")]
    return [("join", "Ask to join", "main")] if group.join == "request" else []


# --- all groups -----------------------------------------------------------------------------------


class _Line(Struct):
    account: AccountRow
    kind: str
    role: str
    buttons: list[tuple[str, str, str]]


def groups_page(visit: Visit, snapshot: Snapshot) -> Response:
    """Mine first, then those that are open or can be asked."""
    mine = snapshot.rows(
        'select "group" from memberships where account = ? order by number desc limit ?',
        (visit.account, _GROUPS_SHOWN),
    )
    others = snapshot.rows(
        "select g.number from groups g join accounts a on a.number = g.number"
        " where \"join\" in ('open', 'request') and not exists (select 1 from memberships"
        ' where "group" = g.number and account = ?) order by a.followers_count desc, g.number'
        " limit ?",
        (visit.account, _GROUPS_SHOWN),
    )
    known = snapshot.accounts([number for (number,) in (*mine, *others)])

    def lines(rows: list[tuple[int]]) -> list[_Line]:
        found = [_group(visit, snapshot, known[n]) for (n,) in rows if not known[n].is_away]
        return [
            _Line(
                group.account, group.kind, _ROLES.get(group.standing, ""),
                [] if group.is_inside else _buttons(group),
            )
            for group in found
        ]  # fmt: skip

    return visit.page(snapshot, "groups.html", mine=lines(mine), others=lines(others))


# --- make and change ------------------------------------------------------------------------------


def new_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _form(visit, snapshot, Parameters({}), [], 200)


async def create(visit: Visit, form: Parameters) -> Response:
    name = kept(form, "name").strip().removeprefix("@")
    shown, text = kept(form, "display_name").strip(), _lines(form, "note")
    try:
        message = CreateGroup(name=name, display_name=shown, note=text, join=_join(form))
        await visit.edge.submit(visit.account, message, submission_key(form, name, shown, text))
        return visit.redirect(f"/@{name}")
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "form")]
    with visit.edge.snapshot() as snapshot:
        return _form(visit, snapshot, form, errors, 422)


def settings_page(visit: Visit, snapshot: Snapshot) -> Response:
    group = _group(visit, snapshot, account_at(visit, snapshot))
    _require_owner(group)
    form = Parameters(
        {
            "display_name": group.account.display_name, "note": group.account.note,
            "join": group.join, "rules": "\n".join(group.rules),
        }
    )  # fmt: skip
    return _form(visit, snapshot, form, [], 200, group)


async def change(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        group = _group(visit, snapshot, account_at(visit, snapshot))
    _require_owner(group)
    rules = tuple(rule.strip() for rule in _lines(form, "rules").split("\n") if rule.strip())
    try:
        message = ChangeGroup(
            group=group.account.number, display_name=kept(form, "display_name").strip(),
            note=_lines(form, "note"), join=_join(form), rules=rules,
        )  # fmt: skip
        await visit.edge.do(visit.account, message)
        return visit.redirect(f"/@{group.name}?said=group")
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "form")]
    with visit.edge.snapshot() as snapshot:
        return _form(visit, snapshot, form, errors, 422, group)


def _form(
    visit: Visit,
    snapshot: Snapshot,
    form: Parameters,
    errors: list[Fault],
    status: int,
    group: _Group | None = None,
) -> Response:
    names = ("name", "display_name", "note", "join", "rules")
    return visit.page(
        snapshot, "group_form.html", status=status, errors=errors, group=group,
        kept={name: kept(form, name) for name in names}, kinds=KINDS, rules=RULES,
        key=kept(form, "key") or new_key(),
    )  # fmt: skip


def _join(form: Parameters) -> GroupKind:
    join = kept(form, "join") or "open"
    if join not in KINDS:
        raise Refused("parameter_malformed", name="join", why="it is one of the four")
    return cast(GroupKind, join)


def _lines(form: Parameters, name: str) -> str:
    return kept(form, name).replace("\r\n", "\n").strip()


def _require_owner(group: _Group) -> None:
    if group.standing != "owner":
        raise Refused("group_role_missing", role="owner")


# --- members --------------------------------------------------------------------------------------


def members_page(visit: Visit, snapshot: Snapshot) -> Response:
    """Who is in it; its moderators see also who asks and who is invited. Of a group that is not
    open only members see them."""
    group = _group(visit, snapshot, account_at(visit, snapshot))
    if not group.is_inside and group.join != "open":
        raise Refused("group_role_missing", role="member")
    at, path = reading.cursor(visit), f"/@{group.name}/members"
    order = "asc" if at.ascending else "desc"
    inside = "" if group.moderates else " and role in ('member', 'moderator', 'owner')"
    sql = (
        f'select number, account, role from memberships where "group" = ?{inside}'
        f" and number < ? and number > ? order by number {order} limit ?"
    )
    rows = fill(
        at,
        lambda below, above, count: snapshot.rows(sql, (group.account.number, below, above, count)),
        list,
        lambda row: row[0],
    )
    shown = page(at, rows, lambda row: row[0])
    known = snapshot.accounts([row[1] for row in rows])
    found = reading.links(shown, at, path)
    return visit.page(
        snapshot, "members.html", group=group,
        may_invite=group.moderates or (group.is_inside and group.join == "open"),
        members=[
            _Member(known[number], role, _ROLES[role], _acts(group, role, number == visit.account))
            for _, number, role in rows
            if not known[number].is_away
        ],
        newer=found.newer, older=found.older,
    )  # fmt: skip


def _acts(group: _Group, role: str, own: bool) -> list[tuple[str, str]]:
    if own or not group.moderates:
        return []
    if role == "asked":
        return [("accept", "Accept"), ("remove", "Reject")]
    if role == "invited":
        return [("remove", "Take back")]
    found = []
    if group.standing == "owner":
        others = [one for one in INSIDE if one != role]
        found = [(one, f"Make {one}") for one in others]
    if role == "member" or group.standing == "owner":
        found.append(("remove", "Remove"))
    return found


_MEMBER_ACTS: Final[dict[str, Callable[[int, int], AnyMessage]]] = {
    "accept": lambda group, who: AcceptMember(group=group, account=who),
    "remove": lambda group, who: RemoveMember(group=group, account=who),
    "member": lambda group, who: SetGroupRole(group=group, account=who, role="member"),
    "moderator": lambda group, who: SetGroupRole(group=group, account=who, role="moderator"),
    "owner": lambda group, who: SetGroupRole(group=group, account=who, role="owner"),
}


async def act_on_member(visit: Visit, form: Parameters) -> Response:
    make = _MEMBER_ACTS.get(visit.path("act"))
    if make is None:
        raise Refused("no_such_page")
    with visit.edge.snapshot() as snapshot:
        group = account_at(visit, snapshot)
        who = account_called(visit, snapshot, visit.path("who"))
    await visit.edge.do(visit.account, make(group.number, who.number))
    return visit.redirect(f"/@{group.name}/members")


async def invite(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        group = account_at(visit, snapshot)
        who = account_called(visit, snapshot, kept(form, "who").strip().removeprefix("@"))
    await visit.edge.do(visit.account, InviteToGroup(group=group.number, account=who.number))
    return visit.redirect(f"/@{group.name}/members?said=invited")
