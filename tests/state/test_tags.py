"""Tags followed and featured: refusals, rows, the graph, floors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import FEATURED_TAGS, FOLLOWED_TAGS, TAG_CHARACTERS
from covey.messages import AnyMessage, FeatureTag, FollowTag, Post, UnfeatureTag, UnfollowTag


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[PlainEngine]:
    made = PlainEngine(tmp_path, accounts=3)
    yield made
    made.close()


@pytest.mark.parametrize("kind", [FollowTag, FeatureTag])
def test_what_is_no_tag(engine: PlainEngine, kind: type[FollowTag] | type[FeatureTag]) -> None:
    for name in ("", "two words", "#birds", "a/b", "Birds", "x" * (TAG_CHARACTERS + 1)):
        assert engine.refusal(1, kind(name=name)) == "tag_malformed", name
    assert engine.refusal(1, kind(name="a\u202eb")) == "text_character"
    for name in ("birds", "größe", "鳥", "x" * TAG_CHARACTERS):
        assert engine.refusal(1, kind(name=name)) == ""
    assert engine.refusal(9, kind(name="birds")) == "not_found"


def test_follow_and_unfollow(engine: PlainEngine) -> None:
    engine.submit(2, Post(text="a post"))
    entry = engine.submit(1, FollowTag(name="birds"))
    state = engine.state
    assert state.execute("select * from tag_follows").fetchall() == [(1, "birds", entry.number)]
    assert state.graph.tag_followers.has("birds", 1)
    assert engine.outcome.floors == {1: state.last_id}
    assert engine.outcome.relations == entry.number
    assert engine.refusal(1, FollowTag(name="birds")) == "already_done"
    assert engine.refusal(2, UnfollowTag(name="birds")) == "already_done"
    engine.submit(1, UnfollowTag(name="birds"))
    assert engine.outcome.floors == {1: state.last_id}
    assert state.execute("select * from tag_follows").fetchall() == []
    assert not state.graph.tag_followers.has("birds", 1)
    assert engine.refusal(1, UnfollowTag(name="birds")) == "already_done"


def test_feature_and_unfeature(engine: PlainEngine) -> None:
    entry = engine.submit(1, FeatureTag(name="birds"))
    rows = "select * from tag_features"
    assert engine.state.execute(rows).fetchall() == [(1, "birds", entry.number)]
    assert engine.outcome.profiles == entry.number
    assert not engine.outcome.floors
    assert engine.refusal(1, FeatureTag(name="birds")) == "already_done"
    engine.submit(1, UnfeatureTag(name="birds"))
    assert engine.state.execute(rows).fetchall() == []
    assert engine.refusal(1, UnfeatureTag(name="birds")) == "already_done"


def test_limits(engine: PlainEngine) -> None:
    def fill(kind: type[FollowTag] | type[FeatureTag], limit: int) -> AnyMessage:
        for place in range(limit):
            engine.submit(1, kind(name=f"tag{place}"))
        assert engine.refusal(2, kind(name="more")) == ""
        return kind(name="more")

    assert engine.refusal(1, fill(FeatureTag, FEATURED_TAGS)) == "tags_featured_many"
    assert engine.refusal(1, fill(FollowTag, FOLLOWED_TAGS)) == "tags_followed_many"
