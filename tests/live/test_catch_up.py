"""What a stream missed is what came to its queues since, no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.test_home import batches
from tests.edge.world import world
from tests.histories import Step, histories
from tests.oracle import Oracle

from covey.limits import CHANGES_MS
from covey.live import catch_up
from covey.messages import Delete, Follow, Mute, Post, Read
from covey.oracle.rows import Row
from covey.state.rules import PRUNE_EVERY


def agrees(
    oracle: Oracle,
    account: int,
    since: int,
    limit: int,
    find: Callable[[int], list[tuple[int, int]]],
    shown: list[int] | None,
) -> None:
    """`shown`: ids of the whole queue. A stream tells of quotes whose original is hidden,
    too; doors look at each row."""
    found = find(10_000)
    assert find(limit) == found[:limit]
    rows = {id_: oracle.row(id_) for _, id_ in found}
    hidden = {id_ for id_, row in rows.items() if row and not oracle.is_shown(row, account)}
    assert all(row and row.quote_of for id_, row in rows.items() if id_ in hidden)
    assert [pair for pair in found if pair[1] not in hidden] == [
        (row.number, row.id)
        for row in oracle.posts
        if row.number > since and row.id in (shown or [])
    ]


@settings(max_examples=60)
@given(histories(), batches, st.data())
def test_what_came_since(history: list[Step], batch: int, data: st.DataObject) -> None:
    with world() as w:
        w.live(history, batch)
        oracle = w.oracle
        since, limit = data.draw(st.integers(0, oracle.number)), data.draw(st.integers(1, 30))

        def after(rows: list[Row]) -> list[tuple[int, int]]:
            return [(row.number, row.id) for row in rows if row.number > since][:limit]

        with w.snapshot() as snapshot:
            for account in oracle.accounts:
                reader = snapshot.relations(account)
                expected = after(oracle.candidates(account)[::-1])
                for arena in (w.arena, None):
                    found = catch_up.posts_after(snapshot, arena, reader, since, limit)
                    assert found == expected

                agree = partial(agrees, oracle, account, since, limit)
                agree(
                    partial(catch_up.public_after, snapshot, reader, since), oracle.public(account)
                )
                agree(
                    partial(catch_up.tag_after, snapshot, reader, "birds", since),
                    oracle.tag("birds", account),
                )
                for group in oracle.groups:
                    queue = oracle.group_queue(group, account)
                    may = catch_up.may_watch(snapshot, reader, f"group/{group}")
                    assert may == (queue is not None)
                    if may:
                        agree(partial(catch_up.group_after, snapshot, reader, group, since), queue)
                for number, one in oracle.lists.items():
                    listing = snapshot.listing(reader, number)
                    assert (listing is not None) == (one.owner == account)
                    assert catch_up.may_watch(snapshot, reader, f"list/{number}") == bool(listing)
                    if listing:
                        rows = [row for row in oracle.posts if oracle.is_listed(row, one)]
                        found = catch_up.list_after(snapshot, listing, since, limit)
                        assert found == after(rows)

                direct_after = partial(catch_up.conversations_after, snapshot, account, since)
                told = sorted(
                    t.number
                    for t in oracle.told
                    if t.account == account and t[:2] not in oracle.filtered
                )
                numbers = catch_up.notifications_after(snapshot, account, since, limit)
                assert numbers == [number for number in told if number > since][:limit]

                numbers = [number for number, _ in direct_after(10_000)]
                assert numbers == [
                    row.number
                    for row in oracle.posts
                    if row.visibility == "direct" and not row.deleted and row.number > since
                    if account in (row.author, *row.mentioned)
                ]
                assert direct_after(limit) == direct_after(10_000)[:limit]

                own, public, direct = [], [], []
                members: dict[int, list[tuple[int, str, int]]] = {n: [] for n in oracle.lists}
                for event in oracle.events:
                    row = oracle.row(event.subject)
                    if event.number <= since or event.kind in ("post", "notification"):
                        continue
                    change = (event.number, event.kind, event.subject)
                    if event.kind == "conversation":
                        if row and row.number != event.number and account in event.accounts:
                            direct.append(change)
                        continue
                    if row and (
                        row.author == account
                        or account in row.mentioned
                        or oracle.is_candidate(row, account)
                    ):
                        own.append(change)
                    if not row and (
                        account in event.accounts or event.kind.startswith("announcement")
                    ):
                        own.append(change)
                    if row and row.visibility == "public":
                        public.append(change)
                    for number, one in oracle.lists.items():
                        if row and row.author in one.members and row.visibility != "direct":
                            members[number] += [change] if one.owner == account else []
                changes = catch_up.changes_after(snapshot, reader, ["home"], since, limit)
                assert changes == own[:limit]
                changes = catch_up.changes_after(snapshot, reader, ["tag/birds"], since, limit)
                assert changes == public[:limit]
                changes = catch_up.changes_after(snapshot, reader, ["direct"], since, limit)
                assert changes == direct[:limit]
                for number, expected in members.items():
                    watched = [f"list/{number}"]
                    changes = catch_up.changes_after(snapshot, reader, watched, since, limit)
                    assert changes == expected[:limit]


def test_a_muted_author_is_not_caught_up() -> None:
    with world(accounts=3) as w:
        w.submit(1, Follow(account=2))
        w.post(2, Post(text="before the mute"))
        w.submit(1, Mute(account=2))
        with w.snapshot() as snapshot:
            reader = snapshot.relations(1)
            assert catch_up.posts_after(snapshot, w.arena, reader, 0, 10) == []
            assert catch_up.public_after(snapshot, reader, 0, 10) == []


def test_a_cursor_is_too_old_when_changes_after_it_are_forgotten() -> None:
    day = 24 * 60 * 60 * 1000
    with world(accounts=2) as w:
        post = w.post(1, Post(text="deleted on the first day"))
        start = w.oracle.number
        w.submit(1, Delete(post=post))
        w.submit(1, Read(queue="home", position=post))
        first = w.oracle.number

        def too_old(number: int) -> bool:
            with w.snapshot() as snapshot:
                return catch_up.too_old(snapshot, number, w.teller.now)

        w.teller.now += CHANGES_MS - day
        assert not too_old(start)
        assert not too_old(0)
        w.teller.now += 2 * day
        assert too_old(start)
        assert not too_old(first)
        while w.oracle.number % PRUNE_EVERY:
            w.submit(1, Read(queue="home", position=1))
        with w.snapshot() as snapshot:
            kept = snapshot.rows("select min(number) from changes")
        # of the old ones the newest stays, to tell how far back they reached
        assert kept == [(first,)]
        assert too_old(start)
        assert not too_old(first)
