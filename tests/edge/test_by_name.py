"""Lists, groups, conversations and tags by their names: pages, counts, moments, against the
oracle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.test_home import batches
from tests.edge.test_queues import agree, ids
from tests.edge.world import World, world
from tests.histories import READING, REASONS, TAGS, Step, histories

from covey.edge import by_name
from covey.edge.cursor import Cursor
from covey.edge.unread import unread
from covey.errors import Refused
from covey.messages import (
    AddToList,
    Boost,
    ChangeGroup,
    ChangeList,
    CreateGroup,
    CreateList,
    Follow,
    JoinGroup,
    Limit,
    Mention,
    Post,
    RemoveFromGroup,
    RepliesPolicy,
    Tag,
)
from covey.state.queries import Snapshot

SHARED = {**READING, "create_list": 4, "add_to_list": 12, "follow": 14, "read": 6}
lives = histories(SHARED) | histories({**REASONS, "read": 4}, mean=50)


def names(w: World) -> list[str]:
    """Of all queues that somebody has, and some that nobody has."""
    oracle = w.oracle
    threads = {oracle.thread_of(row) for row in oracle.posts if row.visibility == "direct"}
    return [
        *(f"list/{number}" for number in (*oracle.lists, 9_999)),
        *(f"group/{group}" for group in (*oracle.groups, 9_999)),
        *(f"tag/{tag}" for tag in TAGS),
        *(f"conversation/{thread}" for thread in sorted(threads)),
    ]


@settings(max_examples=40)
@given(lives, batches, st.integers(1, 7), st.data())
def test_every_queue_that_has_a_name(
    history: list[Step], batch: int, limit: int, data: st.DataObject
) -> None:
    with world() as w:
        w.live(history, batch)
        accounts = sorted(w.oracle.accounts)
        some = st.lists(st.sampled_from(accounts), min_size=1, max_size=3, unique=True)
        with w.snapshot() as snapshot:
            for account in data.draw(some):
                for name in names(w):
                    _compare(w, snapshot, account, name, limit)


def _compare(w: World, snapshot: Snapshot, account: int, name: str, limit: int) -> None:
    reader = snapshot.relations(account)
    expected = w.oracle.queue(name, account)
    if expected is None:
        with pytest.raises(Refused, match="not_found"):
            by_name.posts(snapshot, w.arena, reader, name, Cursor())
        with pytest.raises(Refused, match="not_found"):
            unread(snapshot, w.arena, reader, name)
        return
    agree(
        lambda cursor: ids(by_name.posts(snapshot, w.arena, reader, name, cursor)), expected, limit
    )
    read = w.oracle.positions.get((account, name), 0)
    count = unread(snapshot, w.arena, reader, name)
    above = [id_ for id_ in expected if id_ > read]
    assert (count.count, count.more) == (len(above), False)
    assert count.since == (w.oracle.stamp_of(above[-1]) if above else 0)


# --- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "expected"),
    [("followed", "own me member followed"), ("list", "own me member"), ("none", "own me")],
)
def test_replies_in_a_list(replies: RepliesPolicy, expected: str) -> None:
    with world(accounts=5, chunks=64) as w:
        for account in (2, 3, 4):
            w.submit(1, Follow(account=account))
        number = w.post(1, CreateList(title="two of three", replies=replies))
        w.submit(1, AddToList(list=number, accounts=(2, 3)))
        parents = {
            "own": w.post(2, Post(text="own")),
            "me": w.post(1, Post(text="me")),
            "member": w.post(3, Post(text="member")),
            "followed": w.post(4, Post(text="followed")),
            "stranger": w.post(5, Post(text="stranger")),
        }
        w.post(3, Boost(post=parents["stranger"]))
        for said, parent in parents.items():
            w.post(2, Post(text=said, reply_to=parent))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            page = by_name.posts(snapshot, w.arena, reader, f"list/{number}", Cursor())
            assert [row.text for row in page.rows if row.reply_to] == expected.split()[::-1]
            assert [row.text for row in page.rows if not row.reply_to] == ["", "member", "own"]


def test_an_exclusive_list_keeps_its_members_from_home() -> None:
    with world(accounts=3, chunks=64) as w:
        w.submit(1, Follow(account=2))
        number = w.post(1, CreateList(title="noisy"))
        w.submit(1, AddToList(list=number, accounts=(2,)))
        post = w.post(2, Post(text="noise"))

        def seen() -> tuple[list[int], list[int]]:
            with w.snapshot() as snapshot:
                home, own = (
                    ids(by_name.posts(snapshot, w.arena, snapshot.relations(1), name, Cursor()))
                    for name in ("home", f"list/{number}")
                )
                return home, own

        assert seen() == ([post], [post])
        w.submit(1, ChangeList(list=number, title="noisy", exclusive=True))
        assert seen() == ([], [post])
        later = w.post(2, Post(text="noise"))
        assert seen() == ([], [later, post])
        w.submit(1, ChangeList(list=number, title="noisy", exclusive=False))
        assert seen() == ([later, post], [later, post])


# --- groups -----------------------------------------------------------------------------------


def test_a_groups_queue_is_its_members() -> None:
    with world(accounts=4, chunks=64) as w:
        group = w.post(2, CreateGroup(name="owls", join="request"))
        owls = (Mention(0, 5, "owls"),)
        posts = [
            w.post(2, Post(text="@owls one", visibility="group", mentions=owls)),
            w.post(2, Post(text="@owls two", mentions=owls)),
        ]
        w.post(2, Post(text="@owls three", visibility="direct", mentions=owls))
        w.post(3, Post(text="@owls of no member", mentions=owls))
        w.submit(3, JoinGroup(group=group))  # has asked, is not in

        def seen(account: int) -> list[int]:
            with w.snapshot() as snapshot:
                reader = snapshot.relations(account)
                found = by_name.posts(snapshot, w.arena, reader, f"group/{group}", Cursor())
                return ids(found)

        assert seen(2) == posts[::-1]
        for account in (0, 3, 4):
            with pytest.raises(Refused, match="not_found"):
                seen(account)
        w.submit(2, RemoveFromGroup(group=group, post=posts[1]))
        assert seen(2) == posts[:1]
        w.submit(2, ChangeGroup(group=group, join="open"))
        assert seen(0) == seen(4) == posts[:1]


# --- other queues -----------------------------------------------------------------------------


def test_limited_accounts_stand_in_public_queues_for_their_followers() -> None:
    with world(accounts=4, chunks=64) as w:
        w.submit(3, Follow(account=2))
        post = w.post(2, Post(text="#birds", tags=(Tag(0, 6, "birds"),)))
        w.submit(1, Limit(account=2))
        with w.snapshot() as snapshot:
            for name in ("public", "local", "tag/birds"):
                for account, expected in ((0, []), (2, [post]), (3, [post]), (4, [])):
                    reader = snapshot.relations(account)
                    page = by_name.posts(snapshot, w.arena, reader, name, Cursor())
                    assert ids(page) == expected, (name, account)


@pytest.mark.parametrize("name", ["elsewhere", "home/1", "list/x", "group/-1", "notifications"])
def test_what_is_no_queue_of_posts(name: str) -> None:
    with world(accounts=1) as w, w.snapshot() as snapshot:
        reader = snapshot.relations(1)
        with pytest.raises(Refused, match="queue_unknown"):
            by_name.posts(snapshot, None, reader, name, Cursor())


def test_jumping_to_a_moment() -> None:
    with world(accounts=2, chunks=64) as w:
        w.submit(2, Follow(account=1))
        made = []
        for _ in range(6):
            w.teller.now += 60_000
            mention = (Mention(0, 4, "bob"),)
            made.append((w.teller.now, w.post(1, Post(text="@bob look", mentions=mention))))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(2)
            numbers = snapshot.rows("select number from notifications where account = 2")
            told = [number for (number,) in numbers]
            for place, (stamp, _) in enumerate(made):
                later = [id_ for _, id_ in made[place:]]
                for by, expected in ((0, later), (-1, later), (1, later[1:])):
                    for queue in ("home", "public"):
                        at = by_name.place_of(snapshot, reader, queue, stamp + by)
                        page = by_name.posts(
                            snapshot, w.arena, reader, queue, Cursor(min_id=at, limit=2)
                        )
                        assert ids(page) == expected[:2][::-1]
                    at = by_name.place_of(snapshot, reader, "notifications", stamp + by)
                    assert [number for number in told if number > at] == told[-len(expected) :][
                        : len(expected)
                    ]
            for stamp in (0, -5):
                assert by_name.place_of(snapshot, reader, "home", stamp) == 0
            at = by_name.place_of(snapshot, reader, "home", 1 << 60)
            assert by_name.posts(snapshot, w.arena, reader, "home", Cursor(min_id=at)).rows == []
