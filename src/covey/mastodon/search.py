"""Search: accounts, tags and posts at once, or one of them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from covey.edge import search
from covey.edge.cursor import Cursor
from covey.edge.known import known_named
from covey.edge.query import by_account, parse
from covey.edge.rates import subject_of
from covey.edge.shown import shown
from covey.errors import Refused
from covey.limits import SEARCH_OFFSET_MAX
from covey.mastodon.accounts import PAGE_ACCOUNTS, PAGE_ACCOUNTS_MAX
from covey.mastodon.door import Answer, Call, encode, operation
from covey.mastodon.entities import entities, joined
from covey.mastodon.pages import limit_of
from covey.mastodon.tags import tag_fields
from covey.state.queries import Snapshot

KINDS: Final = ("accounts", "hashtags", "statuses")


def _count(call: Call) -> None:
    """Raises Refused("too_many_requests")."""
    rates = search.searcher(call.edge).rates
    rates.count(call.account or subject_of(call.address), call.edge.now())


def _offset(call: Call) -> int:
    return call.parameters.integer("offset", 0, 0, SEARCH_OFFSET_MAX)


@operation("GET", "/api/v2/search", "read:search", needs="anyone")
async def everything(call: Call) -> Answer:
    """What is not asked for is an empty list."""
    parameters = call.parameters
    text = parameters.required_text("q").strip()
    kind = parameters.text("type").strip()
    if kind and kind not in KINDS:
        raise Refused("parameter_malformed", name="type", why=f"it is one of {', '.join(KINDS)}")
    limit, offset = limit_of(call), _offset(call)
    if not call.account and (offset or parameters.boolean("resolve")):
        raise Refused("token_missing")
    _count(call)
    found: dict[str, list[bytes]] = {name: [] for name in KINDS}
    link = ""
    place = search.place_of(text, call.public_url)
    if place is not None:
        with call.edge.snapshot() as snapshot:
            there = _at(call, snapshot, place)
        found |= {name: items for name, items in there.items() if kind in ("", name)}
    else:
        if kind in ("", "accounts") and not text.startswith("#"):
            with call.edge.snapshot() as snapshot:
                found["accounts"] = _accounts(call, snapshot, text, limit, offset)
        if kind in ("", "hashtags") and not text.startswith("@"):
            with call.edge.snapshot() as snapshot:
                found["hashtags"] = _tags(call, snapshot, text, limit, offset)
        if kind in ("", "statuses"):
            found["statuses"], link = await _statuses(call, text, limit, offset, kind)
    pieces = (b'"%s":%s' % (name.encode(), joined(found[name])) for name in KINDS)
    answer = Answer(b"{%s}" % b",".join(pieces))
    if link:
        answer.headers = [(b"link", link.encode("latin-1"))]
    return answer


def _accounts(call: Call, snapshot: Snapshot, text: str, limit: int, offset: int) -> list[bytes]:
    reader = call.edge.relations(snapshot, call.account)
    rows = search.accounts(
        snapshot, reader, text, call.edge.settings.domain,
        following=call.parameters.boolean("following"),
    )  # fmt: skip
    numbers = [row.number for row in rows[offset : offset + limit]]
    return entities(call.edge).accounts(snapshot, numbers)


def _tags(call: Call, snapshot: Snapshot, text: str, limit: int, offset: int) -> list[bytes]:
    names = search.tags(snapshot, text, offset + limit)[offset:]
    return [encode(tag_fields(call, snapshot, name)) for name in names]


async def _statuses(
    call: Call, text: str, limit: int, offset: int, kind: str
) -> tuple[list[bytes], str]:
    """Posts, and where the next page is."""
    parameters, edge = call.parameters, call.edge
    query = parse(text)
    if query.is_empty:
        return [], ""
    if author := parameters.id("account_id"):
        query = by_account(query, author)
    cursor = Cursor(
        max_id=parameters.id("max_id") or None, since_id=parameters.id("min_id"), limit=limit
    )
    with edge.snapshot() as snapshot:
        reader = edge.relations(snapshot, call.account)
    try:
        found = await search.searcher(edge).search(reader, query, cursor, offset)
    except Refused as refused:
        # the rest of the answer is worth having
        if refused.code == "search_not_ready" and not kind:
            return [], ""
        raise
    with edge.snapshot() as snapshot:
        items = _shown(call, snapshot, found.ids)
    link = ""
    if kind and found.more and found.last:
        query_string = urlencode({"q": text, "type": kind, "limit": limit, "max_id": found.last})
        link = f'<{call.public_url}/api/v2/search?{query_string}>; rel="next"'
    return items, link


def _shown(call: Call, snapshot: Snapshot, ids: list[int]) -> list[bytes]:
    """Those that may still be seen now."""
    reader = call.edge.relations(snapshot, call.account)
    posts = snapshot.posts(ids)
    rows = shown(snapshot.posts, [posts[id_] for id_ in ids if id_ in posts], {}, reader)
    return entities(call.edge).statuses(snapshot, reader, rows)


def _at(call: Call, snapshot: Snapshot, place: search.Place) -> dict[str, list[bytes]]:
    """What an address of ours leads to, and nothing where that is not for whoever asks."""
    if place.tag:
        return {"hashtags": [encode(tag_fields(call, snapshot, place.tag))]}
    if place.post:
        return {"statuses": _shown(call, snapshot, [place.post])}
    account = known_named(snapshot, place.name, call.account) if place.name else None
    if account is None:
        return {}
    return {"accounts": [entities(call.edge).account(snapshot, account)]}


@operation("GET", "/api/v1/accounts/search", "read:accounts")
async def accounts(call: Call) -> Answer:
    """For completion, too: by how a name begins."""
    text = call.parameters.required_text("q")
    limit, offset = limit_of(call, PAGE_ACCOUNTS, PAGE_ACCOUNTS_MAX), _offset(call)
    _count(call)
    with call.edge.snapshot() as snapshot:
        place = search.place_of(text, call.public_url)
        if place is not None:
            return Answer(joined(_at(call, snapshot, place).get("accounts", [])))
        return Answer(joined(_accounts(call, snapshot, text, limit, offset)))
