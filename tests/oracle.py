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
    AnyMessage,
    App,
    Block,
    Boost,
    CloseSession,
    Delete,
    Dismiss,
    Due,
    Favourite,
    Follow,
    Grant,
    Mute,
    OpenSession,
    Password,
    Post,
    Profile,
    Read,
    Register,
    RevokeToken,
    SetRole,
    Token,
    Unblock,
    Unboost,
    Unfavourite,
    Unfollow,
    Unmute,
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
    """"post" (subject: post id), "notification" (0), "delete" (post id), "read" (0)."""
    subject: int
    accounts: frozenset[int]
    public: bool = False
    """Whoever watches the public queue is told too."""


@dataclass
class Account:
    name: str
    email: str = ""
    role: str = "member"


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
    deleted: bool = False


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
        self.follows: dict[tuple[int, int], tuple[bool, bool, int]] = {}
        """(follower, followed) → boosts, notify, number of the message that began it."""
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
        """number → at, account, target."""
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
        if isinstance(message, Register):
            id_ = len(self.accounts) + 1
        elif isinstance(message, App):
            id_ = len(self.apps) + 1
        elif isinstance(message, Post | Boost):
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
        dues = sorted((at, number) for number, (at, _, _) in self.dues.items())
        return [number for at, number in dues if at <= stamp]

    # --- what is allowed ----------------------------------------------------------------------

    def check(self, actor: int, message: AnyMessage, stamp: int) -> None:
        match message:
            case Register():
                self._only_the_server(actor)
                if message.name.lower() in [a.name.lower() for a in self.accounts.values()]:
                    raise No("name_taken")
                if message.email and message.email in [a.email for a in self.accounts.values()]:
                    raise No("email_taken")
            case Profile():
                self._account(actor)
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
                self._account(actor)
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
                    self._account(message.account)
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
                self._account(actor)
                if hash_ in self.sessions:
                    raise No("already_done")
            case CloseSession(session_hash=hash_):
                if self.sessions.get(hash_) != actor:
                    raise No("not_found")
            case Follow(account=target):
                self._account(actor)
                self._account(target)
                if target == actor:
                    raise No("self_follow")
                if (actor, target) in self.blocks:
                    raise No("blocked_by_you")
                if (target, actor) in self.blocks:
                    raise No("blocks_you")
                options = (message.boosts, message.notify)
                if (actor, target) in self.follows and self.follows[actor, target][:2] == options:
                    raise No("already_done")
            case Unfollow(account=target):
                self._account(target)
                if (actor, target) not in self.follows:
                    raise No("already_done")
            case Block(account=target):
                self._account(actor)
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
                self._account(actor)
                self._account(target)
                if target == actor:
                    raise No("self_mute")
                if until and not stamp < until <= stamp + limits.MUTE_MS_MAX:
                    raise No("parameter_malformed")
            case Unmute(account=target):
                self._account(target)
                if (actor, target) not in self.mutes:
                    raise No("already_done")
            case Post(text=text, reply_to=parent):
                self._account(actor)
                if not text.strip():
                    raise No("text_empty")
                if len(text) > limits.POST_CHARACTERS:  # histories have no links
                    raise No("text_long")
                if parent:
                    self._standing(parent, actor)
            case Delete(post=id_):
                row = self.row(id_)
                if row is None or row.deleted or row.author != actor:
                    raise No("not_yours")
            case Boost(post=id_):
                self._account(actor)
                row = self._standing(id_, actor)
                own = row.author == actor
                if row.visibility == "direct" or (row.visibility == "followers" and not own):
                    raise No("boost_not_allowed")
                if message.visibility == "direct":
                    raise No("visibility_unknown")
                if self.boost_by(actor, id_):
                    raise No("already_done")
            case Unboost(post=id_):
                if not self.boost_by(actor, id_):
                    raise No("already_done")
            case Favourite(post=id_):
                self._account(actor)
                self._standing(id_, actor)
                if (id_, actor) in self.favourites:
                    raise No("already_done")
            case Unfavourite(post=id_):
                if (id_, actor) not in self.favourites:
                    raise No("already_done")
            case Read(queue=queue, position=position):
                self._account(actor)
                if queue not in ("home", "notifications"):
                    raise No("queue_unknown")
                if position < 0:
                    raise No("position_negative")
            case Dismiss(number=number):
                if number and not [t for t in self.told if t[:2] == (actor, number)]:
                    raise No("not_found")
            case Due(number=number):
                self._only_the_server(actor)
                if number not in self.dues:
                    raise No("due_gone")
                if self.dues[number][0] > stamp:
                    raise No("not_yet_due")

    def _only_the_server(self, actor: int) -> None:
        if actor != SERVER:
            raise No("forbidden")

    def _account(self, number: int) -> None:
        if number not in self.accounts:
            raise No("not_found")

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
                self.accounts[id_] = Account(message.name, message.email, message.role)
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
            case Follow(account=target):
                began = number
                if (actor, target) in self.follows:
                    began = self.follows[actor, target][2]
                else:
                    self._tell(target, "follow", actor)
                self.follows[actor, target] = (message.boosts, message.notify, began)
            case Unfollow(account=target):
                self._unfollow(actor, target)
            case Block(account=target):
                self.blocks.add((actor, target))
                self._unfollow(actor, target)
                self._unfollow(target, actor)
            case Unblock(account=target):
                self.blocks.remove((actor, target))
            case Mute(account=target, notifications=notifications, until=until):
                self.mutes[actor, target] = (notifications, until)
                if until:
                    self.dues[number] = (until, actor, target)
            case Unmute(account=target):
                del self.mutes[actor, target]
            case Due(number=due):
                at, account, target = self.dues.pop(due)
                # unless it was ended or prolonged since
                if (account, target) in self.mutes and self.mutes[account, target][1] == at:
                    del self.mutes[account, target]
            case Post():
                self._post(actor, message, id_)
            case Boost(post=original, visibility=visibility):
                row = self.row(original)
                assert row is not None
                widths = ["public", "unlisted", "followers"]
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
                self.events.append(Event(number, "read", 0, frozenset([actor])))
            case Dismiss(number=which):
                self.told = [
                    t for t in self.told if t.account != actor or which not in (0, t.number)
                ]

    def _unfollow(self, follower: int, followed: int) -> None:
        if (follower, followed) in self.follows:
            self._take_back(self.follows.pop((follower, followed))[2])

    def _post(self, actor: int, message: Post, id_: int) -> None:
        names = {account.name.lower(): number for number, account in self.accounts.items()}
        mentioned = []
        for mention in message.mentions:
            account = names.get(mention.name.lower(), 0)
            if account and account not in mentioned:
                mentioned.append(account)
        parent = self.row(message.reply_to)
        row = Row(
            id_, self.number, actor, message.visibility, message.reply_to,
            parent.author if parent else 0, mentioned=mentioned,
            tags=sorted({tag.name for tag in message.tags}),
        )  # fmt: skip
        self.posts.append(row)
        for account in mentioned:
            self._tell(account, "mention", actor, id_)
        if message.visibility != "direct" and (not parent or parent.author == actor):
            for (follower, followed), (_, notify, _) in sorted(self.follows.items()):
                if followed == actor and notify:
                    self._tell(follower, "status", actor, id_)
        self._live_post(row)

    def _live_post(self, row: Row) -> None:
        readers = [account for account in self.accounts if self.is_candidate(row, account)]
        public = self.is_public(row)
        self.events.append(Event(row.number, "post", row.id, frozenset(readers), public))

    def _delete(self, id_: int) -> None:
        row = self.row(id_)
        assert row is not None
        row.deleted = True
        self._take_back(row.number if row.boost_of else 0)
        # whoever may have it before their eyes: at home, or as somebody it mentions
        readers = {account for account in self.accounts if self.is_candidate(row, account)}
        readers |= {row.author, *row.mentioned}
        public = row.visibility == "public"
        self.events.append(Event(self.number, "delete", id_, frozenset(readers), public))

    def _tell(self, account: int, kind: str, sender: int, post: int = 0) -> None:
        """At most one for an account and message: the first kind stands."""
        if account == sender or self.blocked_either_way(account, sender):
            return
        if self.mutes.get((account, sender), (False, 0))[0]:
            return
        if [t for t in self.told if t[:2] == (account, self.number)]:
            return
        self.told.append(Told(account, self.number, kind, sender, post))
        self.events.append(Event(self.number, "notification", 0, frozenset([account])))

    def _take_back(self, number: int) -> None:
        self.told = [t for t in self.told if t.number != number]

    # --- looking up ---------------------------------------------------------------------------

    def row(self, id_: int) -> Row | None:
        for row in self.posts:
            if row.id == id_:
                return row
        return None

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

    def visible(self, row: Row, reader: int) -> bool:
        if row.author == reader:
            return True
        if (row.author, reader) in self.blocks:
            return False
        if row.visibility in ("public", "unlisted"):
            return True
        if reader in row.mentioned:
            return True
        return row.visibility == "followers" and (reader, row.author) in self.follows

    def is_candidate(self, row: Row, reader: int) -> bool:
        if row.visibility == "direct":
            return False
        if row.author == reader:
            return True
        if (reader, row.author) not in self.follows:
            return False
        hears_both = row.parent_author in (row.author, reader) or (
            (reader, row.parent_author) in self.follows
        )
        if row.reply_to and not hears_both:
            return False
        if row.boost_of and not self.follows[reader, row.author][0]:
            return False
        if self.sets_aside(reader, row.author):
            return False
        if row.boost_of and self.sets_aside(reader, row.original_author):
            return False
        return not [account for account in row.mentioned if (reader, account) in self.blocks]

    def is_public(self, row: Row) -> bool:
        """It stands in the queue of everybody: no boosts, no replies to others."""
        own = not row.reply_to or row.parent_author == row.author
        return row.visibility == "public" and not row.boost_of and own

    # --- what is read -------------------------------------------------------------------------

    def candidates(self, reader: int) -> list[Row]:
        """Newest first, tombstones too."""
        return [row for row in reversed(self.posts) if self.is_candidate(row, reader)]

    def home(self, reader: int) -> list[int]:
        """Ids of what a reader is shown, newest first, to the very first post."""
        candidates = self.candidates(reader)
        shown = []
        for place, row in enumerate(candidates):
            if row.deleted or not self.visible(row, reader):
                continue
            if row.boost_of:
                original = self.row(row.boost_of)
                assert original is not None
                if original.deleted or not self.visible(original, reader):
                    continue
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
            if name in row.tags and row.visibility == "public" and self._shared(row, reader)
        ]

    def _shared(self, row: Row, reader: int) -> bool:
        if row.deleted or self.sets_aside(reader, row.author):
            return False
        mentions_blocked = [a for a in row.mentioned if (reader, a) in self.blocks]
        return row.author == reader or not mentions_blocked

    def outbox(self, author: int, reader: int) -> list[int]:
        """Ids of an account's posts and boosts that a reader may see, newest first."""
        shown = []
        for row in reversed(self.posts):
            if row.author != author or row.deleted or not self.visible(row, reader):
                continue
            if row.boost_of:
                original = self.row(row.boost_of)
                assert original is not None
                if original.deleted or not self.visible(original, reader):
                    continue
            shown.append(row.id)
        return shown

    def notifications(self, account: int) -> list[Told]:
        """What an account is shown of its notifications, newest first: not of whom it blocks, or
        who blocks it, and not of posts that are gone or hidden."""
        shown = []
        for told in sorted(self.told, key=lambda t: -t.number):
            if told.account != account or self.blocked_either_way(account, told.sender):
                continue
            if told.post:
                row = self.row(told.post)
                assert row is not None
                if row.deleted or not self.visible(row, account):
                    continue
            shown.append(told)
        return shown

    def missed(self, account: int, since: int) -> list[Event]:
        """What a resumed stream of home and notifications is sent: all that came after a message,
        by the relations of now. Boosts are not folded, hidden notifications not told apart."""
        found = []
        for event in self.events:
            if event.number <= since:
                continue
            row = self.row(event.subject) if event.subject else None
            if event.kind == "read":
                concerns = account in event.accounts
            elif event.kind == "notification":
                told = [t for t in self.told if t[:2] == (account, event.number)]
                concerns = account in event.accounts and bool(told)
            else:
                assert row is not None
                concerns = self.is_candidate(row, account)
                if event.kind == "delete":
                    concerns = concerns or account in (row.author, *row.mentioned)
            if concerns:
                found.append(event)
        return found

    def unread_home(self, reader: int, position: int) -> int:
        """Exact; readers cap it at limits.UNREAD_MAX."""
        return len([id_ for id_ in self.home(reader) if id_ > position])

    def unread_notifications(self, account: int, position: int) -> int:
        return len([told for told in self.notifications(account) if told.number > position])

    def counts(self, account: int) -> tuple[int, int, int]:
        """Followers, following, posts that are not direct."""
        return (
            len([1 for _, followed in self.follows if followed == account]),
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
