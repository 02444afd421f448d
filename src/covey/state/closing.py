"""Closing an account: nobody sees it from that moment on, and what it held goes by and by: as if
the account ended it, one thing after the other, so many in each `due` as keep to ROWS_PER_MESSAGE.
Its name stays taken, its posts leave tombstones. Whom it blocked stays blocked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from covey.errors import Refused
from covey.limits import ROWS_PER_MESSAGE
from covey.messages import (
    SERVER,
    CancelDraft,
    CloseAccount,
    CloseSession,
    DeleteFilter,
    DeleteList,
    Entry,
    LeaveGroup,
    Message,
    Note,
    RejectFollow,
    RemoveFollower,
    RevokeToken,
    UnblockDomain,
    Unbookmark,
    Unfavourite,
    UnfeatureTag,
    Unfollow,
    UnfollowTag,
    Unmute,
)
from covey.state.media import drop_media
from covey.state.moderation import cut_access
from covey.state.posts import bury
from covey.state.rules import APPLIES, apply_of, check_of
from covey.state.standing import stand
from covey.state.state import Outcome, State
from covey.state.time import due_of, schedule

_ROWS_EACH: Final = 250
"""That the end of one thing changes at most: a post with all its mentions, tags and groups."""
_LOOKED_UP: Final = 100
"""Things found by one query."""

End = Callable[[State, Entry, Outcome, Any], None]


def _by(make: Callable[[Any], Message]) -> End:
    """As if the account had sent this message."""

    def end(state: State, entry: Entry, outcome: Outcome, found: Any) -> None:
        message = make(found)
        APPLIES[type(message)](state, entry, message, outcome)

    return end


def _row(table: str, column: str) -> tuple[str, End]:
    """A row that concerns nobody else."""

    def end(state: State, entry: Entry, outcome: Outcome, found: Any) -> None:
        state.execute(
            f"delete from {table} where account = ? and {column} = ?", (entry.actor, found)
        )

    return f"select {column} from {table} where account = :a", end


def _bury(state: State, entry: Entry, outcome: Outcome, found: Any) -> None:
    bury(state, entry, outcome, found, told=False)


def _drop(state: State, entry: Entry, outcome: Outcome, found: Any) -> None:
    drop_media(state, found)


PARTS: Final[tuple[tuple[str, End], ...]] = (
    ("select session_hash from sessions where account = :a",
     _by(lambda hash_: CloseSession(session_hash=hash_))),
    ("select token_hash from tokens where account = :a",
     _by(lambda hash_: RevokeToken(token_hash=hash_))),
    ("select followed from follows where follower = :a", _by(lambda a: Unfollow(account=a))),
    ("select followed from follow_requests where follower = :a",
     _by(lambda a: Unfollow(account=a))),
    ("select follower from follows where followed = :a", _by(lambda a: RemoveFollower(account=a))),
    ("select follower from follow_requests where followed = :a",
     _by(lambda a: RejectFollow(account=a))),
    # before what shows them: nothing is let go for a day then
    ("select number from media where account = :a", _drop),
    ('select "group" from memberships where account = :a', _by(lambda g: LeaveGroup(group=g))),
    ("select number from drafts where account = :a", _by(lambda n: CancelDraft(number=n))),
    ("select id from posts where account = :a and deleted = 0 and id > :after order by id", _bury),
    ("select post from favourites where account = :a", _by(lambda post: Unfavourite(post=post))),
    ("select post from bookmarks where account = :a", _by(lambda post: Unbookmark(post=post))),
    ("select number from lists where account = :a", _by(lambda n: DeleteList(list=n))),
    ("select tag from tag_follows where account = :a", _by(lambda name: UnfollowTag(name=name))),
    ("select tag from tag_features where account = :a", _by(lambda name: UnfeatureTag(name=name))),
    ("select target from mutes where account = :a", _by(lambda a: Unmute(account=a))),
    ("select domain from domain_blocks where account = :a",
     _by(lambda domain: UnblockDomain(domain=domain))),
    ("select target from notes where account = :a", _by(lambda a: Note(account=a, text=""))),
    ("select number from filters where account = :a", _by(lambda n: DeleteFilter(filter=n))),
    _row("pins", "number"),
    _row("muted_threads", "thread"),
    _row("notification_requests", "sender"),
    _row("notification_policies", "account"),
    _row("notifications", "number"),
    _row("conversations", "thread"),
    _row("positions", "queue"),
    _row("second_factors", "account"),
    _row("recovery_codes", "code_hash"),
    _row("invites", "code_hash"),
    _row("dismissed_suggestions", "target"),
    _row("announcement_reads", "announcement"),
    _row("announcement_reactions", "number"),
)  # fmt: skip
"""What an account holds, in the order in which it goes: a query for it, and how one thing ends."""


@check_of(CloseAccount)
def check_close_account(state: State, actor: int, message: CloseAccount, stamp: int) -> None:
    if actor == SERVER:
        raise Refused("not_found")


@apply_of(CloseAccount)
def apply_close_account(
    state: State, entry: Entry, message: CloseAccount, outcome: Outcome
) -> None:
    account = entry.actor
    stand(state, entry, outcome, account, "closed")
    state.execute(
        "update accounts set display_name = '', note = '', facets = x'', fields = x'', email = '',"
        " password_hash = '', avatar = 0, header = 0 where number = ?",
        (account,),
    )
    cut_access(state, entry, outcome, account)
    schedule(state, entry, entry.stamp, "close_account", account)


@due_of("close_account")
def due_close_account(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, subject: int
) -> None:
    """`subject`: up to which post its posts are gone."""
    own = msgspec.structs.replace(entry, actor=account)
    enough = state.connection.total_changes() + ROWS_PER_MESSAGE - _ROWS_EACH
    for find, end in PARTS:
        # rows that are found are gone before they are looked for again
        sql = f"{find} limit {_LOOKED_UP}"
        while found := state.execute(sql, {"a": account, "after": subject}).fetchall():
            for (thing,) in found:
                if state.connection.total_changes() > enough:
                    schedule(state, entry, entry.stamp, "close_account", account, subject)
                    return
                end(state, own, outcome, thing)
                if end is _bury:
                    subject = thing
