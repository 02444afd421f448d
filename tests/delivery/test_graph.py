"""The graph's bitmaps hold what they were told, and give it back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from covey.delivery.graph import Graph, Relation

NAMES = ["followers", "boost_hiders", "watchers", "blocks", "blockers", "muters"]
accounts = st.integers(1, 6)
changes = st.lists(st.tuples(st.sampled_from(NAMES), accounts, accounts, st.booleans()))


def contents(graph: Graph) -> dict[str, dict[int, set[int]]]:
    return {
        name: {target: set(getattr(graph, name)[target]) for target in range(8)} for name in NAMES
    }


def change(graph: Graph, name: str, target: int, account: int, added: bool) -> None:
    relation: Relation = getattr(graph, name)
    (relation.add if added else relation.remove)(target, account)


@given(changes, changes)
def test_rollback_restores_what_was_committed(before: list, after: list) -> None:
    graph = Graph()
    for one in before:
        change(graph, *one)
    graph.commit()
    committed = contents(graph)
    for one in after:
        change(graph, *one)
    graph.rollback()
    assert contents(graph) == committed
    graph.rollback()
    assert contents(graph) == committed


@given(changes)
def test_it_holds_what_sets_would_hold(history: list) -> None:
    graph = Graph()
    sets: dict[str, dict[int, set[int]]] = {name: {t: set() for t in range(8)} for name in NAMES}
    for name, target, account, added in history:
        change(graph, name, target, account, added)
        (sets[name][target].add if added else sets[name][target].discard)(account)
        assert getattr(graph, name).has(target, account) is added
    assert contents(graph) == sets


@given(st.lists(st.tuples(accounts, accounts)), st.randoms(use_true_random=False))
def test_load_takes_pairs_in_any_order(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for order in (sorted(pairs), shuffled):
        relation = Relation([])
        relation.load(order)
        for target in range(8):
            assert set(relation[target]) == {account for t, account in pairs if t == target}


def test_what_was_loaded_is_not_undone() -> None:
    graph = Graph()
    graph.followers.load([(1, 2), (1, 3)])
    graph.followers.add(1, 4)
    graph.rollback()
    assert graph.followers[1] == BitMap([2, 3])


def test_an_empty_relation_keeps_no_bitmap() -> None:
    relation = Relation([])
    relation.add(1, 2)
    relation.remove(1, 2)
    relation.remove(1, 2)
    relation.remove(9, 2)
    assert not relation[1]
    assert relation._sets == {}


@settings(max_examples=50)
@given(changes)
def test_aside_is_who_gets_nothing(history: list) -> None:
    graph = Graph()
    for one in history:
        change(graph, *one)
    for account in range(8):
        expected = graph.blockers[account] | graph.muters[account] | graph.blocks[account]
        before = contents(graph)
        found = graph.aside(account)
        assert found == expected
        found.add(77)  # the caller may do with it what it likes
        assert contents(graph) == before
