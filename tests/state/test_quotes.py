"""Quotes: of what, and who is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine
from tests.state.words import ANN, BOB, saying, told

from covey.messages import Block, Follow, Post, Visibility


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=2)


@pytest.mark.parametrize(
    ("visibility", "by_others", "by_itself"),
    [
        ("public", "", ""),
        ("unlisted", "", ""),
        ("followers", "quote_not_allowed", ""),
        ("local", "quote_not_allowed", ""),
        ("direct", "not_found", ""),
    ],
)
def test_what_can_be_quoted(
    engine: PlainEngine, visibility: Visibility, by_others: str, by_itself: str
) -> None:
    engine.submit(BOB, Follow(account=ANN))
    post = engine.submit(ANN, Post(text="one", visibility=visibility)).id
    assert engine.refusal(BOB, Post(text="look", quote_of=post)) == by_others
    assert engine.refusal(ANN, Post(text="look", quote_of=post)) == by_itself


def test_the_quoted_author_is_told_where_it_may_see_it(engine: PlainEngine) -> None:
    post = engine.submit(ANN, Post(text="one")).id
    quote = engine.submit(BOB, Post(text="look", quote_of=post)).id
    both = engine.submit(BOB, saying("look @ann", quote_of=post)).id
    engine.submit(BOB, Post(text="look", quote_of=post, visibility="followers"))
    engine.submit(ANN, Post(text="my own", quote_of=post))
    assert told(engine) == [(ANN, "quote", BOB, quote), (ANN, "mention", BOB, both)]
    engine.submit(BOB, Block(account=ANN))
    engine.submit(BOB, Post(text="hidden", quote_of=quote))
    assert len(told(engine)) == 2
