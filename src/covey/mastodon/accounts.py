"""Accounts: sign up, profile, look up, what stands around one."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from typing import Final, Literal

import msgspec

from covey.delivery.audience import Relations
from covey.edge import queues
from covey.edge.access import secret_hash
from covey.edge.cursor import Cursor, Page
from covey.edge.known import is_known
from covey.edge.media import register as register_media
from covey.edge.passwords import hash_password
from covey.edge.rates import subject_of
from covey.edge.requests import Parameters
from covey.edge.text import normal, parse, tag_name
from covey.edge.uploads import read_upload
from covey.errors import Refused
from covey.limits import PAGE_POSTS_MAX
from covey.mastodon.door import EMPTY_LIST, Answer, Call, operation, refusal
from covey.mastodon.entities import REACH_WORDS, entities, joined
from covey.mastodon.oauth import issue
from covey.mastodon.pages import cursor_of, ids_of, listed
from covey.mastodon.quotes import POLICIES
from covey.media.work import UPLOAD
from covey.messages import SERVER, Field, Profile, QuotePolicy, Register
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
        await call.count("registration", subject_of(call.address))
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
        row = account_of(call, snapshot, call.account)
        return Answer(entities(call.edge).own_account(snapshot, row))


@operation("PATCH", "/api/v1/accounts/update_credentials", "write:accounts", reads=False)
async def update_credentials(call: Call) -> Answer:
    """What is not said stays as it is."""
    with ExitStack() as jobs:
        media, count = call.edge.media, call.edge.count
        # a form with no file is not counted as one that sends some
        job = jobs.enter_context(media.upload(call.account))
        names: dict[str, str] = {name: name for name in _PICTURES}
        call.parameters, sent = await read_upload(call.scope, call.receive, job.path, names)
        pictures = {}
        for name in _PICTURES:
            if name in sent:
                await count("media", str(call.account))
                sent[name].path.rename(job.path / UPLOAD)
                pictures[name] = await register_media(call.edge, call.account, job, use=name)
            elif call.parameters.text(name):
                why = "a file is needed, in a multipart form"
                raise Refused("parameter_malformed", name=name, why=why)
    with call.edge.snapshot() as snapshot:
        row = account_of(call, snapshot, call.account)
    message = _profile(call, row)
    message = msgspec.structs.replace(message, **pictures)
    await call.edge.submit(call.account, message)
    return _own(call)


_PICTURES: Final[tuple[Literal["avatar", "header"], ...]] = ("avatar", "header")


@operation("DELETE", "/api/v1/profile/avatar", "write:accounts")
async def delete_avatar(call: Call) -> Answer:
    return await _without(call, "avatar")


@operation("DELETE", "/api/v1/profile/header", "write:accounts")
async def delete_header(call: Call) -> Answer:
    return await _without(call, "header")


async def _without(call: Call, picture: Literal["avatar", "header"]) -> Answer:
    """The default picture stands there again."""
    call.parameters = Parameters({})
    with call.edge.snapshot() as snapshot:
        row = account_of(call, snapshot, call.account)
    message = msgspec.structs.replace(_profile(call, row), **{picture: 0})
    await call.edge.submit(call.account, message)
    return _own(call)


def _profile(call: Call, row: AccountRow) -> Profile:
    """Raises Refused."""
    parameters = call.parameters
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
        locked=parameters.boolean("locked", bool(row.locked)),
        quotes=_quotes(source, row),
        avatar=row.avatar,
        header=row.header,
    )


def _quotes(source: Parameters, row: AccountRow) -> QuotePolicy:
    """Raises Refused("parameter_malformed")."""
    word = source.text("quote_policy") or row.quotes
    if word not in POLICIES:
        why = f"it is one of: {', '.join(POLICIES)}"
        raise Refused("parameter_malformed", name="source[quote_policy]", why=why)
    return word  # type: ignore[return-value]


def _fields(parameters: Parameters) -> tuple[Field, ...]:
    fields = (
        Field(normal(one.text("name")).strip(), normal(one.text("value")).strip())
        for one in parameters.trees("fields_attributes")
    )
    return tuple(field for field in fields if field.name or field.value)


# --- looking ----------------------------------------------------------------------------------


def account_of(call: Call, snapshot: Snapshot, number: int) -> AccountRow:
    """Also one that is suspended or closed, whose name is all that is shown of it.

    Raises Refused("not_found") when it is none, or nothing for whoever asks."""
    return _known(call, snapshot, snapshot.account(number))


def _known(call: Call, snapshot: Snapshot, row: AccountRow | None) -> AccountRow:
    if row is None or not is_known(snapshot, row, call.account):
        raise Refused("not_found")
    return row


def owner_of(call: Call, snapshot: Snapshot, number: int) -> AccountRow:
    """Whose list is asked for. Raises also Refused("account_gone")."""
    row = account_of(call, snapshot, number)
    if row.is_away:
        raise Refused("account_gone")
    return row


@operation("GET", "/api/v1/accounts/lookup", "read:accounts", needs="anyone")
async def lookup(call: Call) -> Answer:
    name, _, domain = call.parameters.required_text("acct").removeprefix("@").partition("@")
    with call.edge.snapshot() as snapshot:
        if domain and domain.lower() != call.edge.settings.domain.lower():
            raise Refused("not_found")
        row = _known(call, snapshot, snapshot.account_named(name))
        return Answer(entities(call.edge).account(snapshot, row))


@operation("GET", "/api/v1/accounts/*", "read:accounts", needs="anyone")
async def show(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return Answer(entities(call.edge).account(snapshot, account_of(call, snapshot, call.id)))


@operation("GET", "/api/v1/accounts", "read:accounts", needs="anyone")
async def show_many(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        found = []
        for number in ids_of(call):
            with suppress(Refused):
                row = account_of(call, snapshot, number)
                found.append(entities(call.edge).account(snapshot, row))
        return Answer(joined(found))


@operation("GET", "/api/v1/accounts/*/statuses", "read:statuses", needs="anyone")
async def statuses(call: Call) -> Answer:
    parameters, cursor = call.parameters, cursor_of(call)
    number = call.id
    with call.edge.snapshot() as snapshot:
        owner = owner_of(call, snapshot, number)
        reader = call.edge.relations(snapshot, call.account)
        if owner.kind == "group":
            return _group_statuses(call, snapshot, reader, number, cursor)
        if parameters.boolean("pinned"):
            rows = queues.pinned(snapshot, reader, number)
            return Answer(joined(entities(call.edge).statuses(snapshot, reader, rows)))
        page = queues.outbox(
            snapshot,
            reader,
            number,
            cursor,
            exclude_replies=parameters.boolean("exclude_replies"),
            exclude_boosts=parameters.boolean("exclude_reblogs"),
            only_media=parameters.boolean("only_media"),
            tag=tag_name(parameters.text("tagged").removeprefix("#")),
        )
        items = entities(call.edge).statuses(snapshot, reader, page.rows, page.posts)
        return listed(call, items, page.newest, page.oldest, page.older)


def _may_look_in(reader: Relations, group: int) -> bool:
    return group in reader.groups or group in reader.everybody.open_groups


def _group_statuses(
    call: Call, snapshot: Snapshot, reader: Relations, group: int, cursor: Cursor
) -> Answer:
    """What is posted to a group: its queue. Nothing is pinned there, and nothing tagged by it."""
    parameters = call.parameters
    asks_for_none = any(parameters.boolean(name) for name in ("pinned", "only_media"))
    if not _may_look_in(reader, group) or asks_for_none or parameters.text("tagged"):
        return EMPTY_LIST
    page = queues.group(
        snapshot, reader, group, cursor, exclude_replies=parameters.boolean("exclude_replies")
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
        row = owner_of(call, snapshot, call.id)
        reader = call.edge.relations(snapshot, call.account)
        if row.kind == "group":
            if not _may_look_in(reader, row.number):
                return EMPTY_LIST
            return people(call, snapshot, queues.members(snapshot, row.number, cursor, reader))
        return people(call, snapshot, queues.followers(snapshot, row.number, cursor, reader))


@operation("GET", "/api/v1/accounts/*/following", "read:accounts", needs="anyone")
async def following(call: Call) -> Answer:
    cursor = people_cursor(call)
    with call.edge.snapshot() as snapshot:
        row = owner_of(call, snapshot, call.id)
        reader = call.edge.relations(snapshot, call.account)
        return people(call, snapshot, queues.following(snapshot, row.number, cursor, reader))


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
