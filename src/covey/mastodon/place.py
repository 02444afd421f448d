"""The place: what it says of itself, what goes on in it, and how others embed its posts."""

from __future__ import annotations

from html import escape
from typing import Final
from weakref import WeakKeyDictionary

from covey.edge.edge import Edge
from covey.edge.render import account_url, post_url, render
from covey.edge.requests import id_of
from covey.edge.shown import shown
from covey.edge.text import TEXT_CHARACTERS_MAX, parse
from covey.errors import Refused
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, operation
from covey.mastodon.entities import entities
from covey.mastodon.times import day_of, iso
from covey.messages import id_at
from covey.state.queries import Snapshot

WEEK_MS: Final = 7 * 24 * 60 * 60 * 1000
WEEKS: Final = 12
ACTIVITY_MS: Final = 60 * 60 * 1000
"""So long the counts of the present week are told before they are counted anew."""
EMBED_WIDTH: Final = 400
EMBED_WIDTH_MAX: Final = 2_000

# --- texts ------------------------------------------------------------------------------------


def _html(call: Call, text: str) -> str:
    """Paragraph by paragraph: a place may say more than a post can."""
    pieces = []
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        if len(paragraph) > TEXT_CHARACTERS_MAX:
            pieces.append(f"<p>{escape(paragraph)}</p>")
            continue
        kept, _, tags, links = parse(paragraph.strip(), call.edge.settings)
        pieces.append(render(kept, (), tags, links, public_url=call.public_url, names={}))
    return "".join(pieces)


def _text(snapshot: Snapshot, name: str) -> tuple[str, int] | None:
    """(text, since when it is so); None: the place says nothing of it."""
    row = snapshot.row("select value, stamp from settings where name = ?", (name,))
    return (row[0], row[1]) if row and row[0] else None


@operation("GET", "/api/v1/instance/extended_description", needs="anyone")
async def extended_description(call: Call) -> Answer:
    """The setting of this name; while there is none, the description from the configuration, as
    old as the first account."""
    with call.edge.snapshot() as snapshot:
        found = _text(snapshot, "extended_description")
        if found is None:
            row = snapshot.row("select min(created) from accounts")
            found = call.edge.settings.description, (row and row[0]) or call.edge.now()
    return as_json({"content": _html(call, found[0]), "updated_at": iso(found[1])})


@operation("GET", "/api/v1/instance/privacy_policy", needs="anyone")
async def privacy_policy(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        found = _text(snapshot, "privacy_policy")
    if found is None:
        raise Refused("not_found")
    return as_json({"content": _html(call, found[0]), "updated_at": iso(found[1])})


def _terms(call: Call, date: str = "") -> Answer:
    """Of a date: those that came into effect then. Older ones are not kept."""
    with call.edge.snapshot() as snapshot:
        found = _text(snapshot, "terms_of_service")
    if found is None or (date and date != day_of(found[1])):
        raise Refused("not_found")
    return as_json(
        {
            "effective_date": day_of(found[1]),
            "effective": True,
            "content": _html(call, found[0]),
            "succeeded_by": None,
        }
    )


@operation("GET", "/api/v1/instance/terms_of_service", needs="anyone")
async def terms_of_service(call: Call) -> Answer:
    return _terms(call)


@operation("GET", "/api/v1/instance/terms_of_service/*", needs="anyone")
async def terms_of_a_date(call: Call) -> Answer:
    return _terms(call, call.words[0])


@operation("GET", "/api/v1/instance/translation_languages", needs="anyone")
async def translation_languages(call: Call) -> Answer:
    """There is no translator."""
    return EMPTY_TREE


# --- what goes on -----------------------------------------------------------------------------

_weeks: WeakKeyDictionary[Edge, dict[int, tuple[int, dict[str, str]]]] = WeakKeyDictionary()
"""Of an edge: week → (when it was counted, its counts)."""


@operation("GET", "/api/v1/instance/activity", needs="anyone")
async def activity(call: Call) -> Answer:
    """The last weeks, this one first. Nobody keeps who logged in when: `logins` are the accounts
    that posted. A week is counted in a read of its own, and one that is over once."""
    edge, now = call.edge, call.edge.now()
    kept = _weeks.setdefault(edge, {})
    found = []
    for week in range(now // WEEK_MS, now // WEEK_MS - WEEKS, -1):
        begin, end = week * WEEK_MS, (week + 1) * WEEK_MS
        counted, counts = kept.get(week, (0, {}))
        if not counts or counted < min(end, now - ACTIVITY_MS):
            with edge.snapshot() as snapshot:
                counts = _activity(snapshot, begin, end)
            kept[week] = (now, counts)
        found.append(counts)
    return as_json(found)


def _activity(snapshot: Snapshot, begin: int, end: int) -> dict[str, str]:
    posts = snapshot.row(
        "select count(*), count(distinct account) from posts where id >= ? and id < ?"
        " and boost_of = 0 and visibility != 3",
        (id_at(begin), id_at(end)),
    ) or (0, 0)
    accounts = snapshot.row(
        "select count(*) from accounts where created >= ? and created < ? and kind = 'person'",
        (begin, end),
    ) or (0,)
    return {
        "week": str(begin // 1000),
        "statuses": str(posts[0]),
        "logins": str(posts[1]),
        "registrations": str(accounts[0]),
    }


@operation("POST", "/api/v1/emails/confirmations", "", needs="account")
async def confirm_email(call: Call) -> Answer:
    """No address waits for it: none has to be confirmed here."""
    raise Refused("email_confirmed")


# --- embedding --------------------------------------------------------------------------------


@operation("GET", "/api/oembed", needs="anyone")
async def oembed(call: Call) -> Answer:
    """Of a post that everybody may see, by the address of its page: the post as a quotation."""
    url = call.parameters.required_text("url")
    width = call.parameters.integer("maxwidth", EMBED_WIDTH, 1, EMBED_WIDTH_MAX)
    page, _, number = url.rstrip("/").rpartition("/")
    id_ = id_of(number)
    if not page.startswith(f"{call.public_url}/@") or id_ is None:
        raise Refused("not_found")
    made = entities(call.edge)
    with call.edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        everybody = snapshot.relations(0)
        if row is None or row.boost_of or not shown(snapshot.posts, [row], {}, everybody):
            raise Refused("not_found")
        author = snapshot.account(row.account)
        assert author is not None
        content = made.content(row.text, row.facets, made.mentioned(snapshot, row))
    url, name = post_url(call.public_url, author.name, row.id), escape(author.shown_name)
    html = (
        f'<blockquote cite="{escape(url)}">{content}'
        f'<footer><a href="{escape(url)}">{name} (@{escape(author.name)})</a></footer></blockquote>'
    )
    return as_json(
        {
            "type": "rich",
            "version": "1.0",
            "title": f"Post by {author.shown_name}",
            "author_name": author.shown_name,
            "author_url": account_url(call.public_url, author.name),
            "provider_name": call.edge.settings.title,
            "provider_url": f"{call.public_url}/",
            "cache_age": 86_400,
            "html": html,
            "width": width,
            "height": None,
        }
    )
