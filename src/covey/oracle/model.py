"""What each message does to what is kept."""

from __future__ import annotations

from typing import Any

from covey import limits
from covey.messages import (
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
    Entry,
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
from covey.oracle.reading import Reading
from covey.oracle.rows import Account, Asked, Followed, List, Row, Said, Told


class Model(Reading):
    def replay(self, entry: Entry) -> None:
        """The next entry of a log."""
        self.stamp, self.number = entry.stamp, entry.number
        if entry.id and isinstance(entry.message, Post | Boost | Due):
            self.last_id = entry.id
        self.apply(entry.actor, entry.message, entry.id)

    # --- what it does -------------------------------------------------------------------------

    def apply(self, actor: int, message: AnyMessage, id_: int) -> None:
        number = self.number
        match message:
            case Register():
                self.accounts[id_] = Account(message.name, message.email, message.role, self.stamp)
                self.names[message.name.lower()] = id_
                if self.last_id:  # what was said before they came is no debt
                    self.positions[id_, "home"] = self.last_id
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
                self._end_pushes()
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
                self._end_pushes()
            case SubscribePush(token_hash=hash_):
                self.pushes[hash_] = (actor, number, message.alerts, message.policy)
            case ChangePush(token_hash=hash_):
                account, made, *_ = self.pushes[hash_]
                self.pushes[hash_] = (account, made, message.alerts, message.policy)
            case UnsubscribePush(number=made):
                self.pushes = {h: push for h, push in self.pushes.items() if push[1] != made}
            case OpenSession(session_hash=hash_):
                self.sessions[hash_] = actor
            case CloseSession(session_hash=hash_):
                del self.sessions[hash_]
            case Profile():
                if self.accounts[actor].locked and not message.locked:
                    self._later(self.stamp, "accept_follows", actor, 0)
                self.accounts[actor].locked = message.locked
            case Follow(account=target):
                before = self.follows.get((actor, target))
                asks = before is None and self.accounts[target].locked
                asked = self.wishes.get((actor, target)) if asks else before
                if not asks:
                    self._unwish(actor, target)
                how = Followed(
                    message.boosts,
                    message.notify,
                    message.languages,
                    asked.number if asked else number,
                )
                if asks:
                    self.wishes[actor, target] = how
                else:
                    self._follow(actor, target, how)
                if asked is None:  # who has begun to follow is a follower
                    self._tell(target, "follow_request" if asks else "follow", actor)
            case Unfollow(account=target):
                self._unwish(actor, target)
                self._unfollow(actor, target)
            case AcceptFollow(account=asking):
                self._accept(asking, actor)
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
                if due in self.dues:
                    self._happen(self.due_kinds.pop(due), *self.dues.pop(due), id_)
                else:
                    self.in_pieces = True
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
                else:
                    self.announcements[which or number] = (text, until)
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
                if until:
                    self._later(until, "end_filter", actor, which or number)
            case DeleteFilter(filter=which):
                del self.filters[which]
            case NotificationPolicy():
                self.policies[actor] = message
            case AcceptRequest(account=sender):
                self.requests[actor, sender] = "accepted"
                self.filtered -= self._filtered_of(actor, sender)
            case DismissRequest(account=sender):
                self.requests[actor, sender] = "dismissed"
                for account, which in self._filtered_of(actor, sender):
                    self._forget(account, which)
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
            case Boost():
                self._boost(actor, message, id_)
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
            case Read(queue=queue, position=position, keep=keep):
                read_to = self.positions.get((actor, queue), 0)
                kept_place = self.kept.pop((actor, queue), None)
                if kept_place and kept_place[1] <= self.stamp:
                    kept_place = None
                if keep and not kept_place and 0 < read_to < position:
                    kept_place = (read_to, self.stamp + limits.PLACE_KEPT_MS)
                if kept_place and position > kept_place[0]:
                    self.kept[actor, queue] = kept_place
                self.positions[actor, queue] = position
            case CreateGroup():
                self.accounts[id_] = Account(message.name, created=self.stamp)
                self.names[message.name.lower()] = id_
                self.groups[id_] = message.join
                self._enter(id_, actor, "owner")
            case ChangeGroup():
                self.groups[message.group] = message.join
            case JoinGroup(group=group):
                invited = self.roles.get((group, actor)) == "invited"
                if self.groups[group] == "request" and not invited:
                    self._enter(group, actor, "asked")
                    for (where, account), rank in self.roles.items():
                        if where == group and rank in ("moderator", "owner"):
                            self._tell(account, "group_request", actor)
                else:
                    self._enter(group, actor, "member")
            case LeaveGroup(group=group):
                self._leave(group, actor)
            case InviteToGroup(group=group, account=account):
                if self.roles.get((group, account)) == "asked":
                    self._enter(group, account, "member")
                    self._tell(account, "group_accepted", actor)
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
            case Dismiss(number=which, since=since):
                like = self.notified.get(which, {}).get(actor)
                for told in [which] if which else list(self.notified):
                    self._forget(actor, told)
                for other in list(self.notified) if like and since else ():
                    near = self.notified[other].get(actor)
                    if like and near and since <= other <= which:
                        if (near.kind, near.post) == (like.kind, like.post):
                            self._forget(actor, other)
            case SetQuotePolicy(post=post, quotes=quotes):
                self.rows[post].quotes = quotes
            case RevokeQuote(post=post):
                self._revoke(post)
            case DeleteConversation(thread=thread):
                del self.conversations[actor, thread]
            case DismissSuggestion(account=account):
                self.dismissed[actor, account] = number
            case Report():
                self.reports.append((actor, self.stamp, message))
            case ReadAnnouncement(announcement=announcement):
                self.read_announcements.add((actor, announcement))
            case React(announcement=announcement, name=name):
                self.reactions.add((announcement, name, actor))
            case Unreact(announcement=announcement, name=name):
                self.reactions.remove((announcement, name, actor))

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
            case "end_filter":
                if subject in self.filters and self.filters[subject][1].until == at:
                    del self.filters[subject]
            case "accept_follows":
                if not self.accounts[account].locked:
                    waiting = sorted((wish.number, pair) for pair, wish in self.wishes.items())
                    for _, (asking, asked) in waiting:
                        if asked == account and self.accounts[asking].standing == "active":
                            self._accept(asking, account)
            case "close_account":
                self._dissolve(account)

    def _end_pushes(self) -> None:
        """Of tokens that ended."""
        self.pushes = {h: push for h, push in self.pushes.items() if h in self.tokens}

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
        self._end_pushes()
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
        for number in list(self.notified):
            self._forget(account, number)
        self.policies.pop(account, None)
        of_account: tuple[dict[Any, Any], ...] = (
            self.mutes, self.followed_tags, self.featured_tags, self.positions, self.notes,
            self.requests, self.bookmarks, self.pins, self.conversations, self.kept,
            self.dismissed,
        )  # fmt: skip
        for mine in of_account:
            for key in [key for key in mine if key[0] == account]:
                del mine[key]
        self.domains = {pair for pair in self.domains if pair[0] != account}
        self.read_announcements = {p for p in self.read_announcements if p[0] != account}
        self.reactions = {one for one in self.reactions if one[2] != account}
        self.muted_threads = {pair for pair in self.muted_threads if pair[0] != account}
        for number in [n for n, (whose, _, _) in self.drafts.items() if whose == account]:
            self._drop_draft(number)
        self.filters = {n: f for n, f in self.filters.items() if f[0] != account}
        self.invites = {code: i for code, i in self.invites.items() if i[0] != account}
        for number in [n for n, one in self.lists.items() if one.owner == account]:
            del self.lists[number]

    def _filtered_of(self, account: int, sender: int) -> set[tuple[int, int]]:
        return {
            (whose, number)
            for whose, number in self.filtered
            if whose == account and self.notified[number][whose].sender == sender
        }

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
            self._forget(followed, self.wishes.pop((follower, followed)).number)

    def _accept(self, asking: int, asked: int) -> None:
        wish = self.wishes[asking, asked]
        self._unwish(asking, asked)
        self._follow(asking, asked, wish._replace(number=self.number))

    def _follow(self, follower: int, followed: int, how: Followed) -> None:
        self.follows[follower, followed] = how
        watchers = self.watchers.setdefault(followed, set())
        watchers.discard(follower)
        if how.notify:
            watchers.add(follower)

    def _unfollow(self, follower: int, followed: int) -> None:
        self.endorsements.discard((follower, followed))
        if (follower, followed) in self.follows:
            self._take_back(self.follows.pop((follower, followed)).number)
            self.watchers[followed].discard(follower)
            # a list is of accounts that one follows
            for one in self.lists.values():
                if one.owner == follower:
                    one.members.pop(followed, None)

    def _mentioned(self, message: Post | Edit, actor: int) -> list[int]:
        """A secret group is nobody to who has nothing to do with it."""
        mentioned = []
        for mention in message.mentions:
            account = self.names.get(mention.name.lower(), 0) if mention.name.isascii() else 0
            secret = self.groups.get(account) == "secret"
            if secret and (account, actor) not in self.roles:
                continue
            if account and account not in mentioned:
                mentioned.append(account)
        return mentioned

    def _posted_to(self, actor: int, message: Post) -> list[int]:
        """Groups; a post to groups only goes on in those of what it answers."""
        parent = self.row(message.reply_to)
        found = self._mentioned(message, actor)
        if message.visibility == "group" and parent:
            found += [group for group in parent.groups if group not in found]
        return [group for group in found if self.is_member(group, actor)]

    def _revoke(self, post: int) -> None:
        self.rows[post].revoked = True

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
        for account in self._mentioned(message, actor):
            # once is enough, whoever leads there from one version to the next
            if account not in row.ever_mentioned and self.visible(row, account):
                if not self._is_group(account):
                    self._tell(account, "mention", actor, row.id)
        row.ever_mentioned |= set(self._mentioned(message, actor))
        for boost in self.boosts.get(row.id, []):
            if not boost.deleted:
                self._tell(boost.author, "update", actor, row.id)
        for quote in self.quoting.get(row.id, []):
            if not quote.deleted and not quote.revoked:
                self._tell(quote.author, "quoted_update", actor, quote.id)

    def _drop_draft(self, number: int) -> None:
        del self.drafts[number]
        del self.dues[number]
        del self.due_kinds[number]

    def _post(self, actor: int, message: Post, id_: int) -> None:
        mentioned = self._mentioned(message, actor)
        parent, quoted = self.row(message.reply_to), self.row(message.quote_of)
        groups = self._posted_to(actor, message)
        row = Row(
            id_, self.number, actor, message.visibility, message.reply_to,
            parent.author if parent else 0, mentioned=mentioned,
            tags=sorted({tag.name for tag in message.tags}),
            groups=[] if message.visibility == "direct" else groups,
            language=message.language, quote_of=message.quote_of, quotes=message.quotes,
            quoted_author=quoted.author if quoted else 0, versions=[self._said(message)],
            ever_mentioned=set(mentioned),
        )  # fmt: skip
        self._add(row)
        if quoted:
            self.quoting.setdefault(quoted.id, []).append(row)
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
            watchers = sorted(self.watchers.get(actor, ()))
            for follower in watchers[: limits.ROWS_PER_MESSAGE]:
                self._tell(follower, "status", actor, id_)

    def _boost(self, actor: int, message: Boost, id_: int) -> None:
        original = self.rows[message.post]
        widths = ["public", "unlisted", "local", "followers"]
        width = max(widths.index(message.visibility), widths.index(original.visibility))
        self._add(
            Row(
                id_, self.number, actor, widths[width], boost_of=original.id,
                original_author=original.author, mentioned=list(original.mentioned),
            )
        )  # fmt: skip
        self._tell(original.author, "boost", actor, original.id)

    def _add(self, row: Row) -> None:
        self.posts.append(row)
        self.rows[row.id] = row
        if row.boost_of:
            self.boosts.setdefault(row.boost_of, []).append(row)

    def _delete(self, id_: int) -> None:
        row = self.row(id_)
        assert row is not None
        self._bury(row)

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

    def _tell(self, account: int, kind: str, sender: int, post: int = 0) -> bool:
        """At most one for an account and message: the first kind stands. → whether it is told, and
        neither is it told already nor does it wait."""
        # of the end of a poll its author is told, too
        if (account == sender and kind != "poll") or self.blocked_either_way(account, sender):
            return False
        row = self.row(post)
        if row is not None and (account, self.thread_of(row)) in self.muted_threads:
            return False
        if account in self.suspended:
            return False
        if self.mutes.get((account, sender), (False, 0))[0]:
            return False
        if account in self.notified.get(self.number, {}):
            return False
        verdict = self._verdict(account, kind, sender, post)
        if verdict == "drop":
            return False
        told = Told(account, self.number, kind, sender, post)
        self.notified.setdefault(self.number, {})[account] = told
        if verdict == "filter":
            self.filtered.add((account, self.number))
            self.requests[account, sender] = "waiting"
            return False
        return True

    def _take_back(self, number: int) -> None:
        for account in self.notified.pop(number, ()):
            self.filtered.discard((account, number))

    def _forget(self, account: int, number: int) -> None:
        if self.notified.get(number, {}).pop(account, None):
            self.filtered.discard((account, number))
