"""Polls: a post's question, the votes, and its end.

A poll that an edit begins anew keeps no vote: only those count whose number is not below `begun`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from covey.errors import Refused
from covey.limits import (
    POLL_OPTION_CHARACTERS,
    POLL_OPTIONS,
    POLL_SECONDS_MAX,
    POLL_SECONDS_MIN,
    ROWS_PER_MESSAGE,
)
from covey.messages import Entry, Poll, Vote
from covey.state.accounts import require_account
from covey.state.candidates import standing
from covey.state.notifications import notify
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import check_text
from covey.state.time import due_of, schedule

TOLD_PER_DUE: Final = ROWS_PER_MESSAGE - 10
"""Voters told of the end by one `due`; the rest are the rows of the poll itself."""

_texts: Final = msgspec.msgpack.Decoder(tuple[str, ...])
_numbers: Final = msgspec.msgpack.Decoder(list[int])


class PollRow(Struct, frozen=True):
    """A poll as rows hold it."""

    post: int
    options_column: bytes
    multiple: int
    hide_totals: int
    ends: int
    """Stamp."""
    ended: int
    voters: int
    counts_column: bytes
    begun: int
    """Number of the message that opened it."""

    @property
    def options(self) -> tuple[str, ...]:
        return _texts.decode(self.options_column)

    @property
    def counts(self) -> list[int]:
        """Votes, an option each."""
        return _numbers.decode(self.counts_column)


POLL: Final = "post, options, multiple, hide_totals, ends, ended, voters, counts, begun"
"""The columns of a PollRow, in its order."""


def poll_of(state: State, post: int) -> PollRow | None:
    row = state.row(f"select {POLL} from polls where post = ?", (post,))
    return PollRow(*row) if row else None


# --- asking -----------------------------------------------------------------------------------


def check_poll(poll: Poll) -> None:
    """Raises Refused: "poll_options", "poll_option_empty", "poll_option_twice", "poll_seconds",
    "text_long", "text_character"."""
    if not 2 <= len(poll.options) <= POLL_OPTIONS:
        raise Refused("poll_options", limit=POLL_OPTIONS, count=len(poll.options))
    for option in poll.options:
        if not option or option.isspace():
            raise Refused("poll_option_empty")
        check_text("An option", option, POLL_OPTION_CHARACTERS, lines=False)
    if len(set(poll.options)) != len(poll.options):
        raise Refused("poll_option_twice")
    if not POLL_SECONDS_MIN <= poll.seconds <= POLL_SECONDS_MAX:
        raise Refused("poll_seconds", least=POLL_SECONDS_MIN, most=POLL_SECONDS_MAX)


def open_poll(state: State, entry: Entry, post: int, poll: Poll) -> None:
    """It begins; `schedule_end` sees to its end."""
    state.execute(
        "insert or replace into polls values (?, ?, ?, ?, ?, 0, 0, ?, ?)",
        (
            post, msgspec.msgpack.encode(poll.options), poll.multiple, poll.hide_totals,
            entry.stamp + 1_000 * poll.seconds, msgspec.msgpack.encode([0] * len(poll.options)),
            entry.number,
        ),
    )  # fmt: skip


def is_same_poll(row: PollRow | None, poll: Poll | None) -> bool:
    """Whether it asks the same: then votes and end stay."""
    if row is None or poll is None:
        return row is None and poll is None
    return row.options == poll.options and bool(row.multiple) == poll.multiple


def drop_poll(state: State, post: int) -> None:
    state.execute("delete from polls where post = ?", (post,))


# --- voting -----------------------------------------------------------------------------------


@check_of(Vote)
def check_vote(state: State, actor: int, message: Vote, stamp: int) -> None:
    require_account(state, actor)
    post = standing(state, message.post, actor)
    poll = poll_of(state, message.post)
    if poll is None:
        raise Refused("not_found")
    if post.account == actor:
        raise Refused("vote_own")
    if poll.ended or stamp >= poll.ends:
        raise Refused("poll_ended")
    choices = message.choices
    if (
        not choices
        or len(set(choices)) != len(choices)
        or (len(choices) > 1 and not poll.multiple)
        or not all(0 <= choice < len(poll.options) for choice in choices)
    ):
        raise Refused("vote_choices")
    if state.row(
        "select 1 from votes where post = ? and account = ? and number >= ?",
        (message.post, actor, poll.begun),
    ):
        raise Refused("vote_twice")


@apply_of(Vote)
def apply_vote(state: State, entry: Entry, message: Vote, outcome: Outcome) -> None:
    poll = poll_of(state, message.post)
    if poll is None:
        return
    state.execute(
        # in place of one in the poll before
        "insert or replace into votes values (?, ?, ?, ?)",
        (message.post, entry.actor, msgspec.msgpack.encode(message.choices), entry.number),
    )
    counts = poll.counts
    for choice in message.choices:
        counts[choice] += 1
    state.execute(
        "update polls set voters = voters + 1, counts = ? where post = ?",
        (msgspec.msgpack.encode(counts), message.post),
    )
    _touch(state, entry, message.post)


def _touch(state: State, entry: Entry, post: int) -> None:
    """Caches of the post are stale."""
    state.execute("update posts set changed = ? where id = ?", (entry.number, post))


# --- its end ----------------------------------------------------------------------------------


def schedule_end(state: State, entry: Entry, post: int) -> None:
    """A `due` ends the post's poll, if there is one that goes on and nothing ends it yet."""
    poll = poll_of(state, post)
    if poll is None or poll.ended:
        return
    if not state.row(
        "select 1 from dues where at = ? and kind = 'poll' and subject = ?", (poll.ends, post)
    ):
        schedule(state, entry, poll.ends, "poll", 0, post)


@due_of("poll")
def end_poll(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, post: int
) -> None:
    """The poll ends, and its author and voters are told; `account` is the last voter who was told
    by the `due` before. Unless it is gone, or began anew since."""
    poll = poll_of(state, post)
    author = state.count("select account from posts where id = ?", (post,))
    as_author = msgspec.structs.replace(entry, actor=author)
    if poll is None or bool(poll.ended) != bool(account):
        return
    if not account:
        if poll.ends != at:
            return
        state.execute("update polls set ended = 1 where post = ?", (post,))
        _touch(state, entry, post)
        notify(state, as_author, outcome, author, "poll", post)
    voters = state.execute(
        "select account from votes where post = ? and account > ? and number >= ?"
        " order by account limit ?",
        (post, account, poll.begun, TOLD_PER_DUE),
    ).fetchall()
    for (voter,) in voters:
        notify(state, as_author, outcome, voter, "poll", post)
    if len(voters) == TOLD_PER_DUE:
        schedule(state, entry, entry.stamp, "poll", voters[-1][0], post)
