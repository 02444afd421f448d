"""Limit, suspend, restore, approve: who may, and what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.messages import (
    SERVER,
    App,
    ApproveAccount,
    Due,
    Favourite,
    Follow,
    FollowTag,
    Limit,
    OpenSession,
    Post,
    Register,
    Restore,
    SetRole,
    Setting,
    Suspend,
    Tag,
    Token,
)

HASH = b"h" * 32


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    """1 is an administrator, 2 a moderator, 3 to 6 are members."""
    made = PlainEngine(tmp_path, accounts=6)
    made.submit(SERVER, SetRole(account=2, role="moderator"))
    return made


def floored(engine: PlainEngine) -> set[int]:
    return {account for readers, _ in engine.outcome.wide_floors for account in readers}


def test_who_may(engine: PlainEngine) -> None:
    for act in (Limit, Suspend):
        assert engine.refusal(3, act(account=4)) == "forbidden"
        assert engine.refusal(2, act(account=1)) == "forbidden"
        assert engine.refusal(2, act(account=2)) == "forbidden"
        assert engine.refusal(1, act(account=1)) == "forbidden"
        assert engine.refusal(2, act(account=99)) == "not_found"
        assert engine.refusal(2, act(account=4)) == ""
        assert engine.refusal(1, act(account=2)) == ""
        assert engine.refusal(SERVER, act(account=1)) == ""
        assert engine.refusal(2, act(account=4, reason="x" * 501)) == "text_long"
    assert engine.refusal(2, Restore(account=4)) == "already_done"
    assert engine.refusal(2, ApproveAccount(account=4)) == "already_done"
    engine.submit(2, Suspend(account=4))
    assert engine.refusal(2, Limit(account=4)) == "standing_wrong"
    assert engine.refusal(2, Suspend(account=4)) == "already_done"
    assert engine.refusal(2, ApproveAccount(account=4)) == "standing_wrong"


def test_a_suspended_account_can_do_nothing(engine: PlainEngine) -> None:
    post = engine.submit(4, Post(text="before")).id
    engine.submit(4, OpenSession(session_hash=HASH))
    engine.submit(2, Suspend(account=4, reason="spam"))
    assert engine.state.execute("select * from sessions").fetchall() == []
    assert engine.outcome.access
    for message in (
        Post(text="after"), Follow(account=5), OpenSession(session_hash=HASH), Favourite(post=post)
    ):  # fmt: skip
        assert engine.refusal(4, message) == "account_suspended"
    engine.submit(SERVER, App(client_id="c", secret_hash=HASH, name="App", scopes="read",
                              redirect_uris=("https://app.example/",)))  # fmt: skip
    token = Token(token_hash=HASH, app=1, account=4, scopes="read")
    assert engine.refusal(SERVER, token) == "account_suspended"
    assert engine.refusal(5, Follow(account=4)) == "not_found"
    assert engine.refusal(5, Favourite(post=post)) == "not_found"
    engine.submit(1, Restore(account=4))
    assert engine.refusal(4, Post(text="after")) == ""
    assert engine.refusal(5, Favourite(post=post)) == ""


def test_the_homes_it_moves(engine: PlainEngine) -> None:
    engine.submit(3, Follow(account=4))
    engine.submit(5, FollowTag(name="owls"))
    engine.submit(6, FollowTag(name="cats"))
    engine.submit(4, Post(text="#owls", tags=(Tag(0, 5, "owls"),)))
    for message in (Limit(account=4), Suspend(account=4), Restore(account=4)):
        engine.submit(2, message)
        assert floored(engine) == {3, 4, 5}
    for number in range(1_001):
        engine.submit(4, Post(text=f"post {number}"))
    engine.submit(2, Suspend(account=4))
    assert floored(engine) == {3, 4, 5, 6}


def test_very_many_sessions_end_by_and_by(engine: PlainEngine) -> None:
    for number in range(700):
        engine.submit(4, OpenSession(session_hash=number.to_bytes(32, "big")))
    number = engine.submit(2, Suspend(account=4)).number
    assert engine.state.count("select count(*) from sessions") == 200
    engine.submit(SERVER, Due(number=number))
    assert engine.state.count("select count(*) from sessions") == 0
    assert engine.state.count("select count(*) from dues") == 0


def test_approval(engine: PlainEngine) -> None:
    engine.submit(1, Setting(name="registrations", value="approval"))
    new = engine.submit(SERVER, Register(name="new", signed_up=True)).id
    assert engine.refusal(new, Post(text="x")) == "account_pending"
    assert engine.refusal(3, Follow(account=new)) == "not_found"
    assert engine.refusal(2, Limit(account=new)) == "standing_wrong"
    assert engine.refusal(3, ApproveAccount(account=new)) == "forbidden"
    engine.submit(2, ApproveAccount(account=new))
    assert engine.refusal(new, Post(text="x")) == ""
    other = engine.submit(SERVER, Register(name="other", signed_up=True)).id
    engine.submit(2, Suspend(account=other))
    assert engine.refusal(other, Post(text="x")) == "account_suspended"
