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
    AnyMessage,
    App,
    Block,
    Boost,
    CloseSession,
    Delete,
    Dismiss,
    Due,
    Favourite,
    Field,
    Follow,
    Grant,
    Mention,
    Mute,
    OpenSession,
    Password,
    Post,
    Profile,
    Read,
    Register,
    RevokeToken,
    SetRole,
    Tag,
    Token,
    Unblock,
    Unboost,
    Unfavourite,
    Unfollow,
    Unmute,
    Visibility,
)

START_MS = 1_767_225_600_000
"""The first history begins on 1 January 2026."""

NAMES = ["ann", "bob", "cyd", "dee", "eve", "fay", "gus", "hal"]
VISIBILITIES: list[Visibility] = ["public", "unlisted", "followers", "direct"]
MINUTE_MS = 60_000


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
    "read": 2, "dismiss": 1, "due": 1, "wait": 3, "register": 1,
}  # fmt: skip
"""What changes homes, notifications and live streams."""

EVERYTHING = {
    **READING, "profile": 2, "password": 1, "role": 1, "app": 1, "grant": 2, "token": 2,
    "revoke_token": 1, "open_session": 2, "close_session": 1,
}  # fmt: skip

RELATIONS = {
    "follow": 8, "unfollow": 3, "block": 2, "unblock": 2, "mute": 4, "unmute": 2, "due": 1,
    "wait": 1,
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
        """Usually one; a burst is many; a wait none (the clock moves)."""
        if step.kind == "wait":
            # not a whole number of anything, so that nothing falls due to the millisecond
            self.now += [7, 999, 11 * MINUTE_MS, 61 * MINUTE_MS, 25 * 60 * MINUTE_MS][step.how % 5]
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
        message = self._message(step, actor)
        if isinstance(message, Register | App | Token | Due):
            actor = SERVER if step.who != 62 else actor
        return Submission(actor, message, self._key(step))

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

    def _post_message(self, step: Step) -> Post:
        what, how = step.what, step.how
        if how == 62:
            return Post(text="  \n")
        if how == 63:
            return Post(text="long " * 101)
        text, mentions, tags = f"post {self.told}", [], []
        if what % 4 == 1:
            for choice in {step.whom, step.whom // 4}:
                name = NAMES[choice % len(NAMES)] if choice != 63 else "nobody"
                mentions.append(Mention(len(text) + 1, len(text) + 2 + len(name), name))
                text += f" @{name}"
        if what % 5 == 1:
            tags.append(Tag(len(text) + 1, len(text) + 7, "birds"))
            text += " #Birds"
        return Post(
            text=text,
            visibility=VISIBILITIES[(0, 0, 0, 0, 1, 2, 2, 3)[how % 8]],
            reply_to=self._post(step.whom) if what % 3 == 2 else 0,
            mentions=tuple(mentions),
            tags=tuple(tags),
        )

    def _message(self, step: Step, actor: int) -> AnyMessage:
        oracle, whom, what, how = self.oracle, step.whom, step.what, step.how
        hash_ = bytes([what % 4]) * 32
        match step.kind:
            case "register":
                return Register(name=NAMES[whom % len(NAMES)], email=["", "a@b.cd"][how % 2])
            case "profile":
                return Profile(
                    display_name=f"Name {how}", note="I am #Tag", note_tags=(Tag(5, 9, "tag"),),
                    fields=(Field("site", "x"),) * (how % 3), bot=how % 2 == 0,
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
            case "open_session":
                return OpenSession(session_hash=hash_, agent="Browser")
            case "close_session":
                return CloseSession(session_hash=hash_)
            case "follow":
                return Follow(
                    account=self._other(actor, whom), boosts=how % 4 != 0, notify=how % 3 == 0
                )
            case "unfollow":
                return Unfollow(account=self._related(oracle.follows, actor, step))
            case "block":
                return Block(account=self._other(actor, whom))
            case "unblock":
                return Unblock(account=self._related(sorted(oracle.blocks), actor, step))
            case "mute":
                minutes = (0, 5, 30, 600)[how % 4]
                until = max(self.now, oracle.stamp) + minutes * MINUTE_MS if minutes else 0
                target = self._other(actor, whom)
                return Mute(account=target, notifications=what % 2 == 0, until=until)
            case "unmute":
                return Unmute(account=self._related(oracle.mutes, actor, step))
            case "post":
                return self._post_message(step)
            case "delete":
                boosted = {row.boost_of for row in oracle.posts}
                own = [r.id for r in oracle.posts if r.id in boosted and r.author == actor]
                if own and how % 8 < 4:
                    return Delete(post=own[what % len(own)])
                return Delete(post=self._own(actor, what) if how % 8 < 7 else self._post(what))
            case "boost":
                visibility = VISIBILITIES[(0, 0, 0, 0, 0, 1, 2, 3)[how % 8]]
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
                queue = ("home", "notifications", "elsewhere")[(0, 0, 0, 1, 1, 1, 1, 2)[how % 8]]
                position = self._post(what) if queue == "home" else what
                return Read(queue=queue, position=position if how != 63 else -1)
            case "dismiss":
                own = [t.number for t in oracle.told if t.account == actor]
                return Dismiss(number=own[what % len(own)] if own and how % 8 else how % 2 * what)
            case "due":
                dues = oracle.due(self.now) if how % 4 else list(oracle.dues)
                return Due(number=dues[what % len(dues)] if dues else what)
        raise ValueError(step.kind)


def cut(submissions: Sequence[Submission], sizes: Sequence[int]) -> list[list[Submission]]:
    """Into batches of these sizes; what is left is the last one."""
    batches, start = [], 0
    for size in sizes:
        batches.append(list(submissions[start : start + size]))
        start += size
    batches.append(list(submissions[start:]))
    return [batch for batch in batches if batch]
