"""Every queue but home against the oracle: whole, by pages down and up, and at any cursor."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.test_home import batches, chosen
from tests.edge.world import World, world
from tests.histories import Step, histories
from tests.oracle import Oracle

from covey.edge import queues
from covey.edge.cursor import Cursor, Page
from covey.limits import CONTEXT_ANCESTORS, CONTEXT_DESCENDANTS
from covey.messages import (
    Block,
    Boost,
    Delete,
    Favourite,
    Follow,
    Mention,
    Mute,
    NotificationPolicy,
    Post,
    Suspend,
)
from covey.state.merge import END
from covey.state.queries import NotificationRow, PostRow, Snapshot

Read = Callable[[Cursor], list[int]]


def agree(read: Read, expected: list[int], limit: int) -> None:
    """`read` gives positions of pages; `expected` is the whole queue, newest first."""
    assert read(Cursor(limit=1_000)) == expected
    places = [0, END, *expected, *(place - 1 for place in expected[::3])]
    for place in places:
        for cursor in (
            Cursor(max_id=place, limit=limit),
            Cursor(since_id=place, limit=limit),
            Cursor(min_id=place, limit=limit),
            Cursor(max_id=place, min_id=expected[-1] if expected else 1, limit=limit),
        ):
            assert read(cursor) == chosen(expected, cursor), cursor
    down: list[int] = []
    cursor = Cursor(limit=limit)
    while page := read(cursor):
        down += page
        cursor = Cursor(max_id=page[-1], limit=limit)
    assert down == expected


def ids(page: Page[PostRow]) -> list[int]:
    found = [row.id for row in page.rows]
    assert (page.newest, page.oldest) == ((found[0], found[-1]) if found else (0, 0))
    return found


def numbers(page: Page[NotificationRow]) -> list[int]:
    for row in page.rows:
        assert not row.post or page.posts[row.post].id == row.post
    return [row.number for row in page.rows]


@settings(max_examples=40)
@given(histories(), batches, st.integers(1, 7), st.data())
def test_queues_of_posts(history: list[Step], batch: int, limit: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        oracle = w.oracle
        people = sorted(oracle.accounts)
        account = data.draw(st.sampled_from([0, *people]))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(account)
            for author in people:
                outbox = oracle.outbox(author, account)
                agree(
                    lambda cursor, author=author: ids(  # type: ignore[misc]
                        queues.outbox(snapshot, reader, author, cursor)
                    ),
                    outbox,
                    limit,
                )
                rows = [row for row in map(oracle.row, outbox) if row]
                page = queues.outbox(
                    snapshot, reader, author, Cursor(limit=99), exclude_replies=True
                )
                assert ids(page) == [row.id for row in rows if row.parent_author in (0, author)]
                page = queues.outbox(
                    snapshot, reader, author, Cursor(limit=99), exclude_boosts=True
                )
                assert ids(page) == [row.id for row in rows if not row.boost_of]
            agree(
                lambda cursor: ids(queues.public(snapshot, reader, cursor)),
                oracle.public(account),
                limit,
            )
            agree(
                lambda cursor: ids(queues.tag(snapshot, reader, "birds", cursor)),
                oracle.tag("birds", account),
                limit,
            )


@settings(max_examples=40)
@given(histories(), batches, st.integers(1, 7))
def test_notifications(history: list[Step], batch: int, limit: int) -> None:
    with world() as w:
        w.live(history, batch)
        with w.snapshot() as snapshot:
            for account in w.oracle.accounts:
                reader = snapshot.relations(account)
                told = w.oracle.notifications(account)
                agree(
                    lambda cursor, reader=reader: numbers(  # type: ignore[misc]
                        queues.notifications(snapshot, reader, cursor)
                    ),
                    [one.number for one in told],
                    limit,
                )
                page = queues.notifications(
                    snapshot, reader, Cursor(limit=99), kinds=["mention", "boost"]
                )
                assert numbers(page) == [
                    one.number for one in told if one.kind in ("mention", "boost")
                ]
                page = queues.notifications(
                    snapshot, reader, Cursor(limit=99), exclude_kinds=["mention", "follow"]
                )
                assert numbers(page) == [
                    one.number for one in told if one.kind not in ("mention", "follow")
                ]


@settings(max_examples=40)
@given(histories(), batches, st.integers(1, 4), st.data())
def test_lists_of_accounts(
    history: list[Step], batch: int, limit: int, data: st.DataObject
) -> None:
    with world() as w:
        w.live(history, batch)
        oracle = w.oracle
        people = sorted(oracle.accounts)
        account = data.draw(st.sampled_from([0, *people]))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(account)

            def seen(rows: list[tuple[int, int]], own: int = -1) -> list[tuple[int, int]]:
                rows.sort(reverse=True)
                return [
                    row
                    for row in rows
                    if account == own or not oracle.sets_aside(account, row[1])
                    if row[1] not in oracle.suspended
                ]

            def compare(
                read: Callable[[Cursor], Page[tuple[int, int]]], expected: list[tuple[int, int]]
            ) -> None:
                assert read(Cursor(limit=80)).rows == expected
                agree(
                    lambda cursor: [row[0] for row in read(cursor).rows],
                    [row[0] for row in expected],
                    limit,
                )

            for one in people:
                compare(
                    lambda cursor, one=one: queues.followers(snapshot, one, cursor, reader),  # type: ignore[misc]
                    seen([(f.number, a) for (a, b), f in oracle.follows.items() if b == one], one),
                )
                compare(
                    lambda cursor, one=one: queues.following(snapshot, one, cursor, reader),  # type: ignore[misc]
                    seen([(f.number, b) for (a, b), f in oracle.follows.items() if a == one], one),
                )
            for row in oracle.posts[-8:]:
                compare(
                    lambda cursor, id_=row.id: queues.boosted_by(snapshot, reader, id_, cursor),  # type: ignore[misc]
                    seen(
                        [
                            (boost.id, boost.author)
                            for boost in oracle.posts
                            if boost.boost_of == row.id and not boost.deleted
                            if boost.visibility in ("public", "unlisted")
                        ]
                    ),
                )
                compare(
                    lambda cursor, id_=row.id: queues.favourited_by(snapshot, reader, id_, cursor),  # type: ignore[misc]
                    seen([(n, a) for (post, a), n in oracle.favourites.items() if post == row.id]),
                )
            posts = [row.id for row in oracle.posts]
            favourited, boosted = queues.flags(snapshot, account, posts)
            assert favourited == {post for post, a in oracle.favourites if a == account}
            assert boosted == {
                row.boost_of
                for row in oracle.posts
                if row.boost_of and row.author == account and not row.deleted
            }


# --- threads ----------------------------------------------------------------------------------


def thread(snapshot: Snapshot, account: int, post: int) -> tuple[list[int], list[int]]:
    row = snapshot.post(post)
    assert row
    above, below = queues.thread(snapshot, snapshot.relations(account), row)
    return [row.id for row in above], [row.id for row in below]


def depth_first(oracle: Oracle, reader: int, parent: int) -> list[int]:
    found: list[int] = []
    for row in oracle.posts:
        if row.reply_to == parent:
            if oracle.is_shown(row, reader):
                found.append(row.id)
            found += depth_first(oracle, reader, row.id)
    return found


@settings(max_examples=40)
@given(histories({"post": 10, "delete": 2, "follow": 2, "block": 1, "wait": 1}), st.data())
def test_threads(history: list[Step], data: st.DataObject) -> None:
    with world() as w:
        # what % 3 == 2 makes a reply
        w.live([step._replace(what=step.what // 3 * 3 + 2) for step in history])
        oracle = w.oracle
        account = data.draw(st.sampled_from([0, *oracle.accounts]))
        with w.snapshot() as snapshot:
            for row in oracle.posts:
                above, parent = [], oracle.row(row.reply_to)
                while parent:
                    if oracle.is_shown(parent, account):
                        above.append(parent.id)
                    parent = oracle.row(parent.reply_to)
                expected = above[::-1], depth_first(oracle, account, row.id)
                assert thread(snapshot, account, row.id) == expected


def test_a_thread_has_limits() -> None:
    with world(accounts=2) as w:
        chain = [w.post(1, Post(text="root"))]
        for _ in range(CONTEXT_ANCESTORS + 5):
            chain.append(w.post(1, Post(text="reply", reply_to=chain[-1])))
        for _ in range(CONTEXT_DESCENDANTS + 5):
            w.post(2, Post(text="reply", reply_to=chain[-1]))
        with w.snapshot() as snapshot:
            above, below = thread(snapshot, 1, chain[-1])
            assert above == chain[-1 - CONTEXT_ANCESTORS : -1]
            assert len(below) == CONTEXT_DESCENDANTS


# --- by name ----------------------------------------------------------------------------------


def mention(w: World, actor: int, name: str, **fields: object) -> int:
    text = f"@{name} hello"
    post = Post(text=text, mentions=(Mention(0, len(name) + 1, name),), **fields)  # type: ignore[arg-type]
    return w.post(actor, post)


def test_a_stranger_and_a_mentioned_see_their_parts_of_an_outbox() -> None:
    with world(accounts=4) as w:
        w.submit(2, Follow(account=1))
        public = w.post(1, Post(text="for all"))
        followers = w.post(1, Post(text="for followers", visibility="followers"))
        direct = mention(w, 1, "cyd", visibility="direct")
        with w.snapshot() as snapshot:

            def outbox(account: int) -> list[int]:
                return ids(queues.outbox(snapshot, snapshot.relations(account), 1, Cursor()))

            assert outbox(0) == outbox(4) == [public]
            assert outbox(2) == [followers, public]
            assert outbox(3) == [direct, public]
            assert outbox(1) == [direct, followers, public]


def test_who_is_mentioned_sees_the_post_and_no_boost_for_followers() -> None:
    with world(accounts=3) as w:
        post = mention(w, 1, "cyd", visibility="followers")
        w.submit(1, Boost(post=post))
        with w.snapshot() as snapshot:
            assert ids(queues.outbox(snapshot, snapshot.relations(3), 1, Cursor())) == [post]
        assert w.oracle.outbox(1, 3) == [post]


def test_a_boost_is_shown_where_its_original_is() -> None:
    with world(accounts=4) as w:
        post = w.post(1, Post(text="to be passed on"))
        boost = w.post(2, Boost(post=post))
        w.submit(1, Block(account=3))
        with w.snapshot() as snapshot:
            page = queues.outbox(snapshot, snapshot.relations(4), 2, Cursor())
            assert ids(page) == [boost]
            assert page.posts[post].text == "to be passed on"
            assert ids(queues.outbox(snapshot, snapshot.relations(3), 2, Cursor())) == []
        w.submit(1, Delete(post=post))
        with w.snapshot() as snapshot:
            assert ids(queues.outbox(snapshot, snapshot.relations(4), 2, Cursor())) == []


def test_shared_queues_leave_out_whom_the_reader_set_aside() -> None:
    with world(accounts=4) as w:
        w.post(2, Post(text="of a muted one"))
        mention(w, 3, "dee")
        w.submit(1, Mute(account=2))
        w.submit(1, Block(account=4))
        with w.snapshot() as snapshot:
            assert ids(queues.public(snapshot, snapshot.relations(1), Cursor())) == []
            assert len(ids(queues.public(snapshot, snapshot.relations(0), Cursor()))) == 2


def test_a_page_says_whether_there_may_be_more() -> None:
    with world(accounts=2) as w:
        posts = [w.post(1, Post(text="one of five")) for _ in range(5)]
        w.submit(2, Favourite(post=posts[0]))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(0)
            assert queues.public(snapshot, reader, Cursor(limit=5)).older
            assert not queues.public(snapshot, reader, Cursor(limit=6)).older
            # below a page that was filled from its old end there is what it was asked from
            assert queues.public(snapshot, reader, Cursor(min_id=posts[2], limit=6)).older
            empty = queues.favourited_by(snapshot, reader, posts[1], Cursor())
            assert (empty.rows, empty.newest, empty.oldest, empty.older) == ([], 0, 0, False)


def test_requests_hold_what_the_policy_filtered() -> None:
    with world() as w:
        w.submit(2, NotificationPolicy(not_following="filter"))
        for sender in (3, 4, 3, 5):
            w.submit(sender, Post(text="@bob hi", mentions=(Mention(0, 4, "bob"),)))
        w.submit(1, Suspend(account=5))
        told = {t.sender: t.number for t in w.oracle.told if t.account == 2}
        with w.snapshot() as snapshot:
            reader = snapshot.relations(2)
            assert numbers(queues.notifications(snapshot, reader, Cursor(limit=20))) == []
            page = queues.requests(snapshot, reader, Cursor(limit=20))
            assert page.rows == [(told[3], 3, 2), (told[4], 4, 1)]
            older = queues.requests(snapshot, reader, Cursor(max_id=told[3], limit=20))
            assert older.rows == [(told[4], 4, 1)]
            inside = queues.notifications(
                snapshot, reader, Cursor(limit=20), sender=3, filtered_too=True
            )
            assert [row.sender for row in inside.rows] == [3, 3]
