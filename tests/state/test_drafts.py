"""Drafts: held, moved, taken back, released by the `due` that then has the post's id."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine, rebuilt, tables
from tests.state.words import ANN, BOB, POLL, saying, told

from covey import limits
from covey.messages import (
    SERVER,
    Block,
    CancelDraft,
    ChangeDraft,
    Delete,
    Draft,
    Due,
    Follow,
    Post,
    next_id,
)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=3)


MINUTE = 60_000


def later(engine: PlainEngine, ms: int = MINUTE) -> int:
    return max(engine.now, engine.state.stamp) + ms


def test_a_draft_is_posted_in_its_time(engine: PlainEngine) -> None:
    rows = engine.state.execute
    engine.submit(BOB, Follow(account=ANN))
    held = engine.submit(ANN, Draft(post=saying("later, @bob", poll=POLL), at=later(engine)))
    assert held.id == 0
    assert not rows("select 1 from posts").fetchall()
    engine.now += MINUTE
    due = engine.submit(SERVER, Due(number=held.number))
    assert due.id == next_id(due.stamp, 0)
    columns = "id, number, account, text, stamp"
    assert rows(f"select {columns} from posts").fetchall() == [
        (due.id, due.number, ANN, "later, @bob", due.stamp)
    ]
    assert told(engine)[-1] == (BOB, "mention", ANN, due.id)
    ((number, post),) = engine.outcome.posted
    assert (number, post.id, post.account) == (due.number, due.id, ANN)
    assert engine.state.last_id == due.id
    assert rows("select post, ends from polls").fetchall() == [(due.id, due.stamp + 300_000)]
    assert rows("select number, kind from dues").fetchall() == [(due.number, "poll")]
    assert not rows("select 1 from drafts").fetchall()


def test_what_may_be_held(engine: PlainEngine) -> None:
    post = Post(text="later")
    now = later(engine, 0)
    assert engine.refusal(ANN, Draft(post=post, at=now)) == "draft_moment"
    assert engine.refusal(ANN, Draft(post=post, at=now + 1)) == ""
    assert engine.refusal(ANN, Draft(post=post, at=now + limits.DRAFT_MS_MAX)) == ""
    assert engine.refusal(ANN, Draft(post=post, at=now + limits.DRAFT_MS_MAX + 1)) == "draft_moment"
    assert engine.refusal(ANN, Draft(post=Post(text=""), at=now + 1)) == "text_empty"
    assert engine.refusal(ANN, Draft(post=Post(text="x", reply_to=1), at=now + 1)) == "not_found"
    assert engine.refusal(9, Draft(post=post, at=now + 1)) == "not_found"
    for _ in range(limits.DRAFTS_PER_ACCOUNT):
        engine.submit(ANN, Draft(post=post, at=now + MINUTE))
    assert engine.refusal(ANN, Draft(post=post, at=now + MINUTE)) == "drafts_many"
    assert engine.refusal(BOB, Draft(post=post, at=now + MINUTE)) == ""


def test_another_moment(engine: PlainEngine) -> None:
    held = engine.submit(ANN, Draft(post=Post(text="later"), at=later(engine)))
    change = ChangeDraft(number=held.number, at=later(engine, 3 * MINUTE))
    assert engine.refusal(BOB, change) == "not_found"
    assert engine.refusal(ANN, ChangeDraft(number=1, at=change.at)) == "not_found"
    assert engine.refusal(ANN, ChangeDraft(number=held.number, at=0)) == "draft_moment"
    engine.submit(ANN, change)
    assert engine.state.row("select number, at from drafts") == (held.number, change.at)
    engine.now += MINUTE
    assert engine.refusal(SERVER, Due(number=held.number)) == "not_yet_due"
    engine.now += 2 * MINUTE
    assert engine.submit(SERVER, Due(number=held.number)).id


def test_taken_back(engine: PlainEngine) -> None:
    held = engine.submit(ANN, Draft(post=Post(text="oh no"), at=later(engine)))
    assert engine.refusal(BOB, CancelDraft(number=held.number)) == "not_found"
    engine.submit(ANN, CancelDraft(number=held.number))
    assert engine.refusal(ANN, CancelDraft(number=held.number)) == "not_found"
    engine.now += MINUTE
    assert engine.refusal(SERVER, Due(number=held.number)) == "due_gone"
    assert not engine.state.row("select 1 from drafts")


@pytest.mark.parametrize("gone", [True, False])
def test_what_it_answers_may_be_gone_by_then(engine: PlainEngine, gone: bool) -> None:
    parent = engine.submit(BOB, Post(text="?")).id
    held = engine.submit(ANN, Draft(post=Post(text="!", reply_to=parent), at=later(engine)))
    engine.submit(BOB, Delete(post=parent) if gone else Block(account=ANN))
    engine.now += MINUTE
    due = engine.submit(SERVER, Due(number=held.number))
    assert due.id == 0
    assert not engine.state.row("select 1 from posts where account = ?", (ANN,))
    assert not engine.state.row("select 1 from drafts")
    assert engine.state.last_id == parent


def test_a_replay_asks_nobody(engine: PlainEngine, tmp_path: Path) -> None:
    parent = engine.submit(BOB, Post(text="?")).id
    for at in (1, 2):
        post = Post(text="!", reply_to=parent)
        engine.submit(ANN, Draft(post=post, at=later(engine, at * MINUTE)))
    first, second = (row[0] for row in engine.state.execute("select number from drafts"))
    engine.now += MINUTE
    engine.submit(SERVER, Due(number=first))
    engine.submit(BOB, Delete(post=parent))
    engine.now += MINUTE
    engine.submit(SERVER, Due(number=second))
    again = rebuilt(tmp_path / "again", engine.log, lambda number: number % 2 == 0)
    assert tables(again) == tables(engine.state)
    again.close()
