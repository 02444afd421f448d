"""Polls: asked, voted in once, ended in their time; who is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, CYD, DEE, POLL, told

from covey import limits
from covey.messages import SERVER, Block, Delete, Due, Poll, Post, Vote
from covey.state import polls


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=4)


MINUTES = 60_000


@pytest.mark.parametrize(
    ("poll", "code"),
    [
        (Poll(("yes",), 300), "poll_options"),
        (Poll(tuple("abcde"), 300), "poll_options"),
        (Poll(("yes", " "), 300), "poll_option_empty"),
        (Poll(("yes", "x" * 51), 300), "text_long"),
        (Poll(("yes", "n\no"), 300), "text_character"),
        (Poll(("yes", "yes"), 300), "poll_option_twice"),
        (Poll(("yes", "no"), limits.POLL_SECONDS_MIN - 1), "poll_seconds"),
        (Poll(("yes", "no"), limits.POLL_SECONDS_MAX + 1), "poll_seconds"),
        (Poll(("yes", "no"), limits.POLL_SECONDS_MAX), ""),
    ],
)
def test_what_a_poll_may_be(engine: PlainEngine, poll: Poll, code: str) -> None:
    assert engine.refusal(ANN, Post(text="?", poll=poll)) == code


def test_votes_are_counted(engine: PlainEngine) -> None:
    asked = engine.submit(ANN, Post(text="?", poll=Poll(("a", "b", "c"), 300, multiple=True)))
    engine.submit(BOB, Vote(post=asked.id, choices=(0, 2)))
    vote = engine.submit(CYD, Vote(post=asked.id, choices=(2,)))
    poll = polls.poll_of(engine.state, asked.id)
    assert poll is not None
    assert (poll.options, poll.counts, poll.voters) == (("a", "b", "c"), [1, 0, 2], 2)
    assert poll.ends == asked.stamp + 300_000
    assert poll.begun == asked.number
    rows = engine.state.execute("select account, choices from votes order by account").fetchall()
    assert [(account, msgspec.msgpack.decode(c)) for account, c in rows] == [
        (BOB, [0, 2]),
        (CYD, [2]),
    ]
    assert engine.state.count("select changed from posts") == vote.number


def test_who_may_vote_for_what(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="?", poll=POLL)).id
    plain = engine.submit(ANN, Post(text="no poll")).id
    hidden = engine.submit(ANN, Post(text="?", poll=POLL, visibility="followers")).id
    assert engine.refusal(BOB, Vote(post=plain, choices=(0,))) == "not_found"
    assert engine.refusal(BOB, Vote(post=hidden, choices=(0,))) == "not_found"
    assert engine.refusal(ANN, Vote(post=post, choices=(0,))) == "vote_own"
    for choices in ((), (0, 1), (0, 0), (2,), (-1,)):
        assert engine.refusal(BOB, Vote(post=post, choices=choices)) == "vote_choices"
    engine.submit(BOB, Vote(post=post, choices=(1,)))
    assert engine.refusal(BOB, Vote(post=post, choices=(0,))) == "vote_twice"
    engine.now += 5 * MINUTES
    # its time is up, before the timer says so
    assert engine.refusal(CYD, Vote(post=post, choices=(1,))) == "poll_ended"


def test_the_end_is_told_to_author_and_voters(engine: PlainEngine) -> None:
    asked = engine.submit(ANN, Post(text="?", poll=POLL))
    for account in (DEE, CYD, BOB):
        engine.submit(account, Vote(post=asked.id, choices=(0,)))
    engine.submit(CYD, Block(account=ANN))
    assert engine.refusal(SERVER, Due(number=asked.number)) == "not_yet_due"
    engine.now += 5 * MINUTES
    due = engine.submit(SERVER, Due(number=asked.number))
    assert told(engine) == [
        (ANN, "poll", ANN, asked.id),
        (BOB, "poll", ANN, asked.id),
        (DEE, "poll", ANN, asked.id),
    ]
    assert engine.outcome.notifications == [(due.number, who) for who in (ANN, BOB, DEE)]
    assert engine.state.row("select ended from polls") == (1,)
    assert engine.state.count("select changed from posts") == due.number
    assert not engine.state.row("select 1 from dues")


def test_many_voters_are_told_by_several_dues(
    engine: PlainEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "TOLD_PER_DUE", 2)
    asked = engine.submit(ANN, Post(text="?", poll=POLL))
    for account in (BOB, CYD, DEE):
        engine.submit(account, Vote(post=asked.id, choices=(0,)))
    engine.now += 5 * MINUTES
    due = engine.submit(SERVER, Due(number=asked.number))
    assert [row[0] for row in told(engine)] == [ANN, BOB, CYD]
    engine.submit(SERVER, Due(number=due.number))
    assert [row[0] for row in told(engine)] == [ANN, BOB, CYD, DEE]
    assert not engine.state.row("select 1 from dues")


def test_a_poll_that_is_gone_does_not_end(engine: PlainEngine) -> None:
    asked = engine.submit(ANN, Post(text="?", poll=POLL))
    engine.submit(BOB, Vote(post=asked.id, choices=(0,)))
    engine.submit(ANN, Delete(post=asked.id))
    assert not engine.state.row("select 1 from polls")
    engine.now += 5 * MINUTES
    engine.submit(SERVER, Due(number=asked.number))
    assert told(engine) == []
