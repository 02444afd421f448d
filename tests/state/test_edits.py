"""Edits: what stands there now, what stood there before, and who is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, CYD, DEE, POLL, mention, options_of, saying, told

from covey import limits
from covey.delivery.audience import audience
from covey.messages import (
    Block,
    Boost,
    Delete,
    Due,
    Edit,
    Follow,
    FollowTag,
    Poll,
    Post,
    Tag,
    Vote,
)
from covey.state import edits


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=4)


def tagged(text: str, name: str) -> dict[str, object]:
    start = text.index("#")
    return {"text": text, "tags": (Tag(start, start + 1 + len(name), name),)}


def test_an_edit_keeps_what_stood_there(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one", language="en"))
    engine.now += 1_000
    first = engine.submit(ANN, Edit(post=post.id, text="two", warning="w", sensitive=True))
    engine.now += 1_000
    second = engine.submit(ANN, Edit(post=post.id, text="three"))
    rows = engine.state.execute
    now = engine.state.row("select text, language, warning, sensitive, edited, changed from posts")
    assert now == ("three", "", "", 0, second.stamp, second.number)
    columns = "number, stamp, text, language, warning, sensitive"
    assert rows(f"select {columns} from versions order by number").fetchall() == [
        (first.number, post.stamp, "one", "en", "", 0),
        (second.number, first.stamp, "two", "", "w", 1),
    ]
    assert engine.outcome.changes == [(second.number, "edit", post.id, ANN)]
    assert rows("select * from changes").fetchall() == [
        (e.number, "edit", post.id, ANN, e.stamp) for e in (first, second)
    ]
    engine.submit(ANN, Delete(post=post.id))
    assert not rows("select * from versions").fetchall()


def test_who_may(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one")).id
    boost = engine.submit(ANN, Boost(post=post)).id
    assert engine.refusal(BOB, Edit(post=post, text="two")) == "not_yours"
    assert engine.refusal(ANN, Edit(post=boost, text="two")) == "not_yours"
    assert engine.refusal(ANN, Edit(post=1, text="two")) == "not_yours"
    assert engine.refusal(ANN, Edit(post=post, text=" ")) == "text_empty"
    assert engine.refusal(ANN, Edit(post=post, text="x" * 501)) == "text_long"
    assert engine.refusal(ANN, Edit(post=post, text="two", language="x!")) == "language_unknown"
    assert engine.refusal(ANN, Edit(post=post, text="one")) == "already_done"
    short = Poll(("a",), 300)
    assert engine.refusal(ANN, Edit(post=post, text="one", poll=short)) == "poll_options"
    assert engine.refusal(ANN, Edit(post=post, text="one", sensitive=True)) == ""
    engine.submit(ANN, Delete(post=post))
    assert engine.refusal(ANN, Edit(post=post, text="two")) == "not_yours"


def test_a_post_is_edited_so_often(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one")).id
    for n in range(limits.EDITS_PER_POST):
        engine.submit(ANN, Edit(post=post, text=f"{n}"))
    assert engine.refusal(ANN, Edit(post=post, text="more")) == "edits_many"


def test_tags_show_the_present_version_and_homes_the_first(engine: PlainEngine) -> None:
    engine.submit(BOB, FollowTag(name="new"))
    engine.submit(CYD, FollowTag(name="old"))
    post = engine.submit(ANN, Post(**tagged("see #old", "old"))).id  # type: ignore[arg-type]
    ((_, candidate),) = engine.outcome.posted
    rows = engine.state.execute

    def tags() -> list[tuple[object, ...]]:
        return rows("select tag, first, now from tags order by tag").fetchall()

    engine.submit(ANN, Edit(post=post, **tagged("see #new", "new")))  # type: ignore[arg-type]
    assert tags() == [("new", 0, 1), ("old", 1, 0)]
    assert list(audience(engine.state.graph, candidate)) == [ANN, CYD]
    engine.submit(ANN, Edit(post=post, **tagged("again #old", "old")))  # type: ignore[arg-type]
    assert tags() == [("old", 1, 1)]
    engine.submit(ANN, Edit(post=post, **tagged("see #new", "new")))  # type: ignore[arg-type]
    engine.submit(ANN, Delete(post=post))
    assert tags() == [("old", 1, 0)]


def test_who_is_newly_mentioned_is_told_once(engine: PlainEngine) -> None:
    post = engine.submit(ANN, saying("hello @bob")).id
    engine.submit(ANN, Edit(post=post, **mention("hello @bob and @cyd")))  # type: ignore[arg-type]
    assert told(engine) == [(BOB, "mention", ANN, post), (CYD, "mention", ANN, post)]
    engine.submit(ANN, Edit(post=post, text="hello"))
    engine.submit(ANN, Edit(post=post, **mention("hello @cyd @bob @ann")))  # type: ignore[arg-type]
    assert len(told(engine)) == 2


def test_who_may_not_see_the_post_is_not_told(engine: PlainEngine) -> None:
    post = engine.submit(ANN, saying("hello @bob", visibility="direct")).id
    engine.submit(ANN, Edit(post=post, **mention("hello @bob and @cyd")))  # type: ignore[arg-type]
    assert told(engine) == [(BOB, "mention", ANN, post)]


def test_boosters_are_told(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one")).id
    for account in (BOB, CYD, ANN):
        engine.submit(account, Boost(post=post))
    engine.submit(DEE, Follow(account=ANN))
    engine.submit(ANN, Block(account=CYD))
    edit = engine.submit(ANN, Edit(post=post, **mention("two @dee")))  # type: ignore[arg-type]
    assert [row for row in told(engine) if row[1] not in ("boost", "follow")] == [
        (BOB, "update", ANN, post),
        (DEE, "mention", ANN, post),
    ]
    assert engine.outcome.notifications == [(edit.number, DEE), (edit.number, BOB)]


def test_many_boosters_are_told_by_dues_and_then_the_poll_ends(
    engine: PlainEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "TOLD_PER_DUE", 2)
    post = engine.submit(ANN, Post(text="one")).id
    for account in (BOB, CYD, DEE):
        engine.submit(account, Boost(post=post))
    edit = engine.submit(ANN, Edit(post=post, text="two", poll=POLL))
    rows = engine.state.execute
    assert rows("select number, at, kind, account, subject from dues").fetchall() == [
        (edit.number, edit.stamp, "update", CYD, post)
    ]
    more = engine.submit(0, Due(number=edit.number))
    assert [row[0] for row in told(engine) if row[1] == "update"] == [BOB, CYD, DEE]
    assert rows("select number, at, kind, account, subject from dues").fetchall() == [
        (more.number, edit.stamp + 300_000, "poll", 0, post)
    ]


def test_another_poll_begins_anew(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one", poll=POLL)).id
    engine.submit(BOB, Vote(post=post, choices=(1,)))
    ends = engine.state.count("select ends from polls")
    engine.now += 10_000
    same = Poll(POLL.options, 600, hide_totals=True)
    engine.submit(ANN, Edit(post=post, text="two", poll=same))
    row = engine.state.row("select ends, voters, hide_totals from polls")
    assert row == (ends, 1, 1)
    assert engine.refusal(ANN, Edit(post=post, text="two", poll=same)) == "already_done"
    assert engine.refusal(ANN, Edit(post=post, text="two", poll=POLL)) == ""

    other = Poll(("no", "yes", "maybe"), 600)
    edit = engine.submit(ANN, Edit(post=post, text="two", poll=other))
    row = engine.state.row("select ends, voters, ended, begun from polls")
    assert row == (edit.stamp + 600_000, 0, 0, edit.number)
    engine.submit(BOB, Vote(post=post, choices=(2,)))
    assert engine.refusal(BOB, Vote(post=post, choices=(2,))) == "vote_twice"
    assert options_of(engine, post) == [POLL.options, POLL.options]

    engine.submit(ANN, Edit(post=post, text="two"))
    assert not engine.state.row("select 1 from polls")
    assert engine.refusal(CYD, Vote(post=post, choices=(0,))) == "not_found"
