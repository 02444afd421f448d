"""Accounts: register, profile, password, role."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from covey.errors import Refused
from covey.limits import (
    ACCOUNTS_MAX,
    DISPLAY_NAME_CHARACTERS,
    EMAIL_CHARACTERS,
    LINKS_PER_POST,
    MENTIONS_PER_POST,
    NAME_CHARACTERS,
    NOTE_CHARACTERS,
    PROFILE_FIELD_CHARACTERS,
    PROFILE_FIELDS,
    TAGS_PER_POST,
)
from covey.messages import SERVER, Entry, Password, Profile, Register, SetRole
from covey.state.media import check_pictures, show_pictures
from covey.state.place import check_registration, is_pending, use_invite
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_role, stand
from covey.state.state import Outcome, State
from covey.state.texts import check_facets, check_language, check_text, encode_facets
from covey.state.time import schedule

RESERVED: Final = frozenset(
    [
        "about",
        "abuse",
        "account",
        "accounts",
        "admin",
        "administrator",
        "api",
        "auth",
        "avatars",
        "blocks",
        "covey",
        "everyone",
        "explore",
        "federation",
        "feed",
        "groups",
        "headers",
        "health",
        "help",
        "home",
        "hostmaster",
        "info",
        "inbox",
        "index",
        "instance",
        "lists",
        "live",
        "log_in",
        "login",
        "logout",
        "mail",
        "media",
        "messages",
        "metrics",
        "mod",
        "moderator",
        "moderators",
        "nodeinfo",
        "notifications",
        "oauth",
        "outbox",
        "owner",
        "postmaster",
        "privacy",
        "public",
        "register",
        "root",
        "rules",
        "search",
        "security",
        "server",
        "settings",
        "signup",
        "static",
        "staff",
        "support",
        "system",
        "tags",
        "terms",
        "users",
        "webmaster",
    ]
)

_NAME: Final = re.compile(rf"[A-Za-z0-9_]{{1,{NAME_CHARACTERS}}}")
_EMAIL: Final = re.compile(r"[^\s@<>\"(),:;\\]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,}")
_ALIKE: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "_": None})


def look_key(name: str) -> str:
    """Names that look alike share it: `Bi11_y` and `Billy`."""
    return name.lower().translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def number_of(state: State, name: str) -> int:
    """The account of this name, or 0. Names are ASCII: a letter that Unicode makes into one of ours
    (the Kelvin sign) names nobody, whatever tables this Python has."""
    if not name.isascii():
        return 0
    return state.count("select number from accounts where name_key = ?", (name.lower(),))


def is_locked(state: State, account: int) -> bool:
    """Whether it wants to be asked by those who begin to follow it."""
    return (
        state.row("select 1 from accounts where number = ? and locked = 1", (account,)) is not None
    )


def require_account(state: State, number: int) -> None:
    """Raises Refused("not_found")."""
    if not 0 < number <= state.accounts:
        raise Refused("not_found")


def check_name(name: str) -> None:
    """Whether it could be a name at all. Raises Refused("name_malformed" or "name_reserved")."""
    if not _NAME.fullmatch(name):
        raise Refused("name_malformed", name=name[:100], limit=NAME_CHARACTERS)
    if name.lower() in RESERVED:
        raise Refused("name_reserved", name=name)


def check_email(email: str) -> None:
    """Raises Refused("email_malformed")."""
    if len(email) > EMAIL_CHARACTERS or not _EMAIL.fullmatch(email):
        raise Refused("email_malformed", email=email[:EMAIL_CHARACTERS])


def check_free_name(state: State, name: str) -> None:
    """Whether a new account may have it. Raises Refused: "name_malformed", "name_reserved",
    "name_taken", "name_look_alike"."""
    check_name(name)
    if number_of(state, name):
        raise Refused("name_taken", name=name)
    other = state.row("select name from accounts where look_key = ?", (look_key(name),))
    if other:
        raise Refused("name_look_alike", name=name, other=other[0])


@check_of(Register)
def check_register(state: State, actor: int, message: Register, stamp: int) -> None:
    if actor != SERVER:
        raise Refused("forbidden", role="server")
    check_free_name(state, message.name)
    if message.email:
        check_email(message.email)
        if state.row("select 1 from accounts where email = ? and email != ''", (message.email,)):
            raise Refused("email_taken")
    check_text("The display name", message.display_name, DISPLAY_NAME_CHARACTERS, lines=False)
    check_language(message.language)
    check_registration(state, message, stamp)
    if state.accounts + 1 >= ACCOUNTS_MAX:
        raise Refused("registrations_closed")


@apply_of(Register)
def apply_register(state: State, entry: Entry, message: Register, outcome: Outcome) -> None:
    pending = is_pending(state, message)
    use_invite(state, message)
    state.accounts = entry.id
    state.execute(
        "insert into accounts (number, name, name_key, look_key, display_name, email,"
        " password_hash, role, language, created, changed) values (?,?,?,?,?,?,?,?,?,?,?)",
        (
            entry.id, message.name, message.name.lower(), look_key(message.name),
            message.display_name, message.email, message.password_hash, message.role,
            message.language, entry.stamp, entry.number,
        ),
    )  # fmt: skip
    if state.last_id:
        # whom they will follow wrote before they came: that is no debt
        state.execute(
            "insert into positions values (?, 'home', ?, 1, ?, 0, 0)",
            (entry.id, state.last_id, entry.stamp),
        )
    if pending:
        stand(state, entry, outcome, entry.id, "pending")


@check_of(Profile)
def check_profile(state: State, actor: int, message: Profile, stamp: int) -> None:
    require_account(state, actor)
    check_text("The display name", message.display_name, DISPLAY_NAME_CHARACTERS, lines=False)
    check_text("The note", message.note, NOTE_CHARACTERS)
    for what, facets, limit in (
        ("mentions_many", message.note_mentions, MENTIONS_PER_POST),
        ("tags_many", message.note_tags, TAGS_PER_POST),
        ("links_many", message.note_links, LINKS_PER_POST),
    ):
        if len(facets) > limit:
            raise Refused(what, limit=limit, count=len(facets))
    check_facets(message.note, message.note_mentions, message.note_tags, message.note_links)
    if len(message.fields) > PROFILE_FIELDS:
        raise Refused("fields_many", limit=PROFILE_FIELDS, count=len(message.fields))
    for field in message.fields:
        check_text("A field's name", field.name, PROFILE_FIELD_CHARACTERS, lines=False)
        check_text("A field's value", field.value, PROFILE_FIELD_CHARACTERS, lines=False)
    check_language(message.language)
    check_pictures(state, actor, message)


@apply_of(Profile)
def apply_profile(state: State, entry: Entry, message: Profile, outcome: Outcome) -> None:
    mentions = tuple(m for m in message.note_mentions if number_of(state, m.name))
    if not message.locked and is_locked(state, entry.actor):
        schedule(state, entry, entry.stamp, "accept_follows", entry.actor)
    state.execute(
        "update accounts set display_name = ?, note = ?, facets = ?, fields = ?, bot = ?,"
        " discoverable = ?, indexable = ?, language = ?, visibility = ?, sensitive = ?, locked = ?,"
        " quotes = ?, avatar = ?, header = ?, changed = ? where number = ?",
        (
            message.display_name, message.note,
            encode_facets(mentions, message.note_tags, message.note_links),
            msgspec.msgpack.encode(message.fields) if message.fields else b"",
            message.bot, message.discoverable, message.indexable, message.language,
            message.visibility, message.sensitive, message.locked, message.quotes, message.avatar,
            message.header, entry.number, entry.actor,
        ),
    )  # fmt: skip
    show_pictures(state, entry.actor, message)
    outcome.profiles = entry.number


@check_of(Password)
def check_password(state: State, actor: int, message: Password, stamp: int) -> None:
    require_account(state, message.account)
    if actor not in (SERVER, message.account):
        raise Refused("not_yours")


@apply_of(Password)
def apply_password(state: State, entry: Entry, message: Password, outcome: Outcome) -> None:
    """Whoever knew the old one is out: all sessions but the one at hand, all tokens, and what is on
    its way to be one."""
    state.execute(
        "update accounts set password_hash = ? where number = ?",
        (message.password_hash, message.account),
    )
    state.execute(
        "delete from sessions where account = ? and session_hash != ?",
        (message.account, message.keep_session),
    )
    state.execute("delete from tokens where account = ?", (message.account,))
    state.execute("delete from grants where account = ?", (message.account,))
    outcome.access = entry.number


@check_of(SetRole)
def check_role(state: State, actor: int, message: SetRole, stamp: int) -> None:
    require_role(state, actor, "administrator")
    require_account(state, message.account)


@apply_of(SetRole)
def apply_role(state: State, entry: Entry, message: SetRole, outcome: Outcome) -> None:
    state.execute(
        "update accounts set role = ?, changed = ? where number = ?",
        (message.role, entry.number, message.account),
    )
    outcome.access = outcome.profiles = entry.number
