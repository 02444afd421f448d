"""Follows: options, asking a locked account, and every way in which either ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, CYD, DEE, told

from covey.limits import LANGUAGES_PER_FOLLOW
from covey.messages import (
    SERVER,
    AcceptFollow,
    Block,
    CloseAccount,
    Due,
    Follow,
    Limit,
    Post,
    Profile,
    RejectFollow,
    RemoveFollower,
    Suspend,
    Unfollow,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[PlainEngine]:
    """Of four accounts; Bob, who is 2, is locked. One post stands."""
    made = PlainEngine(tmp_path, accounts=4)
    made.submit(BOB, Profile(locked=True))
    made.submit(DEE, Post(text="a post"))
    yield made
    made.close()


def follows(engine: PlainEngine) -> set[tuple[int, int]]:
    """(follower, followed): the same in rows, in the graph and in the counts of both."""
    found = set(engine.state.execute("select follower, followed from follows"))
    graph = engine.state.graph
    accounts = range(1, engine.state.accounts + 1)
    assert found == {(a, b) for b in accounts for a in graph.followers[b]}
    for account, following, followers in engine.state.execute(
        "select number, following_count, followers_count from accounts"
    ).fetchall():
        assert following == len([1 for a, _ in found if a == account])
        assert followers == len([1 for _, b in found if b == account])
    return found


def wishes(engine: PlainEngine) -> list[tuple[int, int]]:
    return engine.state.execute(
        "select follower, followed from follow_requests order by number"
    ).fetchall()


def options(engine: PlainEngine, follower: int, followed: int) -> tuple[bool, bool, set[str]]:
    """(boosts, notify, languages): the same in the row and in the graph. No languages: all."""
    graph = engine.state.graph
    row = engine.state.row(
        "select boosts, notify, languages from follows where follower = ? and followed = ?",
        (follower, followed),
    )
    assert row
    languages = set(filter(None, row[2].split(",")))
    assert graph.boost_hiders.has(followed, follower) == (not row[0])
    assert graph.watchers.has(followed, follower) == bool(row[1])
    assert graph.choosers.has(followed, follower) == bool(languages)
    for language in ("de", "en", "fa"):
        assert graph.takers.has((followed, language), follower) == (language in languages)
    return bool(row[0]), bool(row[1]), languages


# --- open accounts ----------------------------------------------------------------------------


def test_a_follow_begins_at_once_and_its_floor_moves(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=CYD))
    assert follows(engine) == {(ANN, CYD)}
    assert engine.outcome.floors == {ANN: engine.state.last_id}
    assert told(engine) == [(CYD, "follow", ANN, 0)]
    assert engine.refusal(ANN, Follow(account=CYD)) == "already_done"
    assert engine.refusal(ANN, AcceptFollow(account=CYD)) == "not_found"


def test_options_change_without_a_second_notification(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=CYD))
    assert options(engine, ANN, CYD) == (True, False, set())
    first = engine.state.count("select number from follows")
    for boosts, notify, languages in (
        (False, False, ()),
        (False, True, ("de", "en")),
        (True, True, ("en", "fa")),
        (True, True, ()),
    ):
        message = Follow(account=CYD, boosts=boosts, notify=notify, languages=languages)
        engine.submit(ANN, message)
        assert options(engine, ANN, CYD) == (boosts, notify, set(languages))
        assert engine.outcome.floors == {ANN: engine.state.last_id}
        assert engine.refusal(ANN, message) == "already_done"
    assert len(told(engine)) == 1
    # it is as old as it was: lists of followers do not move
    assert engine.state.count("select number from follows") == first
    assert follows(engine) == {(ANN, CYD)}


def test_options_have_limits(engine: PlainEngine) -> None:
    many = tuple(f"a{chr(97 + place)}" for place in range(LANGUAGES_PER_FOLLOW + 1))
    assert engine.refusal(ANN, Follow(account=CYD, languages=many)) == "languages_many"
    assert engine.refusal(ANN, Follow(account=CYD, languages=("",))) == "language_unknown"
    assert engine.refusal(ANN, Follow(account=ANN)) == "self_follow"
    assert engine.refusal(ANN, Follow(account=9)) == "not_found"


def test_an_end_leaves_nothing_of_it(engine: PlainEngine) -> None:
    message = Follow(account=CYD, boosts=False, notify=True, languages=("de",))
    ends = ((ANN, Unfollow(account=CYD)), (CYD, RemoveFollower(account=ANN)))
    for actor, end in (*ends, (CYD, Block(account=ANN))):
        engine.submit(ANN, message)
        engine.submit(actor, end)
        assert follows(engine) == set()
        assert told(engine) == []
        assert engine.outcome.floors[ANN] == engine.state.last_id
        graph = engine.state.graph
        assert not graph.boost_hiders[CYD]
        assert not graph.watchers[CYD]
        assert not graph.choosers[CYD]
        assert not graph.takers[CYD, "de"]
        if actor == CYD and isinstance(end, RemoveFollower):
            assert engine.refusal(actor, end) == "already_done"
    assert engine.refusal(ANN, Unfollow(account=CYD)) == "already_done"
    assert engine.refusal(ANN, message) == "blocks_you"
    assert engine.refusal(CYD, Follow(account=ANN)) == "blocked_by_you"


# --- locked accounts --------------------------------------------------------------------------


def test_a_locked_account_is_asked(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=BOB))
    assert wishes(engine) == [(ANN, BOB)]
    assert follows(engine) == set()
    assert engine.outcome.floors == {}
    assert told(engine) == [(BOB, "follow_request", ANN, 0)]
    assert engine.refusal(ANN, Follow(account=BOB)) == "already_done"
    # another wish is the same request
    engine.submit(ANN, Follow(account=BOB, boosts=False, notify=True, languages=("de",)))
    assert len(told(engine)) == len(wishes(engine)) == 1
    assert not engine.state.graph.boost_hiders[BOB]
    assert engine.refusal(CYD, AcceptFollow(account=ANN)) == "not_found"
    engine.submit(BOB, AcceptFollow(account=ANN))
    assert follows(engine) == {(ANN, BOB)}
    assert options(engine, ANN, BOB) == (False, True, {"de"})
    assert engine.outcome.floors == {ANN: engine.state.last_id}
    assert (wishes(engine), told(engine)) == ([], [])
    assert engine.refusal(BOB, AcceptFollow(account=ANN)) == "not_found"


def test_who_follows_before_the_lock_stays_and_may_change_its_options(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=CYD))
    engine.submit(CYD, Profile(locked=True))
    engine.submit(ANN, Follow(account=CYD, boosts=False))
    assert follows(engine) == {(ANN, CYD)}
    assert options(engine, ANN, CYD) == (False, False, set())
    assert wishes(engine) == []


@pytest.mark.parametrize(
    ("actor", "end"),
    [
        (BOB, RejectFollow(account=ANN)),
        (ANN, Unfollow(account=BOB)),
        (BOB, Block(account=ANN)),
        (ANN, Block(account=BOB)),
    ],
)
def test_a_request_ends_without_a_follow(
    engine: PlainEngine, actor: int, end: RejectFollow | Unfollow | Block
) -> None:
    engine.submit(ANN, Follow(account=BOB, notify=True))
    engine.submit(actor, end)
    assert (wishes(engine), told(engine), follows(engine)) == ([], [], set())
    assert engine.refusal(BOB, AcceptFollow(account=ANN)) == "not_found"
    if not isinstance(end, Block):
        engine.submit(ANN, Follow(account=BOB))
        assert told(engine) == [(BOB, "follow_request", ANN, 0)]


def test_requests_of_a_closed_account_go(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=BOB))
    number = engine.submit(ANN, CloseAccount()).number
    engine.submit(SERVER, Due(number=number))
    assert (wishes(engine), told(engine)) == ([], [])


def test_whom_nobody_sees_is_not_followed(engine: PlainEngine) -> None:
    engine.submit(SERVER, Suspend(account=CYD))
    assert engine.refusal(ANN, Follow(account=CYD)) == "not_found"


# --- unlocked again ---------------------------------------------------------------------------


def unlock(engine: PlainEngine) -> None:
    number = engine.submit(BOB, Profile(locked=False)).number
    engine.submit(SERVER, Due(number=number))


def test_who_asked_follows_when_the_account_is_unlocked(engine: PlainEngine) -> None:
    """As Mastodon has it: all but those whom a moderator limited, who still wait."""
    engine.submit(ANN, Follow(account=BOB, boosts=False, notify=True, languages=("de",)))
    for account in (CYD, DEE):
        engine.submit(account, Follow(account=BOB))
    engine.submit(SERVER, Limit(account=DEE))
    engine.submit(BOB, Profile(locked=True, note="locked still"))
    assert len(wishes(engine)) == 3
    unlock(engine)
    assert wishes(engine) == [(DEE, BOB)]
    assert follows(engine) == {(ANN, BOB), (CYD, BOB)}
    assert options(engine, ANN, BOB) == (False, True, {"de"})
    assert engine.outcome.floors == dict.fromkeys((ANN, CYD), engine.state.last_id)
    assert told(engine) == [(BOB, "follow_request", DEE, 0)]
    engine.submit(BOB, AcceptFollow(account=DEE))
    assert (DEE, BOB) in follows(engine)


def test_very_many_follow_by_and_by(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covey.state.follows.ACCEPTED_PER_DUE", 1)
    for account in (ANN, CYD, DEE):
        engine.submit(account, Follow(account=BOB))
    number = engine.submit(BOB, Profile()).number
    left = []
    while engine.state.count("select count(*) from dues"):
        left.append(len(wishes(engine)))
        number = engine.submit(SERVER, Due(number=number)).number
    assert left == [3, 2, 1, 0]
    assert follows(engine) == {(ANN, BOB), (CYD, BOB), (DEE, BOB)}


def test_who_locks_again_meanwhile_is_asked(engine: PlainEngine) -> None:
    engine.submit(ANN, Follow(account=BOB))
    number = engine.submit(BOB, Profile()).number
    engine.submit(BOB, Profile(locked=True))
    engine.submit(SERVER, Due(number=number))
    assert wishes(engine) == [(ANN, BOB)]
