"""Who gets a post: the set form, the predicate form and the design's table say the same."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from tests.oracle import Oracle

from covey.delivery.audience import (
    REACH,
    STRANGER,
    Candidate,
    Everybody,
    Reach,
    Relations,
    audience,
    delivered,
    visible,
)
from covey.delivery.graph import Graph
from covey.oracle.rows import Account, Followed, List, Row

ACCOUNTS = range(1, 7)
GROUPS = (7, 8)
"""The first is open."""
TAGS = ("birds", "trees")
LANGUAGES = ("", "en", "de")
WORDS = ["public", "unlisted", "followers", "direct", "group", "local"]


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
        follows = {b: follow for (a, b), follow in oracle.follows.items() if a == reader}
        exclusive = [
            account
            for one in oracle.lists.values()
            for account in one.members
            if one.owner == reader and one.exclusive
        ]
        return Relations(
            reader,
            BitMap(follows),
            BitMap(b for b, follow in follows.items() if not follow.boosts),
            blocks,
            blocks | mutes | blocked_by,
            blocked_by,
            BitMap(exclusive),
            {b: frozenset(follow.languages) for b, follow in follows.items() if follow.languages},
            BitMap(group for group in GROUPS if oracle.is_member(group, reader)),
            frozenset(tag for account, tag in oracle.followed_tags if account == reader),
            Everybody(BitMap(oracle.suspended), BitMap(oracle.limited), BitMap([GROUPS[0]])),
        )


pairs = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS)).filter(
    lambda p: p[0] != p[1]
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    graph, oracle = Graph(), Oracle()
    oracle.accounts = {number: Account(f"a{number}") for number in ACCOUNTS}
    how = st.tuples(st.booleans(), st.sets(st.sampled_from(LANGUAGES[1:]), max_size=1))
    for (follower, followed), (boosts, languages) in draw(
        st.dictionaries(pairs, how, max_size=24)
    ).items():
        oracle.follows[follower, followed] = Followed(boosts, False, tuple(languages), 1)
        graph.followers.add(followed, follower)
        if not boosts:
            graph.boost_hiders.add(followed, follower)
        for language in languages:
            graph.choosers.add(followed, follower)
            graph.takers.add((followed, language), follower)
    # a block ends following, but the audience does not count on it
    for account, target in draw(st.sets(pairs, max_size=5)):
        oracle.blocks.add((account, target))
        graph.blocks.add(account, target)
        graph.blockers.add(target, account)
    for account, target in draw(st.sets(pairs, max_size=5)):
        oracle.mutes[account, target] = (True, 0)
        graph.muters.add(target, account)
    for owner, member in draw(st.sets(pairs, max_size=4)):
        exclusive = draw(st.booleans())
        oracle.lists[len(oracle.lists) + 1] = List(owner, "", "list", exclusive, {member: 1})
        if exclusive:
            graph.hiders.add(member, owner)
    oracle.groups = {GROUPS[0]: "open", GROUPS[1]: "secret"}
    graph.open_groups.add(0, GROUPS[0])
    for group, account in draw(
        st.sets(st.tuples(st.sampled_from(GROUPS), st.sampled_from(ACCOUNTS)), max_size=5)
    ):
        oracle.roles[group, account] = "member"
        graph.members.add(group, account)
    for account, tag in draw(
        st.sets(st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(TAGS)), max_size=5)
    ):
        oracle.followed_tags[account, tag] = 1
        graph.tag_followers.add(tag, account)
    for account in draw(st.sets(st.sampled_from(ACCOUNTS), max_size=2)):
        oracle.limited.add(account)
        graph.hidden.add(graph.LIMITED, account)
    return World(graph, oracle)


@st.composite
def posts(draw: st.DrawFn) -> Row:
    author = draw(st.sampled_from(ACCOUNTS))
    kind = draw(st.sampled_from(["post", "reply", "boost", "quote"]))
    other = draw(st.sampled_from(ACCOUNTS))
    visibility = draw(st.sampled_from(["public", *WORDS]))
    mentioned = draw(st.lists(st.sampled_from(ACCOUNTS), max_size=3, unique=True))
    if kind == "boost":
        visibility = "public" if visibility in ("direct", "group") else visibility
        return Row(9, 9, author, visibility, boost_of=5, original_author=other, mentioned=mentioned)
    row = Row(
        9, 9, author, visibility, mentioned=mentioned,
        language=draw(st.sampled_from(LANGUAGES)),
        groups=draw(st.lists(st.sampled_from(GROUPS), max_size=2, unique=True)),
        tags=draw(st.lists(st.sampled_from(TAGS), max_size=2, unique=True)),
    )  # fmt: skip
    if kind == "reply":
        row.reply_to, row.parent_author = 5, other
    elif kind == "quote":
        row.quote_of, row.quoted_author = 5, other
    return row


def candidate(row: Row) -> Candidate:
    return Candidate(
        row.id, row.author, REACH[row.visibility], row.reply_to, row.parent_author, row.boost_of,
        row.original_author, row.quoted_author, row.language, tuple(row.mentioned),
        tuple(row.groups), tuple(row.tags),
    )  # fmt: skip


@settings(max_examples=400)
@given(worlds(), posts())
def test_set_predicate_and_table_agree(world: World, row: Row) -> None:
    post = candidate(row)
    found = audience(world.graph, post)
    assert set(found) == {a for a in ACCOUNTS if world.oracle.is_candidate(row, a)}
    assert set(found) == {a for a in ACCOUNTS if delivered(post, world.relations(a))}


@pytest.mark.long
@settings(max_examples=5_000)
@given(worlds(), posts())
def test_set_predicate_and_table_agree_at_length(world: World, row: Row) -> None:
    post = candidate(row)
    found = audience(world.graph, post)
    for account in ACCOUNTS:
        by_table = world.oracle.is_candidate(row, account)
        assert by_table == (account in found) == delivered(post, world.relations(account))


@settings(max_examples=300)
@given(worlds(), posts(), st.booleans())
def test_visible_is_what_the_table_says(world: World, row: Row, suspended: bool) -> None:
    if suspended:
        world.oracle.suspended.add(row.author)
    post = candidate(row)
    for account in (0, *ACCOUNTS):
        assert visible(post, world.relations(account)) == world.oracle.visible(row, account)
        if suspended:
            assert not delivered(post, world.relations(account))
    if not suspended and not row.groups:
        assert visible(post, STRANGER) == (row.visibility in ("public", "unlisted"))


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
    assert set(found) == {Reach.DIRECT: set(), Reach.GROUP: {1}}.get(reach, {1, 2, 3})


def test_languages_are_the_followers_choice() -> None:
    graph = graph_of((2, 1), (3, 1), (4, 1))
    for follower, language in ((3, "en"), (4, "de")):
        graph.choosers.add(1, follower)
        graph.takers.add((1, language), follower)
    assert set(audience(graph, Candidate(9, 1, 0, language="en"))) == {1, 2, 3}
    assert set(audience(graph, Candidate(9, 1, 0, language="fa"))) == {1, 2}
    assert set(audience(graph, Candidate(9, 1, 0))) == {1, 2, 3, 4}


def test_an_exclusive_list_keeps_followed_posts_out_and_nothing_else() -> None:
    graph = graph_of((2, 1), (3, 1))
    graph.hiders.add(1, 2)
    assert set(audience(graph, Candidate(9, 1, 0, tags=("birds",)))) == {1, 3}
    graph.tag_followers.add("birds", 2)
    assert set(audience(graph, Candidate(9, 1, 0, tags=("birds",)))) == {1, 2, 3}


def test_groups_and_tags_reach_strangers_of_the_author() -> None:
    graph = graph_of()
    graph.members.add(7, 2)
    graph.tag_followers.add("birds", 3)
    graph.muters.add(1, 4)
    graph.tag_followers.add("birds", 4)
    post = Candidate(9, 1, Reach.PUBLIC, groups=(7,), tags=("birds",))
    assert set(audience(graph, post)) == {1, 2, 3}
    graph.hidden.add(graph.LIMITED, 1)
    assert set(audience(graph, post)) == {1, 2}
    assert set(audience(graph, Candidate(9, 1, Reach.GROUP, groups=(7,), tags=("birds",)))) == {
        1,
        2,
    }


def test_the_author_of_what_is_quoted_counts() -> None:
    graph = graph_of((2, 1), (3, 1))
    graph.muters.add(5, 2)
    assert set(audience(graph, Candidate(9, 1, Reach.PUBLIC, quote_account=5))) == {1, 3}


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
