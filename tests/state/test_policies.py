"""Notification policies: what is taken, filtered, dropped; requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import NEW_ACCOUNT_MS
from covey.messages import (
    SERVER,
    AcceptRequest,
    DismissRequest,
    Due,
    Favourite,
    Follow,
    Limit,
    Mention,
    NotificationPolicy,
    Post,
    SetRole,
    Visibility,
)

LATER = NEW_ACCOUNT_MS + 1


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    """1 is an administrator; the others, called bob, cyd, dee, are of today."""
    return PlainEngine(tmp_path, accounts=4)


def mention(
    engine: PlainEngine, sender: int, visibility: Visibility = "public", reply_to: int = 0
) -> str:
    """What becomes of a mention of bob, who is 2."""
    post = Post(
        text="@bob hi", mentions=(Mention(0, 4, "bob"),), visibility=visibility, reply_to=reply_to
    )
    number = engine.submit(sender, post).number
    row = engine.state.row(
        "select filtered from notifications where account = 2 and number = ?", (number,)
    )
    told = (number, 2) in engine.outcome.notifications
    assert told == (row == (0,))
    return {None: "dropped", (0,): "taken", (1,): "filtered"}[row]


def policy(engine: PlainEngine, **fields: str) -> None:
    engine.submit(2, NotificationPolicy(**fields))  # type: ignore[arg-type]


def test_without_a_policy(engine: PlainEngine) -> None:
    assert mention(engine, 3) == "taken"
    # directly, uncalled for
    assert mention(engine, 3, "direct") == "filtered"
    mine = engine.submit(2, Post(text="ask me")).id
    assert mention(engine, 3, "direct", reply_to=mine) == "taken"
    engine.submit(2, Follow(account=3))
    assert mention(engine, 3, "direct") == "taken"
    engine.submit(1, Limit(account=4))
    assert mention(engine, 4) == "filtered"
    engine.submit(2, Follow(account=4))
    assert mention(engine, 4) == "taken"


@pytest.mark.parametrize(("answer", "comes"), [("filter", "filtered"), ("drop", "dropped")])
def test_each_policy(engine: PlainEngine, answer: str, comes: str) -> None:
    policy(engine, not_following=answer)
    assert mention(engine, 3) == comes
    policy(engine, not_followers=answer)
    assert mention(engine, 3) == comes
    engine.submit(3, Follow(account=2))
    assert mention(engine, 3) == "taken"
    policy(engine, new_accounts=answer)
    assert mention(engine, 3) == comes
    engine.now += LATER
    assert mention(engine, 3) == "taken"
    policy(engine, not_following=answer, not_followers="filter")
    engine.submit(2, Follow(account=3))
    assert mention(engine, 3) == "taken"


def test_the_strictest_counts_and_moderators_are_heard(engine: PlainEngine) -> None:
    policy(engine, not_following="filter", not_followers="drop")
    assert mention(engine, 3) == "dropped"
    engine.submit(3, Follow(account=2))
    assert mention(engine, 3) == "filtered"
    engine.submit(SERVER, SetRole(account=3, role="moderator"))
    assert mention(engine, 3) == "taken"
    mine = engine.submit(2, Post(text="mine")).id
    number = engine.submit(3, Favourite(post=mine)).number
    assert engine.state.count("select filtered from notifications where number = ?", (number,)) == 1


def test_requests(engine: PlainEngine) -> None:
    policy(engine, not_following="filter")
    assert engine.refusal(2, AcceptRequest(account=3)) == "not_found"
    assert engine.refusal(2, DismissRequest(account=3)) == "not_found"
    for sender in (3, 3, 4, 4):
        assert mention(engine, sender) == "filtered"
    engine.submit(2, AcceptRequest(account=3))
    engine.submit(2, DismissRequest(account=4))
    waiting = "select sender, filtered from notifications where account = 2"
    assert engine.state.execute(waiting).fetchall() == [(3, 0), (3, 0)]
    assert engine.refusal(2, AcceptRequest(account=3)) == "not_found"
    # from now on
    assert mention(engine, 3) == "taken"
    assert mention(engine, 4) == "filtered"
    engine.submit(2, AcceptRequest(account=4))
    policy(engine, not_following="drop")
    assert mention(engine, 4) == "taken"


def test_very_many_are_settled_by_and_by(
    engine: PlainEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("covey.state.policies.ROWS_PER_MESSAGE", 2)
    policy(engine, not_following="filter")
    for _ in range(5):
        mention(engine, 3)
    number = engine.submit(2, DismissRequest(account=3)).number
    left = []
    while engine.state.count("select count(*) from dues"):
        left.append(engine.state.count("select count(*) from notifications"))
        number = engine.submit(SERVER, Due(number=number)).number
    assert left == [3, 1]
    assert engine.state.count("select count(*) from notifications") == 0
