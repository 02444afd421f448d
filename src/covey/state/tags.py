"""Tags: followed ones bring posts of strangers home, featured ones stand on a profile.

Following a tag changes an input of the follower's audiences, so it moves that reader's floor. Names
are normalised by the edge (`edge.text.tag_name`); here only what a name can't be is refused.
"""

from __future__ import annotations

import re
from typing import Final

from covey.errors import Refused
from covey.limits import FEATURED_TAGS, FOLLOWED_TAGS, TAG_CHARACTERS
from covey.messages import Entry, FeatureTag, FollowTag, UnfeatureTag, UnfollowTag
from covey.state.follows import moved
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import check_characters

_NO_NAME: Final = re.compile(r"[\s#/A-Z]")
"""What a normalised name has not: capitals, spaces, and the signs that it ends at."""


def check_tag(name: str) -> None:
    """Raises Refused("tag_malformed")."""
    if not 0 < len(name) <= TAG_CHARACTERS or _NO_NAME.search(name):
        raise Refused("tag_malformed", name=name[:50])
    check_characters("A tag", name, lines=False)


def _has(state: State, table: str, account: int, name: str) -> bool:
    return bool(state.row(f"select 1 from {table} where account = ? and tag = ?", (account, name)))


def _check_room(state: State, table: str, account: int, limit: int) -> None:
    """Raises Refused("tags_followed_many" or "tags_featured_many")."""
    if state.count(f"select count(*) from {table} where account = ?", (account,)) >= limit:
        code = "tags_followed_many" if table == "tag_follows" else "tags_featured_many"
        raise Refused(code, limit=limit)


# --- follow -----------------------------------------------------------------------------------


@check_of(FollowTag)
def check_follow_tag(state: State, actor: int, message: FollowTag, stamp: int) -> None:
    check_tag(message.name)
    if state.graph.tag_followers.has(message.name, actor):
        raise Refused("already_done")
    _check_room(state, "tag_follows", actor, FOLLOWED_TAGS)


@apply_of(FollowTag)
def apply_follow_tag(state: State, entry: Entry, message: FollowTag, outcome: Outcome) -> None:
    actor, name = entry.actor, message.name
    state.execute("insert into tag_follows values (?, ?, ?)", (actor, name, entry.number))
    state.graph.tag_followers.add(name, actor)
    moved(state, entry, outcome, actor)


@check_of(UnfollowTag)
def check_unfollow_tag(state: State, actor: int, message: UnfollowTag, stamp: int) -> None:
    if not state.graph.tag_followers.has(message.name, actor):
        raise Refused("already_done")


@apply_of(UnfollowTag)
def apply_unfollow_tag(state: State, entry: Entry, message: UnfollowTag, outcome: Outcome) -> None:
    actor, name = entry.actor, message.name
    state.execute("delete from tag_follows where account = ? and tag = ?", (actor, name))
    state.graph.tag_followers.remove(name, actor)
    moved(state, entry, outcome, actor)


# --- feature ----------------------------------------------------------------------------------


@check_of(FeatureTag)
def check_feature_tag(state: State, actor: int, message: FeatureTag, stamp: int) -> None:
    check_tag(message.name)
    if _has(state, "tag_features", actor, message.name):
        raise Refused("already_done")
    _check_room(state, "tag_features", actor, FEATURED_TAGS)


@apply_of(FeatureTag)
def apply_feature_tag(state: State, entry: Entry, message: FeatureTag, outcome: Outcome) -> None:
    row = (entry.actor, message.name, entry.number)
    state.execute("insert into tag_features values (?, ?, ?)", row)
    outcome.profiles = entry.number


@check_of(UnfeatureTag)
def check_unfeature_tag(state: State, actor: int, message: UnfeatureTag, stamp: int) -> None:
    if not _has(state, "tag_features", actor, message.name):
        raise Refused("already_done")


@apply_of(UnfeatureTag)
def apply_unfeature_tag(
    state: State, entry: Entry, message: UnfeatureTag, outcome: Outcome
) -> None:
    state.execute(
        "delete from tag_features where account = ? and tag = ?", (entry.actor, message.name)
    )
    outcome.profiles = entry.number
