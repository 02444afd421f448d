"""What must be so: a plain model of the server, written from the design and not from the code.

Lists, dicts and loops, slow and obvious; nothing of ours but the messages and the limits. It takes
submissions in the order in which the engine takes them and says for each whether it is accepted,
under which number and id, or with which code it is refused. Then it answers what any account's
home, notifications and unread counts are, what a page of them holds, and what a live stream must
have carried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from covey import limits
from covey.messages import (
    SERVER,
    AcceptFollow,
    AcceptMember,
    AcceptRequest,
    AddToList,
    Announce,
    AnyMessage,
    App,
    ApproveAccount,
    Block,
    BlockDomain,
    Bookmark,
    Boost,
    CancelDraft,
    ChangeDraft,
    ChangeGroup,
    ChangeList,
    CloseAccount,
    CloseSession,
    CreateGroup,
    CreateList,
    Delete,
    DeleteFilter,
    DeleteList,
    Dismiss,
    DismissRequest,
    Draft,
    Due,
    Edit,
    Endorse,
    Favourite,
    FeatureTag,
    Follow,
    FollowTag,
    Grant,
    Invite,
    InviteToGroup,
    JoinGroup,
    LeaveGroup,
    Limit,
    Mute,
    MuteThread,
    Note,
    NotificationPolicy,
    OpenSession,
    Password,
    Pin,
    Poll,
    Post,
    Profile,
    Read,
    Register,
    RejectFollow,
    RemoveFollower,
    RemoveFromGroup,
    RemoveFromList,
    RemoveMember,
    Restore,
    RevokeToken,
    SetFilter,
    SetGroupRole,
    SetRole,
    SetRules,
    Setting,
    Suspend,
    Token,
    Unblock,
    UnblockDomain,
    Unbookmark,
    Unboost,
    Unendorse,
    Unfavourite,
    UnfeatureTag,
    Unfollow,
    UnfollowTag,
    Unmute,
    UnmuteThread,
    Unpin,
    Vote,
)


class Accepted(NamedTuple):
    number: int
    id: int


class No(Exception):
    """Refused, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Event(NamedTuple):
    """Something that a live stream carries, and to whom: decided when its message was applied."""

    number: int
    kind: str
    """"post", "delete", "edit", "conversation" (subject: post id), "announcement",
    "announcement.delete" (announcement), "notification", "read", "filters_changed",
    "notifications_merged" (0)."""
    subject: int
    accounts: frozenset[int]
    public: bool = False
    """Whoever watches the public queue is told too."""


@dataclass
class Account:
    name: str
    email: str = ""
    role: str = "member"
    created: int = 0
    standing: str = "active"
    locked: bool = False


class Followed(NamedTuple):
    """How one account follows another."""

    boosts: bool
    notify: bool
    languages: tuple[str, ...]
    """Empty: all."""
    number: int
    """Of the message that began it."""


@dataclass
class List:
    """Of accounts: a queue."""

    owner: int
    title: str
    replies: str
    exclusive: bool
    members: dict[int, int] = field(default_factory=dict)
    """account → number of the message that added it."""


class Said(NamedTuple):
    """What a post says, since when, and by which message."""

    text: str
    language: str
    warning: str
    sensitive: bool
    tags: tuple[str, ...]
    options: tuple[str, ...]
    """Of its poll."""
    stamp: int
    number: int


@dataclass
class Asked:
    """A poll."""

    options: tuple[str, ...]
    multiple: bool
    hide_totals: bool
    ends: int
    ended: bool = False
    votes: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class Row:
    """A post or boost; a deleted one stays as its own tombstone."""

    id: int
    number: int
    author: int
    visibility: str
    reply_to: int = 0
    parent_author: int = 0
    boost_of: int = 0
    original_author: int = 0
    mentioned: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Posted to."""
    taken_out_of: list[int] = field(default_factory=list)
    """Groups whose moderators did."""
    language: str = ""
    quote_of: int = 0
    quoted_author: int = 0
    deleted: bool = False
    versions: list[Said] = field(default_factory=list)
    """What it said, the present version last; nothing of a boost. All above is of the first."""
    ever_mentioned: set[int] = field(default_factory=set)
    """By any of them."""
    poll: Asked | None = None


class Told(NamedTuple):
    """A notification."""

    account: int
    number: int
    kind: str
    sender: int
    post: int


def page(
    positions: Sequence[int],
    limit: int,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[int]:
    """One page of a queue, newest first. `max_id`: older than that. `since_id`: the newest of what
    is newer. `min_id`: of what is newer, those next to it."""
    left = sorted(positions, reverse=True)
    if max_id is not None:
        left = [position for position in left if position < max_id]
    if min_id is not None:
        return [position for position in left if position > min_id][-limit:]
    return [position for position in left if position > (since_id or 0)][:limit]


class Oracle:
    def __init__(self) -> None:
        self.stamp = 0
        self.number = 0
        self.last_id = 0
        self.accounts: dict[int, Account] = {}
        self.apps: dict[int, App] = {}
        self.grants: dict[bytes, tuple[int, int, str, int]] = {}
        self.tokens: dict[bytes, int] = {}
        self.sessions: dict[bytes, int] = {}
        self.follows: dict[tuple[int, int], Followed] = {}
        """(follower, followed) → how."""
        self.wishes: dict[tuple[int, int], Followed] = {}
        """The same of those who asked to follow and wait."""
        self.blocks: set[tuple[int, int]] = set()
        self.mutes: dict[tuple[int, int], tuple[bool, int]] = {}
        """(account, target) → notifications too, until."""
        self.posts: list[Row] = []
        self.favourites: dict[tuple[int, int], int] = {}
        """(post, account) → number."""
        self.told: list[Told] = []
        self.positions: dict[tuple[int, str], int] = {}
        self.answers: dict[tuple[int, bytes], tuple[Accepted, int | None]] = {}
        """(actor, key) → answer, until when; None: for good."""
        self.dues: dict[int, tuple[int, int, int]] = {}
        """number → at, account, what about."""
        self.due_kinds: dict[int, str] = {}
        self.events: list[Event] = []
        self.lists: dict[int, List] = {}
        self.followed_tags: dict[tuple[int, str], int] = {}
        """(account, tag) → number."""
        self.featured_tags: dict[tuple[int, str], int] = {}
        self.groups: dict[int, str] = {}
        """group → how one comes in: open, request, invitation, secret."""
        self.roles: dict[tuple[int, int], str] = {}
        """(group, account) → asked, invited, member, moderator, owner."""
        self.entered: dict[tuple[int, int], int] = {}
        """(group, account) → number of the message that let it in, or nearer."""
        self.suspended: set[int] = set()
        """Or closed, or pending: nobody sees what they wrote."""
        self.limited: set[int] = set()
        self.filtered: set[tuple[int, int]] = set()
        """(account, number) of notifications that wait in a request."""
        self.policies: dict[int, NotificationPolicy] = {}
        self.requests: dict[tuple[int, int], str] = {}
        """(account, sender) → waiting, accepted, dismissed."""
        self.settings: dict[str, str] = {}
        self.rules: tuple[str, ...] = ()
        self.announcements: dict[int, tuple[str, int]] = {}
        """number → text, until."""
        self.invites: dict[bytes, tuple[int, int, int]] = {}
        """hash of the code → account, uses left, until."""
        self.notes: dict[tuple[int, int], str] = {}
        self.endorsements: set[tuple[int, int]] = set()
        self.domains: set[tuple[int, str]] = set()
        self.filters: dict[int, tuple[int, SetFilter]] = {}
        """number → account, what it says."""
        self.drafts: dict[int, tuple[int, int, Post]] = {}
        """number → account, at, what it posts then."""
        self.bookmarks: dict[tuple[int, int], int] = {}
        """(account, post) → number."""
        self.pins: dict[tuple[int, int], int] = {}
        self.muted_threads: set[tuple[int, int]] = set()
        self.conversations: dict[tuple[int, int], int] = {}
        """(account, thread) → its last direct post."""

    # --- submissions --------------------------------------------------------------------------

    def submit(self, actor: int, message: AnyMessage, key: bytes, now: int) -> Accepted | str:
        """The answer: accepted, or the code of the refusal."""
        stamp = max(now, self.stamp)
        if (actor, key) in self.answers:
            answer, until = self.answers[actor, key]
            if until is None or stamp < until:
                return answer
        try:
            self.check(actor, message, stamp)
        except No as no:
            return no.code
        self.stamp = stamp
        self.number += 1
        id_ = 0
        if isinstance(message, Register | CreateGroup):
            id_ = len(self.accounts) + 1
        elif isinstance(message, App):
            id_ = len(self.apps) + 1
        elif isinstance(message, CreateList | SetFilter | Announce):
            id_ = self.number
        elif isinstance(message, Post | Boost) or self._posts_now(message):
            id_ = self.last_id = max(stamp * 65536, self.last_id + 1)
        self.apply(actor, message, id_)
        answer = Accepted(self.number, id_)
        whose = key[:1]
        if whose == b"u":
            self.answers[actor, key] = answer, None
        elif whose == b"c":
            self.answers[actor, key] = answer, stamp + limits.KEY_CLIENT_MS
        elif whose == b"e":
            self.answers[actor, key] = answer, stamp + limits.KEY_EDGE_MS
        return answer

    def due(self, now: int) -> list[int]:
        """What the timer submits now, in its order."""
        stamp = max(now, self.stamp)
        return [
            n for at, n in sorted((at, n) for n, (at, _, _) in self.dues.items()) if at <= stamp
        ]

    def _posts_now(self, message: AnyMessage) -> bool:
        """Whether it releases a draft that may be posted now."""
        if not isinstance(message, Due) or self.due_kinds[message.number] != "release":
            return False
        account, _, post = self.drafts[message.number]
        try:
            self.check(account, post, self.stamp)
        except No:
            return False
        return True

    # --- what is allowed ----------------------------------------------------------------------

    def check(self, actor: int, message: AnyMessage, stamp: int) -> None:
        if actor != SERVER:
            self._active(actor)
        match message:
            case Register():
                self._only_the_server(actor)
                if message.name.lower() in [a.name.lower() for a in self.accounts.values()]:
                    raise No("name_taken")
                if message.email and message.email in [a.email for a in self.accounts.values()]:
                    raise No("email_taken")
                self._check_coming_in(message, stamp)
            case Password(account=account):
                self._account(account)
                if actor not in (SERVER, account):
                    raise No("not_yours")
            case SetRole(account=account):
                if actor != SERVER and (
                    actor not in self.accounts or self.accounts[actor].role != "administrator"
                ):
                    raise No("forbidden")
                self._account(account)
            case App():
                self._only_the_server(actor)
            case Grant():
                if message.app not in self.apps:
                    raise No("app_unknown")
                if message.redirect_uri not in self.apps[message.app].redirect_uris:
                    raise No("redirect_uri_malformed")
                if message.code_hash in self.grants:
                    raise No("already_done")
            case Token():
                self._only_the_server(actor)
                if message.app not in self.apps:
                    raise No("app_unknown")
                if message.account:
                    self._active(message.account)
                if message.code_hash:
                    wanted = (message.app, message.account, message.scopes)
                    found = self.grants.get(message.code_hash)
                    if found is None or found[:3] != wanted or stamp >= found[3]:
                        raise No("grant_unknown")
                if message.token_hash in self.tokens:
                    raise No("already_done")
            case RevokeToken(token_hash=hash_):
                if hash_ not in self.tokens or actor not in (SERVER, self.tokens[hash_]):
                    raise No("not_found")
            case OpenSession(session_hash=hash_):
                if hash_ in self.sessions:
                    raise No("already_done")
            case CloseSession(session_hash=hash_):
                if self.sessions.get(hash_) != actor:
                    raise No("not_found")
            case Follow(account=target):
                self._there(target)
                if target == actor:
                    raise No("self_follow")
                if (actor, target) in self.blocks:
                    raise No("blocked_by_you")
                if (target, actor) in self.blocks:
                    raise No("blocks_you")
                options = (message.boosts, message.notify, message.languages)
                before = self.follows.get((actor, target))
                if before is None and self.accounts[target].locked:
                    before = self.wishes.get((actor, target))
                if before and before[:3] == options:
                    raise No("already_done")
            case Unfollow(account=target):
                self._account(target)
                if (actor, target) not in {**self.follows, **self.wishes}:
                    raise No("already_done")
            case AcceptFollow(account=asking) | RejectFollow(account=asking):
                if (asking, actor) not in self.wishes:
                    raise No("not_found")
            case RemoveFollower(account=follower):
                self._account(follower)
                if (follower, actor) not in self.follows:
                    raise No("already_done")
            case Block(account=target):
                self._account(target)
                if target == actor:
                    raise No("self_block")
                if (actor, target) in self.blocks:
                    raise No("already_done")
            case Unblock(account=target):
                self._account(target)
                if (actor, target) not in self.blocks:
                    raise No("already_done")
            case Mute(account=target, until=until):
                self._account(target)
                if target == actor:
                    raise No("self_mute")
                if until and not stamp < until <= stamp + limits.MUTE_MS_MAX:
                    raise No("parameter_malformed")
            case Unmute(account=target):
                self._account(target)
                if (actor, target) not in self.mutes:
                    raise No("already_done")
            case Post(reply_to=parent, quote_of=quoted):
                self._check_words(message)
                if parent:
                    self._standing(parent, actor)
                if quoted:
                    row = self._standing(quoted, actor)
                    if row.visibility not in ("public", "unlisted") and row.author != actor:
                        raise No("quote_not_allowed")
                if message.visibility == "group":
                    if not [g for g in self._mentioned(message) if self.is_member(g, actor)]:
                        raise No("group_missing")
            case Edit(post=id_):
                row = self.row(id_)
                if row is None or row.deleted or row.boost_of or row.author != actor:
                    raise No("not_yours")
                self._check_words(message)
                said = (message.text, message.language, message.warning, message.sensitive)
                same = self._same_poll(row.poll, message.poll)
                if same and row.poll and message.poll:
                    same = row.poll.hide_totals == message.poll.hide_totals
                if row.versions[-1][:4] == said and same:
                    raise No("already_done")
                if len(row.versions) > limits.EDITS_PER_POST:
                    raise No("edits_many")
            case Draft(at=at, post=post):
                self._check_moment(at, stamp)
                if len([1 for whose, _, _ in self.drafts.values() if whose == actor]) >= 300:
                    raise No("drafts_many")
                self.check(actor, post, stamp)
            case ChangeDraft(number=number, at=at):
                self._check_draft(actor, number)
                self._check_moment(at, stamp)
            case CancelDraft(number=number):
                self._check_draft(actor, number)
            case Bookmark(post=id_):
                self._standing(id_, actor)
                if (actor, id_) in self.bookmarks:
                    raise No("already_done")
            case Unbookmark(post=id_):
                if (actor, id_) not in self.bookmarks:
                    raise No("already_done")
            case Pin(post=id_):
                row = self._standing(id_, actor)
                if row.author != actor or row.visibility == "direct":
                    raise No("pin_not_allowed")
                if (actor, id_) in self.pins:
                    raise No("already_done")
                if len([1 for whose, _ in self.pins if whose == actor]) >= limits.PINS_PER_ACCOUNT:
                    raise No("pins_many")
            case Unpin(post=id_):
                if (actor, id_) not in self.pins:
                    raise No("already_done")
            case MuteThread(post=id_):
                row = self._standing(id_, actor)
                if (actor, self.thread_of(row)) in self.muted_threads:
                    raise No("already_done")
            case UnmuteThread(post=id_):
                row = self.row(id_)
                if row is None or row.boost_of:
                    raise No("already_done")
                if (actor, self.thread_of(row)) not in self.muted_threads:
                    raise No("already_done")
            case Vote(post=id_, choices=choices):
                row = self._standing(id_, actor)
                if row.poll is None:
                    raise No("not_found")
                if row.author == actor:
                    raise No("vote_own")
                if stamp >= row.poll.ends:
                    raise No("poll_ended")
                known = range(len(row.poll.options))
                if not choices or [c for c in choices if c not in known]:
                    raise No("vote_choices")
                if len(choices) != len(set(choices)) or len(choices) > 1 > row.poll.multiple:
                    raise No("vote_choices")
                if actor in row.poll.votes:
                    raise No("vote_twice")
            case Delete(post=id_):
                row = self.row(id_)
                if row is None or row.deleted or row.author != actor:
                    raise No("not_yours")
            case Boost(post=id_):
                row = self._standing(id_, actor)
                own = row.author == actor
                others = own and row.visibility in ("followers", "local")
                if row.visibility not in ("public", "unlisted") and not others:
                    raise No("boost_not_allowed")
                if message.visibility in ("direct", "group"):
                    raise No("visibility_unknown")
                if self.boost_by(actor, id_):
                    raise No("already_done")
            case Unboost(post=id_):
                if not self.boost_by(actor, id_):
                    raise No("already_done")
            case Favourite(post=id_):
                self._standing(id_, actor)
                if (id_, actor) in self.favourites:
                    raise No("already_done")
            case Unfavourite(post=id_):
                if (id_, actor) not in self.favourites:
                    raise No("already_done")
            case Read(queue=queue, position=position):
                if queue.startswith("tag/") and not self.is_tag(queue[4:]):
                    raise No("tag_malformed")
                if not self.has_queue(actor, queue):
                    raise No("queue_unknown")
                if position < 0:
                    raise No("position_negative")
            case CreateGroup(name=name):
                if name.lower() in [a.name.lower() for a in self.accounts.values()]:
                    raise No("name_taken")
            case ChangeGroup(group=group):
                self._require(group, actor, "owner")
            case JoinGroup(group=group):
                self._group(group, actor)
                role = self.roles.get((group, actor))
                if role not in (None, "invited"):
                    raise No("already_done")
                if role is None and self.groups[group] == "invitation":
                    raise No("invitation_missing")
            case LeaveGroup(group=group):
                if (group, actor) not in self.roles:
                    raise No("already_done")
            case InviteToGroup(group=group, account=account):
                # into an open one all members invite
                self._group(group, actor)
                self._require(
                    group, actor, "member" if self.groups[group] == "open" else "moderator"
                )
                self._there(account)
                if (account, actor) in self.blocks:
                    raise No("blocks_you")
                if self.roles.get((group, account)) not in (None, "asked"):
                    raise No("already_done")
            case AcceptMember(group=group, account=account):
                self._require(group, actor, "moderator")
                if self.roles.get((group, account)) != "asked":
                    raise No("not_found")
            case RemoveMember(group=group, account=account):
                self._require(group, actor, "moderator")
                if (group, account) not in self.roles or account == actor:
                    raise No("not_found")
                # moderators are removed by owners
                above = self.roles[group, account] in ("moderator", "owner")
                if above and self.roles[group, actor] != "owner":
                    raise No("group_role_missing")
            case SetGroupRole(group=group, account=account, role=role):
                self._require(group, actor, "owner")
                if not self.is_member(group, account) or account == actor:
                    raise No("not_found")
                if self.roles[group, account] == role:
                    raise No("already_done")
            case RemoveFromGroup(group=group, post=post):
                row = self.row(post)
                if row is None or not self._in_group(row, group):
                    raise No("not_found")
                if row.author != actor:
                    self._require(group, actor, "moderator")
            case FollowTag(name=name) | FeatureTag(name=name):
                if not self.is_tag(name):
                    raise No("tag_malformed")
                follow = isinstance(message, FollowTag)
                if (actor, name) in (self.followed_tags if follow else self.featured_tags):
                    raise No("already_done")
                if not follow and len([1 for a, _ in self.featured_tags if a == actor]) >= 10:
                    raise No("tags_featured_many")
            case UnfollowTag(name=name):
                if (actor, name) not in self.followed_tags:
                    raise No("already_done")
            case UnfeatureTag(name=name):
                if (actor, name) not in self.featured_tags:
                    raise No("already_done")
            case CreateList(title=title):
                if not title:
                    raise No("parameter_missing")
            case ChangeList(title=title, replies=replies, exclusive=exclusive):
                found = self._list(actor, message.list)
                if not title:
                    raise No("parameter_missing")
                if (found.title, found.replies, found.exclusive) == (title, replies, exclusive):
                    raise No("already_done")
            case DeleteList():
                self._list(actor, message.list)
            case AddToList(accounts=accounts):
                members = self._list(actor, message.list).members
                if not [account for account in accounts if account not in members]:
                    raise No("already_done")
                for account in sorted(accounts):
                    if account not in members:
                        self._there(account)
                        if account != actor and (actor, account) not in self.follows:
                            raise No("list_not_followed")
            case RemoveFromList(accounts=accounts):
                members = self._list(actor, message.list).members
                if not [account for account in accounts if account in members]:
                    raise No("already_done")
            case Dismiss(number=number):
                if number and not [t for t in self.told if t[:2] == (actor, number)]:
                    raise No("not_found")
            case Limit() | Suspend() | Restore() | ApproveAccount():
                self._check_moderation(actor, message)
            case CloseAccount():
                if actor == SERVER:
                    raise No("not_found")
            case SetRules() | Announce() | Setting():
                if actor != SERVER and self.accounts[actor].role != "administrator":
                    raise No("forbidden")
                match message:
                    case SetRules(rules=rules) if [rule for rule in rules if not rule.strip()]:
                        raise No("text_empty")
                    case Announce(announcement=which, text=text, until=until):
                        if which and which not in self.announcements:
                            raise No("not_found")
                        if not which and not text.strip():
                            raise No("text_empty")
                        if until and until <= stamp:
                            raise No("parameter_malformed")
                    case Setting(name=name, value=value):
                        if name != "registrations":
                            raise No("setting_unknown")
                        if value == self.settings.get(name, "open"):
                            raise No("already_done")
            case Invite(code_hash=hash_, uses=uses, until=until):
                if not uses:
                    if hash_ not in self.invites or self.invites[hash_][0] != actor:
                        raise No("not_found")
                elif hash_ in self.invites:
                    raise No("already_done")
                elif until and until <= stamp:
                    raise No("parameter_malformed")
            case Note(account=target):
                self._account(target)
            case Endorse(account=target):
                self._there(target)
                if (actor, target) not in self.follows:
                    raise No("endorsement_follow")
                if (actor, target) in self.endorsements:
                    raise No("already_done")
            case Unendorse(account=target):
                if (actor, target) not in self.endorsements:
                    raise No("already_done")
            case BlockDomain(domain=domain):
                if (actor, domain) in self.domains:
                    raise No("already_done")
            case UnblockDomain(domain=domain):
                if (actor, domain) not in self.domains:
                    raise No("already_done")
            case SetFilter(filter=which, until=until):
                if which and self.filters.get(which, (0,))[0] != actor:
                    raise No("not_found")
                if until and until <= stamp:
                    raise No("parameter_malformed")
            case DeleteFilter(filter=which):
                if self.filters.get(which, (0,))[0] != actor:
                    raise No("not_found")
            case AcceptRequest(account=sender) | DismissRequest(account=sender):
                if self.requests.get((actor, sender)) != "waiting":
                    raise No("not_found")
            case Due(number=number):
                self._only_the_server(actor)
                if number not in self.dues:
                    raise No("due_gone")
                if self.dues[number][0] > stamp:
                    raise No("not_yet_due")

    def _check_words(self, message: Post | Edit) -> None:
        if not message.text.strip():
            raise No("text_empty")
        if len(message.text) > limits.POST_CHARACTERS:  # histories have no links
            raise No("text_long")
        if message.poll and not 2 <= len(message.poll.options) <= limits.POLL_OPTIONS:
            raise No("poll_options")

    def _check_moment(self, at: int, stamp: int) -> None:
        if not stamp < at <= stamp + limits.DRAFT_MS_MAX:
            raise No("draft_moment")

    def _check_draft(self, actor: int, number: int) -> None:
        if number not in self.drafts or self.drafts[number][0] != actor:
            raise No("not_found")

    def _only_the_server(self, actor: int) -> None:
        if actor != SERVER:
            raise No("forbidden")

    def _active(self, actor: int) -> None:
        """It is there and may act."""
        self._account(actor)
        if actor in self.suspended:
            raise No(f"account_{self.accounts[actor].standing}")

    def _there(self, number: int) -> None:
        """Others can see it."""
        if number not in self.accounts or number in self.suspended:
            raise No("not_found")

    def _check_moderation(
        self, actor: int, message: Limit | Suspend | Restore | ApproveAccount
    ) -> None:
        """Moderators over members, administrators over moderators, the server over all."""
        self._account(message.account)
        if message.account in self.groups:
            raise No("not_found")
        account = self.accounts[message.account]
        ranks = ["member", "moderator", "administrator"]
        rank = 3 if actor == SERVER else ranks.index(self.accounts[actor].role)
        if rank <= ranks.index(account.role):
            raise No("forbidden")
        wanted, from_ = {
            Limit: ("limited", ["active"]),
            Suspend: ("suspended", ["active", "limited", "pending"]),
            Restore: ("active", ["limited", "suspended"]),
            ApproveAccount: ("active", ["pending"]),
        }[type(message)]
        if account.standing == wanted:
            raise No("already_done")
        if account.standing not in from_:
            raise No("standing_wrong")

    def _check_coming_in(self, message: Register, stamp: int) -> None:
        """Whom an operator makes an account for comes in anyhow."""
        if not message.signed_up:
            return
        how = self.settings.get("registrations", "open")
        if how == "closed":
            raise No("registrations_closed")
        if message.invite_hash:
            host, uses, until = self.invites.get(message.invite_hash, (0, 0, 0))
            if not uses or (until and until <= stamp) or host in self.suspended:
                raise No("invite_unknown")
        elif how == "invitation":
            raise No("invitation_needed")

    def _account(self, number: int) -> None:
        if number not in self.accounts:
            raise No("not_found")

    def _group(self, group: int, account: int) -> None:
        """It is one, of which the account may know."""
        if group not in self.groups:
            raise No("not_found")
        if self.groups[group] == "secret" and (group, account) not in self.roles:
            raise No("not_found")

    def _require(self, group: int, account: int, role: str) -> None:
        self._group(group, account)
        ranks = ["member", "moderator", "owner"]
        has = self.roles.get((group, account))
        if has not in ranks or ranks.index(has) < ranks.index(role):
            raise No("group_role_missing")

    @staticmethod
    def _in_group(row: Row, group: int) -> bool:
        return group in row.groups and group not in row.taken_out_of and not row.deleted

    def _list(self, actor: int, number: int) -> List:
        if number not in self.lists or self.lists[number].owner != actor:
            raise No("not_found")
        return self.lists[number]

    @staticmethod
    def is_tag(name: str) -> bool:
        """As a tag is written in lower case, without its sign."""
        return name != "" and name == name.lower() and not [c for c in name if c in " #/"]

    def has_queue(self, account: int, queue: str) -> bool:
        kind, _, which = queue.partition("/")
        if kind in ("list", "group", "conversation"):
            if not which.isdigit() or which.startswith("0"):
                return False
        match kind:
            case "home" | "notifications":
                return which == ""
            case "tag":
                return True
            case "list":
                return int(which) in self.lists and self.lists[int(which)].owner == account
            case "group":
                return self.is_member(int(which), account)
            case "conversation":
                said = [row for row in self.posts if row.visibility == "direct"]
                return bool(
                    [
                        row
                        for row in said
                        if self.thread_of(row) == int(which)
                        # of a deleted one only its author remembers
                        if row.author == account or (account in row.mentioned and not row.deleted)
                    ]
                )
        return False

    def _standing(self, id_: int, reader: int) -> Row:
        row = self.row(id_)
        if row is None or row.deleted or row.boost_of or not self.visible(row, reader):
            raise No("not_found")
        return row

    # --- what it does -------------------------------------------------------------------------

    def apply(self, actor: int, message: AnyMessage, id_: int) -> None:
        number = self.number
        match message:
            case Register():
                self.accounts[id_] = Account(message.name, message.email, message.role, self.stamp)
                if message.signed_up and message.invite_hash:
                    host, uses, until = self.invites[message.invite_hash]
                    self.invites[message.invite_hash] = (host, uses - 1, until)
                elif message.signed_up and self.settings.get("registrations") == "approval":
                    self._stand(id_, "pending")
            case Password(account=account, keep_session=kept):
                self.sessions = {
                    hash_: whose
                    for hash_, whose in self.sessions.items()
                    if whose != account or hash_ == kept
                }
                self.tokens = {h: whose for h, whose in self.tokens.items() if whose != account}
                self.grants = {h: grant for h, grant in self.grants.items() if grant[1] != account}
            case SetRole(account=account, role=role):
                self.accounts[account].role = role
            case App():
                self.apps[id_] = message
            case Grant():
                until = self.stamp + limits.GRANT_MS
                self.grants[message.code_hash] = (message.app, actor, message.scopes, until)
            case Token():
                self.grants.pop(message.code_hash, None)
                self.tokens[message.token_hash] = message.account
            case RevokeToken(token_hash=hash_):
                del self.tokens[hash_]
            case OpenSession(session_hash=hash_):
                self.sessions[hash_] = actor
            case CloseSession(session_hash=hash_):
                del self.sessions[hash_]
            case Profile():
                self.accounts[actor].locked = message.locked
            case Follow(account=target):
                before = self.follows.get((actor, target))
                asks = before is None and self.accounts[target].locked
                kept = self.wishes if asks else self.follows
                asked = self.wishes.get((actor, target)) if asks else before
                if not asks:
                    self._unwish(actor, target)
                kept[actor, target] = Followed(
                    message.boosts,
                    message.notify,
                    message.languages,
                    asked.number if asked else number,
                )
                if asked is None:  # who has begun to follow is a follower
                    self._tell(target, "follow_request" if asks else "follow", actor)
            case Unfollow(account=target):
                self._unwish(actor, target)
                self._unfollow(actor, target)
            case AcceptFollow(account=asking):
                wish = self.wishes[asking, actor]
                self._unwish(asking, actor)
                self.follows[asking, actor] = wish._replace(number=number)
            case RejectFollow(account=asking):
                self._unwish(asking, actor)
            case RemoveFollower(account=follower):
                self._unfollow(follower, actor)
            case Block(account=target):
                self.blocks.add((actor, target))
                for one, other in ((actor, target), (target, actor)):
                    self._unwish(one, other)
                    self._unfollow(one, other)
            case Unblock(account=target):
                self.blocks.remove((actor, target))
            case Mute(account=target, notifications=notifications, until=until):
                self.mutes[actor, target] = (notifications, until)
                if until:
                    self._later(until, "unmute", actor, target)
            case Unmute(account=target):
                del self.mutes[actor, target]
            case Due(number=due):
                self._happen(self.due_kinds.pop(due), *self.dues.pop(due), id_)
            case Limit(account=target):
                self._stand(target, "limited")
            case Suspend(account=target):
                self._stand(target, "suspended")
                self._end_access(target)
            case Restore(account=target) | ApproveAccount(account=target):
                self._stand(target, "active")
            case CloseAccount():
                self._stand(actor, "closed")
                self._end_access(actor)
                self.accounts[actor].email = ""
                self._later(self.stamp, "close_account", actor, 0)
            case SetRules(rules=rules):
                self.rules = rules
            case Announce(announcement=which, text=text, until=until):
                if not text.strip():
                    del self.announcements[which]
                    self._live_all("announcement.delete", which)
                else:
                    self.announcements[which or number] = (text, until)
                    self._live_all("announcement", which or number)
                    if until:
                        self._later(until, "end_announcement", 0, which or number)
            case Setting(name=name, value=value):
                self.settings[name] = value
            case Invite(code_hash=hash_, uses=uses, until=until):
                if uses:
                    self.invites[hash_] = (actor, uses, until)
                else:
                    del self.invites[hash_]
            case Note(account=target, text=text):
                self.notes.pop((actor, target), None)
                if text:
                    self.notes[actor, target] = text
            case Endorse(account=target):
                self.endorsements.add((actor, target))
            case Unendorse(account=target):
                self.endorsements.remove((actor, target))
            case BlockDomain(domain=domain):
                self.domains.add((actor, domain))
            case UnblockDomain(domain=domain):
                self.domains.remove((actor, domain))
            case SetFilter(filter=which, until=until):
                self.filters[which or number] = (actor, message)
                self._live_own("filters_changed", actor)
                if until:
                    self._later(until, "end_filter", actor, which or number)
            case DeleteFilter(filter=which):
                del self.filters[which]
                self._live_own("filters_changed", actor)
            case NotificationPolicy():
                self.policies[actor] = message
            case AcceptRequest(account=sender):
                self.requests[actor, sender] = "accepted"
                self.filtered -= self._filtered_of(actor, sender)
                self._live_own("notifications_merged", actor)
            case DismissRequest(account=sender):
                self.requests[actor, sender] = "dismissed"
                gone = self._filtered_of(actor, sender)
                self.told = [t for t in self.told if t[:2] not in gone]
                self.filtered -= gone
            case Post():
                self._post(actor, message, id_)
            case Edit():
                self._edit(actor, message)
            case Draft(at=at, post=post):
                self.drafts[number] = (actor, at, post)
                self._later(at, "release", actor, number)
            case ChangeDraft(number=which, at=at):
                self.drafts[which] = (actor, at, self.drafts[which][2])
                self.dues[which] = (at, actor, which)
            case CancelDraft(number=which):
                self._drop_draft(which)
            case Bookmark(post=post):
                self.bookmarks[actor, post] = number
            case Unbookmark(post=post):
                del self.bookmarks[actor, post]
            case Pin(post=post):
                self.pins[actor, post] = number
            case Unpin(post=post):
                del self.pins[actor, post]
            case MuteThread(post=post):
                row = self.row(post)
                assert row is not None
                self.muted_threads.add((actor, self.thread_of(row)))
            case UnmuteThread(post=post):
                row = self.row(post)
                assert row is not None
                self.muted_threads.remove((actor, self.thread_of(row)))
            case Vote(post=post, choices=choices):
                row = self.row(post)
                assert row is not None and row.poll is not None
                row.poll.votes[actor] = choices
            case Boost(post=original, visibility=visibility):
                row = self.row(original)
                assert row is not None
                widths = ["public", "unlisted", "local", "followers"]
                width = max(widths.index(visibility), widths.index(row.visibility))
                boost = Row(
                    id_, number, actor, widths[width], boost_of=original, original_author=row.author
                )
                self.posts.append(boost)
                self._tell(row.author, "boost", actor, original)
                self._live_post(boost)
            case Delete(post=post):
                self._delete(post)
            case Unboost(post=original):
                self._delete(self.boost_by(actor, original))
            case Favourite(post=post):
                row = self.row(post)
                assert row is not None
                self.favourites[post, actor] = number
                self._tell(row.author, "favourite", actor, post)
            case Unfavourite(post=post):
                self._take_back(self.favourites.pop((post, actor)))
            case Read(queue=queue, position=position):
                self.positions[actor, queue] = position
                self._live_own("read", actor)
            case CreateGroup():
                self.accounts[id_] = Account(message.name, created=self.stamp)
                self.groups[id_] = message.join
                self._enter(id_, actor, "owner")
            case ChangeGroup():
                self.groups[message.group] = message.join
            case JoinGroup(group=group):
                invited = self.roles.get((group, actor)) == "invited"
                if self.groups[group] == "request" and not invited:
                    self._enter(group, actor, "asked")
                    for (where, account), role in self.roles.items():
                        if where == group and role in ("moderator", "owner"):
                            self._tell(account, "group_request", actor)
                else:
                    self._enter(group, actor, "member")
            case LeaveGroup(group=group):
                self._leave(group, actor)
            case InviteToGroup(group=group, account=account):
                if self.roles.get((group, account)) == "asked":
                    self._enter(group, account, "member")
                else:
                    self._enter(group, account, "invited")
                    self._tell(account, "group_invitation", actor)
            case AcceptMember(group=group, account=account):
                self._enter(group, account, "member")
                self._tell(account, "group_accepted", actor)
            case RemoveMember(group=group, account=account):
                self._leave(group, account)
            case SetGroupRole(group=group, account=account, role=role):
                self.roles[group, account] = role
            case RemoveFromGroup(group=group, post=post):
                row = self.row(post)
                assert row is not None
                row.taken_out_of.append(group)
                elsewhere = [other for other in row.groups if self._in_group(row, other)]
                if row.visibility == "group" and not elsewhere:
                    self._delete(post)
            case FollowTag(name=name):
                self.followed_tags[actor, name] = number
            case UnfollowTag(name=name):
                del self.followed_tags[actor, name]
            case FeatureTag(name=name):
                self.featured_tags[actor, name] = number
            case UnfeatureTag(name=name):
                del self.featured_tags[actor, name]
            case CreateList():
                self.lists[id_] = List(actor, message.title, message.replies, message.exclusive)
            case ChangeList():
                changed = self.lists[message.list]
                changed.title, changed.replies = message.title, message.replies
                changed.exclusive = message.exclusive
            case DeleteList():
                del self.lists[message.list]
                self.positions.pop((actor, f"list/{message.list}"), None)
            case AddToList(accounts=accounts):
                for account in accounts:
                    self.lists[message.list].members.setdefault(account, number)
            case RemoveFromList(accounts=accounts):
                for account in accounts:
                    self.lists[message.list].members.pop(account, None)
            case Dismiss(number=which):
                self.told = [
                    t for t in self.told if t.account != actor or which not in (0, t.number)
                ]
                self.filtered &= {t[:2] for t in self.told}

    def _later(self, at: int, kind: str, account: int, subject: int) -> None:
        self.dues[self.number] = (at, account, subject)
        self.due_kinds[self.number] = kind

    def _happen(self, kind: str, at: int, account: int, subject: int, id_: int) -> None:
        """What was due, unless it was ended or prolonged since."""
        match kind:
            case "release":
                author, _, post = self.drafts.pop(subject)
                if id_:
                    self._post(author, post, id_)
            case "poll":
                row = self.row(subject)
                assert row is not None
                if row.poll and not row.poll.ended and row.poll.ends == at:
                    row.poll.ended = True
                    for voter in (row.author, *sorted(row.poll.votes)):
                        self._tell(voter, "poll", row.author, row.id)
            case "unmute":
                if self.mutes.get((account, subject), (False, -1))[1] == at:
                    del self.mutes[account, subject]
            case "end_announcement":
                if self.announcements.get(subject, ("", -1))[1] == at:
                    del self.announcements[subject]
                    self._live_all("announcement.delete", subject)
            case "end_filter":
                if subject in self.filters and self.filters[subject][1].until == at:
                    del self.filters[subject]
                    self._live_own("filters_changed", account)
            case "close_account":
                self._dissolve(account)

    def _stand(self, account: int, standing: str) -> None:
        self.accounts[account].standing = standing
        self.suspended.discard(account)
        self.limited.discard(account)
        if standing == "limited":
            self.limited.add(account)
        elif standing != "active":
            self.suspended.add(account)

    def _end_access(self, account: int) -> None:
        self.sessions = {h: whose for h, whose in self.sessions.items() if whose != account}
        self.tokens = {h: whose for h, whose in self.tokens.items() if whose != account}
        self.grants = {h: grant for h, grant in self.grants.items() if grant[1] != account}

    def _dissolve(self, account: int) -> None:
        """All that a closed account held goes. Whom it blocked stays blocked."""
        for follower, followed in list(self.follows):
            if account in (follower, followed):
                self._unfollow(follower, followed)
        for follower, followed in list(self.wishes):
            if account in (follower, followed):
                self._unwish(follower, followed)
        for group, member in list(self.roles):
            if member == account:
                self._leave(group, member)
        for row in self.posts:
            if row.author == account and not row.deleted:
                self._bury(row)
        for post, whose in list(self.favourites):
            if whose == account:
                self._take_back(self.favourites.pop((post, whose)))
        self.told = [t for t in self.told if t.account != account]
        self.filtered = {pair for pair in self.filtered if pair[0] != account}
        self.policies.pop(account, None)
        for mine in (
            self.mutes, self.followed_tags, self.featured_tags, self.positions, self.notes,
            self.requests, self.bookmarks, self.pins, self.conversations,
        ):  # fmt: skip
            for key in [key for key in mine if key[0] == account]:
                del mine[key]
        self.domains = {pair for pair in self.domains if pair[0] != account}
        self.muted_threads = {pair for pair in self.muted_threads if pair[0] != account}
        for number in [n for n, (whose, _, _) in self.drafts.items() if whose == account]:
            self._drop_draft(number)
        for kept in (self.filters, self.invites):
            for key in [key for key, value in kept.items() if value[0] == account]:
                del kept[key]
        for number in [n for n, one in self.lists.items() if one.owner == account]:
            del self.lists[number]

    def _filtered_of(self, account: int, sender: int) -> set[tuple[int, int]]:
        return {t[:2] for t in self.told if t[:2] in self.filtered and t[::3] == (account, sender)}

    def _verdict(self, account: int, kind: str, sender: int, post: int) -> str:
        """accept, filter or drop: what the account's policy says, the strictest first."""
        if kind in ("status", "group_request", "group_accepted", "poll", "update"):
            return "accept"
        if self.requests.get((account, sender)) == "accepted":
            return "accept"
        policy = self.policies.get(account, NotificationPolicy())
        said = []
        if (sender, account) not in self.follows:
            said.append(policy.not_followers)
        if (account, sender) not in self.follows:
            said.append(policy.not_following)
            if self.stamp - self.accounts[sender].created < 30 * 24 * 3600 * 1000:
                said.append(policy.new_accounts)
            if sender in self.limited:
                said.append(policy.limited_accounts)
            row = self.row(post)
            private = kind == "mention" and row is not None and row.visibility == "direct"
            if private and row is not None and row.parent_author != account:
                said.append(policy.private_mentions)
        if "drop" in said:
            return "drop"
        if kind == "mention" and self.accounts[sender].role != "member":
            return "accept"
        return "filter" if "filter" in said else "accept"

    def _enter(self, group: int, account: int, role: str) -> None:
        self.roles[group, account] = role
        self.entered[group, account] = self.number

    def _leave(self, group: int, account: int) -> None:
        """A group that lost its last owner passes to who is in it for longest, moderators first."""
        was = self.roles.pop((group, account))
        del self.entered[group, account]
        inside = [a for g, a in self.roles if g == group and self.is_member(g, a)]
        if was != "owner" or [a for a in inside if self.roles[group, a] == "owner"]:
            return
        moderators = [a for a in inside if self.roles[group, a] == "moderator"]
        heirs = sorted(moderators or inside, key=lambda a: self.entered[group, a])
        if heirs:
            self.roles[group, heirs[0]] = "owner"

    def _unwish(self, follower: int, followed: int) -> None:
        if (follower, followed) in self.wishes:
            number = self.wishes.pop((follower, followed)).number
            self.told = [t for t in self.told if t[:2] != (followed, number)]
            self.filtered.discard((followed, number))

    def _unfollow(self, follower: int, followed: int) -> None:
        self.endorsements.discard((follower, followed))
        if (follower, followed) in self.follows:
            self._take_back(self.follows.pop((follower, followed)).number)
            # a list is of accounts that one follows
            for one in self.lists.values():
                if one.owner == follower:
                    one.members.pop(followed, None)

    def _mentioned(self, message: Post | Edit) -> list[int]:
        names = {account.name.lower(): number for number, account in self.accounts.items()}
        mentioned = []
        for mention in message.mentions:
            account = names.get(mention.name.lower(), 0)
            if account and account not in mentioned:
                mentioned.append(account)
        return mentioned

    def _said(self, message: Post | Edit) -> Said:
        return Said(
            message.text, message.language, message.warning, message.sensitive,
            tuple(sorted({tag.name for tag in message.tags})),
            message.poll.options if message.poll else (), self.stamp, self.number,
        )  # fmt: skip

    def _ask(self, row: Row, poll: Poll) -> None:
        ends = self.stamp + 1000 * poll.seconds
        row.poll = Asked(poll.options, poll.multiple, poll.hide_totals, ends)
        if (ends, 0, row.id) not in self.dues.values():
            self._later(ends, "poll", 0, row.id)

    @staticmethod
    def _same_poll(asked: Asked | None, poll: Poll | None) -> bool:
        if asked is None or poll is None:
            return asked is None and poll is None
        return (asked.options, asked.multiple) == (poll.options, poll.multiple)

    def _edit(self, actor: int, message: Edit) -> None:
        row = self.row(message.post)
        assert row is not None
        row.versions.append(self._said(message))
        if not self._same_poll(row.poll, message.poll):
            row.poll = None
            if message.poll:
                self._ask(row, message.poll)
        elif row.poll and message.poll:
            row.poll.hide_totals = message.poll.hide_totals
        for account in self._mentioned(message):
            # once is enough, whoever leads there from one version to the next
            if account not in row.ever_mentioned and self.visible(row, account):
                if not self._is_group(account):
                    self._tell(account, "mention", actor, row.id)
        row.ever_mentioned |= set(self._mentioned(message))
        for boost in self.posts:
            if boost.boost_of == row.id and not boost.deleted:
                self._tell(boost.author, "update", actor, row.id)
        self._live_change("edit", row)

    def _drop_draft(self, number: int) -> None:
        for kept in (self.drafts, self.dues, self.due_kinds):
            del kept[number]  # type: ignore[attr-defined]

    def _post(self, actor: int, message: Post, id_: int) -> None:
        mentioned = self._mentioned(message)
        parent, quoted = self.row(message.reply_to), self.row(message.quote_of)
        groups = [account for account in mentioned if self.is_member(account, actor)]
        row = Row(
            id_, self.number, actor, message.visibility, message.reply_to,
            parent.author if parent else 0, mentioned=mentioned,
            tags=sorted({tag.name for tag in message.tags}),
            groups=[] if message.visibility == "direct" else groups,
            language=message.language, quote_of=message.quote_of,
            quoted_author=quoted.author if quoted else 0, versions=[self._said(message)],
            ever_mentioned=set(mentioned),
        )  # fmt: skip
        self.posts.append(row)
        if message.poll:
            self._ask(row, message.poll)
        if message.visibility == "direct":
            for account in (actor, *mentioned):
                self.conversations[account, self.thread_of(row)] = id_
        for account in mentioned:
            if not self._is_group(account):  # nobody logs in as one
                self._tell(account, "mention", actor, id_)
        if quoted and self.visible(row, quoted.author):
            self._tell(quoted.author, "quote", actor, id_)
        if message.visibility != "direct" and (not parent or parent.author == actor):
            for (follower, followed), follow in sorted(self.follows.items()):
                if followed == actor and follow.notify:
                    self._tell(follower, "status", actor, id_)
        self._live_post(row)

    def _live_post(self, row: Row) -> None:
        readers = [account for account in self.accounts if self.is_candidate(row, account)]
        public = self.is_public(row)
        self.events.append(Event(row.number, "post", row.id, frozenset(readers), public))
        self._live_conversation(row)

    def _delete(self, id_: int) -> None:
        row = self.row(id_)
        assert row is not None
        self._bury(row)
        self._live_change("delete", row)

    def _bury(self, row: Row) -> None:
        row.deleted = True
        row.poll = None
        self._take_back(row.number if row.boost_of else 0)
        self.pins.pop((row.author, row.id), None)
        thread = self.thread_of(row)
        for account in (row.author, *row.mentioned):
            if row.visibility == "direct" and (account, thread) in self.conversations:
                left = [
                    other.id
                    for other in self.posts
                    if other.visibility == "direct" and not other.deleted
                    if account in (other.author, *other.mentioned)
                    if self.thread_of(other) == thread
                ]
                del self.conversations[account, thread]
                if left:
                    self.conversations[account, thread] = left[-1]

    def _live_change(self, kind: str, row: Row) -> None:
        """To whoever may have it before their eyes: at home, or as somebody it mentions."""
        readers = {account for account in self.accounts if self.is_candidate(row, account)}
        readers |= {row.author, *row.mentioned}
        public = row.visibility == "public"
        self.events.append(Event(self.number, kind, row.id, frozenset(readers), public))
        self._live_conversation(row)

    def _live_conversation(self, row: Row) -> None:
        if row.visibility == "direct":
            taking_part = frozenset({row.author, *row.mentioned})
            self.events.append(Event(self.number, "conversation", row.id, taking_part))

    def _live_own(self, kind: str, account: int) -> None:
        self.events.append(Event(self.number, kind, 0, frozenset([account])))

    def _live_all(self, kind: str, subject: int) -> None:
        self.events.append(Event(self.number, kind, subject, frozenset(self.accounts)))

    def _tell(self, account: int, kind: str, sender: int, post: int = 0) -> None:
        """At most one for an account and message: the first kind stands."""
        # of the end of a poll its author is told, too
        if (account == sender and kind != "poll") or self.blocked_either_way(account, sender):
            return
        row = self.row(post)
        if row is not None and (account, self.thread_of(row)) in self.muted_threads:
            return
        if account in self.suspended:
            return
        if self.mutes.get((account, sender), (False, 0))[0]:
            return
        if [t for t in self.told if t[:2] == (account, self.number)]:
            return
        verdict = self._verdict(account, kind, sender, post)
        if verdict == "drop":
            return
        self.told.append(Told(account, self.number, kind, sender, post))
        if verdict == "filter":
            self.filtered.add((account, self.number))
            self.requests[account, sender] = "waiting"
            return
        self.events.append(Event(self.number, "notification", 0, frozenset([account])))

    def _take_back(self, number: int) -> None:
        self.filtered = {pair for pair in self.filtered if pair[1] != number}
        self.told = [t for t in self.told if t.number != number]

    # --- looking up ---------------------------------------------------------------------------

    def row(self, id_: int) -> Row | None:
        for row in self.posts:
            if row.id == id_:
                return row
        return None

    def stamp_of(self, id_: int) -> int:
        """When a post was made: ids carry it."""
        return id_ >> 16

    def thread_of(self, row: Row) -> int:
        """The id of the post that began the thread."""
        while row.reply_to:
            parent = self.row(row.reply_to)
            assert parent is not None
            row = parent
        return row.id

    def boost_by(self, actor: int, original: int) -> int:
        """The id of the actor's standing boost of the post, or 0."""
        for row in self.posts:
            if row.boost_of == original != 0 and row.author == actor and not row.deleted:
                return row.id
        return 0

    def blocked_either_way(self, one: int, other: int) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sets_aside(self, reader: int, author: int) -> bool:
        """The reader blocks or mutes the author, or the author blocks the reader."""
        return self.blocked_either_way(reader, author) or (reader, author) in self.mutes

    # --- who gets it: the design's table ------------------------------------------------------

    def _is_group(self, account: int) -> bool:
        """With members: what they all left is nothing more."""
        return bool(
            [group for group, a in self.roles if group == account and self.is_member(group, a)]
        )

    def is_member(self, group: int, account: int) -> bool:
        return self.roles.get((group, account)) in ("member", "moderator", "owner")

    def visible(self, row: Row, reader: int) -> bool:
        """Reader 0 is a stranger."""
        if row.author in self.suspended:
            return False
        if row.author == reader:
            return True
        if (row.author, reader) in self.blocks:
            return False
        if row.visibility in ("public", "unlisted"):
            return True
        if row.visibility == "group" and [g for g in row.groups if self.groups[g] == "open"]:
            return True
        if not reader:
            return False
        if reader in row.mentioned:
            return True
        match row.visibility:
            case "followers":
                return (reader, row.author) in self.follows
            case "group":
                return bool([g for g in row.groups if self.is_member(g, reader)])
            case "local":
                return True
        return False

    def is_candidate(self, row: Row, reader: int, but_for_lists: bool = False) -> bool:
        """`but_for_lists`: were there no exclusive lists."""
        if row.visibility == "direct" or row.author in self.suspended:
            return False
        if row.author == reader:
            return True
        return not self._puts_aside(row, reader) and (
            self._by_follow(row, reader, but_for_lists)
            or self._by_group(row, reader)
            or self._by_tag(row, reader)
        )

    def _puts_aside(self, row: Row, reader: int) -> bool:
        for original in (row.original_author, row.quoted_author):
            # one who passes on what is its own is judged as the author
            if original and original != row.author and self.sets_aside(reader, original):
                return True
        if [account for account in row.mentioned if (reader, account) in self.blocks]:
            return True
        return self.sets_aside(reader, row.author)

    def _by_follow(self, row: Row, reader: int, but_for_lists: bool) -> bool:
        if row.visibility not in ("public", "unlisted", "followers", "local"):
            return False
        follow = self.follows.get((reader, row.author))
        if follow is None:
            return False
        if row.reply_to and row.parent_author not in (row.author, reader):
            if (reader, row.parent_author) not in self.follows:
                return False
        if row.boost_of and not follow.boosts:
            return False
        if row.language and follow.languages and row.language not in follow.languages:
            return False
        if but_for_lists:
            return True
        lists = [one for one in self.lists.values() if one.owner == reader and one.exclusive]
        return not [one for one in lists if row.author in one.members]

    def _by_group(self, row: Row, reader: int) -> bool:
        return bool([group for group in row.groups if self.is_member(group, reader)])

    def _by_tag(self, row: Row, reader: int) -> bool:
        if row.visibility != "public" or row.author in self.limited:
            return False
        return bool([tag for tag in row.tags if (reader, tag) in self.followed_tags])

    def is_public(self, row: Row) -> bool:
        """It stands in the queue of everybody: no boosts, no replies to others."""
        own = not row.reply_to or row.parent_author == row.author
        return row.visibility == "public" and not row.boost_of and own

    def is_shown(self, row: Row, reader: int) -> bool:
        """It stands and may be seen: a boost where its original is shown, a quote where its
        original may be seen or is gone."""
        if row.deleted or not self.visible(row, reader):
            return False
        original, quoted = self.row(row.boost_of), self.row(row.quote_of)
        if original is not None:
            return self.is_shown(original, reader)
        return quoted is None or quoted.deleted or self.visible(quoted, reader)

    # --- what is read -------------------------------------------------------------------------

    def candidates(self, reader: int) -> list[Row]:
        """Newest first, tombstones too."""
        return [row for row in reversed(self.posts) if self.is_candidate(row, reader)]

    def home(self, reader: int) -> list[int]:
        """Ids of what a reader is shown, newest first, to the very first post."""
        return self._folded(self.candidates(reader), reader)

    def list_queue(self, number: int) -> list[int]:
        """Of a list, as its owner is shown it."""
        one = self.lists[number]
        rows = [row for row in reversed(self.posts) if self.is_listed(row, one)]
        return self._folded(rows, one.owner)

    def is_listed(self, row: Row, one: List) -> bool:
        """Posts of the members that would stand in the owner's home if there were no exclusive
        lists; replies to others by the list's policy."""
        owner, parent = one.owner, row.parent_author
        if row.author not in one.members or not self.is_candidate(row, owner, but_for_lists=True):
            return False
        if not row.reply_to or parent in (row.author, owner):
            return True
        if one.replies == "followed":
            return (owner, parent) in self.follows
        return one.replies == "list" and parent in one.members

    def group_queue(self, group: int, reader: int) -> list[int] | None:
        """Newest first; None: the reader may not read it."""
        if self.groups.get(group) != "open" and not self.is_member(group, reader):
            return None
        return [
            row.id
            for row in reversed(self.posts)
            if group in row.groups and group not in row.taken_out_of and self._shared(row, reader)
        ]

    def conversation(self, thread: int, reader: int) -> list[int]:
        """The direct posts of a thread that the reader may see."""
        return [
            row.id
            for row in reversed(self.posts)
            if row.visibility == "direct" and self.thread_of(row) == thread
            if self._shared(row, reader)
        ]

    def _folded(self, candidates: list[Row], reader: int) -> list[int]:
        """Without what is gone or hidden, and without boosts of what stands near by."""
        shown = []
        for place, row in enumerate(candidates):
            if not self.is_shown(row, reader):
                continue
            if row.boost_of:
                older = candidates[place + 1 : place + 1 + limits.BOOST_WINDOW]
                if [o for o in older if row.boost_of in (o.id, o.boost_of)]:
                    continue
            shown.append(row.id)
        return shown

    def public(self, reader: int) -> list[int]:
        """The queue of everybody, newest first, without what the reader set aside."""
        return [
            row.id
            for row in reversed(self.posts)
            if self.is_public(row) and self._shared(row, reader)
        ]

    def tag(self, name: str, reader: int) -> list[int]:
        """Public posts with the tag, replies too."""
        return [
            row.id
            for row in reversed(self.posts)
            if row.visibility == "public" and not row.boost_of
            if name in row.versions[-1].tags and self._shared(row, reader)
        ]

    def queue(self, name: str, reader: int) -> list[int] | None:
        """Positions of any queue of the reader's, newest first; None: it has no such queue."""
        kind, _, which = name.partition("/")
        match kind:
            case "home":
                return self.home(reader)
            case "notifications":
                return [told.number for told in self.notifications(reader)]
            case "tag":
                return self.tag(which, reader)
            case "group":
                return self.group_queue(int(which), reader)
            case "conversation":
                return self.conversation(int(which), reader)
        number = int(which)
        found = number in self.lists and self.lists[number].owner == reader
        return self.list_queue(number) if found else None

    def _shared(self, row: Row, reader: int) -> bool:
        if not self.is_shown(row, reader) or self.sets_aside(reader, row.author):
            return False
        if row.author in self.limited and row.author != reader:
            if (reader, row.author) not in self.follows:
                return False
        mentions_blocked = [a for a in row.mentioned if (reader, a) in self.blocks]
        return row.author == reader or not mentions_blocked

    def outbox(self, author: int, reader: int) -> list[int]:
        """Ids of an account's posts and boosts that a reader may see, newest first."""
        shown = []
        for row in reversed(self.posts):
            if row.author == author and self.is_shown(row, reader):
                shown.append(row.id)
        return shown

    def notifications(self, account: int) -> list[Told]:
        """What an account is shown of its notifications, newest first: not of whom it blocks, or
        who blocks it, and not of posts that are gone or hidden."""
        shown = []
        for told in sorted(self.told, key=lambda t: -t.number):
            if told.account != account or self.blocked_either_way(account, told.sender):
                continue
            if told[:2] in self.filtered or told.sender in self.suspended:
                continue
            if told.post:
                row = self.row(told.post)
                assert row is not None
                if not self.is_shown(row, account):
                    continue
            shown.append(told)
        return shown

    def missed_direct(self, account: int, since: int) -> list[Event]:
        """What a resumed stream of direct posts is sent: conversations in which a post came that
        stands, or of which one was edited or taken back."""
        found = []
        for event in self.events:
            if event.kind == "conversation" and event.number > since and account in event.accounts:
                row = self.row(event.subject)
                assert row is not None
                if not (row.deleted and row.number == event.number):
                    found.append(event)
        return found

    def missed(self, account: int, since: int) -> list[Event]:
        """What a resumed stream of home and notifications is sent: all that came after a message,
        by the relations of now, the notifications last. Boosts are not folded, hidden
        notifications not told apart."""
        found = []
        for event in self.events:
            if event.number <= since:
                continue
            row = self.row(event.subject)
            if event.kind == "conversation":
                continue  # in a stream of their own
            elif event.kind == "notification":
                continue  # below: what was filtered had no event, and may be taken since
            elif row is None:
                concerns = account in event.accounts or event.kind.startswith("announcement")
            else:
                concerns = self.is_candidate(row, account)
                if event.kind in ("delete", "edit"):
                    concerns = concerns or account in (row.author, *row.mentioned)
            if concerns:
                found.append(event)
        for told in sorted(self.told):
            if told.account == account and told.number > since and told[:2] not in self.filtered:
                found.append(Event(told.number, "notification", 0, frozenset([account])))
        return found

    def unread_home(self, reader: int, position: int) -> int:
        """Exact; readers cap it at limits.UNREAD_MAX."""
        return len([id_ for id_ in self.home(reader) if id_ > position])

    def unread_notifications(self, account: int, position: int) -> int:
        return len([told for told in self.notifications(account) if told.number > position])

    def counts(self, account: int) -> tuple[int, int, int]:
        """Followers, following, posts that are not direct."""
        return (
            # a group's followers are its members
            len([1 for _, followed in self.follows if followed == account])
            + len([1 for group, a in self.roles if group == account and self.is_member(group, a)]),
            len([1 for follower, _ in self.follows if follower == account]),
            len(
                [
                    1
                    for row in self.posts
                    if row.author == account and not row.deleted and row.visibility != "direct"
                ]
            ),
        )

    def post_counts(self, id_: int) -> tuple[int, int, int]:
        """Replies that everybody may see, boosts, favourites."""
        return (
            len(
                [
                    1
                    for row in self.posts
                    if row.reply_to == id_
                    and not row.deleted
                    and row.visibility in ("public", "unlisted")
                ]
            ),
            len([1 for row in self.posts if row.boost_of == id_ and not row.deleted]),
            len([1 for post, _ in self.favourites if post == id_]),
        )
