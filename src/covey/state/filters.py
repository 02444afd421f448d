"""Filters: what an account wants marked, or folded away, where it reads. They are kept here and
looked at by whoever shows something; they keep nothing out of a queue."""

from __future__ import annotations

import msgspec

from covey.errors import Refused
from covey.limits import (
    FILTER_TITLE_CHARACTERS,
    FILTERS_PER_ACCOUNT,
    KEYWORD_CHARACTERS,
    KEYWORDS_PER_FILTER,
    POSTS_PER_FILTER,
)
from covey.messages import DeleteFilter, Entry, SetFilter
from covey.state.changes import changed
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import check_text
from covey.state.time import due_of, schedule


def _require_own(state: State, actor: int, number: int) -> None:
    """Raises Refused("not_found")."""
    if not state.row("select 1 from filters where number = ? and account = ?", (number, actor)):
        raise Refused("not_found")


@check_of(SetFilter)
def check_set_filter(state: State, actor: int, message: SetFilter, stamp: int) -> None:
    if message.filter:
        _require_own(state, actor, message.filter)
    elif (
        state.count("select count(*) from filters where account = ?", (actor,))
        >= FILTERS_PER_ACCOUNT
    ):
        raise Refused("filters_many", limit=FILTERS_PER_ACCOUNT)
    if not message.title or message.title.isspace():
        raise Refused("parameter_missing", name="title")
    check_text("The filter's title", message.title, FILTER_TITLE_CHARACTERS, lines=False)
    if not message.contexts:
        raise Refused("filter_contexts")
    for what, count, limit in (
        ("contexts", len(message.contexts), 5),
        ("keywords", len(message.keywords), KEYWORDS_PER_FILTER),
        ("posts", len(message.posts), POSTS_PER_FILTER),
    ):
        if count > limit:
            raise Refused("filter_long", limit=limit, what=what, count=count)
    for keyword in message.keywords:
        if not keyword.text or keyword.text.isspace():
            raise Refused("text_empty")
        check_text("A keyword", keyword.text, KEYWORD_CHARACTERS, lines=False)
    if message.until and message.until <= stamp:
        raise Refused("parameter_malformed", name="until", why="that moment is past")


@apply_of(SetFilter)
def apply_set_filter(state: State, entry: Entry, message: SetFilter, outcome: Outcome) -> None:
    number = message.filter or entry.id
    state.execute(
        "insert or replace into filters values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number, entry.actor, message.title, ",".join(message.contexts), message.action,
            msgspec.msgpack.encode(message.keywords), msgspec.msgpack.encode(message.posts),
            message.until,
        ),
    )  # fmt: skip
    if message.until:
        schedule(state, entry, message.until, "end_filter", entry.actor, number)
    changed(state, entry, outcome, "filters_changed", 0, entry.actor)


@check_of(DeleteFilter)
def check_delete_filter(state: State, actor: int, message: DeleteFilter, stamp: int) -> None:
    _require_own(state, actor, message.filter)


@apply_of(DeleteFilter)
def apply_delete_filter(
    state: State, entry: Entry, message: DeleteFilter, outcome: Outcome
) -> None:
    state.execute("delete from filters where number = ?", (message.filter,))
    changed(state, entry, outcome, "filters_changed", 0, entry.actor)


@due_of("end_filter")
def due_end_filter(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, number: int
) -> None:
    """Unless it was prolonged since."""
    state.execute("delete from filters where number = ? and until = ?", (number, at))
    if state.connection.changes():
        changed(state, entry, outcome, "filters_changed", 0, account)
