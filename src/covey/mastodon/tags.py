"""Tags: followed ones bring posts home, featured ones stand on a profile."""

from __future__ import annotations

from typing import Any

from covey.edge.render import tag_url
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.mastodon.accounts import owner_of
from covey.mastodon.discovery import public_tag_fields
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.pages import cursor_of, listed, numbered
from covey.mastodon.times import day
from covey.messages import AnyMessage, FeatureTag, FollowTag, UnfeatureTag, UnfollowTag
from covey.state.queries import Snapshot

PAGE_TAGS = 100
PAGE_TAGS_MAX = 200


def _normalised(word: str) -> str:
    """Raises Refused("tag_malformed")."""
    name = tag_name(word.removeprefix("#"))
    if not name:
        raise Refused("tag_malformed", name=word[:50])
    return name


def _name(call: Call) -> str:
    """The tag in the path, which is its id, too. Raises Refused("not_found")."""
    name = tag_name(call.words[0].removeprefix("#"))
    if not name:
        raise Refused("not_found")
    return name


def tag_fields(call: Call, snapshot: Snapshot, name: str) -> dict[str, Any]:
    """A Tag, and what it is to who asks."""
    fields = public_tag_fields(call, snapshot, name)
    if call.account:
        for word, table in (("following", "tag_follows"), ("featuring", "tag_features")):
            sql = f"select 1 from {table} where account = ? and tag = ?"
            fields[word] = snapshot.row(sql, (call.account, name)) is not None
    return fields


def _shown(call: Call, name: str) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json(tag_fields(call, snapshot, name))


@operation("GET", "/api/v1/tags/*", needs="anyone")
async def show(call: Call) -> Answer:
    return _shown(call, _name(call))


async def _act(call: Call, message: AnyMessage) -> Answer:
    await call.edge.do(call.account, message)
    return _shown(call, _name(call))


@operation("POST", "/api/v1/tags/*/follow", "write:follows")
async def follow(call: Call) -> Answer:
    return await _act(call, FollowTag(name=_name(call)))


@operation("POST", "/api/v1/tags/*/unfollow", "write:follows")
async def unfollow(call: Call) -> Answer:
    return await _act(call, UnfollowTag(name=_name(call)))


@operation("POST", "/api/v1/tags/*/feature", "write:accounts")
async def feature(call: Call) -> Answer:
    return await _act(call, FeatureTag(name=_name(call)))


@operation("POST", "/api/v1/tags/*/unfeature", "write:accounts")
async def unfeature(call: Call) -> Answer:
    return await _act(call, UnfeatureTag(name=_name(call)))


@operation("GET", "/api/v1/followed_tags", "read:follows")
async def followed(call: Call) -> Answer:
    """A page goes by the numbers of the follows."""
    cursor = cursor_of(call, PAGE_TAGS, PAGE_TAGS_MAX)
    with call.edge.snapshot() as snapshot:
        select = "select number, tag from tag_follows where account = ?"
        page = numbered(snapshot, cursor, select, "number", (call.account,))
        items = [encode(tag_fields(call, snapshot, tag)) for _, tag in page.rows]
        return listed(call, items, page.newest, page.oldest, page.older)


# --- featured ---------------------------------------------------------------------------------


def _featured_fields(
    call: Call, snapshot: Snapshot, account: int, number: int, name: str
) -> dict[str, Any]:
    """A FeaturedTag: known by the number of the message that featured it."""
    count, last = snapshot.row(
        "select count(*), max(id) from tags join posts on id = post"
        " where tag = ? and now = 1 and account = ? and deleted = 0",
        (name, account),
    ) or (0, 0)
    return {
        "id": str(number),
        "name": name,
        "url": tag_url(call.public_url, name),
        "statuses_count": str(count),
        "last_status_at": day(last or 0),
    }


def _featured(call: Call, account: int) -> Answer:
    with call.edge.snapshot() as snapshot:
        owner_of(call, snapshot, account)
        rows = snapshot.rows(
            "select number, tag from tag_features where account = ? order by number", (account,)
        )
        return as_json([_featured_fields(call, snapshot, account, *row) for row in rows])


@operation("GET", "/api/v1/featured_tags", "read:accounts")
async def featured(call: Call) -> Answer:
    return _featured(call, call.account)


@operation("GET", "/api/v1/accounts/*/featured_tags", "read:accounts", needs="anyone")
async def featured_of(call: Call) -> Answer:
    return _featured(call, call.id)


@operation("POST", "/api/v1/featured_tags", "write:accounts")
async def feature_named(call: Call) -> Answer:
    name = _normalised(call.parameters.required_text("name"))
    await call.edge.do(call.account, FeatureTag(name=name))
    with call.edge.snapshot() as snapshot:
        row = snapshot.row(
            "select number from tag_features where account = ? and tag = ?", (call.account, name)
        )
        if row is None:
            raise Refused("not_found")
        return as_json(_featured_fields(call, snapshot, call.account, row[0], name))


@operation("DELETE", "/api/v1/featured_tags/*", "write:accounts")
async def unfeature_numbered(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = snapshot.row(
            "select tag from tag_features where account = ? and number = ?",
            (call.account, call.id),
        )
    if row is None:
        raise Refused("not_found")
    await call.edge.do(call.account, UnfeatureTag(name=row[0]))
    return EMPTY_TREE
