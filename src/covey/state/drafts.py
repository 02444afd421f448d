"""Drafts: posts that are held, because they are scheduled or in their undo window.

A draft is known by the number of the message that made it, and so is the `due` that releases it.
What is posted then is posted by that `due`: its entry has the post's id. Whether the post may still
be is asked again at that moment; if not (what it answers is gone, its author may not post any more)
the draft is dropped, and the entry's id is 0: so a replay asks nobody.
"""

from __future__ import annotations

from typing import Final

import msgspec

from covey.errors import Refused
from covey.limits import DRAFT_MS_MAX, DRAFTS_PER_ACCOUNT
from covey.messages import CancelDraft, ChangeDraft, Draft, Entry, Post, encode
from covey.state.accounts import require_account
from covey.state.media import let_go, show_media
from covey.state.posts import apply_post, check_post
from covey.state.rules import apply_of, check, check_of
from covey.state.state import Outcome, State
from covey.state.time import due_of, schedule

_post: Final = msgspec.msgpack.Decoder(Post)


def _check_moment(at: int, stamp: int) -> None:
    if not stamp < at <= stamp + DRAFT_MS_MAX:
        raise Refused("draft_moment")


def _check_own(state: State, actor: int, number: int) -> None:
    sql = "select 1 from drafts where number = ? and account = ?"
    if not state.row(sql, (number, actor)):
        raise Refused("not_found")


def draft_of(state: State, number: int) -> tuple[int, Post] | None:
    """(account, post) of what is still held."""
    row = state.row("select account, body from drafts where number = ?", (number,))
    return (row[0], _post.decode(row[1])) if row else None


@check_of(Draft)
def check_draft(state: State, actor: int, message: Draft, stamp: int) -> None:
    require_account(state, actor)
    _check_moment(message.at, stamp)
    count = state.count("select count(*) from drafts where account = ?", (actor,))
    if count >= DRAFTS_PER_ACCOUNT:
        raise Refused("drafts_many", limit=DRAFTS_PER_ACCOUNT)
    check_post(state, actor, message.post, stamp)


@apply_of(Draft)
def apply_draft(state: State, entry: Entry, message: Draft, outcome: Outcome) -> None:
    state.execute(
        "insert into drafts values (?, ?, ?, ?)",
        (entry.number, entry.actor, message.at, encode(message.post)),
    )
    if message.post.media:
        show_media(state, message.post.media, "draft", entry.number)
    schedule(state, entry, message.at, "release", entry.actor, entry.number)


@check_of(ChangeDraft)
def check_change_draft(state: State, actor: int, message: ChangeDraft, stamp: int) -> None:
    _check_own(state, actor, message.number)
    _check_moment(message.at, stamp)


@apply_of(ChangeDraft)
def apply_change_draft(state: State, entry: Entry, message: ChangeDraft, outcome: Outcome) -> None:
    for table in ("drafts", "dues"):
        state.execute(f"update {table} set at = ? where number = ?", (message.at, message.number))


@check_of(CancelDraft)
def check_cancel_draft(state: State, actor: int, message: CancelDraft, stamp: int) -> None:
    _check_own(state, actor, message.number)


@apply_of(CancelDraft)
def apply_cancel_draft(state: State, entry: Entry, message: CancelDraft, outcome: Outcome) -> None:
    for table in ("drafts", "dues"):
        state.execute(f"delete from {table} where number = ?", (message.number,))
    let_go(state, entry, "draft", message.number)


def posts_now(state: State, number: int, stamp: int) -> bool:
    """Whether the `due` of this number posts something at `stamp`: then its entry has a post's
    id."""
    draft = draft_of(state, number)
    if draft is None:
        return False
    try:
        check(state, draft[0], draft[1], stamp)
    except Refused:
        return False
    return True


@due_of("release")
def release(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, number: int
) -> None:
    draft = draft_of(state, number)
    state.execute("delete from drafts where number = ?", (number,))
    if draft is not None and entry.id:
        by_author = msgspec.structs.replace(entry, actor=draft[0], message=draft[1])
        apply_post(state, by_author, draft[1], outcome)
    else:
        let_go(state, entry, "draft", number)
