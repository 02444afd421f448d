"""Homes by arena and merge, by merge alone and by the oracle; every cursor; nothing missed, nothing
twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.world import World, world
from tests.histories import REASONS, Step, histories

from covey.delivery.arena import ArenaReader
from covey.edge import home
from covey.edge.cursor import Cursor
from covey.limits import BOOST_WINDOW
from covey.messages import (
    SERVER,
    AcceptFollow,
    AddToList,
    Block,
    Boost,
    ChangeList,
    CreateGroup,
    CreateList,
    Delete,
    Due,
    Edit,
    Follow,
    FollowTag,
    JoinGroup,
    LeaveGroup,
    Mention,
    Mute,
    Post,
    Profile,
    RemoveFollower,
    RemoveFromGroup,
    RemoveFromList,
    RemoveMember,
    Restore,
    Suspend,
    Tag,
    Unblock,
    Unboost,
    Unfollow,
    UnfollowTag,
    Unmute,
)
from covey.state import merge as merging
from covey.state.home import candidates_above, candidates_below, ids_below
from covey.state.merge import END, merge
from covey.state.queries import Snapshot

batches = st.integers(1, 7)
lives = histories() | histories(REASONS, mean=50)


def read(snapshot: Snapshot, arena: ArenaReader | None, account: int, cursor: Cursor) -> list[int]:
    """Ids of a page."""
    page = home.page(snapshot, arena, snapshot.relations(account), cursor)
    for row in page.rows:
        assert not row.boost_of or page.posts[row.boost_of].id == row.boost_of
    ids = [row.id for row in page.rows]
    assert [page.newest, page.oldest] == ([ids[0], ids[-1]] if ids else [0, 0])
    return ids


def chosen(expected: list[int], cursor: Cursor) -> list[int]:
    """A page by definition; `expected` is the whole queue, newest first."""
    if cursor.max_id is not None:
        expected = [id_ for id_ in expected if id_ < cursor.max_id]
    if cursor.min_id is not None:
        return [id_ for id_ in expected if id_ > cursor.min_id][-cursor.limit :]
    return [id_ for id_ in expected if id_ > (cursor.since_id or 0)][: cursor.limit]


@settings(max_examples=80)
@given(lives, batches, st.integers(1, 9))
def test_a_home_is_what_the_design_says(history: list[Step], batch: int, limit: int) -> None:
    with world() as w:
        w.live(history, batch)
        with w.snapshot() as snapshot:
            for account in w.oracle.accounts:
                expected = w.oracle.home(account)
                for arena in (w.arena, None):
                    assert read(snapshot, arena, account, Cursor(limit=1_000)) == expected
                    _read_by_pages(snapshot, arena, account, limit, expected)


def _read_by_pages(
    snapshot: Snapshot, arena: ArenaReader | None, account: int, limit: int, expected: list[int]
) -> None:
    """From the newest to the first by max_id, and back up by min_id."""
    down: list[int] = []
    cursor = Cursor(limit=limit)
    while page := read(snapshot, arena, account, cursor):
        down += page
        cursor = Cursor(max_id=page[-1], limit=limit)
    assert down == expected
    up: list[int] = []
    cursor = Cursor(min_id=0, limit=limit)
    while page := read(snapshot, arena, account, cursor):
        up += page[::-1]
        cursor = Cursor(min_id=page[0], limit=limit)
    assert up == expected[::-1]


@settings(max_examples=80)
@given(lives, batches, st.data())
def test_any_cursor(history: list[Step], batch: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        account = data.draw(st.sampled_from(sorted(w.oracle.accounts)))
        places = [0, END, *(row.id + by for row in w.oracle.posts for by in (-1, 0, 1))]
        place = st.none() | st.sampled_from(places)
        cursor = Cursor(*(data.draw(place) for _ in range(3)), limit=data.draw(st.integers(1, 40)))
        expected = chosen(w.oracle.home(account), cursor)
        with w.snapshot() as snapshot:
            assert read(snapshot, w.arena, account, cursor) == expected
            assert read(snapshot, None, account, cursor) == expected


# --- raw candidates ---------------------------------------------------------------------------


@contextmanager
def tuned(**values: int) -> Iterator[None]:
    """The merge with other constants."""
    kept = {name: getattr(merging, name) for name in values}
    try:
        for name, value in values.items():
            setattr(merging, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(merging, name, value)


BY_POST = {"SEEK_POSTS": 1 << 60, "PIECE_POSTS": 3}
BY_AUTHOR = {"SEEK_POSTS": 0, "ROUND_POSTS": 2, "ROUND_POSTS_MAX": 4}
BOTH = {"SEEK_POSTS": 2, "PIECE_POSTS": 2, "ROUND_POSTS": 2}


@settings(max_examples=80)
@given(lives, batches, st.data())
def test_candidates_by_every_way(history: list[Step], batch: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        places = [0, END, *(row.id + by for row in w.oracle.posts for by in (0, 1))]
        above, below = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))
        limit, wanted = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 9))
        with w.snapshot() as snapshot:
            for account in w.oracle.accounts:
                reader = snapshot.relations(account)
                expected = [
                    row.id for row in w.oracle.candidates(account) if above < row.id < below
                ]
                for ways in (BY_POST, BY_AUTHOR, BOTH):
                    with tuned(**ways):
                        for ascending in (False, True):
                            merged = merge(
                                snapshot, reader, below=below, above=above, ascending=ascending,
                                wanted=wanted,
                            )  # fmt: skip
                            found = [post.id for post in merged]
                            assert found == (expected[::-1] if ascending else expected)
                for arena in (w.arena, None):
                    posts = candidates_below(snapshot, arena, reader, below, limit, above)
                    assert [post.id for post in posts] == expected[:limit]
                    posts = candidates_above(snapshot, arena, reader, above, limit, below)
                    assert [post.id for post in posts] == expected[::-1][:limit]


def test_a_prolific_author_among_silent_ones() -> None:
    """An outbox that is longer than a round reads of it, and silent authors far below."""
    with world(accounts=6) as w:
        for followed in (2, 3, 4, 5):
            w.submit(1, Follow(account=followed))
        first = [w.post(author, Post(text="early")) for author in (2, 3, 4)]
        most = [w.post(5, Post(text="more")) for _ in range(30)]
        w.post(6, Post(text="of a stranger"))
        expected = (first + most)[::-1]
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            for ways in (BY_POST, BY_AUTHOR, BOTH):
                with tuned(**ways):
                    assert [post.id for post in merge(snapshot, reader)] == expected
                    up = [post.id for post in merge(snapshot, reader, ascending=True)]
                    assert up == expected[::-1]


def test_two_outboxes_that_are_longer_than_a_round_reads_of_them() -> None:
    """One ends nearer than the other: what lies between is not all known yet."""
    with world(accounts=4) as w:
        for followed in (2, 3):
            w.submit(1, Follow(account=followed))
        expected = [
            w.post(author, Post(text="a post"))
            for author in (*(3,) * 9, *(2, 3, 3) * 6, *(2,) * 9, *(2, 2, 3) * 6)
        ]
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            for ways in (BY_POST, BY_AUTHOR, BOTH):
                with tuned(**ways):
                    down = [post.id for post in merge(snapshot, reader)]
                    assert down == expected[::-1]
                    up = [post.id for post in merge(snapshot, reader, ascending=True)]
                    assert up == expected


def test_tags_and_groups_bring_posts_of_strangers() -> None:
    with world(accounts=4, chunks=64) as w:
        group = w.post(2, CreateGroup(name="owls"))
        birds, trees = (Tag(0, 6, "birds"),), (Tag(7, 13, "trees"),)
        owls = (Mention(0, 5, "owls"),)
        w.submit(1, FollowTag(name="birds"))
        w.submit(1, FollowTag(name="trees"))

        def seen(account: int) -> list[int]:
            with w.snapshot() as snapshot:
                reader = snapshot.relations(account)
                found = read(snapshot, w.arena, account, Cursor())
                assert read(snapshot, None, account, Cursor()) == found
                up = [post.id for post in merge(snapshot, reader, ascending=True)]
                assert [id_ for id_ in up if id_ in found] == found[::-1]
                return found

        both = w.post(4, Post(text="#birds #trees", tags=birds + trees))
        inside = w.post(2, Post(text="@owls inside", visibility="group", mentions=owls))
        outside = w.post(4, Post(text="@owls from outside", mentions=owls))
        assert seen(3) == []
        w.submit(3, JoinGroup(group=group))
        assert (seen(1), seen(3)) == ([both], [inside])
        later = w.post(4, Post(text="#birds", tags=birds))
        w.submit(4, Edit(post=later, text="no tag any more"))
        assert seen(1) == [later, both]
        w.submit(1, UnfollowTag(name="birds"))
        assert seen(1) == [both]
        w.submit(1, UnfollowTag(name="trees"))
        assert seen(1) == []
        w.submit(1, JoinGroup(group=group))
        assert seen(1) == [inside]
        w.submit(1, Follow(account=4))
        assert seen(1) == [later, outside, inside, both]
        more = w.post(2, Post(text="@owls more", visibility="group", mentions=owls))
        assert seen(1) == [more, later, outside, inside, both]
        w.submit(1, LeaveGroup(group=group))
        assert seen(1) == [later, outside, both]


def test_what_was_taken_out_of_a_group_or_deleted_stands_in_the_window() -> None:
    """A raw candidate is one for ever: by arena and merge alike."""
    with world(accounts=3, chunks=64) as w:
        group = w.post(2, CreateGroup(name="owls"))
        w.submit(1, JoinGroup(group=group))
        w.submit(1, FollowTag(name="birds"))
        owls, birds = (Mention(0, 5, "owls"),), (Tag(0, 6, "birds"),)
        posts = [
            w.post(2, Post(text="@owls hello", visibility="group", mentions=owls)),
            w.post(3, Post(text="#birds", tags=birds)),
        ]
        w.submit(2, RemoveFromGroup(group=group, post=posts[0]))
        w.submit(3, Delete(post=posts[1]))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            for arena in (w.arena, None):
                assert list(ids_below(snapshot, arena, reader, END)) == posts[::-1]
            assert read(snapshot, w.arena, 1, Cursor()) == []


def test_every_change_of_relations_is_seen_at_once() -> None:
    """Each moves a floor: what the arena held before is not believed any more."""
    with world(accounts=4, chunks=256) as w:
        group = w.post(2, CreateGroup(name="owls"))
        hiding = w.post(1, CreateList(title="apart", exclusive=True))
        until = w.teller.now + 60_000

        def said() -> list[int]:
            """One post for each reason, of account 2 and of a stranger."""
            birds, owls = (Tag(0, 6, "birds"),), (Mention(0, 5, "owls"),)
            original = w.post(3, Post(text="of somebody else"))
            return [
                w.post(2, Post(text="plain", language="en")),
                w.post(2, Post(text="@owls inside", visibility="group", mentions=owls)),
                w.post(2, Boost(post=original)),
                w.post(3, Post(text="#birds", tags=birds)),
            ]

        def seen(arena: ArenaReader | None) -> list[list[int]]:
            with w.snapshot() as snapshot:
                readers = [snapshot.relations(account) for account in (1, 2, 3, 4)]
                return [list(ids_below(snapshot, arena, reader, END)) for reader in readers]

        changes = [
            (1, Follow(account=2)),
            (1, Mute(account=2)),
            (1, Unmute(account=2)),
            (1, Mute(account=3)),
            (1, Unmute(account=3)),
            (1, Follow(account=2, boosts=False)),
            (1, Follow(account=2, languages=("de",))),
            (1, Follow(account=2)),
            (1, AddToList(list=hiding, accounts=(2,))),
            (1, ChangeList(list=hiding, title="beside")),
            (1, ChangeList(list=hiding, title="apart", exclusive=True)),
            (1, RemoveFromList(list=hiding, accounts=(2,))),
            (1, FollowTag(name="birds")),
            (1, UnfollowTag(name="birds")),
            (1, JoinGroup(group=group)),
            (2, RemoveMember(group=group, account=1)),
            (1, Unfollow(account=2)),
            (1, Follow(account=2)),
            (2, RemoveFollower(account=1)),
            (2, Profile(locked=True)),
            (1, Follow(account=2)),
            (2, AcceptFollow(account=1)),
            (3, Block(account=1)),
            (3, Unblock(account=1)),
            (1, Block(account=3)),
            (1, Unblock(account=3)),
            (SERVER, Suspend(account=2)),
            (SERVER, Restore(account=2)),
            (1, Mute(account=2, until=until)),
        ]
        for actor, message in changes:
            if message != Restore(account=2):
                said()
            w.post(actor, message)
            assert seen(w.arena) == seen(None), message
        muted = w.oracle.number
        last = said()
        w.teller.now = until
        w.post(SERVER, Due(number=muted))
        found = seen(w.arena)
        assert found == seen(None)
        assert last[0] in found[0]


def test_who_blocks_somebody_mentioned_is_spared_the_boost_too() -> None:
    with world(accounts=4, chunks=64) as w:
        following(w, 2, 3)
        w.submit(1, Block(account=4))
        mention = (Mention(0, 4, "dee"),)
        for text, mentions in (("@dee hello", mention), ("hello", ())):
            post = w.post(4 if not mentions else 2, Post(text=text, mentions=mentions))
            w.submit(3, Boost(post=post))
        plain = w.post(2, Post(text="hello"))
        boost = w.post(3, Boost(post=plain))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            for arena in (w.arena, None):
                assert list(ids_below(snapshot, arena, reader, END)) == [boost, plain]


# --- the boost window -------------------------------------------------------------------------


def following(w: World, *followed: int) -> None:
    for account in followed:
        w.submit(1, Follow(account=account))


def first_page(w: World, cursor: Cursor = Cursor(limit=1)) -> list[int]:  # noqa: B008
    with w.snapshot() as snapshot:
        page = read(snapshot, w.arena, 1, cursor)
        assert page == read(snapshot, None, 1, cursor)
        return page


@pytest.mark.parametrize("between", [BOOST_WINDOW - 1, BOOST_WINDOW])
def test_a_boost_goes_when_its_original_is_within_the_window(between: int) -> None:
    with world(accounts=3, chunks=64) as w:
        following(w, 2, 3)
        original = w.post(2, Post(text="the original"))
        others = [w.post(2, Post(text="another")) for _ in range(between)]
        boost = w.post(3, Boost(post=original))
        near = between < BOOST_WINDOW
        assert first_page(w) == ([others[-1]] if near else [boost])
        # a window is of raw candidates: what is deleted keeps its place in it
        for post in others[:20]:
            w.submit(2, Delete(post=post))
        assert first_page(w) == ([others[-1]] if near else [boost])


def test_an_undone_boost_still_stands_in_the_window() -> None:
    with world(accounts=4, chunks=64) as w:
        following(w, 3, 4)
        original = w.post(2, Post(text="of somebody else"))
        shown = w.post(3, Boost(post=original))
        w.post(4, Boost(post=original))
        assert first_page(w, Cursor()) == [shown]
        w.submit(3, Unboost(post=original))
        assert first_page(w, Cursor()) == []


def test_a_cursor_ends_a_page_and_not_a_window() -> None:
    with world(accounts=3, chunks=64) as w:
        following(w, 2, 3)
        original = w.post(2, Post(text="the original"))
        other = w.post(2, Post(text="another"))
        w.post(3, Boost(post=original))
        for place in (original, other):
            after = [other] if place == original else []
            assert first_page(w, Cursor(since_id=place)) == after
            assert first_page(w, Cursor(min_id=place)) == after


def test_a_page_is_filled_up() -> None:
    with world(accounts=3, chunks=64) as w:
        following(w, 2, 3)
        kept = [w.post(2, Post(text="kept")) for _ in range(30)]
        for post in kept[:20]:
            w.post(3, Boost(post=post))
        for _ in range(20):
            w.submit(2, Delete(post=w.post(2, Post(text="gone"))))
        assert first_page(w, Cursor()) == kept[::-1][:20]


# --- arena and snapshot -----------------------------------------------------------------------


def test_the_arena_answers_without_the_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(accounts=3, chunks=64) as w:
        following(w, 2)
        posts = [w.post(2, Post(text="here")) for _ in range(50)]
        monkeypatch.setattr("covey.state.home.merge", None)
        with w.snapshot() as snapshot:
            assert read(snapshot, w.arena, 1, Cursor()) == posts[::-1][:20]
            assert read(snapshot, w.arena, 1, Cursor(min_id=posts[-5])) == posts[::-1][:4]
            assert read(snapshot, w.arena, 1, Cursor(since_id=posts[-1])) == []


def test_the_seam_lies_inside_a_page() -> None:
    """A small circle: the newest in the arena, the rest overwritten."""
    with world(accounts=3, chunks=4) as w:
        following(w, 2)
        posts = [w.post(2, Post(text="here")) for _ in range(50)]
        with w.snapshot() as snapshot:
            held, reach = w.arena.read(1, END, 40)
            assert 0 < len(held) < 20
            assert reach > posts[0]
            assert read(snapshot, w.arena, 1, Cursor()) == posts[::-1][:20]
            assert read(snapshot, w.arena, 1, Cursor(min_id=posts[30])) == posts[::-1][:19]


def test_a_snapshot_older_than_the_arena_sees_nothing_newer() -> None:
    with world(accounts=3, chunks=64) as w:
        following(w, 2)
        old = [w.post(2, Post(text="old")) for _ in range(3)]
        with w.snapshot() as snapshot:
            w.post(2, Post(text="new"))
            assert read(snapshot, w.arena, 1, Cursor()) == old[::-1]


def test_a_snapshot_newer_than_the_arena_is_merged() -> None:
    """Between a batch's commit and the arena's last store."""
    with world(accounts=3, chunks=64) as w:
        following(w, 2)
        posts = [w.post(2, Post(text="old"))]
        finish, pages = w.engine.arena.finish, []

        def meanwhile(**numbers: int | None) -> None:
            with w.snapshot() as snapshot:
                pages.append(read(snapshot, w.arena, 1, Cursor()))
                reader = snapshot.relations(1)
                raw = list(islice(ids_below(snapshot, w.arena, reader, END), 9))
                assert raw == pages[-1]
            finish(**numbers)  # type: ignore[arg-type]

        w.engine.arena.finish = meanwhile  # type: ignore[method-assign]
        posts.append(w.post(2, Post(text="just committed")))
        assert pages == [posts[::-1]]
