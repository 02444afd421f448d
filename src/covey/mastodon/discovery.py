"""Whom and what to look at: suggestions, the directory, trends, whom one could feature.

Small and honest: suggestions count by whom those you follow are followed; trends look at the newest
public posts and are counted anew every few minutes, for everybody alike. Nothing is learnt about a
person for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.delivery.audience import Relations, sets_aside
from covey.edge.edge import Edge
from covey.edge.render import tag_url
from covey.edge.shown import shown
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.entities import entities, joined
from covey.mastodon.pages import limit_of
from covey.messages import ID_TIME_BITS, DismissSuggestion, id_at
from covey.state.queries import PUBLIC, Snapshot, numbers

PAGE: Final = 40
PAGE_MAX: Final = 80
DAY_MS: Final = 24 * 60 * 60 * 1000

FRIENDS: Final = 200
"""Of those whom one follows, the last so many count for suggestions."""
OWN_POSTS: Final = 200
"""One's newest, looked at for tags to feature."""
SUGGESTED_TAGS: Final = 10
TRENDING_POSTS: Final = 5_000
"""The newest public posts, looked at for what trends."""
TRENDING_DAYS: Final = 7
TRENDING_MAX: Final = 200
"""Of each sort."""
TRENDS_MS: Final = 5 * 60 * 1000
OFFSET_MAX: Final = 10_000


def _slice(call: Call, default: int) -> tuple[int, int]:
    """(offset, limit)."""
    return call.parameters.integer("offset", 0, 0, OFFSET_MAX), limit_of(call, default, PAGE_MAX)


# --- suggestions ------------------------------------------------------------------------------


def _suggested(snapshot: Snapshot, reader: Relations, limit: int) -> list[tuple[int, str]]:
    """(account, why): whom most of those one follows follow, then whom most follow at all. Only who
    wants to be found."""
    account = reader.account
    not_these = (
        "standing = 'active' and discoverable = 1 and kind = 'person' and a.number != ?1"
        " and not exists (select 1 from follows where follower = ?1 and followed = a.number)"
        " and not exists (select 1 from follow_requests where follower = ?1"
        " and followed = a.number) and not exists (select 1 from dismissed_suggestions"
        " where account = ?1 and target = a.number)"
    )
    friends = snapshot.rows(
        "select followed from follows where follower = ? order by number desc limit ?",
        (account, FRIENDS),
    )
    # more than are wanted: some may be set aside
    wanted = limit + len(reader.aside)
    found: dict[int, str] = {}
    if friends:
        rows = snapshot.rows(
            "select a.number, count(*) as among from follows f join accounts a"
            f" on a.number = f.followed where f.follower in carray(?2) and {not_these}"
            " group by a.number order by among desc, a.number limit ?3",
            (account, numbers(friend for (friend,) in friends), wanted),
        )
        found.update((number, "friends_of_friends") for number, _ in rows)
    if len(found) < wanted:
        rows = snapshot.rows(
            f"select a.number from accounts a where {not_these}"
            " order by followers_count desc, a.number limit ?2",
            (account, wanted),
        )
        for (number,) in rows:
            found.setdefault(number, "most_followed")
    return [pair for pair in found.items() if pair[0] not in reader.aside][:limit]


_OLD_SOURCE: Final = {"friends_of_friends": "past_interactions", "most_followed": "global"}
"""What older clients read."""


@operation("GET", "/api/v2/suggestions", "read")
async def suggestions(call: Call) -> Answer:
    limit = limit_of(call, PAGE, PAGE_MAX)
    with call.edge.snapshot() as snapshot:
        found = _suggested(snapshot, call.edge.relations(snapshot, call.account), limit)
        accounts = entities(call.edge).accounts(snapshot, [number for number, _ in found])
    items = [
        b'%s,"account":%s}' % (encode({"source": _OLD_SOURCE[why], "sources": [why]})[:-1], account)
        for (_, why), account in zip(found, accounts, strict=True)
    ]
    return Answer(joined(items))


@operation("GET", "/api/v1/suggestions", "read")
async def old_suggestions(call: Call) -> Answer:
    limit = limit_of(call, PAGE, PAGE_MAX)
    with call.edge.snapshot() as snapshot:
        found = _suggested(snapshot, call.edge.relations(snapshot, call.account), limit)
        accounts = entities(call.edge).accounts(snapshot, [number for number, _ in found])
    return Answer(joined(accounts))


@operation("DELETE", "/api/v1/suggestions/*", "write")
async def dismiss_suggestion(call: Call) -> Answer:
    await call.edge.do(call.account, DismissSuggestion(account=call.id))
    return EMPTY_TREE


# --- directory --------------------------------------------------------------------------------


@operation("GET", "/api/v1/directory", needs="anyone")
async def directory(call: Call) -> Answer:
    """Who wants to be found: `order` active (who posted last) or new."""
    offset, limit = _slice(call, PAGE)
    order = call.parameters.text("order") or "active"
    if order not in ("active", "new"):
        raise Refused("parameter_malformed", name="order", why="it is active or new")
    by = "last_post desc, number desc" if order == "active" else "number desc"
    with call.edge.snapshot() as snapshot:
        rows = snapshot.rows(
            "select number from accounts where discoverable = 1 and standing = 'active'"
            f" and kind = 'person' order by {by} limit ? offset ?",
            (limit, offset),
        )
        found = entities(call.edge).accounts(snapshot, [number for (number,) in rows])
    return Answer(joined(found))


# --- trends -----------------------------------------------------------------------------------


class Trends(Struct, frozen=True):
    """What trends at one moment, the most used first."""

    until: int
    """Stamp: then it is counted anew."""
    tags: tuple[str, ...] = ()
    histories: dict[str, list[dict[str, str]]] = {}
    posts: tuple[int, ...] = ()


_trends: WeakKeyDictionary[Edge, Trends] = WeakKeyDictionary()


def trends(edge: Edge, snapshot: Snapshot) -> Trends:
    now = edge.now()
    found = _trends.get(edge)
    if found is None or found.until <= now:
        found = _trends[edge] = _count(snapshot, now)
    return found


def _count(snapshot: Snapshot, now: int) -> Trends:
    """By the newest public posts of accounts that nobody limited. A tag counts by how many people
    used it; a post, of who wants to be found, by favourites and boosts, the older the less."""
    rows = snapshot.rows(
        "select p.id, p.account, first_tags, favourites_count, boosts_count, discoverable"
        f" from (select * from posts where {PUBLIC} and id > ? order by id desc limit ?) p"
        " join accounts a on a.number = p.account where standing = 'active'",
        (id_at(now - TRENDING_DAYS * DAY_MS), TRENDING_POSTS),
    )
    today = now // DAY_MS
    people: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    scores: dict[int, float] = {}
    for id_, account, tags, favourites, boosts, discoverable in rows:
        stamp = id_ >> ID_TIME_BITS
        for tag in tags.split():
            people[tag][stamp // DAY_MS, account] += 1
        if discoverable and favourites + boosts:
            hours = max(0, now - stamp) / (60 * 60 * 1000)
            scores[id_] = (favourites + 2 * boosts) / (hours + 2) ** 1.5
    used = {tag: len({account for _, account in uses}) for tag, uses in people.items()}
    best = sorted((tag for tag in used if used[tag] > 1), key=lambda tag: (-used[tag], tag))
    return Trends(
        now + TRENDS_MS,
        tuple(best[:TRENDING_MAX]),
        {tag: _history(people[tag], today) for tag in best[:TRENDING_MAX]},
        tuple(sorted(scores, key=lambda id_: (-scores[id_], -id_))[:TRENDING_MAX]),
    )


def _history(uses: Counter[tuple[int, int]], today: int) -> list[dict[str, str]]:
    """By day, today first."""
    return [
        {
            "day": str(day * DAY_MS // 1000),
            "accounts": str(len([1 for when, _ in uses if when == day])),
            "uses": str(sum(count for (when, _), count in uses.items() if when == day)),
        }
        for day in range(today, today - TRENDING_DAYS, -1)
    ]


def public_tag_fields(call: Call, snapshot: Snapshot, name: str) -> dict[str, Any]:
    """A Tag, without what it is to who asks. Only what trends has a history."""
    return {
        "id": name,
        "name": name,
        "url": tag_url(call.public_url, name),
        "history": trends(call.edge, snapshot).histories.get(name, []),
    }


async def _trending_tags(call: Call) -> Answer:
    offset, limit = _slice(call, 10)
    with call.edge.snapshot() as snapshot:
        found = trends(call.edge, snapshot).tags[offset : offset + limit]
        return as_json([public_tag_fields(call, snapshot, name) for name in found])


operation("GET", "/api/v1/trends/tags", needs="anyone")(_trending_tags)
operation("GET", "/api/v1/trends", needs="anyone")(_trending_tags)


@operation("GET", "/api/v1/trends/statuses", needs="anyone")
async def trending_statuses(call: Call) -> Answer:
    offset, limit = _slice(call, 20)
    with call.edge.snapshot() as snapshot:
        ids = trends(call.edge, snapshot).posts[offset : offset + limit]
        reader = call.edge.relations(snapshot, call.account)
        posts = snapshot.posts(ids)
        rows = shown(snapshot.gists, [posts[id_] for id_ in ids if id_ in posts], {}, reader)
        rows = [row for row in rows if not sets_aside(row, reader)]
        return Answer(joined(entities(call.edge).statuses(snapshot, reader, rows)))


@operation("GET", "/api/v1/featured_tags/suggestions", "read:accounts")
async def tag_suggestions(call: Call) -> Answer:
    """Tags of one's own newest posts that one does not feature, the most used first."""
    with call.edge.snapshot() as snapshot:
        rows = snapshot.rows(
            "select first_tags from posts where account = ? and deleted = 0 and visibility = 0"
            " order by id desc limit ?",
            (call.account, OWN_POSTS),
        )
        featured = snapshot.rows("select tag from tag_features where account = ?", (call.account,))
        used = Counter(tag for (tags,) in rows for tag in tags.split())
        for (tag,) in featured:
            del used[tag]
        best = sorted(used, key=lambda tag: (-used[tag], tag))[:SUGGESTED_TAGS]
        return as_json([public_tag_fields(call, snapshot, name) for name in best])
