"""What a resumed stream missed: what came to its queues after a message, from these queues.

All of it is oldest first, at most `limit` of it, with the number of the message that brought it.
Live delivers every boost, so nothing here knows of a boost window.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import (
    Candidate,
    Listing,
    Reach,
    Relations,
    delivered,
    listed,
    sets_aside,
    visible,
)
from covey.limits import CHANGES_MS
from covey.live.presence import told
from covey.state.candidates import FROZEN, FROZEN_COLUMNS, candidate_of
from covey.state.home import ids_above, list_ids_above
from covey.state.merge import END
from covey.state.queries import PUBLIC, Snapshot
from covey.state.state import EVERYBODY

_OF_POSTS: Final = ("delete", "edit")
_SHOWN_QUOTE: Final = "iif(quote_revoked, 0, quote_of)"
"""The id of what a post quotes, unless that was taken back."""


def too_old(snapshot: Snapshot, number: int, now: int) -> bool:
    """Whether deletes or reading positions after message `number` may be forgotten: they are kept
    for CHANGES_MS, and of the older ones always the newest, so that it can be told. `now` in ms."""
    row = snapshot.row("select number, stamp from changes order by number limit 1")
    return row is not None and number < row[0] and row[1] <= now - CHANGES_MS


def posts_after(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of the home's candidates, also of those deleted since."""
    above = _id_after(snapshot, number) - 1
    ids = list(islice(ids_above(snapshot, arena, reader, above, END, limit), limit))
    return sorted(snapshot.among("select number, id from posts where id in carray(?)", ids))


def public_after(
    snapshot: Snapshot, reader: Relations, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of public posts that the reader did not set aside."""
    return _shared_after(snapshot, reader, number, limit, f"from posts where {PUBLIC}", ())


def tag_after(
    snapshot: Snapshot, reader: Relations, tag: str, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of public posts with the tag that the reader did not set aside."""
    where = "from tags join posts on id = post where tag = ? and now = 1"
    return _shared_after(snapshot, reader, number, limit, where, (tag,), "post")


def group_after(
    snapshot: Snapshot, reader: Relations, group: int, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of posts in the group that the reader may see and did not set aside."""
    where = 'from group_posts join posts on id = post where "group" = ? and now = 1'
    return _shared_after(snapshot, reader, number, limit, where, (group,), "post")


def list_after(
    snapshot: Snapshot, listing: Listing, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of the list's candidates, also of those deleted since."""
    above = _id_after(snapshot, number) - 1
    ids = list(islice(list_ids_above(snapshot, listing, above, END, limit), limit))
    return sorted(snapshot.among("select number, id from posts where id in carray(?)", ids))


def may_watch(snapshot: Snapshot, reader: Relations, queue: str) -> bool:
    """A list is its owner's, a group its members' or, an open one, everybody's."""
    kind, _, which = queue.partition("/")
    if kind == "list":
        return snapshot.list_of(reader.account, int(which)) is not None
    if kind == "group":
        return int(which) in reader.groups or int(which) in reader.everybody.open_groups
    return True


def stands_in(snapshot: Snapshot, reader: Relations, queue: str, post: Candidate) -> bool:
    """Whether the post, of which the engine says that it stands in `queue` (not home or
    notifications), stands there for this reader."""
    kind, _, which = queue.partition("/")
    if kind == "list":
        listing = snapshot.listing(reader, int(which))
        return listing is not None and listed(post, listing)
    if post.quote_account:
        quoted = snapshot.row(f"select {_SHOWN_QUOTE} from posts where id = ?", (post.id,))
        if _hidden_originals(snapshot, reader, quoted or ()):
            return False
    return (
        may_watch(snapshot, reader, queue)
        and visible(post, reader)
        and not sets_aside(post, reader)
    )


def concerns(snapshot: Snapshot, reader: Relations, queue: str, post: Candidate) -> bool:
    """Whether a reader of `queue` is told that the post is gone or another: of what was in home or
    mentioned the reader; of what was public; of what was posted to the group, or by a member of the
    list."""
    kind, _, which = queue.partition("/")
    match kind:
        case "home" | "notifications":
            return reader.account in (post.account, *post.mentioned) or delivered(post, reader)
        case "group":
            return int(which) in post.groups and may_watch(snapshot, reader, queue)
        case "list":
            listing = snapshot.listing(reader, int(which))
            return (
                listing is not None
                and post.account in listing.members
                and post.visibility != Reach.DIRECT
            )
        case "direct":
            return False  # it is told what is last in the conversation now
    return post.visibility == Reach.PUBLIC


def _shared_after(
    snapshot: Snapshot,
    reader: Relations,
    number: int,
    limit: int,
    where: str,
    values: tuple[object, ...],
    position: str = "id",
) -> list[tuple[int, int]]:
    columns = f"{FROZEN}, number, {_SHOWN_QUOTE}"
    sql = f"select {columns} {where} and {position} > ? order by {position} limit ?"
    found: list[tuple[int, int]] = []
    above = _id_after(snapshot, number) - 1
    while len(found) < limit:
        rows = snapshot.rows(sql, (*values, above, limit))
        hidden = _hidden_originals(snapshot, reader, {row[-1] for row in rows if row[-1]})
        found += [
            (row[FROZEN_COLUMNS], row[0])
            for row in rows
            if row[-1] not in hidden
            and visible(post := candidate_of(row), reader)
            and not sets_aside(post, reader)
        ]
        if len(rows) < limit:
            break
        above = rows[-1][0]
    return found[:limit]


def _hidden_originals(snapshot: Snapshot, reader: Relations, ids: Collection[int]) -> set[int]:
    """Which of these quoted posts stand and may not be seen: then nor may what quotes them."""
    originals = snapshot.gists(ids)
    return {id_ for id_, row in originals.items() if not row.deleted and not visible(row, reader)}


def notifications_after(snapshot: Snapshot, account: int, number: int, limit: int) -> list[int]:
    """Numbers of the account's notifications."""
    rows = snapshot.rows(
        "select number from notifications where account = ? and filtered = 0 and number > ?"
        " order by number limit ?",
        (account, number, limit),
    )
    return [row[0] for row in rows]


def conversations_after(
    snapshot: Snapshot, account: int, number: int, limit: int
) -> list[tuple[int, int]]:
    """(number, id) of direct posts that stand, by the account or mentioning it."""
    above, direct = _id_after(snapshot, number) - 1, int(Reach.DIRECT)
    mentioned = snapshot.rows(
        "select number, id from mentions join posts on id = post where mentions.account = ?"
        " and post > ? and visibility = ? and deleted = 0 order by post limit ?",
        (account, above, direct, limit),
    )
    own = snapshot.rows(
        "select number, id from posts where account = ? and id > ? and visibility = ?"
        " and deleted = 0 order by id limit ?",
        (account, above, direct, limit),
    )
    return sorted({*mentioned, *own})[:limit]


def changes_after(
    snapshot: Snapshot, reader: Relations, queues: Collection[str], number: int, limit: int
) -> list[tuple[int, str, int]]:
    """(number, kind, subject) of what changed for the reader or for everybody, if one of the queues
    carries it; of deletes and edits that concern one of the queues; and, in "direct", of
    conversations of which something was edited or taken back."""
    found: list[tuple[int, str, int]] = []
    while len(found) < limit:
        rows = snapshot.rows(
            "select number, kind, subject, account from changes where number > ?"
            " order by number limit ?",
            (number, limit),
        )
        posts = snapshot.candidates([row[2] for row in rows if row[1] in _OF_POSTS])
        for changed, kind, subject, account in rows:
            if kind in _OF_POSTS:
                post = posts[subject]
                concerned = any(concerns(snapshot, reader, queue, post) for queue in queues)
                if "direct" in queues and _takes_part(reader.account, post):
                    found.append((changed, "conversation", subject))
            else:
                concerned = account in (reader.account, EVERYBODY) and any(
                    queue in queues for queue in told(kind)
                )
            if concerned:
                found.append((changed, kind, subject))
        if len(rows) < limit:
            break
        number = rows[-1][0]
    return found[:limit]


def _takes_part(account: int, post: Candidate) -> bool:
    return post.visibility == Reach.DIRECT and account in (post.account, *post.mentioned)


def _id_after(snapshot: Snapshot, number: int) -> int:
    """The id of the first post after message `number`; above all ids when there is none."""
    row = snapshot.row("select id from posts where number > ? order by number limit 1", (number,))
    return row[0] if row else END
