"""Statuses: write, edit, show, delete, boost, favourite, bookmark, pin, mute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covey.delivery.audience import Reach, Relations
from covey.edge import queues
from covey.edge.requests import header, id_of
from covey.edge.shown import is_shown, load_originals
from covey.edge.text import normal, parse
from covey.errors import Refused
from covey.keys import client_key
from covey.limits import NAME_CHARACTERS
from covey.mastodon.accounts import people, people_cursor
from covey.mastodon.attachments import attachments
from covey.mastodon.door import Answer, Call, as_json, encode, operation
from covey.mastodon.entities import REACH_WORDS, entities, joined, poll_fields
from covey.mastodon.media import change_many, media_of
from covey.mastodon.pages import cursor_of, ids_of, listed
from covey.mastodon.quotes import policy_of
from covey.mastodon.scheduled import draft_answer
from covey.mastodon.times import iso, moment
from covey.messages import (
    AnyMessage,
    Bookmark,
    Boost,
    Delete,
    Draft,
    Edit,
    Favourite,
    Mention,
    MuteThread,
    Pin,
    Poll,
    Post,
    RevokeQuote,
    SetQuotePolicy,
    Unbookmark,
    Unboost,
    Unfavourite,
    UnmuteThread,
    Unpin,
    Visibility,
    Vote,
)
from covey.state.queries import PostRow, Snapshot


@operation("POST", "/api/v1/statuses", "write:statuses")
async def create(call: Call) -> Answer:
    key = header(call.scope, b"idempotency-key")
    message: AnyMessage = _post(call)
    when = call.parameters.text("scheduled_at")
    if when:
        message = Draft(post=message, at=moment(when, "scheduled_at"))  # type: ignore[arg-type]
    accepted = await call.edge.submit(call.account, message, client_key(key) if key else None)
    if when:
        return draft_answer(call, accepted.number)
    return _shown(call, accepted.id) if accepted.repeated else _made(call, accepted.id)


def _post(call: Call) -> Post:
    """Raises Refused."""
    parameters = call.parameters
    text, mentions, tags, links = parse(parameters.text("status"), call.edge.settings)
    author = call.edge.author(call.account)
    parent = quoted = None
    visibility = _visibility(call, author.visibility)
    if mentions or parameters.text("in_reply_to_id") or parameters.text("quoted_status_id"):
        with call.edge.snapshot() as snapshot:
            parent = _meant(call, snapshot, "in_reply_to_id")
            quoted = _meant(call, snapshot, "quoted_status_id")
            if visibility != "direct" and _is_for_groups(call, snapshot, parent, mentions):
                visibility = "group"
    if visibility == "public" and parameters.boolean("local_only"):
        visibility = "local"
    return Post(
        text=text,
        visibility=visibility,
        language=parameters.text("language", author.language),
        warning=normal(parameters.text("spoiler_text")).strip(),
        sensitive=parameters.boolean("sensitive", author.sensitive),
        reply_to=parent.id if parent else 0,
        mentions=mentions,
        tags=tags,
        links=links,
        app=call.access.app,
        quote_of=quoted.id if quoted else 0,
        poll=_poll(call),
        quotes=policy_of(call, author.quotes),
        media=media_of(parameters),
    )


def _meant(call: Call, snapshot: Snapshot, name: str) -> PostRow | None:
    """The post that a parameter names; of a boost its original. Raises Refused("not_found")."""
    id_ = call.parameters.id(name)
    if not id_:
        return None
    row = _row(call, snapshot, id_)
    return _row(call, snapshot, row.boost_of) if row.boost_of else row


def _is_for_groups(
    call: Call, snapshot: Snapshot, parent: PostRow | None, mentions: Sequence[Mention]
) -> bool:
    """Apps know no groups: what is posted into one that is not open, or answers a post that is in
    a group only, is for the group, whatever else the app says; but a direct post stays direct."""
    reader = call.edge.relations(snapshot, call.account)
    groups = parent.groups if parent and parent.visibility == Reach.GROUP else ()
    if any(group in reader.groups for group in groups):
        return True
    closed = reader.groups - reader.everybody.open_groups
    if not closed:
        return False
    rows = (snapshot.account_named(name) for name in {mention.name for mention in mentions})
    return any(row is not None and row.number in closed for row in rows)


def _poll(call: Call) -> Poll | None:
    """Raises Refused."""
    said = call.parameters.below("poll")
    options = said.texts("options")
    if not options:
        return None
    return Poll(
        options=tuple(normal(option).strip() for option in options),
        seconds=said.integer("expires_in"),
        multiple=said.boolean("multiple"),
        hide_totals=said.boolean("hide_totals"),
    )


def _visibility(call: Call, default: Visibility) -> Visibility:
    word = call.parameters.text("visibility")
    if not word:
        return default
    if word == "local":  # a word of other servers, for clients that know it
        return "local"
    if word not in REACH_WORDS:
        raise Refused("visibility_unknown", visibility=word[:NAME_CHARACTERS])
    return REACH_WORDS[word]  # type: ignore[return-value]


# --- showing ----------------------------------------------------------------------------------


def _row(call: Call, snapshot: Snapshot, id_: int) -> PostRow:
    """The post or boost, if it stands and may be seen. Raises Refused("not_found")."""
    row = snapshot.post(id_)
    if row is None or not _shows(snapshot, call.edge.relations(snapshot, call.account), row):
        raise Refused("not_found")
    return row


def _shows(snapshot: Snapshot, reader: Relations, row: PostRow) -> bool:
    originals: dict[int, PostRow] = {}
    load_originals(snapshot.posts, [row], originals)
    return is_shown(row, originals, reader)


def _original(call: Call) -> int:
    """The post that the id in the path means: acting on a boost acts on its original."""
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, call.id)
    return row.boost_of or row.id


def _shown(call: Call, id_: int) -> Answer:
    with call.edge.snapshot() as snapshot:
        return Answer(_status(call, snapshot, _row(call, snapshot, id_)))


def _made(call: Call, id_: int) -> Answer:
    """What its author is shown of a post that was just made."""
    with call.edge.snapshot() as snapshot:
        row = snapshot.post(id_)
        if row is None or row.deleted:
            raise Refused("not_found")
        if row.quote_of:
            return Answer(_status(call, snapshot, row))
        return Answer(entities(call.edge).made(snapshot, row))


def _status(call: Call, snapshot: Snapshot, row: PostRow) -> bytes:
    reader = call.edge.relations(snapshot, call.account)
    found = entities(call.edge).status(snapshot, reader, row)
    if found is None:
        raise Refused("not_found")
    return found


@operation("GET", "/api/v1/statuses/*", "read:statuses", needs="anyone")
async def show(call: Call) -> Answer:
    return _shown(call, call.id)


@operation("GET", "/api/v1/statuses", "read:statuses", needs="anyone")
async def show_many(call: Call) -> Answer:
    """Those that are there and may be seen, in the order asked for."""
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        wanted = ids_of(call)
        found = snapshot.posts(wanted)
        rows = [
            found[id_] for id_ in wanted if id_ in found and _shows(snapshot, reader, found[id_])
        ]
        return Answer(joined(entities(call.edge).statuses(snapshot, reader, rows)))


@operation("GET", "/api/v1/statuses/*/context", "read:statuses", needs="anyone")
async def context(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, call.id)
        reader = call.edge.relations(snapshot, call.account)
        post = _row(call, snapshot, row.boost_of) if row.boost_of else row
        ancestors, descendants = queues.thread(snapshot, reader, post)
        made = entities(call.edge)
        return Answer(
            b'{"ancestors":%s,"descendants":%s}'
            % (
                joined(made.statuses(snapshot, reader, ancestors)),
                joined(made.statuses(snapshot, reader, descendants)),
            )
        )


@operation("GET", "/api/v1/statuses/*/source", "read:statuses")
async def source(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, call.id)
    if row.account != call.account:
        raise Refused("not_found")
    return as_json({"id": str(row.id), "text": row.text, "spoiler_text": row.warning})


@operation("GET", "/api/v1/statuses/*/history", "read:statuses", needs="anyone")
async def history(call: Call) -> Answer:
    """All that it said, oldest first, what it says now at last."""
    post = _original(call)
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, post)
        made = entities(call.edge)
        author = made.accounts(snapshot, [row.account])[0]
        versions = []
        for version in queues.history(snapshot, row):
            fields: dict[str, Any] = {
                "content": made.content(
                    version.text, version.facets, made.named(snapshot, version.facets)
                ),
                "spoiler_text": version.warning,
                "sensitive": bool(version.sensitive or version.warning),
                "created_at": iso(version.stamp),
                "media_attachments": attachments(snapshot, version.media, made.public_url),
                "emojis": [],
            }
            if version.poll:
                fields["poll"] = {"options": [{"title": title} for title in version.poll]}
            versions.append(b'%s,"account":%s}' % (encode(fields)[:-1], author))
    return Answer(joined(versions))


@operation("GET", "/api/v1/statuses/*/reblogged_by", "read:accounts", needs="anyone")
async def reblogged_by(call: Call) -> Answer:
    cursor, post = people_cursor(call), _original(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        return people(call, snapshot, queues.boosted_by(snapshot, reader, post, cursor))


@operation("GET", "/api/v1/statuses/*/favourited_by", "read:accounts", needs="anyone")
async def favourited_by(call: Call) -> Answer:
    cursor, post = people_cursor(call), _original(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        return people(call, snapshot, queues.favourited_by(snapshot, reader, post, cursor))


# --- acts -------------------------------------------------------------------------------------


@operation("PUT", "/api/v1/statuses/*", "write:statuses")
async def edit(call: Call) -> Answer:
    """The whole new version; what is not said is not in it, but language and sensitive stay."""
    parameters = call.parameters
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, call.id)
    media = media_of(parameters)
    text, mentions, tags, links = parse(parameters.text("status"), call.edge.settings)
    await change_many(call, media)
    message = Edit(
        post=row.id,
        text=text,
        language=parameters.text("language", row.language),
        warning=normal(parameters.text("spoiler_text")).strip(),
        sensitive=parameters.boolean("sensitive", bool(row.sensitive)),
        mentions=mentions,
        tags=tags,
        links=links,
        poll=_poll(call),
        media=media,
    )
    if "quote_approval_policy" in parameters:
        await call.edge.do(
            call.account, SetQuotePolicy(post=row.id, quotes=policy_of(call, row.quotes))
        )
    return await _act(call, message, row.id)


@operation("DELETE", "/api/v1/statuses/*", "write:statuses")
async def delete(call: Call) -> Answer:
    """Answers with the text, so that it can be written anew."""
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, call.id)
        if row.account != call.account:
            raise Refused("not_yours")
        status = _status(call, snapshot, row)
    await call.edge.submit(call.account, Delete(post=row.id))
    return Answer(b'%s,"text":%s}' % (status[:-1], encode(row.text)))


@operation("POST", "/api/v1/statuses/*/reblog", "write:statuses")
async def reblog(call: Call) -> Answer:
    message = Boost(post=_original(call), visibility=_visibility(call, "public"))
    try:
        accepted = await call.edge.submit(call.account, message)
    except Refused as refused:
        boost = refused.details.get("id")
        if refused.code != "already_done" or not isinstance(boost, int):
            raise
        return _shown(call, boost)
    return _shown(call, accepted.id)


async def _act(call: Call, message: AnyMessage, post: int) -> Answer:
    await call.edge.do(call.account, message)
    return _shown(call, post)


@operation("POST", "/api/v1/statuses/*/unreblog", "write:statuses")
async def unreblog(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Unboost(post=post), post)


@operation("POST", "/api/v1/statuses/*/favourite", "write:favourites")
async def favourite(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Favourite(post=post), post)


@operation("POST", "/api/v1/statuses/*/unfavourite", "write:favourites")
async def unfavourite(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Unfavourite(post=post), post)


@operation("POST", "/api/v1/statuses/*/bookmark", "write:bookmarks")
async def bookmark(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Bookmark(post=post), post)


@operation("POST", "/api/v1/statuses/*/unbookmark", "write:bookmarks")
async def unbookmark(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Unbookmark(post=post), post)


@operation("POST", "/api/v1/statuses/*/pin", "write:accounts")
async def pin(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Pin(post=post), post)


@operation("POST", "/api/v1/statuses/*/unpin", "write:accounts")
async def unpin(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, Unpin(post=post), post)


@operation("POST", "/api/v1/statuses/*/mute", "write:mutes")
async def mute(call: Call) -> Answer:
    """The thread it stands in."""
    post = _original(call)
    return await _act(call, MuteThread(post=post), post)


@operation("POST", "/api/v1/statuses/*/unmute", "write:mutes")
async def unmute(call: Call) -> Answer:
    post = _original(call)
    return await _act(call, UnmuteThread(post=post), post)


# --- quotes -----------------------------------------------------------------------------------


@operation("PUT", "/api/v1/statuses/*/interaction_policy", "write:statuses")
async def interaction_policy(call: Call) -> Answer:
    """Who may quote it from now on."""
    post = _original(call)
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, post)
    message = SetQuotePolicy(post=post, quotes=policy_of(call, row.quotes))
    return await _act(call, message, post)


@operation("GET", "/api/v1/statuses/*/quotes", "read:statuses", needs="anyone")
async def quoted_by(call: Call) -> Answer:
    """What quotes it, newest first."""
    cursor, post = cursor_of(call), _original(call)
    with call.edge.snapshot() as snapshot:
        reader = call.edge.relations(snapshot, call.account)
        page = queues.quoting(snapshot, reader, post, cursor)
        items = entities(call.edge).statuses(snapshot, reader, page.rows)
        return listed(call, items, page.newest, page.oldest, page.older)


@operation("POST", "/api/v1/statuses/*/quotes/*/revoke", "write:statuses")
async def revoke_quote(call: Call) -> Answer:
    """Answers with what quoted it."""
    post, quoting = _original(call), id_of(call.words[1])
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, quoting or 0)
        if row.quote_of != post:
            raise Refused("not_found")
    return await _act(call, RevokeQuote(post=row.id), row.id)


@operation("POST", "/api/v1/statuses/*/translate", "read:statuses")
async def translate(call: Call) -> Answer:
    """There is no translator here, which a server says so."""
    raise Refused("not_found")


# --- polls ------------------------------------------------------------------------------------


def _poll_shown(call: Call, post: int) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = _row(call, snapshot, post)
        found = queues.polls(snapshot, call.account, [post]).get(post)
    if found is None:
        raise Refused("not_found")
    return as_json(poll_fields(found, row.account == call.account))


@operation("GET", "/api/v1/polls/*", "read:statuses", needs="anyone")
async def poll(call: Call) -> Answer:
    """A poll has its post's id."""
    return _poll_shown(call, call.id)


@operation("POST", "/api/v1/polls/*/votes", "write:statuses")
async def vote(call: Call) -> Answer:
    choices = []
    for word in call.parameters.texts("choices"):
        choice = id_of(word)
        if choice is None:
            raise Refused("vote_choices")
        choices.append(choice)
    await call.edge.submit(call.account, Vote(post=call.id, choices=tuple(choices)))
    return _poll_shown(call, call.id)
