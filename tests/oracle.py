"""What must be so, for tests: the model that `covey verify` ships, and on top of it what may be done
and what live streams carry.

It takes submissions in the order in which the engine takes them and says for each whether it is
accepted, under which number and id, or with which code it is refused. Then it answers what any
queue holds, what a page of it is, and what a live stream must have carried.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    ChangePush,
    CloseAccount,
    CloseSession,
    CreateGroup,
    CreateList,
    Delete,
    DeleteConversation,
    DeleteFilter,
    DeleteList,
    Dismiss,
    DismissRequest,
    DismissSuggestion,
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
    OpenSession,
    Password,
    Pin,
    Post,
    React,
    Read,
    ReadAnnouncement,
    Register,
    RejectFollow,
    RemoveFollower,
    RemoveFromGroup,
    RemoveFromList,
    RemoveMember,
    Report,
    Restore,
    RevokeQuote,
    RevokeToken,
    SetFilter,
    SetGroupRole,
    SetQuotePolicy,
    SetRole,
    SetRules,
    Setting,
    SubscribePush,
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
    Unreact,
    UnsubscribePush,
    Vote,
)
from covey.oracle.model import Model
from covey.oracle.rows import List, Row


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


class Oracle(Model):
    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[tuple[int, bytes], tuple[Accepted, int | None]] = {}
        """(actor, key) → answer, until when; None: for good."""
        self.events: list[Event] = []

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
            case SubscribePush(token_hash=hash_):
                if not actor or self.tokens.get(hash_) != actor:
                    raise No("not_found")
            case ChangePush(token_hash=hash_):
                if hash_ not in self.pushes or self.pushes[hash_][0] != actor:
                    raise No("not_found")
            case UnsubscribePush(number=made):
                owners = [account for account, number, *_ in self.pushes.values() if number == made]
                if not owners or actor not in (SERVER, *owners):
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
                    allowed = row.visibility in ("public", "unlisted") and (
                        row.quotes == "public"
                        or (row.quotes == "followers" and (actor, row.author) in self.follows)
                    )
                    if row.author != actor and not allowed:
                        raise No("quote_not_allowed")
                if message.visibility == "group" and not self._posted_to(actor, message):
                    raise No("group_missing")
            case SetQuotePolicy(post=id_, quotes=quotes):
                row = self.row(id_)
                if row is None or row.deleted or row.boost_of or row.author != actor:
                    raise No("not_yours")
                if row.quotes == quotes:
                    raise No("already_done")
            case RevokeQuote(post=id_):
                row = self.row(id_)
                if row is None or row.deleted or not row.quote_of or row.quoted_author != actor:
                    raise No("not_found")
                if row.revoked:
                    raise No("already_done")
            case DeleteConversation(thread=thread):
                if (actor, thread) not in self.conversations:
                    raise No("not_found")
            case DismissSuggestion(account=target):
                self._there(target)
                if (actor, target) in self.dismissed:
                    raise No("already_done")
            case Report(account=target, posts=posts, rules=rules):
                self._there(target)
                for id_ in posts:
                    if self._standing(id_, actor).author != target:
                        raise No("report_posts")
                if [rule for rule in rules if not 0 < rule <= len(self.rules)]:
                    raise No("report_rule")
                sent = [r for r in self.reports if r[0] == actor]
                if len([r for r in sent if r[1] > stamp - 86_400_000]) >= limits.REPORTS_PER_DAY:
                    raise No("reports_many")
            case ReadAnnouncement(announcement=which) | React(announcement=which):
                if which not in self.announcements:
                    raise No("not_found")
                if isinstance(message, React):
                    others = {n for w, n, _ in self.reactions if w == which and n != message.name}
                    if not message.name.strip():
                        raise No("text_empty")
                    if (which, message.name, actor) in self.reactions:
                        raise No("already_done")
                    if len(others) >= limits.REACTIONS_PER_ANNOUNCEMENT:
                        raise No("reactions_many")
                elif (actor, which) in self.read_announcements:
                    raise No("already_done")
            case Unreact(announcement=which, name=name):
                if (which, name, actor) not in self.reactions:
                    raise No("already_done")
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
                opened = role == "asked" and self.groups[group] == "open"
                if role not in (None, "invited") and not opened:
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
                if account in self.groups:
                    raise No("not_found")
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
                        texts = ("extended_description", "privacy_policy", "terms_of_service")
                        if name not in ("registrations", *texts):
                            raise No("setting_unknown")
                        if value == self.settings.get(name, "" if name in texts else "open"):
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

    # --- live ---------------------------------------------------------------------------------

    def apply(self, actor: int, message: AnyMessage, id_: int) -> None:
        super().apply(actor, message, id_)
        match message:
            case Read():
                self._live_own("read", actor)
            case SetFilter() | DeleteFilter():
                self._live_own("filters_changed", actor)
            case AcceptRequest():
                self._live_own("notifications_merged", actor)
            case Announce(announcement=which, text=text):
                gone = not text.strip()
                kind = "announcement.delete" if gone else "announcement"
                self._live_all(kind, which or self.number)

    def _happen(self, kind: str, at: int, account: int, subject: int, id_: int) -> None:
        announced, filtered = subject in self.announcements, subject in self.filters
        super()._happen(kind, at, account, subject, id_)
        if kind == "end_announcement" and announced and subject not in self.announcements:
            self._live_all("announcement.delete", subject)
        if kind == "end_filter" and filtered and subject not in self.filters:
            self._live_own("filters_changed", account)

    def _post(self, actor: int, message: Post, id_: int) -> None:
        super()._post(actor, message, id_)
        self._live_post(self.posts[-1])

    def _boost(self, actor: int, message: Boost, id_: int) -> None:
        super()._boost(actor, message, id_)
        self._live_post(self.posts[-1])

    def _edit(self, actor: int, message: Edit) -> None:
        super()._edit(actor, message)
        self._live_change("edit", self.rows[message.post])

    def _revoke(self, post: int) -> None:
        super()._revoke(post)
        self._live_change("edit", self.rows[post])

    def _delete(self, id_: int) -> None:
        super()._delete(id_)
        self._live_change("delete", self.rows[id_])

    def _tell(self, account: int, kind: str, sender: int, post: int = 0) -> bool:
        told = super()._tell(account, kind, sender, post)
        if told:
            self.events.append(Event(self.number, "notification", 0, frozenset([account])))
        return told

    def _live_post(self, row: Row) -> None:
        readers = [account for account in self.accounts if self.is_candidate(row, account)]
        public = self.is_public(row)
        self.events.append(Event(row.number, "post", row.id, frozenset(readers), public))
        self._live_conversation(row)

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

    # --- counts -------------------------------------------------------------------------------

    def unread_home(self, reader: int, position: int) -> int:
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

    def post_counts(self, id_: int) -> tuple[int, int, int, int]:
        """Replies and quotes that everybody may see, boosts, favourites."""
        return (
            len(
                [
                    1
                    for row in self.quoting.get(id_, [])
                    if not row.deleted
                    and not row.revoked
                    and row.visibility in ("public", "unlisted")
                ]
            ),
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
