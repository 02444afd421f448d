"""Announcements: what the place tells everybody, who has read it, and what they put under it."""

from __future__ import annotations

import unicodedata
from typing import Any, Final
from urllib.parse import unquote

from covey.edge.render import render, tag_url
from covey.edge.text import parse
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.times import iso
from covey.messages import React, ReadAnnouncement, Unreact
from covey.state.queries import Snapshot

_JOINING: Final = "\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}"


_SELECT: Final = (
    "select number, text, until, stamp, exists (select 1 from announcement_reads"
    " where account = ? and announcement = number) from announcements"
)


@operation("GET", "/api/v1/announcements")
async def announcements(call: Call) -> Answer:
    """Newest first. `with_dismissed`: also those that one has read."""
    with_read = call.parameters.boolean("with_dismissed")
    with call.edge.snapshot() as snapshot:
        rows = snapshot.rows(f"{_SELECT} order by number desc", (call.account,))
        found = [_fields(call, snapshot, *row) for row in rows if with_read or not row[-1]]
    return as_json(found)


def announcement(call: Call, snapshot: Snapshot, number: int) -> bytes | None:
    """As JSON; None when it ended."""
    row = snapshot.row(f"{_SELECT} where number = ?", (call.account, number))
    return encode(_fields(call, snapshot, *row)) if row else None


def _fields(
    call: Call, snapshot: Snapshot, number: int, text: str, until: int, stamp: int, read: int
) -> dict[str, Any]:
    kept, _, tags, links = parse(text, call.edge.settings)
    reactions = snapshot.rows(
        "select name, count(*), max(account = ?) from announcement_reactions"
        " where announcement = ? group by name order by min(number)",
        (call.account, number),
    )
    return {
        "id": str(number),
        "content": render(kept, (), tags, links, public_url=call.public_url, names={}),
        "starts_at": None,
        "ends_at": iso(until) if until else None,
        "all_day": False,
        "published_at": iso(stamp),
        "updated_at": iso(stamp),
        "read": bool(read),
        "mentions": [],
        "statuses": [],
        "tags": [
            {"name": name, "url": tag_url(call.public_url, name)}
            for name in dict.fromkeys(tag.name for tag in tags)
        ],
        "emojis": [],
        "reactions": [
            {"name": name, "count": count, "me": bool(me)} for name, count, me in reactions
        ],
    }


@operation("POST", "/api/v1/announcements/*/dismiss", "write:accounts")
async def dismiss(call: Call) -> Answer:
    await call.edge.do(call.account, ReadAnnouncement(announcement=call.id))
    return EMPTY_TREE


def _emoji(call: Call) -> str:
    """The one in the path. Raises Refused("parameter_malformed")."""
    name = unquote(call.words[1])
    kinds = [unicodedata.category(character) for character in name if character not in _JOINING]
    is_keycap = "\N{COMBINING ENCLOSING KEYCAP}" in name
    if not kinds or not (is_keycap or all(kind in ("So", "Sk", "Sm", "Mn") for kind in kinds)):
        raise Refused("parameter_malformed", name="name", why="it is an emoji")
    return name


@operation("PUT", "/api/v1/announcements/*/reactions/*", "write:favourites")
async def react(call: Call) -> Answer:
    await call.edge.do(call.account, React(announcement=call.id, name=_emoji(call)))
    return EMPTY_TREE


@operation("DELETE", "/api/v1/announcements/*/reactions/*", "write:favourites")
async def unreact(call: Call) -> Answer:
    await call.edge.do(call.account, Unreact(announcement=call.id, name=_emoji(call)))
    return EMPTY_TREE
