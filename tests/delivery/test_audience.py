"""Who gets a post: the set form, the predicate form and the design's table say the same."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from tests.oracle import Account, Oracle, Row

from covey.delivery.audience import (
    REACH,
    STRANGER,
    Candidate,
    Reach,
    Relations,
    audience,
    delivered,
    visible,
)
from covey.delivery.graph import Graph

ACCOUNTS = range(1, 7)
WORDS = ["public", "unlisted", "followers", "direct"]


@dataclass
class World:
    """One set of relations, as a graph, as readers' own, and as the oracle has it."""

    graph: Graph
    oracle: Oracle

    def relations(self, reader: int) -> Relations:
        oracle, follows = self.oracle, self.oracle.follows.items()
        blocks = BitMap(b for a, b in oracle.blocks if a == reader)
        blocked_by = BitMap(a for a, b in oracle.blocks if b == reader)
        mutes = BitMap(b for a, b in oracle.mutes if a == reader)
        return Relations(
            reader,
            BitMap(b for (a, b), _ in follows if a == reader),
            BitMap(b for (a, b), (boosts, _, _) in follows if a == reader and not boosts),
            blocks,
            blocks | mutes | blocked_by,
            blocked_by,
        )


account = st.sampled_from(ACCOUNTS)
pairs = st.tuples(account, account).filter(lambda pair: pair[0] != pair[1])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    graph, oracle = Graph(), Oracle()
    oracle.accounts = {number: Account(f"a{number}") for number in ACCOUNTS}
    follows = draw(st.dictionaries(pairs, st.booleans(), max_size=24))
    for (follower, followed), boosts in follows.items():
        oracle.follows[follower, followed] = (boosts, False, 1)
        graph.followers.add(followed, follower)
        if not boosts:
            graph.boost_hiders.add(followed, follower)
    # a block ends following, but the audience does not count on it
    for account, target in draw(st.sets(pairs, max_size=5)):
        oracle.blocks.add((account, target))
        graph.blocks.add(account, target)
        graph.blockers.add(target, account)
    for account, target in draw(st.sets(pairs, max_size=5)):
        oracle.mutes[account, target] = (True, 0)
        graph.muters.add(target, account)
    return World(graph, oracle)


@st.composite
def posts(draw: st.DrawFn) -> Row:
    author = draw(st.sampled_from(ACCOUNTS))
    kind = draw(st.sampled_from(["post", "reply", "boost"]))
    other = draw(st.sampled_from(ACCOUNTS))
    mentioned = draw(st.lists(st.sampled_from(ACCOUNTS), max_size=3, unique=True))
    visibility = draw(st.sampled_from(WORDS if kind != "boost" else WORDS[:3]))
    row = Row(9, 9, author, visibility, mentioned=[] if kind == "boost" else mentioned)
    if kind == "reply":
        row.reply_to, row.parent_author = 5, other
    elif kind == "boost":
        row.boost_of, row.original_author = 5, other
    return row


def candidate(row: Row) -> Candidate:
    return Candidate(
        row.id, row.author, REACH[row.visibility], row.reply_to, row.parent_author, row.boost_of,
        row.original_author, tuple(row.mentioned),
    )  # fmt: skip


@settings(max_examples=400)
@given(worlds(), posts())
def test_set_predicate_and_table_agree(world: World, row: Row) -> None:
    post = candidate(row)
    found = audience(world.graph, post)
    assert set(found) == {a for a in ACCOUNTS if world.oracle.is_candidate(row, a)}
    assert set(found) == {a for a in ACCOUNTS if delivered(post, world.relations(a))}


@pytest.mark.long
@settings(max_examples=20_000)
@given(worlds(), posts())
def test_set_predicate_and_table_agree_at_length(world: World, row: Row) -> None:
    post = candidate(row)
    found = audience(world.graph, post)
    for account in ACCOUNTS:
        by_table = world.oracle.is_candidate(row, account)
        assert by_table == (account in found) == delivered(post, world.relations(account))


@settings(max_examples=300)
@given(worlds(), posts().filter(lambda row: not row.boost_of))
def test_visible_is_what_the_table_says(world: World, row: Row) -> None:
    for account in ACCOUNTS:
        found = visible(candidate(row), world.relations(account))
        assert found == world.oracle.visible(row, account)
    assert visible(candidate(row), STRANGER) == (row.visibility in ("public", "unlisted"))


@settings(max_examples=200)
@given(worlds(), posts())
def test_asking_changes_nothing(world: World, row: Row) -> None:
    post = candidate(row)
    first = audience(world.graph, post)
    expected = BitMap(first)
    first.add(1_000)
    assert audience(world.graph, post) == expected


# --- each line of the table, by itself --------------------------------------------------------


def graph_of(*follows: tuple[int, int]) -> Graph:
    graph = Graph()
    for follower, followed in follows:
        graph.followers.add(followed, follower)
    return graph


@pytest.mark.parametrize("reach", list(Reach))
def test_self_and_followers_but_for_direct_posts(reach: Reach) -> None:
    found = audience(graph_of((2, 1), (3, 1)), Candidate(9, 1, reach))
    assert set(found) == (set() if reach == Reach.DIRECT else {1, 2, 3})


@example(parent=1)
@given(st.integers(1, 4))
def test_a_reply_goes_to_those_who_follow_both(parent: int) -> None:
    graph = graph_of((2, 1), (3, 1), (3, 4), (4, 1))
    found = audience(graph, Candidate(9, 1, Reach.PUBLIC, reply_to=5, reply_account=parent))
    expected = {1: {1, 2, 3, 4}, 2: {1, 2}, 3: {1, 3}, 4: {1, 3, 4}}
    assert set(found) == expected[parent]


def test_who_replies_to_a_stranger_has_it_in_its_own_home() -> None:
    found = audience(graph_of(), Candidate(9, 1, Reach.PUBLIC, reply_to=5, reply_account=2))
    assert set(found) == {1}


def test_the_original_author_who_set_the_reader_aside_counts() -> None:
    graph = graph_of((2, 1), (3, 1), (4, 1))
    graph.blocks.add(5, 2)  # 5 blocks 2
    graph.blockers.add(5, 3)  # 3 blocks 5
    graph.muters.add(5, 4)  # 4 mutes 5
    boost = Candidate(9, 1, Reach.PUBLIC, boost_of=5, boost_account=5)
    assert set(audience(graph, boost)) == {1}


def test_words_and_reaches_are_the_same() -> None:
    assert [reach.word for reach in Reach] == WORDS == list(REACH)
