"""Lists: refusals, rows, who is hidden from home, floors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import ACCOUNTS_PER_LIST, LIST_TITLE_CHARACTERS, LISTS_PER_ACCOUNT
from covey.messages import (
    AddToList,
    Block,
    ChangeList,
    CreateList,
    DeleteList,
    Follow,
    Mention,
    Post,
    Read,
    Register,
    RemoveFollower,
    RemoveFromList,
    Unfollow,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[PlainEngine]:
    """Of four accounts; the first follows the others."""
    made = PlainEngine(tmp_path, accounts=4)
    for account in (2, 3, 4):
        made.submit(1, Follow(account=account))
    yield made
    made.close()


def create(engine: PlainEngine, actor: int = 1, exclusive: bool = False) -> int:
    entry = engine.submit(actor, CreateList(title="friends", exclusive=exclusive))
    assert entry.id == entry.number
    return entry.id


def members(engine: PlainEngine, number: int) -> list[int]:
    rows = engine.state.execute(
        "select account from list_members where list = ? order by account", (number,)
    )
    return [account for (account,) in rows]


def hidden(engine: PlainEngine) -> set[int]:
    """Whom the first account does not see at home."""
    return {account for account in range(1, 5) if engine.state.graph.hiders.has(account, 1)}


def test_titles(engine: PlainEngine) -> None:
    number = create(engine)
    for title, code in (
        ("", "parameter_missing"),
        ("  ", "parameter_missing"),
        ("x" * (LIST_TITLE_CHARACTERS + 1), "text_long"),
        ("two\nlines", "text_character"),
        ("x" * LIST_TITLE_CHARACTERS, ""),
    ):
        assert engine.refusal(1, CreateList(title=title)) == code
        assert engine.refusal(1, ChangeList(list=number, title=title)) == code


def test_a_list_is_its_owners(engine: PlainEngine) -> None:
    number = create(engine)
    for actor, list_ in ((2, number), (1, number + 1)):
        for message in (
            ChangeList(list=list_, title="mine"),
            DeleteList(list=list_),
            AddToList(list=list_, accounts=(2,)),
            RemoveFromList(list=list_, accounts=(2,)),
        ):
            assert engine.refusal(actor, message) == "not_found"


def test_members_are_followed(engine: PlainEngine) -> None:
    number = create(engine)
    assert engine.refusal(1, AddToList(list=number, accounts=())) == "already_done"
    assert engine.refusal(1, AddToList(list=number, accounts=(9,))) == "not_found"
    stranger = engine.submit(0, Register(name="stranger")).id
    assert engine.refusal(1, AddToList(list=number, accounts=(stranger,))) == "list_not_followed"
    engine.submit(1, AddToList(list=number, accounts=(3, 2, 1)))
    assert members(engine, number) == [1, 2, 3]
    assert engine.refusal(1, AddToList(list=number, accounts=(1, 2))) == "already_done"
    assert engine.refusal(1, RemoveFromList(list=number, accounts=(4,))) == "already_done"
    engine.submit(1, RemoveFromList(list=number, accounts=(2, 4)))
    assert members(engine, number) == [1, 3]


@pytest.mark.parametrize(
    ("actor", "message"),
    [(1, Unfollow(account=2)), (2, RemoveFollower(account=1)), (2, Block(account=1))],
)
def test_whoever_is_followed_no_more_is_in_no_list(
    engine: PlainEngine, actor: int, message: Unfollow | RemoveFollower | Block
) -> None:
    number, other = create(engine, exclusive=True), create(engine, 3)
    engine.submit(3, Follow(account=2))
    engine.submit(3, AddToList(list=other, accounts=(2,)))
    engine.submit(1, AddToList(list=number, accounts=(2, 3)))
    engine.submit(actor, message)
    assert members(engine, number) == [3]
    assert members(engine, other) == [2]
    assert hidden(engine) == {3}


def test_exclusive_lists_hide_their_members(engine: PlainEngine) -> None:
    engine.submit(2, Post(text="a post"))
    last = engine.state.last_id
    plain, exclusive = create(engine), create(engine, exclusive=True)
    engine.submit(1, AddToList(list=plain, accounts=(2, 3)))
    assert (hidden(engine), engine.outcome.floors) == (set(), {})
    engine.submit(1, AddToList(list=exclusive, accounts=(3, 4)))
    assert (hidden(engine), engine.outcome.floors) == ({3, 4}, {1: last})
    engine.submit(1, ChangeList(list=plain, title="friends", exclusive=True))
    assert (hidden(engine), engine.outcome.floors) == ({2, 3, 4}, {1: last})
    # who is in another exclusive list stays hidden
    engine.submit(1, RemoveFromList(list=exclusive, accounts=(3,)))
    assert (hidden(engine), engine.outcome.floors) == ({2, 3, 4}, {})
    engine.submit(1, ChangeList(list=plain, title="friends"))
    assert (hidden(engine), engine.outcome.floors) == ({4}, {1: last})
    engine.submit(1, ChangeList(list=plain, title="another title"))
    assert (hidden(engine), engine.outcome.floors) == ({4}, {})
    engine.submit(1, DeleteList(list=exclusive))
    assert (hidden(engine), engine.outcome.floors) == (set(), {1: last})
    assert members(engine, exclusive) == []


def test_a_change_changes_something(engine: PlainEngine) -> None:
    number = create(engine)
    assert engine.refusal(1, ChangeList(list=number, title="friends")) == "already_done"
    engine.submit(1, ChangeList(list=number, title="more", replies="none", exclusive=True))
    rows = engine.state.execute("select * from lists").fetchall()
    assert rows == [(number, 1, "more", "none", 1)]


def test_a_number_is_never_given_again(engine: PlainEngine) -> None:
    number = create(engine)
    engine.submit(1, Read(queue=f"list/{number}", position=5))
    engine.submit(1, DeleteList(list=number))
    assert engine.state.execute("select * from positions").fetchall() == []
    assert create(engine) > number


def test_limits(engine: PlainEngine) -> None:
    number = create(engine)
    for _ in range(1, LISTS_PER_ACCOUNT):
        create(engine)
    assert engine.refusal(1, CreateList(title="one more")) == "lists_many"
    assert engine.refusal(2, CreateList(title="one")) == ""
    many = tuple(range(2, ACCOUNTS_PER_LIST + 3))
    assert engine.refusal(1, AddToList(list=number, accounts=many)) == "list_accounts_many"
    assert engine.refusal(1, RemoveFromList(list=number, accounts=many)) == "list_accounts_many"


# --- reading positions ------------------------------------------------------------------------


def test_positions_are_in_queues_of_ones_own(engine: PlainEngine) -> None:
    number, other = create(engine), create(engine, 2)
    text = "@bob hello"
    mention = (Mention(0, 4, "bob"),)
    direct = engine.submit(1, Post(text=text, visibility="direct", mentions=mention)).id
    public = engine.submit(1, Post(text="a thread of another kind")).id
    for actor, queue, code in (
        (1, "home", ""),
        (1, "notifications", ""),
        (1, "home/1", "queue_unknown"),
        (1, "elsewhere", "queue_unknown"),
        (1, f"list/{number}", ""),
        (1, f"list/0{number}", "queue_unknown"),
        (1, f"list/{other}", "queue_unknown"),
        (1, "list/", "queue_unknown"),
        (1, "list/9" + "9" * 30, "queue_unknown"),
        (1, "tag/birds", ""),
        (1, "tag/", "tag_malformed"),
        (1, "tag/Birds", "tag_malformed"),
        (1, "group/2", "queue_unknown"),
        (1, f"conversation/{direct}", ""),
        (2, f"conversation/{direct}", ""),
        (3, f"conversation/{direct}", "queue_unknown"),
        (1, f"conversation/{public}", "queue_unknown"),
    ):
        assert engine.refusal(actor, Read(queue=queue, position=1)) == code, queue


def test_positions_are_not_kept_without_end(
    engine: PlainEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("covey.state.reading.POSITIONS_PER_ACCOUNT", 2)
    engine.submit(1, Read(queue="home", position=1))
    engine.submit(1, Read(queue="tag/a", position=1))
    assert engine.refusal(1, Read(queue="tag/b", position=1)) == "positions_many"
    engine.submit(1, Read(queue="tag/a", position=2))
    engine.submit(2, Read(queue="tag/b", position=1))
