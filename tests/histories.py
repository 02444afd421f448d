"""Random histories of submissions, for hypothesis.

A history is a list of `Step`s: a kind and a few small numbers. Which account and which post they
mean is only looked up when the step's turn comes, in an oracle that has run ahead, so that most
steps make sense and a history stays one when hypothesis takes steps out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st
from tests.oracle import Oracle

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
    Field,
    Follow,
    FollowTag,
    Grant,
    GroupKind,
    GroupRole,
    Invite,
    InviteToGroup,
    JoinGroup,
    Keyword,
    LeaveGroup,
    Limit,
    Mention,
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
    PushPolicy,
    QuotePolicy,
    React,
    Read,
    ReadAnnouncement,
    Register,
    RejectFollow,
    RemoveFollower,
    RemoveFromGroup,
    RemoveFromList,
    RemoveMember,
    RepliesPolicy,
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
    Tag,
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
    Visibility,
    Vote,
)
from covey.state.push import ALERTS

START_MS = 1_767_225_600_000
"""The first history begins on 1 January 2026."""

NAMES = ["ann", "bob", "cyd", "dee", "eve", "fay", "gus", "hal"]
VISIBILITIES: list[Visibility] = ["public", "unlisted", "followers", "direct", "group", "local"]
GROUPS = ["owls", "oaks", "elms"]
JOINS: list[GroupKind] = ["open", "request", "invitation", "secret"]
ROLES: list[GroupRole] = ["member", "moderator", "owner"]
TAGS = ["birds", "trees"]
REPLIES: list[RepliesPolicy] = ["followed", "list", "none"]
QUOTES: list[QuotePolicy] = ["public", "followers", "nobody"]
LANGUAGES = ["en", "de", "fa"]
MINUTE_MS = 60_000
POLICIES: list[PushPolicy] = ["all", "followed", "follower", "none"]
PUSH_KEY = bytes.fromhex(
    "042571b2becdfde360551aaf1ed0f4cd366c11cebe555f89bcb7b186a53339173168ece2ebe018597bd30479b86e3c8f"
    "8eced577ca59187e9246990db682008b0e"
)
"""A subscriber's public key: that of the examples in RFC 8291."""


RUNNING = (Limit, Suspend, Restore, ApproveAccount, SetRules, Announce, Setting)
"""What few may do."""


def subscribe_push(
    token_hash: bytes,
    *,
    alerts: tuple[str, ...] = ALERTS,
    policy: PushPolicy = "all",
    endpoint: str = "https://push.example/device",
    public_key: bytes = PUSH_KEY,
    auth: bytes = bytes(16),
    sealed: bytes = b"sealed",
    standard: bool = False,
) -> SubscribePush:
    return SubscribePush(
        token_hash=token_hash, endpoint=endpoint, public_key=public_key, auth=auth, sealed=sealed,
        standard=standard, alerts=alerts, policy=policy,
    )  # fmt: skip


class Submission(NamedTuple):
    actor: int
    message: AnyMessage
    key: bytes


class Step(NamedTuple):
    kind: str
    who: int
    whom: int
    what: int
    how: int
    key: int


READING = {
    "post": 16, "burst": 2, "delete": 4, "boost": 6, "unboost": 2, "favourite": 2, "unfavourite": 1,
    "follow": 10, "unfollow": 4, "block": 2, "unblock": 2, "mute": 3, "unmute": 2,
    "read": 2, "dismiss": 1, "due": 2, "wait": 3, "register": 1,
    "edit": 4, "draft": 2, "vote": 2, "mute_thread": 1,
    "follow_tag": 3, "unfollow_tag": 1, "create_list": 2, "change_list": 1, "delete_list": 1,
    "add_to_list": 3, "remove_from_list": 1,
    "create_group": 2, "change_group": 1, "join_group": 5, "leave_group": 1, "invite_to_group": 2,
    "accept_member": 2, "remove_member": 1, "group_role": 1, "remove_from_group": 2,
    "profile": 2, "accept_follow": 3, "reject_follow": 1, "remove_follower": 1,
    "quote_policy": 1, "revoke_quote": 2, "delete_conversation": 1,
    "limit": 1, "suspend": 1, "restore": 2, "policy": 1, "accept_request": 1, "dismiss_request": 1,
    "filter": 1, "delete_filter": 1, "announce": 1,
}  # fmt: skip
"""What changes homes, notifications and live streams."""

EVERYTHING = {
    **READING, "password": 1, "role": 1, "app": 1, "grant": 2, "token": 2,
    "subscribe_push": 3, "change_push": 1, "unsubscribe_push": 1,
    "revoke_token": 1, "open_session": 2, "close_session": 1,
    "feature_tag": 1, "unfeature_tag": 1,
    "approve": 1, "close_account": 1, "rules": 1, "announce": 1, "setting": 1, "invite": 1,
    "sign_up": 3, "note": 1, "endorse": 1, "unendorse": 1, "block_domain": 1, "unblock_domain": 1,
    "filter": 2, "delete_filter": 1,
    "dismiss_suggestion": 1, "report": 2, "read_announcement": 1, "react": 2, "unreact": 1,
    "edit": 6, "draft": 4, "change_draft": 1, "cancel_draft": 2, "vote": 5, "mute_thread": 2,
    "unmute_thread": 1, "bookmark": 2, "unbookmark": 1, "pin": 3, "unpin": 1, "due": 4,
}  # fmt: skip

REASONS = {
    "post": 14, "delete": 2, "edit": 2, "boost": 2, "follow": 4, "unfollow": 1, "follow_tag": 5,
    "unfollow_tag": 1, "create_group": 2, "join_group": 6, "leave_group": 1, "remove_from_group": 2,
    "create_list": 2, "add_to_list": 4, "remove_from_list": 1, "change_list": 2, "mute": 1,
}  # fmt: skip
"""What brings posts of strangers into homes, and keeps those of the followed out of them."""

RELATIONS = {
    "follow": 8, "unfollow": 3, "block": 2, "unblock": 2, "mute": 4, "unmute": 2, "due": 1,
    "wait": 1, "follow_tag": 2, "unfollow_tag": 1, "create_list": 1, "change_list": 1,
    "delete_list": 1, "add_to_list": 2, "remove_from_list": 1,
    "create_group": 1, "join_group": 2, "leave_group": 1, "accept_follow": 1, "profile": 1,
    "limit": 1, "suspend": 1, "restore": 2,
}  # fmt: skip
"""Batches that move floors and publish nothing."""


def histories(
    weights: dict[str, int] = READING, *, mean: int = 25
) -> st.SearchStrategy[list[Step]]:
    """Of about `mean` steps (25 or a multiple), sometimes four times as many.

    Each is six bytes and no six numbers, and the list is one of lists of lists: so hypothesis makes
    long ones (`lists` has about five of anything), and can still take steps out of them."""
    kinds = [kind for kind, weight in weights.items() for _ in range(weight)]

    def step(drawn: bytes) -> Step:
        kind, *numbers = drawn
        return Step(kinds[kind * len(kinds) // 256], *(number % 64 for number in numbers))

    stretch = st.lists(st.lists(st.binary(min_size=6, max_size=6), max_size=12), max_size=12)
    return st.lists(stretch, max_size=2 * mean // 25).map(
        lambda parts: [step(drawn) for part in parts for steps in part for drawn in steps]
    )


def founding(accounts: int = 5) -> list[Submission]:
    """Registrations to begin with, the first an administrator."""
    return [
        Submission(
            SERVER,
            Register(name=name, role="member" if place else "administrator"),
            b"u" + bytes([place]) * 16,
        )
        for place, name in enumerate(NAMES[:accounts])
    ]


class Teller:
    """Tells steps as submissions, with an oracle that has seen all before them.

    `now` is the clock (ms) that the engine under test must be given too.
    """

    def __init__(self, oracle: Oracle, now: int = START_MS) -> None:
        self.oracle = oracle
        self.now = now
        self.told = 0

    def tell(self, step: Step) -> list[Submission]:
        """Usually one; a burst is many; a wait none (the clock moves), or what is due then."""
        if step.kind == "wait":
            # not a whole number of anything, so that nothing falls due to the millisecond
            waits = [7, 999, 11 * MINUTE_MS, 61 * MINUTE_MS, 25 * 60 * MINUTE_MS]
            next_due = min((at for at, _, _ in self.oracle.dues.values()), default=0)
            if step.how % 2 and next_due > self.now:
                # then the timer comes
                self.now = next_due + 7
                return [self._submission(step._replace(kind="due", who=0, what=0, key=0))]
            self.now += waits[step.how // 2 % 5]
            return []
        if step.kind == "burst":
            posts = [step._replace(kind="post", what=0, how=0, key=0)] * (20 + step.how % 30)
            return [self._submission(post) for post in posts]
        return [self._submission(step)]

    def _submission(self, step: Step) -> Submission:
        self.told += 1
        accounts = len(self.oracle.accounts)
        # now and then somebody who is not there
        actor = accounts + 1 if step.who == 63 else 1 + step.who % max(accounts, 1)
        while actor in self.oracle.groups:  # nobody logs in as one
            actor -= 1
        message = self._message(step, actor)
        if isinstance(message, Register | App | Token | Due):
            actor = SERVER if step.who != 62 else actor
        if isinstance(message, RUNNING) and step.who < 48:
            actor = (SERVER, 1)[step.who % 2]
        if step.how % 8:
            actor = self._owner(message) or actor
        return Submission(actor, message, self._key(step))

    def _owner(self, message: AnyMessage) -> int:
        """Who alone may do it; 0: whoever."""
        oracle = self.oracle
        if isinstance(message, ChangeDraft | CancelDraft):
            return oracle.drafts.get(message.number, (0,))[0]
        if isinstance(message, AcceptMember | RemoveMember | SetGroupRole | ChangeGroup):
            owners = [a for (g, a), role in oracle.roles.items() if role == "owner"
                      if g == message.group]  # fmt: skip
            return owners[0] if owners else 0
        if isinstance(message, RevokeQuote):
            row = oracle.row(message.post)
            return row.quoted_author if row else 0
        if isinstance(message, Edit | Pin | Delete | SetQuotePolicy):
            row = oracle.row(message.post)
            return row.author if row else 0
        kept = oracle.pins if isinstance(message, Unpin) else oracle.bookmarks
        if isinstance(message, Unpin | Unbookmark):
            return next((account for account, post in kept if post == message.post), 0)
        return 0

    def _key(self, step: Step) -> bytes:
        """Mostly fresh; some come again, of each sort."""
        if step.key < 48:
            return b"e" + self.told.to_bytes(16, "big")
        which = step.key % 3
        return (b"u" + bytes([which]) * 15 + b"k", b"cgood morning", b"e" + bytes(16))[which]

    def _account(self, choice: int) -> int:
        accounts = len(self.oracle.accounts)
        return accounts + 1 if choice == 63 else 1 + choice % max(accounts, 1)

    def _other(self, actor: int, choice: int) -> int:
        """Somebody else; now and then oneself after all."""
        account = self._account(choice)
        return self._account(choice + 1) if account == actor and choice < 56 else account

    def _related(self, relation: Iterable[tuple[int, int]], actor: int, step: Step) -> int:
        """Whom the actor has in this relation; now and then anybody."""
        own = [target for account, target in relation if account == actor]
        return own[step.whom % len(own)] if own and step.how % 8 else self._account(step.whom)

    def _post(self, choice: int) -> int:
        """One of the last few posts, of any state; now and then none, or an id that never was."""
        posts = self.oracle.posts
        if choice == 63 or not posts:
            return 12345
        return posts[-1 - choice % min(len(posts), 24)].id

    def _own(self, actor: int, choice: int) -> int:
        own = [row.id for row in self.oracle.posts if row.author == actor and not row.deleted]
        return own[-1 - choice % len(own)] if own else self._post(choice)

    def _group(self, step: Step) -> int:
        """One of the groups; now and then none."""
        groups = list(self.oracle.groups)
        if not groups or step.how == 63:
            return self._account(step.whom)
        return groups[step.what // 4 % len(groups)]

    def _membership(self, step: Step) -> tuple[int, int]:
        """(group, account) of somebody who is in a group, or on the way; now and then of nobody."""
        roles = self.oracle.roles
        found = [pair for pair in roles if roles[pair] == "asked"] or list(roles)
        if step.kind != "accept_member":
            found = list(roles)
        if not found or step.how % 8 == 0:
            return self._group(step), self._account(step.whom)
        return found[step.whom % len(found)]

    def _list(self, actor: int, step: Step) -> int:
        """One of the actor's lists; now and then anybody's, or none."""
        lists = self.oracle.lists
        own = [number for number, one in lists.items() if one.owner == actor]
        found = own if own and step.how % 8 else list(lists)
        return found[step.what // 2 % len(found)] if found else 12345

    def _queue(self, actor: int, step: Step) -> str:
        """The name of a queue, mostly of one that the actor has."""
        what, how = step.what, step.how
        match how % 12:
            case 0 | 1 | 2:
                return "notifications"
            case 3:
                return f"tag/{TAGS[what % 2]}" if how < 60 else "tag/No tag"
            case 4 | 5:
                return f"list/{self._list(actor, step)}"
            case 6:
                groups = list(self.oracle.groups)
                return f"group/{groups[what % len(groups)] if groups else what}"
            case 7:
                said = [row for row in self.oracle.posts if row.visibility == "direct"]
                thread = self.oracle.thread_of(said[what % len(said)]) if said else 0
                return f"conversation/{thread}"
            case 8:
                return "elsewhere"
        return "home"

    def _words(
        self, step: Step, actor: int = 0
    ) -> tuple[str, tuple[Mention, ...], tuple[Tag, ...]]:
        what, how = step.what, step.how
        if how == 62:
            return "  \n", (), ()
        if how == 63:
            return "long " * 101, (), ()
        text, mentions, tags = f"post {self.told}", [], []
        if what % 4 == 1:
            for choice in {step.whom, step.whom // 4}:
                name = NAMES[choice % len(NAMES)] if choice != 63 else "nobody"
                mentions.append(Mention(len(text) + 1, len(text) + 2 + len(name), name))
                text += f" @{name}"
        groups = list(self.oracle.groups)
        if groups and what % 4 in (0, 3):
            own = [group for group in groups if self.oracle.is_member(group, actor)]
            found = own if own and step.key % 8 else groups
            name = self.oracle.accounts[found[step.whom % len(found)]].name
            mentions.append(Mention(len(text) + 1, len(text) + 2 + len(name), name))
            text += f" @{name}"
        if what % 5 == 1:
            tags.append(Tag(len(text) + 1, len(text) + 7, "birds"))
            text += " #Birds"
        if what % 7 == 3:
            tags.append(Tag(len(text) + 1, len(text) + 7, "trees"))
            text += " #trees"
        return text, tuple(mentions), tuple(tags)

    def _poll(self, step: Step) -> Poll | None:
        """Now and then one; of few sorts, so that an edit meets the same one again."""
        if step.what % 4 != 2:
            return None
        options = (("yes", "no"), ("red", "green", "blue"), ("alone",))[step.how % 9 % 5 % 3]
        return Poll(options, (300, 1200)[step.key % 2], step.key % 3 == 0, step.how % 4 == 0)

    def _post_message(self, step: Step, actor: int) -> Post:
        what, how = step.what, step.how
        text, mentions, tags = self._words(step, actor)
        return Post(
            text=text,
            visibility=VISIBILITIES[(0, 0, 0, 0, 1, 2, 2, 3, 0, 4, 4, 0, 1, 4, 5, 3)[how % 16]],
            reply_to=self._post(step.whom) if what % 3 == 2 else 0,
            quote_of=self._post(step.whom) if what % 9 == 4 else 0,
            quotes=QUOTES[(0, 0, 0, 1, 2)[step.key % 5]],
            poll=self._poll(step),
            mentions=mentions,
            tags=tags,
            language=["", *LANGUAGES][step.key % 4],
        )

    def _soon(self, step: Step) -> int:
        """A moment to which something is put off; now and then one that is past."""
        later = (1, 5 * MINUTE_MS, 0, 60 * MINUTE_MS)[step.how % 4]
        return max(self.now, self.oracle.stamp) + later

    def _until(self, step: Step) -> int:
        """Mostly without end, else soon; now and then a moment that is past."""
        minutes = (0, 0, 5, 600, -5)[step.key % 5]
        return max(self.now, self.oracle.stamp) + minutes * MINUTE_MS if minutes else 0

    def _message(self, step: Step, actor: int) -> AnyMessage:
        oracle, whom, what, how = self.oracle, step.whom, step.what, step.how
        hash_ = bytes([what % 4]) * 32
        match step.kind:
            case "register":
                return Register(name=NAMES[whom % len(NAMES)], email=["", "a@b.cd"][how % 2])
            case "profile":
                return Profile(
                    display_name=f"Name {how}", note="I am #Tag", note_tags=(Tag(5, 9, "tag"),),
                    fields=(Field("site", "x"),) * (how % 3), bot=how % 2 == 0, locked=how % 4 == 1,
                )  # fmt: skip
            case "password":
                account = actor if how % 4 else self._account(whom)
                return Password(account=account, password_hash="h", keep_session=hash_)
            case "role":
                role = ("member", "moderator", "administrator")[how % 3]
                return SetRole(account=self._account(whom), role=role)  # type: ignore[arg-type]
            case "app":
                return App(
                    client_id=f"client {self.told}", secret_hash=hash_, name="App",
                    redirect_uris=("https://app.example/back",), scopes="read write",
                )  # fmt: skip
            case "grant":
                app = 1 + how % max(len(oracle.apps), 1)
                uri = "https://app.example/back" if how != 63 else "https://evil.example/"
                # not one that has expired: it may be forgotten, or not yet
                hash_ = hash_[:24] + self.now.to_bytes(8, "big")
                return Grant(code_hash=hash_, app=app, scopes="read", redirect_uri=uri)
            case "token":
                hash_, code = bytes([16 + what % 8]) * 32, b""
                app, account, scopes = 1, self._account(whom), "read"
                if how % 2 and oracle.grants:
                    code = list(oracle.grants)[how % len(oracle.grants)]
                    app, account, scopes, _ = oracle.grants[code]
                return Token(
                    token_hash=hash_, app=app, account=account, scopes=scopes, code_hash=code
                )
            case "revoke_token":
                return RevokeToken(token_hash=bytes([16 + what % 8]) * 32)
            case "subscribe_push":
                held = [h for h, account in oracle.tokens.items() if account == actor]
                return subscribe_push(
                    held[what % len(held)] if held else bytes([16 + what % 8]) * 32,
                    alerts=ALERTS[: how % 9], policy=POLICIES[whom % 4],
                )  # fmt: skip
            case "change_push":
                pushes = list(oracle.pushes) or [hash_]
                return ChangePush(
                    token_hash=pushes[what % len(pushes)], alerts=ALERTS[: how % 9],
                    policy=POLICIES[whom % 4],
                )  # fmt: skip
            case "unsubscribe_push":
                made = [number for _, number, *_ in oracle.pushes.values()] or [1]
                return UnsubscribePush(number=made[what % len(made)])
            case "open_session":
                return OpenSession(session_hash=hash_, agent="Browser")
            case "close_session":
                return CloseSession(session_hash=hash_)
            case "follow":
                return Follow(
                    account=self._other(actor, whom), boosts=how % 4 != 0, notify=how % 3 == 0,
                    languages=tuple(LANGUAGES[: what % 4 - 1]) if what % 4 > 1 else (),
                )  # fmt: skip
            case "unfollow":
                both = [*oracle.follows, *oracle.wishes]
                return Unfollow(account=self._related(both, actor, step))
            case "accept_follow":
                return AcceptFollow(account=self._related(_turned(oracle.wishes), actor, step))
            case "reject_follow":
                return RejectFollow(account=self._related(_turned(oracle.wishes), actor, step))
            case "remove_follower":
                return RemoveFollower(account=self._related(_turned(oracle.follows), actor, step))
            case "create_group":
                return CreateGroup(name=GROUPS[what % len(GROUPS)], join=JOINS[how % 4])
            case "change_group":
                return ChangeGroup(group=self._group(step), join=JOINS[how % 4])
            case "join_group":
                return JoinGroup(group=self._group(step))
            case "leave_group":
                return LeaveGroup(group=self._group(step))
            case "invite_to_group":
                return InviteToGroup(group=self._group(step), account=self._account(whom))
            case "accept_member" | "remove_member" | "group_role":
                group, account = self._membership(step)
                if step.kind == "accept_member":
                    return AcceptMember(group=group, account=account)
                if step.kind == "remove_member":
                    return RemoveMember(group=group, account=account)
                return SetGroupRole(group=group, account=account, role=ROLES[what % 3])
            case "remove_from_group":
                rows = [row for row in oracle.posts if row.groups]
                row = rows[-1 - what % len(rows)] if rows else None
                group = row.groups[0] if row and how % 8 else self._group(step)
                return RemoveFromGroup(group=group, post=row.id if row else self._post(what))
            case "block":
                return Block(account=self._other(actor, whom))
            case "unblock":
                return Unblock(account=self._related(sorted(oracle.blocks), actor, step))
            case "mute":
                minutes = (0, 5, 30, 600)[how % 4]
                until = max(self.now, oracle.stamp) + minutes * MINUTE_MS if minutes else 0
                return Mute(
                    account=self._other(actor, whom), notifications=what % 2 == 0, until=until
                )
            case "unmute":
                return Unmute(account=self._related(oracle.mutes, actor, step))
            case "post":
                return self._post_message(step, actor)
            case "edit":
                text, mentions, tags = self._words(step)
                post = self._own(actor, whom) if how % 8 else self._post(what)
                row = oracle.row(post)
                if row is not None and row.versions and how % 5 == 0:
                    text, mentions, tags = row.versions[-1].text, (), ()
                return Edit(
                    post=post, text=text, mentions=mentions, tags=tags, poll=self._poll(step),
                    sensitive=how % 16 == 1,
                )  # fmt: skip
            case "draft":
                return Draft(post=self._post_message(step, actor), at=self._soon(step))
            case "change_draft" | "cancel_draft":
                drafts = list(oracle.drafts)
                number = drafts[what % len(drafts)] if drafts and how % 8 else what
                if step.kind == "cancel_draft":
                    return CancelDraft(number=number)
                return ChangeDraft(number=number, at=self._soon(step))
            case "bookmark":
                return Bookmark(post=self._post(what))
            case "unbookmark":
                kept = [post for _, post in oracle.bookmarks]
                return Unbookmark(post=kept[what % len(kept)] if kept else self._post(what))
            case "pin":
                return Pin(post=self._own(actor, what) if how % 8 else self._post(what))
            case "unpin":
                kept = [post for _, post in oracle.pins]
                return Unpin(post=kept[what % len(kept)] if kept else self._post(what))
            case "mute_thread":
                return MuteThread(post=self._post(what))
            case "unmute_thread":
                own = [thread for account, thread in oracle.muted_threads if account == actor]
                return UnmuteThread(post=own[what % len(own)] if own else self._post(what))
            case "vote":
                asked = [row.id for row in oracle.posts if row.poll]
                post = asked[-1 - what % len(asked)] if asked and how % 8 else self._post(what)
                choices = (whom % 3, how % 3)[: 1 + how % 2]
                return Vote(post=post, choices=choices if how != 63 else ())
            case "delete":
                boosted = {row.boost_of for row in oracle.posts}
                own = [r.id for r in oracle.posts if r.id in boosted and r.author == actor]
                if own and how % 8 < 4:
                    return Delete(post=own[what % len(own)])
                return Delete(post=self._own(actor, what) if how % 8 < 7 else self._post(what))
            case "boost":
                visibility = VISIBILITIES[
                    (0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 0, 1, 2, 5)[how % 16]
                ]
                # mostly of what is new, but also of what lies beyond the boost window
                originals = [r.id for r in oracle.posts if not r.boost_of and not r.deleted]
                originals = originals[-12:] if whom % 8 < 5 else originals[:12]
                post = originals[-1 - what % len(originals)] if originals and whom % 8 else 0
                return Boost(post=post or self._post(what), visibility=visibility)
            case "unboost":
                own = [r.boost_of for r in oracle.posts if r.boost_of and r.author == actor]
                return Unboost(post=own[-1 - what % len(own)] if own else self._post(what))
            case "favourite":
                return Favourite(post=self._post(what))
            case "unfavourite":
                own = [post for post, account in oracle.favourites if account == actor]
                return Unfavourite(post=own[what % len(own)] if own else self._post(what))
            case "read":
                queue = self._queue(actor, step)
                position = what if queue == "notifications" else self._post(what)
                return Read(
                    queue=queue, position=position if how != 63 else -1, keep=step.key % 2 == 0
                )
            case "quote_policy":
                return SetQuotePolicy(post=self._own(actor, what), quotes=QUOTES[how % 3])
            case "revoke_quote":
                quoting = [row.id for row in oracle.posts if row.quote_of and not row.deleted]
                post = quoting[what % len(quoting)] if quoting and how % 8 else self._post(what)
                return RevokeQuote(post=post)
            case "delete_conversation":
                own = [thread for account, thread in oracle.conversations if account == actor]
                return DeleteConversation(thread=own[what % len(own)] if own else what)
            case "dismiss_suggestion":
                return DismissSuggestion(account=self._account(whom))
            case "report":
                posts = [self._post(what)] if how % 2 else []
                row = oracle.row(posts[0]) if posts else None
                return Report(
                    account=row.author if row and how % 8 else self._account(whom),
                    posts=tuple(posts), category=("spam", "violation")[what % 2],  # type: ignore
                    comment="It sells.", rules=(1,) if what % 4 == 1 else (),
                )  # fmt: skip
            case "read_announcement":
                return ReadAnnouncement(announcement=next(iter(oracle.announcements), what))
            case "react" | "unreact":
                kind = React if step.kind == "react" else Unreact
                name = ("\N{OWL}", "\N{BIRD}", " ")[how % 5 % 3]
                return kind(announcement=next(iter(oracle.announcements), what), name=name)
            case "follow_tag":
                return FollowTag(name=TAGS[what % 2] if how != 63 else "No tag")
            case "unfollow_tag":
                return UnfollowTag(name=TAGS[what % 2])
            case "feature_tag":
                return FeatureTag(name=TAGS[what % 2])
            case "unfeature_tag":
                return UnfeatureTag(name=TAGS[what % 2])
            case "create_list":
                title = f"list {self.told}" if how != 63 else ""
                return CreateList(title=title, replies=REPLIES[how % 3], exclusive=what % 2 == 0)
            case "change_list":
                replies, exclusive = REPLIES[how % 3], what % 2 == 0
                number = self._list(actor, step)
                return ChangeList(list=number, title="list", replies=replies, exclusive=exclusive)
            case "delete_list":
                return DeleteList(list=self._list(actor, step))
            case "add_to_list":
                followed = [b for a, b in oracle.follows if a == actor] or [self._account(whom)]
                accounts = {followed[whom % len(followed)], followed[how % len(followed)]}
                if how % 8 == 0:
                    accounts.add(self._account(whom))
                return AddToList(list=self._list(actor, step), accounts=tuple(accounts))
            case "remove_from_list":
                number = self._list(actor, step)
                members = list(oracle.lists[number].members) if number in oracle.lists else []
                account = members[whom % len(members)] if members else self._account(whom)
                return RemoveFromList(list=number, accounts=(account,))
            case "dismiss":
                own = [t.number for t in oracle.told if t.account == actor]
                number = own[what % len(own)] if own and how % 8 else how % 2 * what
                return Dismiss(number=number, since=own[0] if own and how % 3 == 0 else 0)
            case "limit":
                return Limit(account=self._account(whom), reason="spam")
            case "suspend":
                return Suspend(account=self._account(whom))
            case "restore" | "approve":
                kind = Restore if step.kind == "restore" else ApproveAccount
                away = sorted(oracle.suspended | oracle.limited)
                return kind(
                    account=away[whom % len(away)] if away and how % 8 else self._account(whom)
                )
            case "close_account":
                return CloseAccount()
            case "rules":
                return SetRules(rules=("Be kind", "Be brief", "  ")[: how % 4])
            case "announce":
                return Announce(
                    announcement=next(iter(oracle.announcements), what % 2),
                    text=("Hear", "Hear!", "")[how % 3], until=self._until(step),
                )  # fmt: skip
            case "setting":
                values = ("open", "approval", "invitation", "closed")
                return Setting(name="registrations", value=values[how % 4])
            case "invite":
                return Invite(code_hash=hash_, uses=how % 3, until=self._until(step))
            case "sign_up":
                return Register(
                    name=NAMES[whom % len(NAMES)], signed_up=True,
                    invite_hash=hash_ if how % 2 else b"",
                )  # fmt: skip
            case "note":
                return Note(account=self._account(whom), text=("", "An owl")[how % 2])
            case "endorse":
                return Endorse(account=self._related(oracle.follows, actor, step))
            case "unendorse":
                return Unendorse(account=self._related(sorted(oracle.endorsements), actor, step))
            case "block_domain":
                return BlockDomain(domain=("a.example", "b.example")[how % 2])
            case "unblock_domain":
                return UnblockDomain(domain=("a.example", "b.example")[how % 2])
            case "filter":
                own = [n for n, (owner, _) in oracle.filters.items() if owner == actor]
                return SetFilter(
                    filter=own[0] if own and what % 2 else how // 62, title="Owls",
                    contexts=("home", "public"), keywords=(Keyword("owl"),), posts=(7,),
                    until=self._until(step),
                )  # fmt: skip
            case "delete_filter":
                own = [n for n, (owner, _) in oracle.filters.items() if owner == actor]
                return DeleteFilter(filter=own[0] if own else how)
            case "policy":
                words = ("accept", "filter", "drop")
                return NotificationPolicy(
                    not_following=words[what % 4 % 3], not_followers=words[how % 5 % 3],  # type: ignore
                    new_accounts=words[whom % 7 % 3], private_mentions=words[what // 4 % 3],  # type: ignore
                    limited_accounts=words[how // 5 % 3],  # type: ignore
                )  # fmt: skip
            case "accept_request" | "dismiss_request":
                ask = AcceptRequest if step.kind == "accept_request" else DismissRequest
                return ask(account=self._related(oracle.requests, actor, step))
            case "due":
                dues = oracle.due(self.now) if how % 4 else list(oracle.dues)
                return Due(number=dues[what % len(dues)] if dues else what)
        raise ValueError(step.kind)


def _turned(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(other, one) for one, other in pairs]


def cut(submissions: Sequence[Submission], sizes: Sequence[int]) -> list[list[Submission]]:
    """Into batches of these sizes; what is left is the last one."""
    batches, start = [], 0
    for size in sizes:
        batches.append(list(submissions[start : start + size]))
        start += size
    batches.append(list(submissions[start:]))
    return [batch for batch in batches if batch]
