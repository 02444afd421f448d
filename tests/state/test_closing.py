"""Closing an account: at once nobody sees it, by and by all it held is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine, rebuilt, tables

from covey.limits import ROWS_PER_MESSAGE
from covey.messages import (
    SERVER,
    BlockDomain,
    Boost,
    CloseAccount,
    CreateGroup,
    CreateList,
    Due,
    Favourite,
    Follow,
    FollowTag,
    JoinGroup,
    Mute,
    Note,
    OpenSession,
    Post,
    Profile,
    Read,
    Register,
    Restore,
    SetFilter,
)
from covey.state.state import State


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=5)


def finish(engine: PlainEngine) -> list[int]:
    """→ rows that each `due` changed."""
    changed = []
    while row := engine.state.row("select min(number) from dues"):
        if row[0] is None:
            break
        before = engine.state.connection.total_changes()
        engine.submit(SERVER, Due(number=row[0]))
        changed.append(engine.state.connection.total_changes() - before)
    return changed


def test_what_goes(engine: PlainEngine) -> None:
    theirs = engine.submit(3, Post(text="theirs")).id
    group = engine.submit(2, CreateGroup(name="owlers")).id
    engine.submit(3, JoinGroup(group=group))
    for message in (
        Profile(display_name="Bob", note="Here I am"), Follow(account=3), Favourite(post=theirs),
        Boost(post=theirs), Post(text="mine", reply_to=theirs), OpenSession(session_hash=b"h" * 32),
        FollowTag(name="owls"), Mute(account=4), Note(account=4, text="x"),
        CreateList(title="friends"), BlockDomain(domain="a.example"),
        SetFilter(title="Owls", contexts=("home",)), Read(queue="home", position=1),
    ):  # fmt: skip
        engine.submit(2, message)
    engine.submit(4, Follow(account=2))
    engine.submit(2, CloseAccount())
    row = engine.state.row(
        "select standing, display_name, note, name from accounts where number = 2"
    )
    assert row == ("closed", "", "", "bob")
    assert {a for readers, _ in engine.outcome.wide_floors for a in readers} >= {2, 4}
    assert engine.state.count("select count(*) from sessions") == 0
    assert engine.refusal(2, Post(text="x")) == "account_closed"
    assert engine.refusal(4, Follow(account=2)) == "not_found"
    assert engine.refusal(1, Restore(account=2)) == "standing_wrong"
    assert engine.refusal(SERVER, Register(name="bob")) == "name_taken"
    finish(engine)
    for table in (
        "follows", "favourites", "tag_follows", "mutes", "notes", "lists", "domain_blocks",
        "filters", "positions", "dues",
    ):  # fmt: skip
        assert engine.state.execute(f"select * from {table}").fetchall() == [], table
    counts = engine.state.row(
        "select replies_count, boosts_count, favourites_count from posts where id = ?", (theirs,)
    )
    assert counts == (0, 0, 0)
    mine = "select count(*) from posts where account = 2 and deleted = 0"
    assert engine.state.count(mine) == 0
    # its group passes on
    assert engine.state.execute("select account, role from memberships").fetchall() == [
        (3, "owner")
    ]
    assert engine.state.count("select followers_count from accounts where number = 3") == 0


def test_a_large_account_goes_by_and_by(engine: PlainEngine, tmp_path: Path) -> None:
    ids = [engine.submit(2, Post(text=f"post {n}")).id for n in range(800)]
    for id_ in ids[:300]:
        engine.submit(3, Favourite(post=id_))
    for follower in (3, 4, 5):
        engine.submit(follower, Follow(account=2))
    engine.submit(2, CloseAccount())
    changed = finish(engine)
    assert len(changed) > 2
    assert max(changed) <= ROWS_PER_MESSAGE
    assert engine.state.count("select count(*) from posts where deleted = 0") == 0
    assert engine.state.count("select posts_count from accounts where number = 2") == 0
    # the log into an empty state, and the graph from its rows
    state = rebuilt(tmp_path / "again", engine.log, lambda number: number % 7 == 0)
    assert tables(state) == tables(engine.state)
    again = State(engine.state.path)
    again.load_graph()
    assert set(again.graph.hidden[again.graph.SUSPENDED]) == {2}
    again.close()
    state.close()


def test_the_server_has_none_to_close(engine: PlainEngine) -> None:
    assert engine.refusal(SERVER, CloseAccount()) == "not_found"
