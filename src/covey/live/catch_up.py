"""What a resumed stream missed: what came to its queues after a message, from these queues.

All of it is oldest first, at most `limit` of it, with the number of the message that brought it.
Live delivers every boost, so nothing here knows of a boost window.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Candidate, Reach, Relations, delivered, sets_aside, visible
from covey.limits import CHANGES_MS
from covey.state.home import ids_above
from covey.state.merge import END
from covey.state.posts import FROZEN, candidate_of
from covey.state.queries import PUBLIC, Snapshot


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
    where = "from tags join posts on id = post where tag = ?"
    return _shared_after(snapshot, reader, number, limit, where, (tag,), "post")


def shared(post: Candidate, reader: Relations) -> bool:
    """Does a queue of everybody that holds the post show it to this reader?"""
    return visible(post, reader) and not sets_aside(post, reader)


def _shared_after(
    snapshot: Snapshot,
    reader: Relations,
    number: int,
    limit: int,
    where: str,
    values: tuple[object, ...],
    position: str = "id",
) -> list[tuple[int, int]]:
    sql = f"select {FROZEN}, number {where} and {position} > ? order by {position} limit ?"
    found: list[tuple[int, int]] = []
    above = _id_after(snapshot, number) - 1
    while len(found) < limit:
        rows = snapshot.rows(sql, (*values, above, limit))
        found += [(row[8], row[0]) for row in rows if shared(candidate_of(row[:8]), reader)]
        if len(rows) < limit:
            break
        above = rows[-1][0]
    return found[:limit]


def notifications_after(snapshot: Snapshot, account: int, number: int, limit: int) -> list[int]:
    """Numbers of the account's notifications."""
    rows = snapshot.rows(
        "select number from notifications where account = ? and number > ? order by number limit ?",
        (account, number, limit),
    )
    return [row[0] for row in rows]


def changes_after(
    snapshot: Snapshot, reader: Relations, queues: Collection[str], number: int, limit: int
) -> list[tuple[int, str, int]]:
    """(number, kind, subject) of the reader's own reading positions, and of deletes: for its home
    and notifications, of what was in its home or mentioned it; for queues of everybody, of what was
    public."""
    own = bool({"home", "notifications"} & set(queues))
    shared = bool(set(queues) - {"home", "notifications"})
    found: list[tuple[int, str, int]] = []
    while len(found) < limit:
        rows = snapshot.rows(
            "select number, kind, subject, account from changes where number > ?"
            " order by number limit ?",
            (number, limit),
        )
        posts = snapshot.candidates([row[2] for row in rows if row[1] == "delete"])
        for changed, kind, subject, account in rows:
            concerned = own and account == reader.account
            if kind == "delete" and not concerned:
                post = posts[subject]
                concerned = (shared and post.visibility == Reach.PUBLIC) or (
                    own and (reader.account in post.mentioned or delivered(post, reader))
                )
            if concerned:
                found.append((changed, kind, subject))
        if len(rows) < limit:
            break
        number = rows[-1][0]
    return found[:limit]


def _id_after(snapshot: Snapshot, number: int) -> int:
    """The id of the first post after message `number`; above all ids when there is none."""
    row = snapshot.row("select id from posts where number > ? order by number limit 1", (number,))
    return row[0] if row else END
