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

Visibility = Literal["public", "unlisted", "followers", "direct", "group", "local"]
GroupKind = Literal["open", "request", "invitation", "secret"]
GroupRole = Literal["member", "moderator", "owner"]
RepliesPolicy = Literal["followed", "list", "none"]
Role = Literal["member", "moderator", "administrator"]
PushPolicy = Literal["all", "followed", "follower", "none"]
"""Whose acts are pushed: everybody's, of those one follows, of those who follow one, nobody's."""
QuotePolicy = Literal["public", "followers", "nobody"]
ReportCategory = Literal["spam", "legal", "violation", "other"]

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
    signed_up: bool = False
    """Somebody came by themselves: it goes by the setting "registrations". Else an operator made
    the account."""
    invite_hash: bytes = b""
    """SHA-256 of an invitation's code."""


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
    locked: bool = False
    """Who wants to follow has to ask."""
    quotes: QuotePolicy = "public"
    """Of new posts that don't say: who may quote them."""


class CloseAccount(Message, frozen=True, tag="close_account"):
    """The actor's account ends: hidden at once, what it holds goes by and by."""


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


class SubscribePush(Message, frozen=True, tag="subscribe_push"):
    """What the actor is told of goes to `endpoint` too, as long as its token is good. A token has
    one subscription: a new one takes the old one's place."""

    token_hash: bytes
    endpoint: str
    """Address of the push service, https."""
    public_key: bytes
    """The subscriber's: a point of P-256, uncompressed (65 bytes)."""
    auth: bytes
    """The subscriber's secret of 16 bytes: with its key it tells that a push is for it."""
    sealed: bytes
    """The token itself, which the app wants back in each push (covey.seal)."""
    standard: bool = False
    """Encrypted by RFC 8291; else by the draft before it, which older apps know."""
    alerts: tuple[str, ...] = ()
    """Types of notifications, in the API's words."""
    policy: PushPolicy = "all"


class ChangePush(Message, frozen=True, tag="change_push"):
    """Other alerts for the subscription of a token."""

    token_hash: bytes
    alerts: tuple[str, ...]
    policy: PushPolicy = "all"


class UnsubscribePush(Message, frozen=True, tag="unsubscribe_push"):
    """Its owner ends it, or the push service does not know it any more."""

    number: int
    """Of the message that made it."""


class OpenSession(Message, frozen=True, tag="open_session"):
    """A browser logged in as the actor."""

    session_hash: bytes
    agent: str = ""


class CloseSession(Message, frozen=True, tag="close_session"):
    session_hash: bytes


# --- graph ------------------------------------------------------------------------------------


class Follow(Message, frozen=True, tag="follow"):
    """Follow `account`, ask to where it is locked, or change the options of following it."""

    account: int
    boosts: bool = True
    notify: bool = False
    languages: tuple[str, ...] = ()
    """Only posts in these; empty: in all."""


class Unfollow(Message, frozen=True, tag="unfollow"):
    account: int


class AcceptFollow(Message, frozen=True, tag="accept_follow"):
    """`account`, who asked to, follows the actor."""

    account: int


class RejectFollow(Message, frozen=True, tag="reject_follow"):
    """`account`, who asked to follow the actor, does not."""

    account: int


class RemoveFollower(Message, frozen=True, tag="remove_follower"):
    """`account` follows the actor no more."""

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


class BlockDomain(Message, frozen=True, tag="block_domain"):
    """See nothing of the accounts of another server."""

    domain: str


class UnblockDomain(Message, frozen=True, tag="unblock_domain"):
    domain: str


class Note(Message, frozen=True, tag="note"):
    """What the actor notes about `account`, for itself alone; empty: nothing."""

    account: int
    text: str


class Endorse(Message, frozen=True, tag="endorse"):
    """Show `account`, whom the actor follows, on the actor's profile."""

    account: int


class Unendorse(Message, frozen=True, tag="unendorse"):
    account: int


# --- posts ------------------------------------------------------------------------------------


class Poll(Struct, frozen=True, array_like=True):
    """A question's answers. It ends `seconds` after the post."""

    options: tuple[str, ...]
    seconds: int
    multiple: bool = False
    hide_totals: bool = False


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
    quote_of: int = 0
    poll: Poll | None = None
    quotes: QuotePolicy = "public"
    """Who may quote it; its author always may. Only what is public or unlisted is quoted by
    others."""


class Edit(Message, frozen=True, tag="edit"):
    """A new version of the actor's own post: all of its text as it is from now on. Who gets it, and
    the tags that brought it to them, stay those of the first version."""

    post: int
    text: str
    language: str = ""
    warning: str = ""
    sensitive: bool = False
    mentions: tuple[Mention, ...] = ()
    tags: tuple[Tag, ...] = ()
    links: tuple[Link, ...] = ()
    poll: Poll | None = None
    """Another one than before begins anew."""


class SetQuotePolicy(Message, frozen=True, tag="quote_policy"):
    """Who may quote the actor's own post from now on. What quotes it already goes on to."""

    post: int
    quotes: QuotePolicy


class RevokeQuote(Message, frozen=True, tag="revoke_quote"):
    """`post` quotes one of the actor's no more; what it says itself stands."""

    post: int


class Draft(Message, frozen=True, tag="draft"):
    """A post that is held until `at` (stamp): scheduled, or in its undo window. Its number and id
    are given at release."""

    post: Post
    at: int


class ChangeDraft(Message, frozen=True, tag="change_draft"):
    """Another moment for the draft that message `number` made."""

    number: int
    at: int


class CancelDraft(Message, frozen=True, tag="cancel_draft"):
    number: int


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


class Bookmark(Message, frozen=True, tag="bookmark"):
    post: int


class Unbookmark(Message, frozen=True, tag="unbookmark"):
    post: int


class Pin(Message, frozen=True, tag="pin"):
    """Show one's own post at the top of one's profile."""

    post: int


class Unpin(Message, frozen=True, tag="unpin"):
    post: int


class MuteThread(Message, frozen=True, tag="mute_thread"):
    """No more notifications from the thread that `post` stands in."""

    post: int


class UnmuteThread(Message, frozen=True, tag="unmute_thread"):
    post: int


class Vote(Message, frozen=True, tag="vote"):
    """The actor's choices in the poll of `post`: places of its options, from 0."""

    post: int
    choices: tuple[int, ...]


# --- queues -----------------------------------------------------------------------------------


class Read(Message, frozen=True, tag="read"):
    """The actor's reading position in one of its queues: all up to `position` is read.

    `queue` is "home", "list/NUMBER", "group/NUMBER", "tag/NAME", "conversation/ID" (positions are
    post ids) or "notifications" (log numbers)."""

    queue: str
    position: int
    keep: bool = False
    """The place that was read to before is kept for PLACE_KEPT_MS, to go back to."""


class DeleteConversation(Message, frozen=True, tag="delete_conversation"):
    """Take a thread of direct posts out of the actor's conversations, until something is said in it
    again."""

    thread: int


class Dismiss(Message, frozen=True, tag="dismiss"):
    """Take one notification out of the queue, or with number 0 all of them."""

    number: int = 0
    since: int = 0
    """Also those of its kind about the same post, from this number on to it: its group."""


class NotificationPolicy(Message, frozen=True, tag="notification_policy"):
    """What becomes of notifications of whom: taken, filtered (kept as requests) or dropped."""

    not_following: Literal["accept", "filter", "drop"] = "accept"
    not_followers: Literal["accept", "filter", "drop"] = "accept"
    new_accounts: Literal["accept", "filter", "drop"] = "accept"
    private_mentions: Literal["accept", "filter", "drop"] = "filter"
    limited_accounts: Literal["accept", "filter", "drop"] = "filter"


class AcceptRequest(Message, frozen=True, tag="accept_request"):
    """The filtered notifications of `account` are taken, now and from now on."""

    account: int


class DismissRequest(Message, frozen=True, tag="dismiss_request"):
    account: int


class DismissSuggestion(Message, frozen=True, tag="dismiss_suggestion"):
    """Do not suggest `account` to the actor."""

    account: int


class FollowTag(Message, frozen=True, tag="follow_tag"):
    name: str
    """Normalised, without the #."""


class UnfollowTag(Message, frozen=True, tag="unfollow_tag"):
    name: str


class FeatureTag(Message, frozen=True, tag="feature_tag"):
    """Show the tag on the actor's profile."""

    name: str


class UnfeatureTag(Message, frozen=True, tag="unfeature_tag"):
    name: str


class CreateList(Message, frozen=True, tag="create_list"):
    """A list of followed accounts: a queue of its own. Its number is the id of the entry."""

    title: str
    replies: RepliesPolicy = "list"
    exclusive: bool = False
    """Its members' posts do not stand in home."""


class ChangeList(Message, frozen=True, tag="change_list"):
    list: int
    title: str
    replies: RepliesPolicy = "list"
    exclusive: bool = False


class DeleteList(Message, frozen=True, tag="delete_list"):
    list: int


class AddToList(Message, frozen=True, tag="add_to_list"):
    list: int
    accounts: tuple[int, ...]


class RemoveFromList(Message, frozen=True, tag="remove_from_list"):
    list: int
    accounts: tuple[int, ...]


class Keyword(Struct, frozen=True, array_like=True):
    text: str
    whole_word: bool = True


class SetFilter(Message, frozen=True, kw_only=True, tag="set_filter"):
    """A filter, new (`filter` 0; its number is the id of the entry) or as it is from now on.
    Filters mark what readers see; they never keep a post out of a queue."""

    filter: int = 0
    title: str
    contexts: tuple[Literal["home", "notifications", "public", "thread", "account"], ...]
    action: Literal["warn", "hide", "blur"] = "warn"
    keywords: tuple[Keyword, ...] = ()
    posts: tuple[int, ...] = ()
    until: int = 0


class DeleteFilter(Message, frozen=True, tag="delete_filter"):
    filter: int


# --- groups -----------------------------------------------------------------------------------
# A group is an account nobody logs in to: it has a name, a profile and a queue. A post that
# mentions it, by one of its members, is posted to it.


class CreateGroup(Message, frozen=True, tag="create_group"):
    """The actor becomes its owner. Its number is an account's."""

    name: str
    display_name: str = ""
    note: str = ""
    join: GroupKind = "open"
    """Everybody may join; ask; only come by invitation; and of a secret one only members know."""


class ChangeGroup(Message, frozen=True, tag="change_group"):
    group: int
    display_name: str = ""
    note: str = ""
    join: GroupKind = "open"
    rules: tuple[str, ...] = ()


class JoinGroup(Message, frozen=True, tag="join_group"):
    """Join it, ask to, or take an invitation, as the group's kind and the actor's standing are."""

    group: int


class LeaveGroup(Message, frozen=True, tag="leave_group"):
    """Leave it, take back the wish to join, or decline an invitation."""

    group: int


class InviteToGroup(Message, frozen=True, tag="invite_to_group"):
    group: int
    account: int


class AcceptMember(Message, frozen=True, tag="accept_member"):
    """`account`, who asked to, is a member."""

    group: int
    account: int


class RemoveMember(Message, frozen=True, tag="remove_member"):
    """`account` is no member, or does not become one."""

    group: int
    account: int


class SetGroupRole(Message, frozen=True, tag="group_role"):
    group: int
    account: int
    role: GroupRole


class RemoveFromGroup(Message, frozen=True, tag="remove_from_group"):
    """A moderator takes a post out of the group; elsewhere it stands."""

    group: int
    post: int


# --- running it -------------------------------------------------------------------------------


class Limit(Message, frozen=True, tag="limit"):
    """Its posts reach those who follow it and nobody else."""

    account: int
    reason: str = ""


class Suspend(Message, frozen=True, tag="suspend"):
    """It can do nothing, and nobody sees it."""

    account: int
    reason: str = ""


class Restore(Message, frozen=True, tag="restore"):
    """Neither limited nor suspended any more."""

    account: int


class Report(Message, frozen=True, tag="report"):
    """Tell the moderators of `account`. What the posts say is kept with it, whatever becomes of
    them."""

    account: int
    posts: tuple[int, ...] = ()
    category: ReportCategory = "other"
    comment: str = ""
    rules: tuple[int, ...] = ()
    """Numbers of the rules that it breaks."""


class SetRules(Message, frozen=True, tag="rules"):
    """The rules of the place, all of them."""

    rules: tuple[str, ...]


class Announce(Message, frozen=True, kw_only=True, tag="announce"):
    """An announcement, new (`announcement` 0) or changed; with an empty text it ends."""

    announcement: int = 0
    text: str
    until: int = 0


class ReadAnnouncement(Message, frozen=True, tag="read_announcement"):
    announcement: int


class React(Message, frozen=True, tag="react"):
    """Put an emoji under an announcement."""

    announcement: int
    name: str


class Unreact(Message, frozen=True, tag="unreact"):
    announcement: int
    name: str


class Invite(Message, frozen=True, tag="invite"):
    """A code with which so many may register, until some moment (0: without end). With no uses it
    is taken back."""

    code_hash: bytes
    uses: int = 1
    until: int = 0


class Setting(Message, frozen=True, tag="setting"):
    """What `check` uses is a message: "registrations" is open, approval, invitation or closed. So
    are the place's texts: "extended_description", "privacy_policy", "terms_of_service"."""

    name: str
    value: str


class ApproveAccount(Message, frozen=True, tag="approve"):
    """An account that waits for it may log in."""

    account: int


# --- time -------------------------------------------------------------------------------------


class Due(Message, frozen=True, tag="due"):
    """What was to happen at some moment (row `number` of the state's `dues`) happens now."""

    number: int


AnyMessage = Union[  # noqa: UP007 - msgspec reads the members from typing.Union
    Register, Profile, CloseAccount, Password, SetRole,
    App, Grant, Token, RevokeToken, SubscribePush, ChangePush, UnsubscribePush,
    OpenSession, CloseSession,
    Follow, Unfollow, AcceptFollow, RejectFollow, RemoveFollower, Block, Unblock, Mute, Unmute,
    BlockDomain, UnblockDomain, Note, Endorse, Unendorse,
    Post, Edit, SetQuotePolicy, RevokeQuote, Draft, ChangeDraft, CancelDraft, Delete,
    Boost, Unboost, Favourite, Unfavourite,
    Bookmark, Unbookmark, Pin, Unpin, MuteThread, UnmuteThread, Vote,
    Read, DeleteConversation, Dismiss, NotificationPolicy, AcceptRequest, DismissRequest,
    DismissSuggestion, FollowTag, UnfollowTag, FeatureTag, UnfeatureTag,
    CreateList, ChangeList, DeleteList, AddToList, RemoveFromList, SetFilter, DeleteFilter,
    CreateGroup, ChangeGroup, JoinGroup, LeaveGroup, InviteToGroup, AcceptMember, RemoveMember,
    SetGroupRole, RemoveFromGroup,
    Limit, Suspend, Restore, Report, SetRules, Announce, ReadAnnouncement, React, Unreact, Invite,
    Setting, ApproveAccount,
    Due,
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
    """What it made: a post's or boost's public id, the number of an account, app, list; else 0."""
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
