"""Who is told of what, and who is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.histories import Submission
from tests.state.plain_engine import PlainEngine

from covey.limits import ROWS_PER_MESSAGE
from covey.messages import (
    SERVER,
    AnyMessage,
    Block,
    Boost,
    Delete,
    Dismiss,
    Favourite,
    Follow,
    Mention,
    Mute,
    Post,
    Register,
    Unboost,
    Unfavourite,
    Unfollow,
)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=4)


def told(engine: PlainEngine, account: int) -> list[tuple[str, int]]:
    """Kind and sender, in order."""
    return engine.state.execute(
        "select kind, sender from notifications where account = ? order by number", (account,)
    ).fetchall()


def mentioning(*names: str, **fields: object) -> Post:
    text, mentions = "", []
    for name in names:
        mentions.append(Mention(len(text), len(text) + 1 + len(name), name))
        text += f"@{name} "
    return Post(text=text or "hello", mentions=tuple(mentions), **fields)  # type: ignore[arg-type]


def test_each_kind(engine: PlainEngine) -> None:
    engine.submit(2, Follow(account=1, notify=True))
    post = engine.submit(1, Post(text="hello")).id
    engine.submit(2, Boost(post=post))
    engine.submit(3, Favourite(post=post))
    engine.submit(3, mentioning("ann", reply_to=post))
    kinds = [("follow", 2), ("boost", 2), ("favourite", 3), ("mention", 3)]
    assert told(engine, 1) == kinds
    assert told(engine, 2) == [("status", 1)]


def test_one_for_each_account_and_message_by_precedence(engine: PlainEngine) -> None:
    engine.submit(2, Follow(account=1, notify=True))
    engine.submit(1, mentioning("bob", "Bob", "cyd"))
    assert told(engine, 2) == [("mention", 1)]
    assert told(engine, 3) == [("mention", 1)]
    assert len(engine.outcome.notifications) == 2


def test_nobody_is_told_of_oneself(engine: PlainEngine) -> None:
    post = engine.submit(1, mentioning("ann")).id
    engine.submit(1, Favourite(post=post))
    engine.submit(1, Boost(post=post))
    assert told(engine, 1) == []


def test_watchers_are_told_of_what_stands_by_itself(engine: PlainEngine) -> None:
    engine.submit(2, Follow(account=1, notify=True))
    other = engine.submit(3, Post(text="hello")).id
    own = engine.submit(1, Post(text="one")).id
    engine.submit(1, Post(text="two", reply_to=own))
    engine.submit(1, Post(text="to another", reply_to=other))
    engine.submit(1, mentioning("cyd", visibility="direct"))
    engine.submit(1, Post(text="for followers", visibility="followers"))
    engine.submit(1, Boost(post=other))
    assert told(engine, 2) == [("status", 1)] * 3


@pytest.mark.parametrize(
    ("setting_aside", "is_told"),
    [
        ((1, Block(account=2)), False),
        ((2, Block(account=1)), False),
        ((1, Mute(account=2)), False),
        ((1, Mute(account=2, notifications=False)), True),
        ((2, Mute(account=1)), True),
    ],
)
def test_who_was_set_aside_is_not_heard(
    engine: PlainEngine, setting_aside: tuple[int, AnyMessage], is_told: bool
) -> None:
    engine.submit(*setting_aside)
    engine.submit(2, mentioning("ann"))
    assert told(engine, 1) == [("mention", 2)] * is_told


def test_what_was_taken_back_was_not_told(engine: PlainEngine) -> None:
    post = engine.submit(1, Post(text="hello")).id
    for act, undo in (
        (Follow(account=1), Unfollow(account=1)),
        (Boost(post=post), Unboost(post=post)),
        (Favourite(post=post), Unfavourite(post=post)),
    ):
        entry = engine.submit(2, act)
        assert told(engine, 1) == [(entry.message.__struct_config__.tag, 2)]
        engine.submit(2, undo)
        assert told(engine, 1) == []
    boost = engine.submit(2, Boost(post=post)).id
    engine.submit(2, Delete(post=boost))
    assert told(engine, 1) == []


def test_following_again_and_again_is_told_once(engine: PlainEngine) -> None:
    for _ in range(3):
        engine.submit(2, Follow(account=1))
        engine.submit(2, Follow(account=1, boosts=False))
        engine.submit(2, Unfollow(account=1))
    engine.submit(2, Follow(account=1))
    assert told(engine, 1) == [("follow", 2)]


def test_dismissing(engine: PlainEngine) -> None:
    first = engine.submit(2, mentioning("ann")).number
    engine.submit(3, mentioning("ann", "bob"))
    engine.submit(1, Dismiss(number=first))
    assert told(engine, 1) == [("mention", 3)]
    engine.submit(1, Dismiss())
    assert told(engine, 1) == []
    assert told(engine, 2) == [("mention", 3)]
    assert engine.refusal(1, Dismiss(number=first)) == "not_found"


def test_a_post_tells_at_most_so_many_watchers(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path)
    count = ROWS_PER_MESSAGE + 5
    # names that do not look alike
    names = ["".join("abcdefghjk"[int(digit)] for digit in str(n)) + "z" for n in range(count + 1)]
    engine.together(Submission(SERVER, Register(name=name), b"") for name in names)
    follow = Follow(account=1, notify=True)
    engine.together(Submission(follower, follow, b"") for follower in range(2, count + 2))
    engine.submit(1, Post(text="hello"))
    assert len(engine.outcome.notifications) == ROWS_PER_MESSAGE


def test_names_are_ascii_whatever_unicode_says(tmp_path: Path) -> None:
    """The Kelvin sign is a k in lower case; it names nobody."""
    engine = PlainEngine(tmp_path)
    engine.submit(SERVER, Register(name="kim"))
    engine.submit(SERVER, Register(name="ann"))
    engine.submit(2, Post(text="@\u212aim", mentions=(Mention(0, 4, "\u212aim"),)))
    engine.submit(2, mentioning("KIM"))
    assert told(engine, 1) == [("mention", 2)]
