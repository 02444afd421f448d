"""What can be followed live: the name of a stream and its parameters → the queues behind it. The
same names for both transports, server-sent events (`streaming`) and WebSocket (`web_socket`)."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from covey.edge.access import Watched
from covey.edge.requests import Parameters
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.live.hub import Stream
from covey.mastodon.door import Call

Parameter = Literal["", "tag", "list", "group"]


class Kind(Struct, frozen=True):
    """A kind of stream."""

    scope: str
    needs_account: bool = True
    parameter: Parameter = ""
    origin: Literal["", "local", "remote"] = ""
    """Only posts from here, or only those from other servers; empty: all."""
    only_media: bool = False


KINDS: Final = {
    "user": Kind("read:statuses"),
    "user:notification": Kind("read:notifications"),
    "public": Kind("read:statuses", False),
    "public:local": Kind("read:statuses", False, origin="local"),
    "public:remote": Kind("read:statuses", False, origin="remote"),
    "public:media": Kind("read:statuses", False, only_media=True),
    "public:local:media": Kind("read:statuses", False, origin="local", only_media=True),
    "public:remote:media": Kind("read:statuses", False, origin="remote", only_media=True),
    "hashtag": Kind("read:statuses", False, "tag"),
    "hashtag:local": Kind("read:statuses", False, "tag", "local"),
    "list": Kind("read:statuses", parameter="list"),
    "direct": Kind("read:statuses"),
    "group": Kind("read:statuses", False, "group"),
}


class Subscription(Struct, frozen=True):
    """A stream, as one client follows it."""

    name: tuple[str, ...]
    """As its events carry it: with its parameter as the client spelled it."""
    kind: Kind
    queues: tuple[str, ...]
    tag: str = ""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """The same for two spellings of one stream."""
        return self.name[0], self.queues

    def carries(self, event: str) -> bool:
        """Whether events of this kind belong to it. The hub tells a reader of notifications alone
        also of deletes and edits; clients of this stream expect nothing but notifications."""
        return self.name[0] != "user:notification" or event not in ("delete", "edit")

    def holds(self, status: bytes) -> bool:
        """Whether a status (JSON) is one of those that the stream is about."""
        kind = self.kind
        if not kind.origin and not kind.only_media:
            return True
        seen = _decode(status)
        if kind.only_media and not seen.media_attachments:
            return False
        return not kind.origin or (kind.origin == "remote") == ("@" in seen.account.acct)


class _Author(Struct):
    acct: str


class _Seen(Struct):
    account: _Author
    media_attachments: list[msgspec.Raw]


_decode: Final = msgspec.json.Decoder(_Seen).decode


def subscription(call: Call, name: str, parameters: Parameters) -> Subscription:
    """What the caller means by a stream's name.

    Raises Refused: stream_unknown, stream_parameter_missing, parameter_malformed, token_missing,
    scope_missing, account_needed, not_found.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise Refused("stream_unknown")
    _require(call, kind)
    if not kind.parameter:
        return Subscription((name,), kind, _queues(call, name))
    said = parameters.text(kind.parameter)
    if not said:
        raise Refused("stream_parameter_missing", name=kind.parameter)
    if kind.parameter == "tag":
        tag = tag_name(said.removeprefix("#"))
        if not tag:
            raise Refused("parameter_malformed", name="tag", why="it is no tag")
        return Subscription((name, said), kind, (f"tag/{tag}",), tag)
    number = parameters.id(kind.parameter)
    if not number:
        raise Refused("not_found")
    return Subscription((name, said), kind, (f"{kind.parameter}/{number}",))


def _require(call: Call, kind: Kind) -> None:
    access = call.access
    if access.kind == "nobody":
        if kind.needs_account:
            raise Refused("token_missing")
        return
    if not access.allows(kind.scope):
        raise Refused("scope_missing", scope=kind.scope)
    if kind.needs_account and not access.account:
        raise Refused("account_needed")


def _queues(call: Call, name: str) -> tuple[str, ...]:
    """Of a stream without parameter."""
    match name:
        case "user" if call.access.allows("read:notifications"):
            return ("home", "notifications")
        case "user":
            return ("home",)
        case "user:notification":
            return ("notifications",)
        case "direct":
            return ("direct",)
    return ("public",)


class Wish(Struct, frozen=True):
    """How a stream is to be brought."""

    cursor: str | None
    """Where it goes on from; None: from now on."""
    ours: bool
    """The client knows our own events, and cursors where Mastodon has none."""


def wish(parameters: Parameters, last_event_id: str = "", ours: bool = False) -> Wish:
    """`since` (or Last-Event-ID), and `covey`. Raises Refused("parameter_malformed")."""
    cursor = last_event_id or parameters.text("since") or None
    return Wish(cursor, cursor is not None or ours or parameters.boolean("covey"))


def watched(call: Call) -> Watched | None:
    """The caller's token, to see whether it is revoked meanwhile; None: there is none."""
    return Watched(call.edge, call.token) if call.access.kind != "nobody" else None


async def follow(
    call: Call, wanted: Subscription, wish: Wish, address: str, *, admitted: bool
) -> Stream:
    """Open it. `admitted`: the connection was counted already. Raises Refused, see `Hub.open`."""
    return await call.edge.hub.open(
        account=call.account,
        address=address,
        queues=wanted.queues,
        cursor=wish.cursor,
        admitted=admitted,
    )
