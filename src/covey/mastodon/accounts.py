"""Accounts: sign up, profile, look up, relations."""

from __future__ import annotations

import re
from typing import Any, Final

from covey.edge import queues
from covey.edge.access import secret_hash
from covey.edge.cursor import Cursor, Page, fill
from covey.edge.cursor import page as page_of
from covey.edge.passwords import hash_password
from covey.edge.rates import subject_of
from covey.edge.requests import Parameters, Upload
from covey.edge.text import normal, parse, tag_name
from covey.errors import Refused
from covey.limits import PAGE_POSTS_MAX
from covey.mastodon.door import EMPTY_LIST, Answer, Call, as_json, operation, refusal
from covey.mastodon.entities import REACH_WORDS, entities, joined
from covey.mastodon.oauth import issue
from covey.mastodon.pages import cursor_of, ids_of, listed
from covey.mastodon.times import iso
from covey.messages import (
    SERVER,
    AnyMessage,
    Block,
    Field,
    Follow,
    Mute,
    Profile,
    Register,
    Unblock,
    Unfollow,
    Unmute,
)
from covey.state.queries import AccountRow, Snapshot

PAGE_ACCOUNTS: Final = 40
PAGE_ACCOUNTS_MAX: Final = 80

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")

# --- signing up -------------------------------------------------------------------------------

_DETAILS: Final = {
    "name_malformed": ("username", "ERR_INVALID"),
    "name_reserved": ("username", "ERR_RESERVED"),
    "name_taken": ("username", "ERR_TAKEN"),
    "name_look_alike": ("username", "ERR_TAKEN"),
    "email_malformed": ("email", "ERR_INVALID"),
    "email_taken": ("email", "ERR_TAKEN"),
    "password_short": ("password", "ERR_TOO_SHORT"),
    "password_long": ("password", "ERR_TOO_LONG"),
    "agreement_needed": ("agreement", "ERR_ACCEPTED"),
}
"""A refusal's code → the field it is about, and Mastodon's word for it."""


@operation("POST", "/api/v1/accounts", "write:accounts", needs="token")
async def register(call: Call) -> Answer:
    """A new account; its token works at once."""
    parameters = call.parameters
    if not parameters.text("username").strip():
        return _invalid(Refused("parameter_missing", name="username"), "username", "ERR_BLANK")
    if not parameters.text("password"):
        return _invalid(Refused("parameter_missing", name="password"), "password", "ERR_BLANK")
    try:
        if not parameters.boolean("agreement"):
            raise Refused("agreement_needed")
        language = parameters.text("locale").replace("_", "-")
        await call.edge.count("registration", subject_of(call.address))
        invite = parameters.text("invite_code")
        message = Register(
            name=parameters.text("username").strip(),
            email=parameters.text("email").strip().lower(),
            password_hash=await hash_password(parameters.text("password")),
            # an app sends what its device says: what is no language code is not the person's fault
            language=language if _LANGUAGE.fullmatch(language) else "",
            app=call.access.app,
            signed_up=True,
            invite_hash=secret_hash(invite) if invite else b"",
        )
        accepted = await call.edge.submit(SERVER, message)
    except Refused as refused:
        if refused.code in _DETAILS:
            return _invalid(refused, *_DETAILS[refused.code])
        raise
    scopes = " ".join(sorted(call.access.scopes))
    return await issue(call.edge, call.access.app, accepted.id, scopes)


def _invalid(refused: Refused, field: str, error: str) -> Answer:
    details = {field: [{"error": error, "description": refused.sentence}]}
    return refusal(refused, error=f"Validation failed: {refused.sentence}", details=details)


# --- one's own --------------------------------------------------------------------------------


@operation("GET", "/api/v1/accounts/verify_credentials", "read:accounts profile")
async def verify_credentials(call: Call) -> Answer:
    return _own(call)


def _own(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = _account(snapshot, call.account)
        return Answer(entities(call.edge).own_account(snapshot, row))


@operation("PATCH", "/api/v1/accounts/update_credentials", "write:accounts")
async def update_credentials(call: Call) -> Answer:
    """What is not said stays as it is."""
    with call.edge.snapshot() as snapshot:
        row = _account(snapshot, call.account)
    await call.edge.submit(call.account, _profile(call, row))
    return _own(call)


def _profile(call: Call, row: AccountRow) -> Profile:
    """Raises Refused."""
    parameters = call.parameters
    for name in ("avatar", "header"):
        picture = parameters.tree.get(name)
        if picture and not (isinstance(picture, Upload) and not picture.content):
            raise Refused("not_there_yet", what=f"a picture of one's own ({name})")
    if parameters.boolean("locked"):
        raise Refused("not_there_yet", what="accounts that approve their followers (locked)")
    note, mentions, tags, links = row.note, *row.facets
    if "note" in parameters:
        note, mentions, tags, links = parse(parameters.text("note"), call.edge.settings)
    source = parameters.below("source")
    word = source.text("privacy")
    if word and word not in REACH_WORDS:
        raise Refused("visibility_unknown", visibility=word[:20])
    return Profile(
        display_name=normal(parameters.text("display_name", row.display_name)).strip(),
        note=note,
        note_mentions=mentions,
        note_tags=tags,
        note_links=links,
        fields=_fields(parameters) if "fields_attributes" in parameters else row.fields,
        bot=parameters.boolean("bot", bool(row.bot)),
        discoverable=parameters.boolean("discoverable", bool(row.discoverable)),
        indexable=parameters.boolean("indexable", bool(row.indexable)),
        language=source.text("language", row.language),
        visibility=REACH_WORDS[word] if word else row.visibility,  # type: ignore[arg-type]
        sensitive=source.boolean("sensitive", bool(row.sensitive)),
    )


def _fields(parameters: Parameters) -> tuple[Field, ...]:
    fields = (
        Field(normal(one.text("name")).strip(), normal(one.text("value")).strip())
        for one in parameters.trees("fields_attributes")
    )
    return tuple(field for field in fields if field.name or field.value)


# --- looking ----------------------------------------------------------------------------------


def _account(snapshot: Snapshot, number: int) -> AccountRow:
    """Raises Refused("not_found")."""
    row = snapshot.account(number)
    if row is None:
        raise Refused("not_found")
    return row


@operation("GET", "/api/v1/accounts/lookup", needs="anyone")
async def lookup(call: Call) -> Answer:
    name, _, domain = call.parameters.required_text("acct").removeprefix("@").partition("@")
    with call.edge.snapshot() as snapshot:
        row = snapshot.account_named(name)
        if row is None or (domain and domain.lower() != call.edge.settings.domain.lower()):
            raise Refused("not_found")
        return Answer(entities(call.edge).account(snapshot, row))


@operation("GET", "/api/v1/accounts/*", "read:accounts", needs="anyone")
async def show(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return Answer(entities(call.edge).account(snapshot, _account(snapshot, call.id)))


@operation("GET", "/api/v1/accounts", "read:accounts", needs="anyone")
async def show_many(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return Answer(joined(entities(call.edge).accounts(snapshot, ids_of(call))))


@operation("GET", "/api/v1/accounts/*/statuses", "read:statuses", needs="anyone")
async def statuses(call: Call) -> Answer:
    parameters, cursor = call.parameters, cursor_of(call)
    number = call.id
    with call.edge.snapshot() as snapshot:
        _account(snapshot, number)
        if parameters.boolean("pinned") or parameters.boolean("only_media"):
            return EMPTY_LIST  # there are neither pins nor media
        reader = call.edge.relations(snapshot, call.account)
        page = queues.outbox(
            snapshot,
            reader,
            number,
            cursor,
            exclude_replies=parameters.boolean("exclude_replies"),
            exclude_boosts=parameters.boolean("exclude_reblogs"),
            tag=tag_name(parameters.text("tagged").removeprefix("#")),
        )
        items = entities(call.edge).statuses(snapshot, reader, page.rows, page.posts)
        return listed(call, items, page.newest, page.oldest, page.older)


def people(call: Call, snapshot: Snapshot, page: Page[tuple[int, int]]) -> Answer:
    """A list of accounts, whose cursor is the number of what put them there."""
    items = entities(call.edge).accounts(snapshot, [account for _, account in page.rows])
    return listed(call, items, page.newest, page.oldest, page.older)


def people_cursor(call: Call) -> Cursor:
    return cursor_of(call, PAGE_ACCOUNTS, PAGE_ACCOUNTS_MAX)


@operation("GET", "/api/v1/accounts/*/followers", "read:accounts", needs="anyone")
async def followers(call: Call) -> Answer:
    cursor = people_cursor(call)
    with call.edge.snapshot() as snapshot:
        row = _account(snapshot, call.id)
        reader = call.edge.relations(snapshot, call.account)
        return people(call, snapshot, queues.followers(snapshot, row.number, cursor, reader))


@operation("GET", "/api/v1/accounts/*/following", "read:accounts", needs="anyone")
async def following(call: Call) -> Answer:
    cursor = people_cursor(call)
    with call.edge.snapshot() as snapshot:
        row = _account(snapshot, call.id)
        reader = call.edge.relations(snapshot, call.account)
        return people(call, snapshot, queues.following(snapshot, row.number, cursor, reader))


@operation("GET", "/api/v1/blocks", "read:blocks")
async def blocks(call: Call) -> Answer:
    return _set_aside(call, "blocks")


@operation("GET", "/api/v1/mutes", "read:mutes")
async def mutes(call: Call) -> Answer:
    return _set_aside(call, "mutes")


def _set_aside(call: Call, table: str) -> Answer:
    """Whom one blocks or mutes; positions are log numbers."""
    cursor = people_cursor(call)
    order = "asc" if cursor.ascending else "desc"
    sql = (
        f"select number, target from {table} where account = ? and number < ? and number > ?"
        f" order by number {order} limit ?"
    )

    def pull(below: int, above: int, count: int) -> list[tuple[int, int]]:
        return snapshot.rows(sql, (call.account, below, above, count))

    with call.edge.snapshot() as snapshot:
        rows = fill(cursor, pull, list, _position)
        return people(call, snapshot, page_of(cursor, rows, _position))


def _position(row: tuple[int, int]) -> int:
    return row[0]


# --- relations --------------------------------------------------------------------------------


def relationship(snapshot: Snapshot, account: int, target: int) -> dict[str, Any]:
    """What `account` and `target` are to each other."""
    row = snapshot.row
    follow = row(
        "select boosts, notify from follows where follower = ? and followed = ?", (account, target)
    )
    followed_by = row(
        "select 1 from follows where follower = ? and followed = ?", (target, account)
    )
    block = row("select 1 from blocks where account = ? and target = ?", (account, target))
    blocked_by = row("select 1 from blocks where account = ? and target = ?", (target, account))
    mute = row(
        "select notifications, until from mutes where account = ? and target = ?",
        (account, target),
    )
    return {
        "id": str(target),
        "following": follow is not None,
        "showing_reblogs": bool(follow and follow[0]),
        "notifying": bool(follow and follow[1]),
        "languages": None,
        "followed_by": followed_by is not None,
        "blocking": block is not None,
        "blocked_by": blocked_by is not None,
        "muting": mute is not None,
        "muting_notifications": bool(mute and mute[0]),
        "muting_expires_at": iso(mute[1]) if mute and mute[1] else None,
        "requested": False,
        "requested_by": False,
        "domain_blocking": False,
        "endorsed": False,
        "note": "",
    }


@operation("GET", "/api/v1/accounts/relationships", "read:follows")
async def relationships(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        wanted = ids_of(call)
        there = snapshot.accounts(wanted)
        found = [relationship(snapshot, call.account, id_) for id_ in wanted if id_ in there]
    return as_json(found)


@operation("GET", "/api/v1/accounts/familiar_followers", "read:follows")
async def familiar_followers(call: Call) -> Answer:
    """Of each account, who of those you follow follows it; at most a page of them."""
    with call.edge.snapshot() as snapshot:
        found = []
        for id_ in ids_of(call):
            rows = snapshot.rows(
                "select theirs.follower from follows as mine join follows as theirs"
                " on theirs.follower = mine.followed and theirs.followed = ?"
                " where mine.follower = ? order by theirs.follower limit ?",
                (id_, call.account, PAGE_POSTS_MAX),
            )
            accounts = entities(call.edge).accounts(snapshot, [row[0] for row in rows])
            found.append(b'{"id":"%d","accounts":%s}' % (id_, joined(accounts)))
    return Answer(joined(found))


async def _relate(call: Call, message: AnyMessage) -> Answer:
    await call.edge.do(call.account, message)
    with call.edge.snapshot() as snapshot:
        return as_json(relationship(snapshot, call.account, call.id))


@operation("POST", "/api/v1/accounts/*/follow", "write:follows")
async def follow(call: Call) -> Answer:
    """What is not said of an account that is followed already stays as it is."""
    with call.edge.snapshot() as snapshot:
        before = relationship(snapshot, call.account, call.id)
    parameters = call.parameters
    if [word for word in parameters.texts("languages") if word]:
        raise Refused("not_there_yet", what="following only some languages of an account")
    boosts = parameters.boolean("reblogs", before["showing_reblogs"] or not before["following"])
    notify = parameters.boolean("notify", before["notifying"])
    return await _relate(call, Follow(account=call.id, boosts=boosts, notify=notify))


@operation("POST", "/api/v1/accounts/*/unfollow", "write:follows")
async def unfollow(call: Call) -> Answer:
    return await _relate(call, Unfollow(account=call.id))


@operation("POST", "/api/v1/accounts/*/block", "write:blocks")
async def block(call: Call) -> Answer:
    return await _relate(call, Block(account=call.id))


@operation("POST", "/api/v1/accounts/*/unblock", "write:blocks")
async def unblock(call: Call) -> Answer:
    return await _relate(call, Unblock(account=call.id))


@operation("POST", "/api/v1/accounts/*/mute", "write:mutes")
async def mute(call: Call) -> Answer:
    """`duration` in seconds; 0: until it is ended."""
    parameters = call.parameters
    seconds = parameters.integer("duration", 0, 0, 100 * 365 * 24 * 60 * 60)
    until = call.edge.now() + seconds * 1000 if seconds else 0
    notifications = parameters.boolean("notifications", True)
    return await _relate(call, Mute(account=call.id, notifications=notifications, until=until))


@operation("POST", "/api/v1/accounts/*/unmute", "write:mutes")
async def unmute(call: Call) -> Answer:
    return await _relate(call, Unmute(account=call.id))
