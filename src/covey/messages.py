"""Every message a server can hold: the domain, top to bottom, and its codec.

A message is something an account *does*. An `Entry` is a message that was accepted: it has its
number, stamp and id, and stands in the log for good. `docs/formats.md` gives the bytes.

To change a message, append a field with a default and never take one away: a log written by any
older version must decode for ever.

Texts are parsed once, at the edge: mentions, tags and links travel with their offsets (in code
points of the text). `apply` only resolves the names.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Union, get_args

import msgspec
from msgspec import Struct

Visibility = Literal["public", "unlisted", "followers", "direct"]
Role = Literal["member", "moderator", "administrator"]

SERVER: Final = 0
"""The actor of what no account does: registrations, timers, an operator at the command line."""


class Mention(Struct, frozen=True, array_like=True):
    """`@name` at text[start:end]; an unknown name stays text."""

    start: int
    end: int
    name: str


class Tag(Struct, frozen=True, array_like=True):
    """`#Name` at text[start:end]; `name` is normalised (NFKC, case-folded), without the #."""

    start: int
    end: int
    name: str


class Link(Struct, frozen=True, array_like=True):
    """An address at text[start:end]."""

    start: int
    end: int
    url: str


class Field(Struct, frozen=True, array_like=True):
    """A line of the table on a profile."""

    name: str
    value: str


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of all messages. `kind` is the tag; bodies are msgpack maps without default values."""


# --- accounts ---------------------------------------------------------------------------------


class Register(Message, frozen=True, tag="register"):
    """A new account. Its number is the next one: dense, in order of registration."""

    name: str
    display_name: str = ""
    email: str = ""
    password_hash: str = ""
    """argon2id in its PHC form; empty: nobody can log in with a password."""
    language: str = ""
    role: Role = "member"
    app: int = 0


class Profile(Message, frozen=True, tag="profile"):
    """The whole profile as it is from now on; the edge fills in what a form left out."""

    display_name: str = ""
    note: str = ""
    note_mentions: tuple[Mention, ...] = ()
    note_tags: tuple[Tag, ...] = ()
    note_links: tuple[Link, ...] = ()
    fields: tuple[Field, ...] = ()
    bot: bool = False
    discoverable: bool = False
    indexable: bool = False
    language: str = ""
    visibility: Visibility = "public"
    sensitive: bool = False


class Password(Message, frozen=True, tag="password"):
    """A new password for `account`; all its sessions but `keep_session` are closed."""

    account: int
    password_hash: str
    keep_session: bytes = b""


class SetRole(Message, frozen=True, tag="role"):
    """An administrator, or the server, gives `account` a role."""

    account: int
    role: Role


# --- access -----------------------------------------------------------------------------------
# Secrets never stand in the log: only their SHA-256 (they have 256 random bits, so no salt).


class App(Message, frozen=True, tag="app"):
    """A client program made itself known. Its number is the id of the entry."""

    client_id: str
    secret_hash: bytes
    name: str
    redirect_uris: tuple[str, ...]
    scopes: str
    website: str = ""


class Grant(Message, frozen=True, tag="grant"):
    """An account allowed an app: the authorization code, good once and for ten minutes."""

    code_hash: bytes
    app: int
    scopes: str
    redirect_uri: str
    challenge: str = ""
    """PKCE code challenge (method S256); empty: none was asked for."""


class Token(Message, frozen=True, tag="token"):
    """An access token for `account` (0: the app's own), from a grant when `code_hash` is set."""

    token_hash: bytes
    app: int
    account: int
    scopes: str
    code_hash: bytes = b""


class RevokeToken(Message, frozen=True, tag="revoke_token"):
    token_hash: bytes


class OpenSession(Message, frozen=True, tag="open_session"):
    """A browser logged in as the actor."""

    session_hash: bytes
    agent: str = ""


class CloseSession(Message, frozen=True, tag="close_session"):
    session_hash: bytes


# --- graph ------------------------------------------------------------------------------------


class Follow(Message, frozen=True, tag="follow"):
    """Follow `account`, or change the options of following it."""

    account: int
    boosts: bool = True
    notify: bool = False


class Unfollow(Message, frozen=True, tag="unfollow"):
    account: int


class Block(Message, frozen=True, tag="block"):
    """Neither sees the other any more; following ends both ways."""

    account: int


class Unblock(Message, frozen=True, tag="unblock"):
    account: int


class Mute(Message, frozen=True, tag="mute"):
    """See no posts of `account`; until `until` (stamp, ms) unless that is 0."""

    account: int
    notifications: bool = True
    until: int = 0


class Unmute(Message, frozen=True, tag="unmute"):
    account: int


# --- posts ------------------------------------------------------------------------------------


class Post(Message, frozen=True, tag="post"):
    text: str
    visibility: Visibility = "public"
    language: str = ""
    warning: str = ""
    sensitive: bool = False
    reply_to: int = 0
    mentions: tuple[Mention, ...] = ()
    tags: tuple[Tag, ...] = ()
    links: tuple[Link, ...] = ()
    app: int = 0


class Delete(Message, frozen=True, tag="delete"):
    """Take back one's own post."""

    post: int


class Boost(Message, frozen=True, tag="boost"):
    """Pass a post on to one's followers. The boost has an id of its own."""

    post: int
    visibility: Visibility = "public"


class Unboost(Message, frozen=True, tag="unboost"):
    """Take back one's boost of `post` (the original)."""

    post: int


class Favourite(Message, frozen=True, tag="favourite"):
    post: int


class Unfavourite(Message, frozen=True, tag="unfavourite"):
    post: int


# --- queues -----------------------------------------------------------------------------------


class Read(Message, frozen=True, tag="read"):
    """The actor's reading position in one of its queues: all up to `position` is read.

    `queue` is "home" (positions are post ids) or "notifications" (log numbers)."""

    queue: str
    position: int


class Dismiss(Message, frozen=True, tag="dismiss"):
    """Take one notification out of the queue, or with number 0 all of them."""

    number: int = 0


# --- time -------------------------------------------------------------------------------------


class Due(Message, frozen=True, tag="due"):
    """What was to happen at some moment (row `number` of the state's `dues`) happens now."""

    number: int


AnyMessage = Union[  # noqa: UP007 - msgspec reads the members from typing.Union
    Register, Profile, Password, SetRole,
    App, Grant, Token, RevokeToken, OpenSession, CloseSession,
    Follow, Unfollow, Block, Unblock, Mute, Unmute,
    Post, Delete, Boost, Unboost, Favourite, Unfavourite,
    Read, Dismiss, Due,
]  # fmt: skip


class Entry(Struct, frozen=True):
    """A message that was accepted, as it stands in the log."""

    number: int
    """Dense within an epoch, from 1."""
    stamp: int
    """Milliseconds since 1970, by the engine's clock; never falls."""
    actor: int
    """Account number, or SERVER."""
    key: bytes
    """The submission's key (see `keys`)."""
    id: int
    """What it made: a post's or boost's public id, an account's or app's number; else 0."""
    message: AnyMessage


KINDS: Final[dict[str, type[Message]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyMessage)
}

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(AnyMessage)

encode: Final = _encoder.encode
"""message → msgpack bytes."""


def decode(body: bytes) -> AnyMessage:
    """msgpack bytes → message. Raises msgspec.DecodeError when it is none."""
    return _decoder.decode(body)


def kind_of(message: Message) -> str:
    return str(message.__struct_config__.tag)


def from_fields(kind: str, fields: dict[str, Any]) -> AnyMessage:
    """A message from plain values, as a command line has them. Raises msgspec.ValidationError."""
    message: AnyMessage = msgspec.convert({**fields, "kind": kind}, AnyMessage, strict=False)
    return message


# --- post ids ---------------------------------------------------------------------------------

ID_TIME_BITS: Final = 16
"""A post id is time in milliseconds << 16, strictly increasing in the order of the log."""


def next_id(stamp: int, last_id: int) -> int:
    """The id of a post stamped `stamp` (ms) when `last_id` was the newest before it."""
    return max(stamp << ID_TIME_BITS, last_id + 1)


def id_at(stamp: int) -> int:
    """The lowest id a post of that moment (ms) can have: ids carry time, so any moment can be
    jumped to."""
    return stamp << ID_TIME_BITS
