"""What an account keeps, what a post was, conversations: against the oracle, and by name."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.test_home import batches
from tests.edge.test_queues import agree, mention
from tests.edge.world import World, world
from tests.histories import Step, histories

from covey.edge import queues
from covey.edge.cursor import Cursor
from covey.messages import (
    Block,
    Bookmark,
    Boost,
    Delete,
    Draft,
    Edit,
    Follow,
    Mute,
    Pin,
    Poll,
    Post,
    Read,
    Unmute,
    Vote,
)
from covey.state.queries import Snapshot

KEPT = {
    "post": 14, "delete": 2, "follow": 4, "block": 1, "mute": 2, "edit": 4, "vote": 4, "draft": 3,
    "cancel_draft": 1, "bookmark": 6, "unbookmark": 1, "pin": 4, "unpin": 1, "mute_thread": 2,
    "read": 3, "wait": 2,
}  # fmt: skip


@settings(max_examples=40)
@given(histories(KEPT), batches, st.integers(1, 5))
def test_what_accounts_keep(history: list[Step], batch: int, limit: int) -> None:
    with world(accounts=4) as w:
        # most posts are direct ones
        w.live([step._replace(how=7) if step.whom % 2 else step for step in history], batch)
        with w.snapshot() as snapshot:
            for account in w.oracle.accounts:
                compare(w, snapshot, account, limit)


def compare(w: World, snapshot: Snapshot, account: int, limit: int) -> None:
    oracle, reader = w.oracle, snapshot.relations(account)

    def stands(id_: int) -> bool:
        row = oracle.row(id_)
        return row is not None and oracle.is_shown(row, account)

    bookmarks = {n: id_ for (a, id_), n in oracle.bookmarks.items() if a == account and stands(id_)}
    agree(
        lambda cursor: [number for number, _ in queues.bookmarks(snapshot, reader, cursor).rows],
        sorted(bookmarks, reverse=True),
        limit,
    )
    for number, post in queues.bookmarks(snapshot, reader, Cursor(limit=99)).rows:
        assert post.id == bookmarks[number]
    agree(
        lambda cursor: [row.number for row in queues.drafts(snapshot, account, cursor).rows],
        sorted((n for n, (a, _, _) in oracle.drafts.items() if a == account), reverse=True),
        limit,
    )
    for row in queues.drafts(snapshot, account, Cursor(limit=99)).rows:
        assert (account, row.at, row.post) == oracle.drafts[row.number]
    for author in oracle.accounts:
        pins = sorted((n, id_) for (a, id_), n in oracle.pins.items() if a == author)
        expected = [id_ for _, id_ in pins[::-1] if stands(id_)]
        assert [row.id for row in queues.pinned(snapshot, reader, author)] == expected

    posts = [row for row in oracle.posts if row.versions]
    marks = queues.marks(snapshot, account, [row.id for row in posts])
    assert marks == (
        {id_ for a, id_ in oracle.bookmarks if a == account},
        {id_ for a, id_ in oracle.pins if a == account},
        {r.id for r in posts if (account, oracle.thread_of(r)) in oracle.muted_threads},
    )
    polls = queues.polls(snapshot, account, [row.id for row in posts])
    assert {id_: (own.poll.options, own.choices) for id_, own in polls.items()} == {
        row.id: (row.poll.options, row.poll.votes.get(account, ())) for row in posts if row.poll
    }
    for row in posts:
        found = snapshot.post(row.id)
        assert found is not None
        if not row.deleted:
            said = [(v.text, v.stamp, v.poll) for v in queues.history(snapshot, found)]
            assert said == [(v.text, v.stamp, v.options) for v in row.versions]

    expected = []
    for (whose, thread), last in oracle.conversations.items():
        seen = oracle.conversation(thread, account)
        if whose == account and seen:
            newest = oracle.row(seen[0])
            assert newest is not None
            read = oracle.positions.get((account, f"conversation/{thread}"), 0)
            unread = newest.author != account and seen[0] > read
            expected.append((last, thread, seen[0], unread))
    expected.sort(reverse=True)
    page = queues.conversations(snapshot, reader, Cursor(limit=99))
    assert [(r.position, r.thread, r.post.id, r.unread) for r in page.rows] == expected
    agree(
        lambda cursor: [
            row.position for row in queues.conversations(snapshot, reader, cursor).rows
        ],
        [position for position, *_ in expected],
        limit,
    )


# --- by name ----------------------------------------------------------------------------------


def test_conversations_pass_over_whom_one_set_aside() -> None:
    with world(accounts=4) as w:
        one = mention(w, 2, "ann", visibility="direct")
        two = mention(w, 3, "ann", visibility="direct", reply_to=0)
        three = mention(w, 1, "bob", visibility="direct", reply_to=one)

        def conversations() -> list[tuple[int, int, bool]]:
            with w.snapshot() as snapshot:
                rows = queues.conversations(snapshot, snapshot.relations(1), Cursor()).rows
                return [(row.thread, row.post.id, row.unread) for row in rows]

        assert conversations() == [(one, three, False), (two, two, True)]
        w.submit(1, Mute(account=3))
        assert conversations() == [(one, three, False)]
        w.submit(1, Unmute(account=3))
        w.submit(1, Read(queue=f"conversation/{two}", position=two))
        assert conversations() == [(one, three, False), (two, two, False)]
        four = mention(w, 2, "ann", visibility="direct", reply_to=three)
        assert conversations() == [(one, four, True), (two, two, False)]
        w.submit(1, Block(account=2))
        # what one said oneself is still there
        assert conversations() == [(one, three, False), (two, two, False)]


def test_a_bookmark_of_what_may_not_be_seen_any_more() -> None:
    with world(accounts=2) as w:
        posts = [w.post(1, Post(text="one")) for _ in range(2)]
        for post in posts:
            w.submit(2, Bookmark(post=post))
        w.submit(1, Delete(post=posts[0]))
        with w.snapshot() as snapshot:
            page = queues.bookmarks(snapshot, snapshot.relations(2), Cursor())
            assert [post.id for _, post in page.rows] == [posts[1]]
        w.submit(1, Block(account=2))
        with w.snapshot() as snapshot:
            assert queues.bookmarks(snapshot, snapshot.relations(2), Cursor()).rows == []


def test_a_quote_is_shown_where_its_original_is_or_when_that_is_gone() -> None:
    with world(accounts=4) as w:
        original = w.post(1, Post(text="for followers", visibility="followers"))
        quote = w.post(1, Post(text="look", quote_of=original))
        boost = w.post(2, Boost(post=quote))
        w.submit(2, Follow(account=1))

        def public(account: int) -> list[int]:
            with w.snapshot() as snapshot:
                page = queues.public(snapshot, snapshot.relations(account), Cursor())
                return [row.id for row in page.rows]

        def boosts(account: int) -> list[int]:
            with w.snapshot() as snapshot:
                page = queues.outbox(snapshot, snapshot.relations(account), 2, Cursor())
                return [row.id for row in page.rows]

        assert public(2) == public(1) == [quote]
        assert public(3) == public(0) == []
        assert (boosts(1), boosts(3)) == ([boost], [])
        w.submit(1, Delete(post=original))
        assert public(2) == public(3) == public(0) == [quote]
        assert boosts(3) == [boost]


def test_pins_polls_drafts_and_versions() -> None:
    with world(accounts=3) as w:
        poll = Poll(("yes", "no"), 300)
        posts = [w.post(1, Post(text=f"{n}", poll=poll)) for n in range(3)]
        for post in posts:
            w.submit(1, Pin(post=post))
        w.submit(2, Vote(post=posts[0], choices=(1,)))
        w.submit(1, Edit(post=posts[0], text="edited", poll=poll))
        later = Draft(post=Post(text="later"), at=w.teller.now + 60_000)
        w.submit(1, later)
        with w.snapshot() as snapshot:
            reader = snapshot.relations(2)
            assert [row.id for row in queues.pinned(snapshot, reader, 1)] == posts[::-1]
            own = queues.polls(snapshot, 2, posts)
            assert [own[post].choices for post in posts] == [(1,), (), ()]
            assert own[posts[0]].poll.counts == [0, 1]
            assert queues.polls(snapshot, 3, posts)[posts[0]].choices == ()
            (draft,) = queues.drafts(snapshot, 1, Cursor()).rows
            assert (draft.at, draft.post) == (later.at, later.post)
            assert queues.drafts(snapshot, 2, Cursor()).rows == []
            row = snapshot.post(posts[0])
            assert row is not None
            first, now = queues.history(snapshot, row)
            assert (first.text, first.poll, now.text, now.poll) == (
                "0", ("yes", "no"), "edited", ("yes", "no")
            )  # fmt: skip
