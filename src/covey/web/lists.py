"""Lists of followed accounts: those the viewer has, a list as a queue, and its members."""

from __future__ import annotations

from typing import Final, cast

from starlette.responses import Response

from covey.edge import home as homes
from covey.edge.requests import Parameters, id_of
from covey.errors import Refused
from covey.messages import (
    AddToList,
    ChangeList,
    CreateList,
    DeleteList,
    RemoveFromList,
    RepliesPolicy,
)
from covey.state.queries import ListRow, Snapshot
from covey.web import reading
from covey.web.acts import account_called
from covey.web.forms import Fault, fault, kept, new_key, submission_key
from covey.web.position import behind
from covey.web.visit import Visit, words

REPLIES: Final[dict[str, str]] = {
    "list": "to each other",
    "followed": "to anybody I follow",
    "none": "none",
}
"""Which replies a list shows, in plain words."""


def _list(visit: Visit, snapshot: Snapshot) -> ListRow:
    """The viewer's list at the address. Raises Refused("no_such_page")."""
    found = snapshot.list_of(visit.account, id_of(visit.path("number")) or 0)
    if found is None:
        raise Refused("no_such_page")
    return found


def lists_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _lists(visit, snapshot, Parameters({}), [], 200)


def _lists(
    visit: Visit, snapshot: Snapshot, form: Parameters, errors: list[Fault], status: int
) -> Response:
    own = snapshot.lists(visit.account)
    counts = {str(one.number): visit.unread_of(snapshot, f"list/{one.number}") for one in own}
    return visit.page(
        snapshot, "lists.html", status=status, lists=own, counts=words(counts), errors=errors,
        title_kept=kept(form, "title"), key=kept(form, "key") or new_key(),
    )  # fmt: skip


async def create(visit: Visit, form: Parameters) -> Response:
    title = kept(form, "title").strip()
    try:
        accepted = await visit.edge.submit(
            visit.account, CreateList(title=title), submission_key(form, title)
        )
        return visit.redirect(f"/lists/{accepted.id}/members")
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "form")]
    with visit.edge.snapshot() as snapshot:
        return _lists(visit, snapshot, form, errors, 422)


def list_page(visit: Visit, snapshot: Snapshot) -> Response:
    found, at = _list(visit, snapshot), reading.cursor(visit)
    rows = homes.list_page(snapshot, visit.relations(snapshot), found.number, at)
    path = f"/lists/{found.number}"
    return reading.stream(
        visit, snapshot, rows, at, title=found.title,
        crumb=(f"{path}/members", "Members and settings"),
        nothing="What the members of this list post will be here.",
        behind=behind(
            visit, snapshot, f"list/{found.number}", rows.newest, snapshot.last_id,
            top=at.max_id is None and not at.ascending, page=path,
        ),
    )  # fmt: skip


def members_page(visit: Visit, snapshot: Snapshot) -> Response:
    return _members(visit, snapshot, [], 200)


def _members(visit: Visit, snapshot: Snapshot, errors: list[Fault], status: int) -> Response:
    found = _list(visit, snapshot)
    rows = snapshot.rows(
        "select account from list_members where list = ? order by number desc", (found.number,)
    )
    known = snapshot.accounts([number for (number,) in rows])
    return visit.page(
        snapshot, "list.html", status=status, list=found, errors=errors, replies=REPLIES,
        members=[known[number] for (number,) in rows],
    )  # fmt: skip


async def add(visit: Visit, form: Parameters) -> Response:
    try:
        with visit.edge.snapshot() as snapshot:
            number = _list(visit, snapshot).number
            who = account_called(visit, snapshot, kept(form, "who").strip().removeprefix("@"))
        await visit.edge.do(visit.account, AddToList(list=number, accounts=(who.number,)))
        return visit.redirect(f"/lists/{number}/members")
    except Refused as refused:
        if refused.code not in ("no_such_account", "list_not_followed", "list_accounts_many"):
            raise
        errors = [fault(refused, "who")]
    with visit.edge.snapshot() as snapshot:
        return _members(visit, snapshot, errors, 422)


async def remove(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        number = _list(visit, snapshot).number
    await visit.edge.do(visit.account, RemoveFromList(list=number, accounts=(form.id("account"),)))
    return visit.redirect(f"/lists/{number}/members")


async def change(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        number = _list(visit, snapshot).number
    replies = kept(form, "replies") or "list"
    try:
        if replies not in REPLIES:
            raise Refused("parameter_malformed", name="replies", why="it is one of the three")
        message = ChangeList(
            list=number, title=kept(form, "title").strip(), replies=cast(RepliesPolicy, replies),
            exclusive=form.boolean("exclusive"),
        )  # fmt: skip
        await visit.edge.do(visit.account, message)
        return visit.redirect(f"/lists/{number}/members?said=list")
    except Refused as refused:
        if refused.status != 422:
            raise
        errors = [fault(refused, "form")]
    with visit.edge.snapshot() as snapshot:
        return _members(visit, snapshot, errors, 422)


async def delete(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        number = _list(visit, snapshot).number
    await visit.edge.submit(visit.account, DeleteList(list=number))
    return visit.redirect("/lists?said=list-deleted")
