"""What stands at `/@NAME`: a person's profile, a group, or a word on who is gone."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from covey.edge import queues
from covey.state.queries import AccountRow, Snapshot
from covey.web import groups, reading
from covey.web.acts import account_at
from covey.web.posts import note, show
from covey.web.times import day_tag
from covey.web.visit import Visit

_GONE: Final = {
    "suspended": "This account is suspended.",
    "closed": "This account is closed.",
}


def profile(visit: Visit, snapshot: Snapshot) -> Response:
    name = visit.path("name")
    found = snapshot.account_named(name) if name.isascii() else None
    if found and found.standing in _GONE:
        return visit.page(
            snapshot, "gone.html", status=404, gone=found, sentence=_GONE[found.standing]
        )
    account = account_at(visit, snapshot)
    return (
        groups.group_page(visit, snapshot, account)
        if account.kind == "group"
        else _person(visit, snapshot, account)
    )


def _person(visit: Visit, snapshot: Snapshot, account: AccountRow) -> Response:
    at, reader = reading.cursor(visit), visit.relations(snapshot)
    page = queues.outbox(snapshot, reader, account.number, at)
    found = reading.links(page, at, f"/@{account.name}")
    number = account.number
    follows_you = visit.account and snapshot.row(
        "select 1 from follows where follower = ? and followed = ?", (number, visit.account)
    )
    blocked = ""
    if number in reader.blocks:
        blocked = f"You block @{account.name}."
    elif number in reader.blocked_by:
        blocked = f"@{account.name} blocks you."
    top = at.max_id is None and not at.ascending
    pinned = queues.pinned(snapshot, reader, number) if top and not blocked else []
    return visit.page(
        snapshot, "profile.html", pinned=show(snapshot, pinned, visit.account, visit.now),
        account=account, own=number == visit.account,
        note=note(snapshot, account) if account.note else "", since=day_tag(account.created),
        follows_you=bool(follows_you), blocked=blocked,
        buttons=_buttons(visit, snapshot, account),
        posts="" if blocked else reading.posts(visit, snapshot, page),
        newer=found.newer, older=found.older,
    )  # fmt: skip


def _buttons(visit: Visit, snapshot: Snapshot, account: AccountRow) -> list[tuple[str, str, str]]:
    """(act, label, class) of what the viewer can do about the account."""
    reader, number = visit.relations(snapshot), account.number
    if number in reader.blocks:
        return [("unblock", "Unblock", "")]
    muted = snapshot.row(
        "select 1 from mutes where account = ? and target = ?", (visit.account, number)
    )
    buttons = [("unmute", "Unmute", "") if muted else ("mute", "Mute", "")]
    buttons.append(("block", "Block", ""))
    asked = snapshot.row(
        "select 1 from follow_requests where follower = ? and followed = ?",
        (visit.account, number),
    )
    if number in reader.following:
        buttons.append(("unfollow", "Unfollow", ""))
    elif asked:
        buttons.append(("unfollow", "Requested", ""))
    elif number not in reader.blocked_by:
        buttons.append(("follow", "Ask to follow" if account.locked else "Follow", "main"))
    return buttons
