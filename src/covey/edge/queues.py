"""All queues but home and lists, by cursor: an account's outbox, public, a tag, a group, a thread,
conversations, what an account keeps, what a post was, notifications, and the accounts around an
account or a post."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from covey.delivery.audience import STRANGER, Reach, Relations, sets_aside
from covey.edge.cursor import Cursor, Page, fill, page
from covey.edge.shown import Listed, Load, Post, is_shown, load_originals, shown
from covey.errors import Refused
from covey.limits import CONTEXT_ANCESTORS, CONTEXT_DESCENDANTS
from covey.messages import Post as PostMessage
from covey.state.candidates import decode_media
from covey.state.polls import POLL, PollRow
from covey.state.queries import POST, PUBLIC, NotificationRow, PostRow, Snapshot, numbers
from covey.state.texts import Facets, decode_facets

WITH_MEDIA: Final = "media != x''"
"""Which posts have media, as a condition on their rows: none can have any yet."""
LINK_POSTS: Final = 5_000
"""Of the public queue, looked at for those that link to an address."""
THREAD_POSTS: Final = 1_000
"""Looked at for what a thread shows: deleted and hidden posts stand in the way too."""


# --- posts ------------------------------------------------------------------------------------


def outbox(
    snapshot: Snapshot,
    reader: Relations,
    account: int,
    cursor: Cursor,
    *,
    exclude_replies: bool = False,
    exclude_boosts: bool = False,
    only_media: bool = False,
    tag: str = "",
) -> Page[PostRow]:
    """An account's own queue, to its first post, at any depth for the same cost. Replies to itself
    are no replies here. `tag`: only public posts that have it. `posts` has the originals of
    boosts."""
    where = "from posts where account = ? and deleted = 0"
    values: tuple[object, ...] = (account,)
    if tag:
        where += " and exists (select 1 from tags where tag = ? and post = id and now = 1)"
        values = (*values, tag)
    if exclude_replies:
        where += " and (reply_to = 0 or reply_account = account)"
    if exclude_boosts:
        where += " and boost_of = 0"
    if only_media:
        where += f" and {WITH_MEDIA}"
    if account != reader.account:
        # rows that `is_shown` would pass over one by one, here without making them
        reach = Reach.FOLLOWERS if account in reader.following else Reach.UNLISTED
        where += (
            f" and (visibility <= ? or visibility >= {int(Reach.GROUP)} or exists"
            " (select 1 from mentions where mentions.account = ? and mentions.post = id))"
        )
        values = (*values, reach, reader.account)
    originals: dict[int, PostRow] = {}

    def show(rows: Sequence[PostRow]) -> list[PostRow]:
        return shown(snapshot.posts, rows, originals, reader)

    rows = fill(cursor, _posts(snapshot, cursor, where, "id", values), show, _id)
    return page(cursor, rows, _id, originals)


class Shared(Struct, frozen=True):
    """A queue that several readers see, each its part of it: posts `where`, in order of `id`."""

    where: str
    values: tuple[object, ...] = ()
    id: str = "id"


PUBLIC_QUEUE: Final = Shared(f"from posts where {PUBLIC}")


def tag_queue(name: str) -> Shared:
    return Shared("from tags join posts on id = post where tag = ? and now = 1", (name,), "post")


def group_queue(reader: Relations, group: int) -> Shared:
    """Raises Refused("not_found") unless the reader is a member or the group is open."""
    if group not in reader.groups and group not in reader.everybody.open_groups:
        raise Refused("not_found")
    where = 'from group_posts join posts on id = post where "group" = ? and now = 1'
    return Shared(where, (group,), "post")


def conversation_queue(thread: int) -> Shared:
    """Raises nothing: who takes no part in it sees nothing of it."""
    where = f"from posts where thread = ? and visibility = {int(Reach.DIRECT)}"
    return Shared(where, (thread,))


def public(
    snapshot: Snapshot, reader: Relations, cursor: Cursor, *, only_media: bool = False
) -> Page[PostRow]:
    """What everybody posts: no boosts, no replies to others. On a server that knows no others it is
    the local queue, too."""
    return shared(snapshot, reader, _only(PUBLIC_QUEUE, WITH_MEDIA, only_media), cursor)


def _only(queue: Shared, condition: str, holds: bool) -> Shared:
    if not holds:
        return queue
    return Shared(f"{queue.where} and {condition}", queue.values, queue.id)


def tag(snapshot: Snapshot, reader: Relations, name: str, cursor: Cursor) -> Page[PostRow]:
    """Public posts with the tag (normalised, without #), replies too."""
    return shared(snapshot, reader, tag_queue(name), cursor)


def tags(
    snapshot: Snapshot,
    reader: Relations,
    names: Collection[str],
    cursor: Cursor,
    *,
    also: Collection[str] = (),
    without: Collection[str] = (),
    only_media: bool = False,
) -> Page[PostRow]:
    """Public posts with at least one of the tags `names`, all of `also` and none of `without`."""
    has = "(select 1 from tags t where t.tag = ? and t.post = tags.post and t.now = 1)"
    where = f" and exists {has}" * len(also) + f" and not exists {has}" * len(without)
    pulls = []
    for name in dict.fromkeys(names):
        queue = _only(tag_queue(name), WITH_MEDIA, only_media)
        select, values = f"select {POST} {queue.where}{where}", (*queue.values, *also, *without)
        pulls.append(_pull(snapshot, cursor.ascending, select, queue.id, values))

    def pull(below: int, above: int, count: int) -> list[PostRow]:
        # as many of each as are wanted of all: what is cut off here comes again
        found = {row[0]: row for one in pulls for row in one(below, above, count)}
        order = sorted(found, reverse=not cursor.ascending)
        return [PostRow(*found[id_]) for id_ in order[:count]]

    return page(cursor, fill(cursor, pull, _shown_to(snapshot, reader), _id), _id)


def linking(snapshot: Snapshot, reader: Relations, url: str, cursor: Cursor) -> Page[PostRow]:
    """Those of the newest LINK_POSTS public posts that link to an address."""
    newest = f"(select {POST} from posts where {PUBLIC} order by id desc limit {LINK_POSTS})"
    where = f"from {newest} where instr(facets, cast(? as blob))"
    return shared(snapshot, reader, Shared(where, (url,)), cursor)


def direct(snapshot: Snapshot, reader: Relations, cursor: Cursor) -> Page[PostRow]:
    """Direct posts that the reader wrote or is mentioned in."""
    where = (
        f"from posts where visibility = {int(Reach.DIRECT)} and (account = ?1 or exists"
        " (select 1 from mentions where mentions.account = ?1 and mentions.post = posts.id))"
        " and thread in (select thread from conversations where account = ?1)"
    )
    return shared(snapshot, reader, Shared(where, (reader.account,)), cursor)


def group(
    snapshot: Snapshot,
    reader: Relations,
    number: int,
    cursor: Cursor,
    *,
    exclude_replies: bool = False,
) -> Page[PostRow]:
    """Posts to the group that nobody took out of it. Raises Refused("not_found") unless the reader
    is a member or the group is open."""
    queue = group_queue(reader, number)
    if exclude_replies:
        queue = Shared(f"{queue.where} and reply_to = 0", queue.values, queue.id)
    return shared(snapshot, reader, queue, cursor)


def conversation(
    snapshot: Snapshot, reader: Relations, thread: int, cursor: Cursor
) -> Page[PostRow]:
    """The direct posts of a thread (the id of its first post) that the reader wrote or is mentioned
    in."""
    return shared(snapshot, reader, conversation_queue(thread), cursor)


def shared(snapshot: Snapshot, reader: Relations, queue: Shared, cursor: Cursor) -> Page[PostRow]:
    """A page of the queue as the reader sees it."""
    return page(cursor, read_shared(snapshot, reader, queue, cursor, POST, PostRow), _id)


def read_shared(
    snapshot: Snapshot,
    reader: Relations,
    queue: Shared,
    cursor: Cursor,
    columns: str,
    make: Callable[..., Post],
) -> list[Post]:
    """The rows of a page; `make` makes one of `columns`."""
    select = f"select {columns} {queue.where}"
    pull = _pull(snapshot, cursor.ascending, select, queue.id, queue.values)

    show = _shown_to(snapshot, reader)
    return fill(cursor, lambda *place: [make(*row) for row in pull(*place)], show, _id)


def _shown_to(snapshot: Snapshot, reader: Relations) -> Callable[[Sequence[Post]], list[Post]]:
    """What of a queue that several readers see this one is shown."""

    def show(rows: Sequence[Post]) -> list[Post]:
        rows = shown(snapshot.gists, rows, {}, reader)
        return [row for row in rows if not sets_aside(row, reader)]

    return show


def thread(
    snapshot: Snapshot, reader: Relations, post: PostRow
) -> tuple[list[PostRow], list[PostRow]]:
    """What a post answers, root first, and what answers it, depth first, each after its parent and
    the older before the newer; as far as the reader may see it.

    At most CONTEXT_ANCESTORS, the nearest, and CONTEXT_DESCENDANTS, those higher in the tree.
    """
    above = snapshot.rows(
        f"with recursive up (place, above) as (select 1, ? union all"
        " select place + 1, reply_to from up join posts on id = above"
        f" where reply_to != 0 and place < {THREAD_POSTS})"
        f" select {POST} from up join posts on id = above order by place",
        (post.reply_to,),
    )
    ancestors = shown(snapshot.gists, _rows(above), {}, reader)
    ancestors = ancestors[:CONTEXT_ANCESTORS][::-1]

    # level by level: a thread costs a query for each, not for each post
    children: dict[int, list[int]] = {}
    below: dict[int, PostRow] = {}
    level, left = [post.id], THREAD_POSTS
    while level and left and len(below) < CONTEXT_DESCENDANTS:
        found = snapshot.rows(
            "select id, reply_to from posts where reply_to in carray(?) and reply_to != 0"
            " order by id limit ?",
            (numbers(level), left),
        )
        level = [id_ for id_, _ in found]
        left -= len(level)
        for id_, parent in found:
            children.setdefault(parent, []).append(id_)
        rows = snapshot.posts(level)
        for row in shown(snapshot.gists, [rows[id_] for id_ in level], {}, reader):
            if len(below) < CONTEXT_DESCENDANTS:
                below[row.id] = row
    descendants: list[PostRow] = []
    stack = children.get(post.id, [])[::-1]
    while stack:
        id_ = stack.pop()
        if id_ in below:
            descendants.append(below[id_])
        stack += children.get(id_, [])[::-1]
    return ancestors, descendants


def flags(snapshot: Snapshot, account: int, ids: Collection[int]) -> tuple[set[int], set[int]]:
    """What the account did with posts (never a boost): (favourited, boosted)."""
    if not ids or not account:
        return set(), set()
    favourited = snapshot.rows(
        "select post from favourites where post in carray(?) and account = ?",
        (numbers(ids), account),
    )
    boosted = snapshot.rows(
        "select boost_of from posts where boost_of in carray(?) and account = ? and deleted = 0"
        " and boost_of != 0",
        (numbers(ids), account),
    )
    return {id_ for (id_,) in favourited}, {id_ for (id_,) in boosted}


class Keeps(Struct, frozen=True):
    """Of which kinds an account keeps anything. Most keep nothing of a kind, which costs next to
    nothing to know."""

    bookmarks: int = 0
    pins: int = 0
    muted_threads: int = 0
    filters: int = 0


def keeps(snapshot: Snapshot, account: int) -> Keeps:
    """One look for all kinds."""
    if not account:
        return Keeps()
    row = snapshot.row(
        "select exists (select 1 from bookmarks where account = ?1),"
        " exists (select 1 from pins where account = ?1),"
        " exists (select 1 from muted_threads where account = ?1),"
        " exists (select 1 from filters where account = ?1)",
        (account,),
    )
    return Keeps(*(row or ()))


def marks(
    snapshot: Snapshot, account: int, ids: Collection[int], kept: Keeps | None = None
) -> tuple[set[int], set[int], set[int]]:
    """What the account keeps of posts (never a boost): (bookmarked, pinned, in a muted thread).
    `kept`: what `keeps` says, where that is known."""
    if not ids or not account:
        return set(), set(), set()
    kept = kept or keeps(snapshot, account)
    found = (
        {id_ for (id_,) in snapshot.rows(sql, (numbers(ids), account))} if any_ else set()
        for any_, sql in zip((kept.bookmarks, kept.pins, kept.muted_threads), _MARKS, strict=True)
    )
    bookmarked, pinned, muted = found
    return bookmarked, pinned, muted


_MARKS: Final = (
    "select post from bookmarks where post in carray(?) and account = ?",
    "select post from pins where post in carray(?) and account = ?",
    "select id from posts join muted_threads using (thread)"
    " where id in carray(?) and muted_threads.account = ?",
)


def quoting(snapshot: Snapshot, reader: Relations, post: int, cursor: Cursor) -> Page[PostRow]:
    """What quotes a post, as far as the reader is shown it, without what was revoked."""
    where = "from posts where quote_of = ? and quote_of != 0 and deleted = 0 and quote_revoked = 0"
    return shared(snapshot, reader, Shared(where, (post,)), cursor)


# --- what an account keeps --------------------------------------------------------------------


def bookmarks(snapshot: Snapshot, reader: Relations, cursor: Cursor) -> Page[tuple[int, PostRow]]:
    """(number, post) of the reader's bookmarks; positions are their log numbers. What stands no
    more, or may not be seen any more, is passed over."""
    columns = ", ".join(f"p.{column}" for column in POST.split(", "))
    select = (
        f"select b.number, {columns} from bookmarks b join posts p on p.id = b.post"
        " where b.account = ?"
    )
    pull = _pull(snapshot, cursor.ascending, select, "b.number", (reader.account,))
    originals: dict[int, PostRow] = {}

    def show(rows: Sequence[tuple[int, PostRow]]) -> list[tuple[int, PostRow]]:
        load_originals(snapshot.posts, [post for _, post in rows], originals)
        return [row for row in rows if is_shown(row[1], originals, reader)]

    rows = fill(
        cursor, lambda *place: [(row[0], PostRow(*row[1:])) for row in pull(*place)], show, _first
    )
    return page(cursor, rows, _first, originals)


def pinned(snapshot: Snapshot, reader: Relations, account: int) -> list[PostRow]:
    """What the account shows at the top of its profile, last pinned first; at most
    PINS_PER_ACCOUNT."""
    ids = snapshot.rows("select post from pins where account = ? order by number desc", (account,))
    posts = snapshot.posts([id_ for (id_,) in ids])
    return shown(snapshot.gists, [posts[id_] for (id_,) in ids], {}, reader)


class DraftRow(Struct, frozen=True):
    """A post that is held until `at` (stamp)."""

    number: int
    at: int
    post: PostMessage


_texts: Final = msgspec.msgpack.Decoder(tuple[str, ...])
_post_message: Final = msgspec.msgpack.Decoder(PostMessage)


def drafts(snapshot: Snapshot, account: int, cursor: Cursor) -> Page[DraftRow]:
    """What the account holds; positions are the log numbers of the drafts."""
    select = "select number, at, body from drafts where account = ?"
    pull = _pull(snapshot, cursor.ascending, select, "number", (account,))
    rows = fill(
        cursor,
        lambda *place: [DraftRow(n, at, _post_message.decode(b)) for n, at, b in pull(*place)],
        list,
        _number_of,
    )
    return page(cursor, rows, _number_of)


def _number_of(row: DraftRow) -> int:
    return row.number


# --- of one post ------------------------------------------------------------------------------


class Version(Struct, frozen=True):
    """What a post said since `stamp`."""

    stamp: int
    language: str
    warning: str
    sensitive: int
    text: str
    facets_column: bytes
    media_column: bytes
    poll_column: bytes
    """msgpack of its poll's options; empty: it had none."""

    @property
    def facets(self) -> Facets:
        return decode_facets(self.facets_column)

    @property
    def media(self) -> tuple[int, ...]:
        return decode_media(self.media_column)

    @property
    def poll(self) -> tuple[str, ...]:
        """The options of its poll."""
        return _texts.decode(self.poll_column) if self.poll_column else ()


def history(snapshot: Snapshot, post: PostRow) -> list[Version]:
    """All that a post said, oldest first, what it says now at last."""
    before = snapshot.rows(
        "select stamp, language, warning, sensitive, text, facets, media, poll from versions"
        " where post = ? order by number",
        (post.id,),
    )
    poll = snapshot.row("select options from polls where post = ?", (post.id,))
    now = Version(
        post.edited or post.stamp, post.language, post.warning, post.sensitive, post.text,
        post.facets_column, post.media_column, poll[0] if poll else b"",
    )  # fmt: skip
    return [*(Version(*row) for row in before), now]


class OwnPoll(Struct, frozen=True):
    """A poll as one account sees it."""

    poll: PollRow
    choices: tuple[int, ...]
    """Its own; empty: it did not vote."""


def polls(snapshot: Snapshot, account: int, ids: Collection[int]) -> dict[int, OwnPoll]:
    """Those that the posts have, by post, with the account's own votes."""
    found = snapshot.among(f"select {POLL} from polls where post in carray(?)", ids)
    if not found:
        return {}
    votes = snapshot.rows(
        "select votes.post, choices from votes join polls on polls.post = votes.post"
        " where votes.post in carray(?) and account = ? and number >= begun",
        (numbers(ids), account),
    )
    own = {post: tuple(msgspec.msgpack.decode(choices)) for post, choices in votes}
    return {row[0]: OwnPoll(PollRow(*row), own.get(row[0], ())) for row in found}


# --- conversations ----------------------------------------------------------------------------


class ConversationRow(Struct, frozen=True):
    """A thread of direct posts that an account takes part in."""

    thread: int
    """Id of the post that began it."""
    position: int
    """Id of its last direct post, whoever wrote it: pages go by it."""
    post: PostRow
    """The last one that the reader is shown."""
    unread: bool
    """Whether that is somebody else's and above the reading position."""


def conversations(snapshot: Snapshot, reader: Relations, cursor: Cursor) -> Page[ConversationRow]:
    """The reader's conversations, those first in which something was said last."""
    select = "select last_post, thread from conversations where account = ?"
    pull = _pull(snapshot, cursor.ascending, select, "last_post", (reader.account,))
    last: dict[int, PostRow] = {}

    def show(rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        posts = snapshot.posts([position for position, _ in rows])
        seen = shown(snapshot.gists, list(posts.values()), {}, reader)
        by_id = {row.id: row for row in seen if not sets_aside(row, reader)}
        for position, thread in rows:
            row = by_id.get(position)
            if row is None:  # of somebody whom the reader set aside: what was said before?
                before = Cursor(max_id=position, limit=1)
                row = next(iter(conversation(snapshot, reader, thread, before).rows), None)
            if row is not None:
                last[thread] = row
        return [row for row in rows if row[1] in last]

    rows = fill(cursor, pull, show, _first)
    read = _read_conversations(snapshot, reader.account)
    found = [
        ConversationRow(thread, position, post, post.account != reader.account
                        and post.id > read.get(thread, 0))
        for position, thread in rows
        for post in (last[thread],)
    ]  # fmt: skip
    return page(cursor, found, _position)


def _position(row: ConversationRow) -> int:
    return row.position


def _read_conversations(snapshot: Snapshot, account: int) -> dict[int, int]:
    """thread → the account's reading position there."""
    rows = snapshot.rows(
        "select queue, position from positions where account = ?"
        " and queue > 'conversation/' and queue < 'conversation0'",  # 0 comes after the slash
        (account,),
    )
    return {int(queue.partition("/")[2]): position for queue, position in rows}


# --- notifications ----------------------------------------------------------------------------


def notifications(
    snapshot: Snapshot,
    reader: Relations,
    cursor: Cursor,
    kinds: Collection[str] = (),
    exclude_kinds: Collection[str] = (),
    sender: int = 0,
    filtered_too: bool = False,
) -> Page[NotificationRow]:
    """What the reader was told of; of some kinds only when `kinds` is given, of one sender when
    that is. What its policy filtered is not among them unless it is asked for, too. Positions are
    log numbers; `posts` has the posts that rows are about."""
    posts: dict[int, PostRow] = {}
    rows = fill(
        cursor,
        pull_notifications(
            snapshot, reader, cursor.ascending, kinds, exclude_kinds, sender, filtered_too
        ),
        lambda rows: shown_notifications(rows, reader, snapshot.posts, posts),
        _number,
    )
    return page(cursor, rows, _number, posts)


def pull_notifications(
    snapshot: Snapshot,
    reader: Relations,
    ascending: bool = False,
    kinds: Collection[str] = (),
    exclude_kinds: Collection[str] = (),
    sender: int = 0,
    filtered_too: bool = False,
) -> Callable[[int, int, int], list[NotificationRow]]:
    where, values = "from notifications where account = ?", [reader.account, *kinds, *exclude_kinds]
    if kinds:
        where += f" and kind in ({','.join('?' * len(kinds))})"
    if exclude_kinds:
        where += f" and kind not in ({','.join('?' * len(exclude_kinds))})"
    if not filtered_too:
        where += " and filtered = 0"
    if sender:
        where += " and sender = ?"
        values.append(sender)
    columns = "account, number, kind, sender, post, stamp"
    pull = _pull(snapshot, ascending, f"select {columns} {where}", "number", tuple(values))
    return lambda *place: [NotificationRow(*row) for row in pull(*place)]


def requests(snapshot: Snapshot, reader: Relations, cursor: Cursor) -> Page[tuple[int, int, int]]:
    """Of whom notifications wait to be accepted or dismissed. Rows are (position, account, how many
    wait); positions are the log numbers of their last ones."""
    select = (
        "select number, sender, (select count(*) from notifications n where n.account = r.account"
        " and n.sender = r.sender and n.filtered = 1) from notification_requests r"
        " where account = ? and state = 'waiting'"
    )

    def show(rows: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        hidden = reader.everybody.hidden | reader.blocks | reader.blocked_by
        return [row for row in rows if row[2] and row[1] not in hidden]

    rows = fill(
        cursor, _pull(snapshot, cursor.ascending, select, "number", (reader.account,)), show, _first
    )
    return page(cursor, rows, _first)


def shown_notifications(
    rows: Sequence[NotificationRow],
    reader: Relations,
    load: Load[Post],
    posts: dict[int, Post],
) -> list[NotificationRow]:
    """Those of `rows` that the reader is shown: not of whom it blocks, or who blocks it, or who is
    suspended, and not of posts that are gone or hidden. What they are about is loaded into
    `posts`."""
    missing = {row.post for row in rows if row.post} - posts.keys()
    if missing:
        posts.update(load(missing))
        load_originals(load, [posts[id_] for id_ in missing], posts)
    return [
        row
        for row in rows
        if row.sender not in reader.blocks
        and row.sender not in reader.blocked_by
        and row.sender not in reader.everybody.hidden
        and (not row.post or (row.post in posts and is_shown(posts[row.post], posts, reader)))
    ]


# --- accounts ---------------------------------------------------------------------------------
# Rows are (position, account). Whom the reader set aside is passed over.


def followers(
    snapshot: Snapshot, account: int, cursor: Cursor, reader: Relations = STRANGER
) -> Page[tuple[int, int]]:
    """Who follows an account; positions are the log numbers of the follows."""
    where = "select number, follower from follows where followed = ?"
    return _people(snapshot, reader, cursor, where, "number", (account,), own=account)


def following(
    snapshot: Snapshot, account: int, cursor: Cursor, reader: Relations = STRANGER
) -> Page[tuple[int, int]]:
    """Whom an account follows; positions are the log numbers of the follows."""
    where = "select number, followed from follows where follower = ?"
    return _people(snapshot, reader, cursor, where, "number", (account,), own=account)


def members(
    snapshot: Snapshot, group: int, cursor: Cursor, reader: Relations = STRANGER
) -> Page[tuple[int, int]]:
    """Who is in a group; positions are the log numbers of their coming in. Raises nothing: ask
    first whether the reader may look in."""
    where = (
        "select number, account from memberships"
        " where \"group\" = ? and role in ('member', 'moderator', 'owner')"
    )
    return _people(snapshot, reader, cursor, where, "number", (group,))


def boosted_by(
    snapshot: Snapshot, reader: Relations, post: int, cursor: Cursor
) -> Page[tuple[int, int]]:
    """Who boosts a post; positions are the ids of the boosts."""
    where = (
        "select id, account from posts where boost_of = ? and boost_of != 0 and deleted = 0"
        " and visibility <= 1"
    )
    return _people(snapshot, reader, cursor, where, "id", (post,))


def favourited_by(
    snapshot: Snapshot, reader: Relations, post: int, cursor: Cursor
) -> Page[tuple[int, int]]:
    """Who favourited a post; positions are the log numbers of the favourites."""
    where = "select number, account from favourites where post = ?"
    return _people(snapshot, reader, cursor, where, "number", (post,))


def _people(
    snapshot: Snapshot,
    reader: Relations,
    cursor: Cursor,
    select: str,
    position: str,
    values: tuple[object, ...],
    own: int = 0,
) -> Page[tuple[int, int]]:
    """`own`: whose list it is; in its own it sees everybody but who is suspended."""
    aside = STRANGER.aside if reader.account == own else reader.aside
    aside = aside | reader.everybody.hidden
    rows = fill(
        cursor,
        _pull(snapshot, cursor.ascending, select, position, values),
        lambda rows: [row for row in rows if row[1] not in aside],
        _first,
    )
    return page(cursor, rows, _first)


# --- pulling ----------------------------------------------------------------------------------


def _pull(
    snapshot: Snapshot,
    ascending: bool,
    select: str,
    position: str,
    values: tuple[object, ...],
) -> Callable[[int, int, int], list[Any]]:
    """`select` … `where` …, as `fill` pulls it."""
    order = "asc" if ascending else "desc"
    sql = f"{select} and {position} < ? and {position} > ? order by {position} {order} limit ?"
    return lambda below, above, count: snapshot.rows(sql, (*values, below, above, count))


def _posts(
    snapshot: Snapshot, cursor: Cursor, where: str, position: str, values: tuple[object, ...]
) -> Callable[[int, int, int], list[PostRow]]:
    pull = _pull(snapshot, cursor.ascending, f"select {POST} {where}", position, values)
    return lambda *place: _rows(pull(*place))


def _rows(rows: list[Any]) -> list[PostRow]:
    return [PostRow(*row) for row in rows]


def _id(row: Listed) -> int:
    return row.id


def _number(row: NotificationRow) -> int:
    return row.number


def _first(row: tuple[int, ...]) -> int:
    return row[0]
