"""Reports: what an account tells the moderators of another one, kept with the posts it is about."""

from __future__ import annotations

from typing import Final

import msgspec

from covey.errors import Refused
from covey.limits import POSTS_PER_REPORT, REPORT_CHARACTERS, REPORTS_PER_DAY
from covey.messages import Entry, Report
from covey.state.accounts import require_account
from covey.state.candidates import standing
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_there
from covey.state.state import Outcome, State
from covey.state.texts import check_text

DAY_MS: Final = 24 * 60 * 60 * 1000


@check_of(Report)
def check_report(state: State, actor: int, message: Report, stamp: int) -> None:
    """Of posts that the actor may see, all by the account."""
    require_account(state, actor)
    require_there(state, message.account)
    check_text("The comment", message.comment, REPORT_CHARACTERS)
    if len(message.posts) > POSTS_PER_REPORT:
        raise Refused("report_posts", limit=POSTS_PER_REPORT)
    for id_ in message.posts:
        if standing(state, id_, actor).account != message.account:
            raise Refused("report_posts", limit=POSTS_PER_REPORT)
    for number in message.rules:
        if not state.row("select 1 from rules where number = ?", (number,)):
            raise Refused("report_rule", number=number)
    sent = "select count(*) from reports where account = ? and stamp > ?"
    if state.count(sent, (actor, stamp - DAY_MS)) >= REPORTS_PER_DAY:
        raise Refused("reports_many", limit=REPORTS_PER_DAY)


@apply_of(Report)
def apply_report(state: State, entry: Entry, message: Report, outcome: Outcome) -> None:
    posts = [
        state.row("select id, stamp, warning, text from posts where id = ?", (id_,))
        for id_ in dict.fromkeys(message.posts)
    ]
    state.execute(
        "insert into reports values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.number, entry.actor, message.account, message.category, message.comment,
            msgspec.msgpack.encode(posts), msgspec.msgpack.encode(message.rules), entry.stamp,
        ),
    )  # fmt: skip
