"""Notifications in groups against a plain model: what belongs together is together, and once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.edge.world import World, world
from tests.oracle import page

from covey.edge import grouped
from covey.edge.cursor import Cursor
from covey.edge.grouped import GROUPABLE, SPAN_MS
from covey.messages import (
    AnyMessage,
    Block,
    Boost,
    Dismiss,
    Favourite,
    Follow,
    Mention,
    Post,
    Unblock,
    Unfavourite,
    Unfollow,
)
from covey.oracle.rows import Told

KINDS = ("mention", "boost", "favourite", "follow")
ANN = 1
"""Who is told."""

Act = tuple[int, int, int, int]
"""(who, what, about which post, how much later)."""
acts = st.lists(
    st.tuples(st.integers(2, 4), st.integers(0, 8), st.integers(0, 1), st.integers(0, 5)),
    min_size=1, max_size=40,
)  # fmt: skip


def live(w: World, told: list[Act]) -> tuple[list[int], dict[int, int]]:
    """(posts of Ann's, number → stamp)."""
    posts = [w.post(ANN, Post(text=f"an owl {n}")) for n in range(2)]
    stamps: dict[int, int] = {}
    for who, what, which, later in told:
        w.teller.now += (1, 60_000, 60_000, SPAN_MS // 3, SPAN_MS, 60_000)[later]
        post = posts[which]
        message: AnyMessage = (
            Favourite(post=post), Favourite(post=post), Unfavourite(post=post), Boost(post=post),
            Follow(account=ANN), Unfollow(account=ANN), Block(account=who), Unblock(account=who),
            Post(text="@ann hello", mentions=(Mention(0, 4, "ann"),)),
        )[what]  # fmt: skip
        actor = ANN if what in (6, 7) else who
        w.submit(actor, message)
        stamps[w.oracle.number] = w.oracle.stamp
    return posts, stamps


def in_groups(w: World, stamps: dict[int, int], kinds: set[str]) -> list[list[Told]]:
    """Those of the same kind, about the same post, of the same half day; newest first."""
    found: dict[object, list[Told]] = {}
    for told in w.oracle.notifications(ANN):
        same = (told.kind, told.post, stamps[told.number] // SPAN_MS)
        found.setdefault(same if told.kind in kinds else told.number, []).append(told)
    return list(found.values())


@given(acts, st.sampled_from([{"favourite", "follow", "boost"}, {"favourite"}, set()]))
def test_every_page_and_the_way_through_all_of_them(told: list[Act], kinds: set[str]) -> None:
    with world() as w:
        _, stamps = live(w, told)
        expected = in_groups(w, stamps, kinds)
        positions = [group[0].number for group in expected]
        ends = [None, *(number + more for number in sorted(stamps)[::3] for more in (0, 1))]
        with w.snapshot() as snapshot:
            reader = snapshot.relations(ANN)

            def read(cursor: Cursor) -> list[list[int]]:
                found = grouped.groups(snapshot, reader, cursor, KINDS, kinds)
                assert [group.position for group in found.rows] == page(
                    positions, cursor.limit, cursor.max_id, cursor.since_id, cursor.min_id
                )
                return [[row.number for row in group.rows] for group in found.rows]

            whole = [[told.number for told in group] for group in expected]
            assert read(Cursor(limit=80)) == whole
            for end in ends:
                for limit in (1, 2, 80):
                    read(Cursor(max_id=end, limit=limit))
                    read(Cursor(min_id=end, limit=limit))
                    read(Cursor(since_id=end, limit=limit))
                    read(Cursor(min_id=end, max_id=ends[-1], limit=limit))


@given(acts)
def test_a_group_by_its_key_and_its_dismissal(told: list[Act]) -> None:
    with world() as w:
        _, stamps = live(w, told)
        for group in in_groups(w, stamps, set(GROUPABLE)):
            with w.snapshot() as snapshot:
                reader = snapshot.relations(ANN)
                all_ = grouped.groups(snapshot, reader, Cursor(limit=80), KINDS).rows
                key = next(one.key for one in all_ if one.position == group[0].number)
                found = grouped.group_of(snapshot, reader, key, KINDS)
                assert found is not None
                numbers = [row.number for row in found[0].rows]
                assert numbers == [one.number for one in group]
            w.submit(ANN, Dismiss(number=numbers[0], since=numbers[-1]))
            with w.snapshot() as snapshot:
                assert grouped.group_of(snapshot, reader, key, KINDS) is None
        assert w.oracle.notifications(ANN) == []


def test_what_is_no_key() -> None:
    with world() as w, w.snapshot() as snapshot:
        for key in ("", "favourite", "mention-1-1", "ungrouped-x", "favourite-1-1", "ungrouped-7"):
            assert grouped.group_of(snapshot, snapshot.relations(ANN), key, KINDS) is None
