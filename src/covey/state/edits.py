"""Edits: a post's later versions.

Who gets a post, who may see it and in which groups it stands is decided by its first version, for
ever. An edit changes what it says; `versions` keeps what it said before.
"""

from __future__ import annotations

from typing import Final

import msgspec

from covey.delivery.audience import Reach
from covey.errors import Refused
from covey.limits import EDITS_PER_POST, ROWS_PER_MESSAGE
from covey.messages import Edit, Entry
from covey.state.accounts import number_of, require_account
from covey.state.candidates import FROZEN, FROZEN_COLUMNS, candidate_of, encode_media, may_see
from covey.state.changes import changed
from covey.state.media import check_media, show_media
from covey.state.notifications import notify
from covey.state.polls import (
    check_poll,
    drop_poll,
    is_same_poll,
    open_poll,
    poll_of,
    schedule_end,
)
from covey.state.posts import check_words, drop_tag, resolved
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import decode_facets, encode_facets
from covey.state.time import due_of, schedule

TOLD_PER_DUE: Final = ROWS_PER_MESSAGE // 2
"""Those who boosted it, told by one message; the rest are the rows of the edit itself."""

_WORDS: Final = "language, warning, sensitive, text, facets, media"


@check_of(Edit)
def check_edit(state: State, actor: int, message: Edit, stamp: int) -> None:
    require_account(state, actor)
    row = state.row(
        "select account, text, language, warning, sensitive, media from posts"
        " where id = ? and deleted = 0 and boost_of = 0",
        (message.post,),
    )
    if row is None or row[0] != actor:
        raise Refused("not_yours")
    check_words(message)
    if message.poll is not None:
        check_poll(message.poll)
    if message.media:
        check_media(state, actor, message.media, stamp, message.post)
    poll = poll_of(state, message.post)
    words = (
        message.text, message.language, message.warning, message.sensitive,
        encode_media(message.media),
    )  # fmt: skip
    totals = message.poll is not None and message.poll.hide_totals
    if (
        row[1:] == words
        and is_same_poll(poll, message.poll)
        and (poll is None or bool(poll.hide_totals) == totals)
    ):
        raise Refused("already_done")
    count = state.count("select count(*) from versions where post = ?", (message.post,))
    if count >= EDITS_PER_POST:
        raise Refused("edits_many", limit=EDITS_PER_POST)


@apply_of(Edit)
def apply_edit(state: State, entry: Entry, message: Edit, outcome: Outcome) -> None:
    id_, number = message.post, entry.number
    row = state.row(
        f"select {FROZEN}, case edited when 0 then stamp else edited end, {_WORDS}"
        " from posts where id = ?",
        (id_,),
    )
    if row is None:
        return
    post = candidate_of(row)
    since, *words, media = row[FROZEN_COLUMNS:]
    poll = poll_of(state, id_)
    known = _ever_mentioned(state, id_, words[-1], post.mentioned)
    state.execute(
        "insert into versions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id_, number, since, *words, poll.options_column if poll else b"", media),
    )
    mentions, mentioned = resolved(state, entry.actor, message.mentions)
    state.execute(
        f"update posts set ({_WORDS}, edited, changed) = (?, ?, ?, ?, ?, ?, ?, ?) where id = ?",
        (
            message.language, message.warning, message.sensitive, message.text,
            encode_facets(mentions, message.tags, message.links), encode_media(message.media),
            entry.stamp, number, id_,
        ),
    )  # fmt: skip
    if message.media:
        show_media(state, message.media, "post", id_)
    if post.visibility == Reach.PUBLIC:
        before = dict.fromkeys(tag.name for tag in decode_facets(words[-1])[1])
        _retag(state, id_, before, dict.fromkeys(tag.name for tag in message.tags))
    if not is_same_poll(poll, message.poll):
        drop_poll(state, id_)
        if message.poll is not None:
            open_poll(state, entry, id_, message.poll)
    elif message.poll is not None:
        state.execute(
            "update polls set hide_totals = ? where post = ?", (message.poll.hide_totals, id_)
        )
    changed(state, entry, outcome, "edit", id_, entry.actor)
    for account in mentioned:
        # nobody logs in as a group
        if (
            account not in known
            and not state.graph.members[account]
            and may_see(state.graph, post, account)
        ):
            notify(state, entry, outcome, account, "mention", id_)
    _tell_boosters(state, entry, outcome, 0, id_)


def _ever_mentioned(state: State, id_: int, facets: bytes, first: tuple[int, ...]) -> set[int]:
    """Whom any version so far mentions: they were told."""
    columns = state.execute("select facets from versions where post = ?", (id_,)).fetchall()
    names = {mention.name for (column,) in (*columns, (facets,))
             for mention in decode_facets(column)[0]}  # fmt: skip
    return {*first, *(number_of(state, name) for name in names)}


def _retag(state: State, id_: int, before: dict[str, None], after: dict[str, None]) -> None:
    """The queues of the present tags show the post; those of the first version, whatever they show,
    go on having brought it into homes."""
    for tag in before:
        if tag not in after:
            drop_tag(state, id_, tag)
    for tag in after:
        if tag not in before:
            state.execute(
                "insert into tags values (?, ?, 0, 1)"
                " on conflict (tag, post) do update set now = 1",
                (tag, id_),
            )


def _tell_boosters(state: State, entry: Entry, outcome: Outcome, last: int, id_: int) -> None:
    """Those who boosted the post are told of the edit, in the order of their numbers after `last`:
    the rest by another `due`. When all are, it is the turn of those who quote it."""
    boosters = state.execute(
        "select account from posts where boost_of = ? and boost_of != 0 and account > ?"
        " and deleted = 0 order by account limit ?",
        (id_, last, TOLD_PER_DUE),
    ).fetchall()
    for (account,) in boosters:
        notify(state, entry, outcome, account, "update", id_)
    if len(boosters) == TOLD_PER_DUE:
        schedule(state, entry, entry.stamp, "update", boosters[-1][0], id_)
    else:
        _tell_quoters(state, entry, outcome, 0, id_, TOLD_PER_DUE - len(boosters))


def _tell_quoters(
    state: State, entry: Entry, outcome: Outcome, last: int, id_: int, limit: int
) -> None:
    """Those who quote the post are told, each of its own post: in the order of these after `last`.
    When all are, the next one is the end of its poll."""
    quoting = state.execute(
        "select id, account from posts where quote_of = ? and quote_of != 0 and id > ?"
        " and deleted = 0 and quote_revoked = 0 order by id limit ?",
        (id_, last, limit),
    ).fetchall()
    for post, account in quoting:
        notify(state, entry, outcome, account, "quoted_update", post)
    if len(quoting) == limit:
        schedule(state, entry, entry.stamp, "quoted_update", quoting[-1][0], id_)
    else:
        schedule_end(state, entry, id_)


@due_of("update")
def tell_more_boosters(
    state: State, entry: Entry, outcome: Outcome, at: int, last: int, id_: int
) -> None:
    """Unless the post is gone."""
    row = state.row("select account from posts where id = ? and deleted = 0", (id_,))
    if row is not None:
        by_author = msgspec.structs.replace(entry, actor=row[0])
        _tell_boosters(state, by_author, outcome, last, id_)


@due_of("quoted_update")
def tell_more_quoters(
    state: State, entry: Entry, outcome: Outcome, at: int, last: int, id_: int
) -> None:
    """Unless the post is gone."""
    row = state.row("select account from posts where id = ? and deleted = 0", (id_,))
    if row is not None:
        by_author = msgspec.structs.replace(entry, actor=row[0])
        _tell_quoters(state, by_author, outcome, last, id_, TOLD_PER_DUE)
