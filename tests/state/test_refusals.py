"""Each refusal of `check`, raised by a submission that deserves nothing else; and just inside of
each limit, none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.folders import scratch
from tests.histories import START_MS, subscribe_push
from tests.state.plain_engine import PlainEngine

import covey.limits
import covey.state
from covey.errors import REFUSALS, Refused
from covey.limits import (
    AGENT_CHARACTERS,
    APP_NAME_CHARACTERS,
    DISPLAY_NAME_CHARACTERS,
    EDITS_PER_POST,
    EMAIL_CHARACTERS,
    GRANT_MS,
    KEYWORDS_PER_FILTER,
    LANGUAGES_PER_FOLLOW,
    LINKS_PER_POST,
    MENTIONS_PER_POST,
    MUTE_MS_MAX,
    NAME_CHARACTERS,
    NOTE_CHARACTERS,
    PINS_PER_ACCOUNT,
    POLL_SECONDS_MAX,
    POLL_SECONDS_MIN,
    POST_CHARACTERS,
    POSTS_PER_FILTER,
    POSTS_PER_REPORT,
    PROFILE_FIELD_CHARACTERS,
    PROFILE_FIELDS,
    REACTIONS_PER_ANNOUNCEMENT,
    REDIRECT_URIS,
    REPORT_CHARACTERS,
    RULES,
    TAG_CHARACTERS,
    TAGS_PER_POST,
    URL_CHARACTERS,
    WARNING_CHARACTERS,
)
from covey.messages import (
    SERVER,
    AddToList,
    Announce,
    AnyMessage,
    App,
    ApproveAccount,
    Block,
    BlockDomain,
    Boost,
    ChangeGroup,
    ChangePush,
    CloseSession,
    CreateGroup,
    CreateList,
    Delete,
    DeleteConversation,
    Dismiss,
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
    Invite,
    JoinGroup,
    Keyword,
    Link,
    Mention,
    Mute,
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
    Report,
    Restore,
    RevokeQuote,
    RevokeToken,
    SetFilter,
    SetQuotePolicy,
    SetRole,
    SetRules,
    Setting,
    Suspend,
    Tag,
    Token,
    Unblock,
    Unboost,
    Unfavourite,
    Unfollow,
    Unmute,
    Unreact,
    UnsubscribePush,
    Vote,
)
from covey.state.all import CHECKS

BACK = "https://app.example/back"
CLOSED, OPEN, CODE, OLD_CODE, TOKEN = (bytes([n]) * 32 for n in range(5))
GONE, NOBODY, NOTHING, TOO_BIG = 6, 99, 12345, 1 << 63
WEB = "https://example.org/"


class World(PlainEngine):
    """ann (an administrator), bob, cyd, dee and eve; cyd blocks ann, ann blocks dee, bob follows
    ann, ann mutes bob for a while; a post of each visibility by ann, and bob's boost. A suspended
    account, polls, cyd's pins and a post edited often, ann's group, bob's list."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, accounts=5)
        submit = self.submit
        submit(SERVER, App(client_id="client", secret_hash=CODE, name="App", redirect_uris=(BACK,),
                           scopes="read"))  # fmt: skip
        self.ended = submit(1, poll("a", "b")).id
        grant = Grant(code_hash=OLD_CODE, app=1, scopes="read", redirect_uri=BACK)
        submit(2, grant)
        self.now += GRANT_MS
        submit(2, Grant(code_hash=CODE, app=1, scopes="read", redirect_uri=BACK))
        submit(SERVER, Token(token_hash=TOKEN, app=1, account=2, scopes="read"))
        submit(1, OpenSession(session_hash=OPEN))
        submit(2, Profile(display_name="Bob"))
        submit(3, Block(account=1))
        submit(1, Block(account=4))
        submit(2, Follow(account=1, notify=True))
        self.mute = submit(1, Mute(account=2, until=self.now + 60_000)).number
        self.public = submit(1, Post(text="public")).id
        self.unlisted = submit(1, Post(text="unlisted", visibility="unlisted")).id
        self.followers = submit(1, Post(text="followers", visibility="followers")).id
        bob = (Mention(0, 4, "bob"),)
        self.direct = submit(1, Post(text="@bob", visibility="direct", mentions=bob)).id
        self.deleted = submit(1, Post(text="deleted")).id
        submit(1, Delete(post=self.deleted))
        self.boost = submit(2, Boost(post=self.public)).id
        submit(2, Favourite(post=self.public))
        submit(2, Follow(account=5))
        submit(SERVER, Register(name="gone"))
        submit(1, Suspend(account=GONE))
        self.asked = submit(1, poll("a", "b")).id
        submit(2, Vote(post=self.asked, choices=(0,)))
        for _ in range(PINS_PER_ACCOUNT):
            submit(3, Pin(post=submit(3, Post(text="pin")).id))
        self.unpinned = submit(3, Post(text="pin")).id
        self.edited = submit(3, Post(text="edited")).id
        for number in range(EDITS_PER_POST):
            submit(3, Edit(post=self.edited, text=f"edited {number}"))
        self.group = submit(1, CreateGroup(name="walkers", join="invitation")).id
        self.list = submit(2, CreateList(title="x")).id
        self.announcement = submit(1, Announce(text="Hear")).id
        for n in range(REACTIONS_PER_ANNOUNCEMENT):
            submit(2, React(announcement=self.announcement, name=f"{n}"))
        self.quote = submit(2, Post(text="look", quote_of=self.public)).id
        self.own = submit(1, Post(text="not to be quoted", quotes="nobody")).id
        self.told = submit(1, Post(text="@bob", visibility="direct", mentions=bob)).id


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with scratch() as folder:
        world = World(folder)
        yield world
        world.close()


def register(**fields: object) -> Register:
    return Register(**{"name": "new", **fields})  # type: ignore[arg-type]


def app(**fields: object) -> App:
    known = {"client_id": "new", "secret_hash": CODE, "name": "App", "redirect_uris": (BACK,)}
    return App(**{"scopes": "read", **known, **fields})  # type: ignore[arg-type]


def links(count: int) -> Post:
    text = " ".join(["http://a"] * count)
    return Post(text=text, links=tuple(Link(9 * n, 9 * n + 8, "http://a") for n in range(count)))


def tags(count: int, name: str = "x") -> Post:
    return Post(text="#x" * count, tags=tuple(Tag(2 * n, 2 * n + 2, name) for n in range(count)))


def mentions(count: int) -> Post:
    marks = tuple(Mention(2 * n, 2 * n + 2, "x") for n in range(count))
    return Post(text="@x" * count, mentions=marks)


def token(**fields: object) -> Token:
    known = {"token_hash": bytes(32), "app": 1, "account": 2, "scopes": "read"}
    return Token(**{**known, **fields})  # type: ignore[arg-type]


Case = tuple[int, AnyMessage, str]

ACCOUNTS: list[Case] = [
    (1, register(), "forbidden"),
    (SERVER, register(), ""),
    (SERVER, register(name="x" * NAME_CHARACTERS), ""),
    (SERVER, register(name="x" * (NAME_CHARACTERS + 1)), "name_malformed"),
    (SERVER, register(name=""), "name_malformed"),
    (SERVER, register(name="a b"), "name_malformed"),
    (SERVER, register(name="änn"), "name_malformed"),
    (SERVER, register(name="new\n"), "name_malformed"),
    (SERVER, register(name="１２"), "name_malformed"),
    (SERVER, register(name="Admin"), "name_reserved"),
    (SERVER, register(name="ANN"), "name_taken"),
    (SERVER, register(name="b0b"), "name_look_alike"),
    (SERVER, register(name="a_nn"), "name_look_alike"),
    (SERVER, register(name="fay", email="no address"), "email_malformed"),
    (SERVER, register(name="fay", email="a@b"), "email_malformed"),
    (SERVER, register(name="fay", email="a" * EMAIL_CHARACTERS + "@b.cd"), "email_malformed"),
    (SERVER, register(email="a@example.org"), ""),
    (SERVER, register(display_name="x" * DISPLAY_NAME_CHARACTERS), ""),
    (SERVER, register(display_name="x" * (DISPLAY_NAME_CHARACTERS + 1)), "text_long"),
    (SERVER, register(display_name="a\nb"), "text_character"),
    (SERVER, register(language="english"), "language_unknown"),
    (SERVER, register(language="pt-BR"), ""),
    (NOBODY, Profile(), "not_found"),
    (1, Profile(note="x" * NOTE_CHARACTERS), ""),
    (1, Profile(note="x" * (NOTE_CHARACTERS + 1)), "text_long"),
    (1, Profile(note="a\u202eb"), "text_character"),
    (1, Profile(display_name="\0"), "text_character"),
    (1, Profile(fields=(Field("n", "v"),) * PROFILE_FIELDS), ""),
    (1, Profile(fields=(Field("n", "v"),) * (PROFILE_FIELDS + 1)), "fields_many"),
    (1, Profile(fields=(Field("n" * (PROFILE_FIELD_CHARACTERS + 1), "v"),)), "text_long"),
    (1, Profile(fields=(Field("n", "v" * (PROFILE_FIELD_CHARACTERS + 1)),)), "text_long"),
    (1, Profile(fields=(Field("n", "v\tw"),)), "text_character"),
    (1, Profile(language="x"), "language_unknown"),
    (1, Profile(note="@bob", note_mentions=(Mention(0, 4, "ann"),)), "parameter_malformed"),
    (1, Profile(note="@x", note_mentions=(Mention(0, 2, "x"),) * 51), "mentions_many"),
    (1, Profile(note="#x", note_tags=(Tag(0, 2, "x"),) * 51), "tags_many"),
    (1, Profile(note="l", note_links=(Link(0, 1, WEB),) * 51), "links_many"),
    (1, Password(account=NOBODY, password_hash="h"), "not_found"),
    (1, Password(account=2, password_hash="h"), "not_yours"),
    (1, Password(account=1, password_hash="h"), ""),
    (SERVER, Password(account=2, password_hash="h"), ""),
    (2, SetRole(account=2, role="administrator"), "forbidden"),
    (NOBODY, SetRole(account=2, role="member"), "not_found"),
    (1, SetRole(account=NOBODY, role="member"), "not_found"),
    (1, SetRole(account=2, role="moderator"), ""),
    (SERVER, SetRole(account=2, role="administrator"), ""),
]

ACCESS: list[Case] = [
    (1, app(), "forbidden"),
    (SERVER, app(), ""),
    (SERVER, app(name=" "), "parameter_missing"),
    (SERVER, app(name="x" * APP_NAME_CHARACTERS), ""),
    (SERVER, app(name="x" * (APP_NAME_CHARACTERS + 1)), "text_long"),
    (SERVER, app(website="javascript:alert(1)"), "url_malformed"),
    (SERVER, app(redirect_uris=()), "parameter_missing"),
    (SERVER, app(redirect_uris=(BACK,) * REDIRECT_URIS), ""),
    (SERVER, app(redirect_uris=(BACK,) * (REDIRECT_URIS + 1)), "redirect_uris_many"),
    (SERVER, app(redirect_uris=("javascript:alert(1)",)), "redirect_uri_malformed"),
    (SERVER, app(redirect_uris=(f"{BACK}#fragment",)), "redirect_uri_malformed"),
    (SERVER, app(redirect_uris=(f"{BACK}\n{BACK}",)), "redirect_uri_malformed"),
    (SERVER, app(redirect_uris=(BACK + "x" * URL_CHARACTERS,)), "redirect_uri_malformed"),
    (SERVER, app(redirect_uris=("urn:ietf:wg:oauth:2.0:oob", "my-app://back")), ""),
    (SERVER, app(client_id="client"), "already_done"),
    (NOBODY, Grant(code_hash=b"", app=1, scopes="", redirect_uri=BACK), "not_found"),
    (1, Grant(code_hash=b"", app=2, scopes="", redirect_uri=BACK), "app_unknown"),
    (1, Grant(code_hash=b"", app=1, scopes="", redirect_uri=BACK + "x"), "redirect_uri_malformed"),
    (1, Grant(code_hash=CODE, app=1, scopes="", redirect_uri=BACK), "already_done"),
    (1, Grant(code_hash=b"", app=TOO_BIG, scopes="", redirect_uri=BACK), "not_found"),
    (1, token(), "forbidden"),
    (SERVER, token(), ""),
    (SERVER, token(account=0), ""),
    (SERVER, token(app=2), "app_unknown"),
    (SERVER, token(app=0), "app_unknown"),
    (SERVER, token(account=NOBODY), "not_found"),
    (SERVER, token(code_hash=CODE), ""),
    (SERVER, token(code_hash=bytes(32)), "grant_unknown"),
    (SERVER, token(code_hash=OLD_CODE), "grant_unknown"),
    (SERVER, token(code_hash=CODE, account=1), "grant_unknown"),
    (SERVER, token(code_hash=CODE, scopes="read write"), "grant_unknown"),
    (SERVER, token(token_hash=TOKEN), "already_done"),
    (2, subscribe_push(TOKEN), ""),
    (1, subscribe_push(TOKEN), "not_found"),
    (2, subscribe_push(CLOSED), "not_found"),
    (2, subscribe_push(TOKEN, endpoint="http://push.example/x"), "push_endpoint_malformed"),
    (2, subscribe_push(TOKEN, endpoint="https://a@push.example/x"), "push_endpoint_malformed"),
    (2, subscribe_push(TOKEN, endpoint="https://push.example/x\r\n"), "push_endpoint_malformed"),
    (2, subscribe_push(TOKEN, endpoint="https://p.example/" + "x" * 2_030), ""),
    (
        2,
        subscribe_push(TOKEN, endpoint="https://p.example/" + "x" * 2_031),
        "push_endpoint_malformed",
    ),
    (2, subscribe_push(TOKEN, public_key=b"\4" + bytes(64)), "push_keys_malformed"),
    (2, subscribe_push(TOKEN, public_key=b""), "push_keys_malformed"),
    (2, subscribe_push(TOKEN, auth=bytes(15)), "push_keys_malformed"),
    (2, subscribe_push(TOKEN, sealed=bytes(513)), "parameter_malformed"),
    (2, subscribe_push(TOKEN, alerts=("bark",)), "parameter_malformed"),
    (2, ChangePush(token_hash=TOKEN, alerts=()), "not_found"),
    (2, UnsubscribePush(number=1), "not_found"),
    (2, RevokeToken(token_hash=TOKEN), ""),
    (SERVER, RevokeToken(token_hash=TOKEN), ""),
    (1, RevokeToken(token_hash=TOKEN), "not_found"),
    (2, RevokeToken(token_hash=CLOSED), "not_found"),
    (NOBODY, OpenSession(session_hash=CLOSED), "not_found"),
    (1, OpenSession(session_hash=OPEN), "already_done"),
    (1, OpenSession(session_hash=CLOSED, agent="x" * AGENT_CHARACTERS), ""),
    (1, OpenSession(session_hash=CLOSED, agent="x" * (AGENT_CHARACTERS + 1)), "text_long"),
    (1, OpenSession(session_hash=CLOSED, agent="\x1b[0m"), "text_character"),
    (1, CloseSession(session_hash=OPEN), ""),
    (2, CloseSession(session_hash=OPEN), "not_found"),
    (1, CloseSession(session_hash=CLOSED), "not_found"),
]

GRAPH: list[Case] = [
    *[(NOBODY, kind(account=1), "not_found") for kind in (Follow, Block, Mute)],
    *[
        (1, kind(account=account), "not_found")
        for kind in (Follow, Unfollow, Block, Unblock, Mute, Unmute)
        for account in (NOBODY, 0, -1, TOO_BIG)
    ],
    (1, Follow(account=1), "self_follow"),
    (1, Block(account=1), "self_block"),
    (1, Mute(account=1), "self_mute"),
    (1, Follow(account=4), "blocked_by_you"),
    (1, Follow(account=3), "blocks_you"),
    (1, Follow(account=2), ""),
    (2, Follow(account=1, notify=True), "already_done"),
    (2, Follow(account=1), ""),
    (2, Follow(account=1, boosts=False, notify=True), ""),
    (1, Unfollow(account=2), "already_done"),
    (2, Unfollow(account=1), ""),
    (1, Block(account=4), "already_done"),
    (4, Block(account=1), ""),
    (4, Unblock(account=1), "already_done"),
    (1, Unblock(account=4), ""),
    (1, Mute(account=2), ""),
    (2, Unmute(account=1), "already_done"),
    (1, Unmute(account=2), ""),
    (2, Mute(account=1, until=1), "parameter_malformed"),
    (2, Mute(account=1, until=-1), "parameter_malformed"),
    (2, Mute(account=1, until=TOO_BIG), "parameter_malformed"),
]

POSTS: list[Case] = [
    (NOBODY, Post(text="x"), "not_found"),
    (SERVER, Post(text="x"), "not_found"),
    (1, Post(text=""), "text_empty"),
    (1, Post(text=" \n\t\u3000"), "text_empty"),
    (1, Post(text="x" * POST_CHARACTERS), ""),
    (1, Post(text="x" * (POST_CHARACTERS + 1)), "text_long"),
    (1, Post(text="x" * (POST_CHARACTERS - 9), warning="123456789"), ""),
    (1, Post(text="x" * (POST_CHARACTERS - 9), warning="1234567890"), "text_long"),
    (1, Post(text="x", warning="x" * WARNING_CHARACTERS), ""),
    (1, Post(text="x", warning="x" * (WARNING_CHARACTERS + 1)), "text_long"),
    (1, Post(text="x", warning="a\nb"), "text_character"),
    (1, Post(text="a\0b"), "text_character"),
    (1, Post(text="a\u2066b"), "text_character"),
    (1, Post(text="a\uffffb"), "text_character"),
    (1, Post(text="a\ud800b"), "text_character"),
    (1, Post(text="a\r\nb"), "text_character"),
    (1, Post(text="a\n\tb \u200f\u200d🏳️‍🌈"), ""),
    (1, Post(text="x", language="Deutsch"), "language_unknown"),
    (1, Post(text="x", language="zh-Hant-TW"), ""),
    (1, mentions(MENTIONS_PER_POST), ""),
    (1, mentions(MENTIONS_PER_POST + 1), "mentions_many"),
    (1, tags(TAGS_PER_POST), ""),
    (1, tags(TAGS_PER_POST + 1), "tags_many"),
    # 20 addresses count 23 each; more of them make a text that is too long
    (1, links(20), ""),
    (1, Post(text="x" * 51, links=tuple(Link(n, n + 1, WEB) for n in range(LINKS_PER_POST + 1))),
     "text_long"),
    (1, Post(text="x" * 60 + "y" * 440,
             links=tuple(Link(0, 60, WEB) for n in range(LINKS_PER_POST + 1))), "links_many"),
    (1, tags(1, "x" * TAG_CHARACTERS), ""),
    (1, tags(1, "x" * (TAG_CHARACTERS + 1)), "text_long"),
    (1, tags(1, "x\0"), "text_character"),
    (1, Post(text="@bob", mentions=(Mention(0, 4, "ann"),)), "parameter_malformed"),
    (1, Post(text="@bob@example.org", mentions=(Mention(0, 16, "Bob"),)), ""),
    (1, Post(text="@bob", mentions=(Mention(0, 5, "bob"),)), "parameter_malformed"),
    (1, Post(text="@bob", mentions=(Mention(-4, 4, "bob"),)), "parameter_malformed"),
    (1, Post(text="@bob", mentions=(Mention(0, 0, "bob"),)), "parameter_malformed"),
    (1, Post(text="@bob", mentions=(Mention(0, 4, "bob"),), tags=(Tag(3, 4, "b"),)),
     "parameter_malformed"),
    (1, Post(text="x", links=(Link(0, 1, "ftp://example.org"),)), "url_malformed"),
    (1, Post(text="x", links=(Link(0, 1, "http://" + "x" * URL_CHARACTERS),)), "url_malformed"),
    (1, Post(text="x", app=2), "app_unknown"),
    (1, Post(text="x", app=TOO_BIG), "app_unknown"),
    (1, Post(text="x", app=1), ""),
]  # fmt: skip


def poll(*options: str, seconds: int = 300) -> Post:
    return Post(text="?", poll=Poll(options, seconds))


def set_filter(**fields: object) -> SetFilter:
    return SetFilter(**{"title": "x", "contexts": ("home",), **fields})  # type: ignore[arg-type]


PLACE: list[Case] = [
    (2, SetRules(rules=("x",)), "forbidden"),
    (1, SetRules(rules=("x",) * RULES), ""),
    (1, SetRules(rules=("x",) * (RULES + 1)), "rules_many"),
    (1, Setting(name="colour", value="red"), "setting_unknown"),
    (1, Setting(name="registrations", value="maybe"), "setting_malformed"),
    (1, Setting(name="registrations", value="open"), "already_done"),
    (SERVER, register(signed_up=True), ""),
    (SERVER, register(signed_up=True, invite_hash=CLOSED), "invite_unknown"),
    (1, Restore(account=2), "already_done"),
    (1, ApproveAccount(account=GONE), "standing_wrong"),
    (GONE, Post(text="x"), "account_suspended"),
]

PRIVATE: list[Case] = [
    (2, Follow(account=1, languages=("de",) * LANGUAGES_PER_FOLLOW), ""),
    (2, Follow(account=1, languages=("de",) * (LANGUAGES_PER_FOLLOW + 1)), "languages_many"),
    (1, BlockDomain(domain="a.example"), ""),
    (1, BlockDomain(domain="A example"), "domain_malformed"),
    (2, Endorse(account=1), ""),
    (1, Endorse(account=2), "endorsement_follow"),
    (1, FollowTag(name="x"), ""),
    (1, FollowTag(name="#X"), "tag_malformed"),
    (2, AddToList(list=NOTHING, accounts=(1,)), "not_found"),
    (1, set_filter(), ""),
    (1, set_filter(contexts=()), "filter_contexts"),
    (1, set_filter(keywords=(Keyword("x"),) * KEYWORDS_PER_FILTER), ""),
    (1, set_filter(keywords=(Keyword("x"),) * (KEYWORDS_PER_FILTER + 1)), "filter_long"),
    (1, set_filter(posts=(1,) * (POSTS_PER_FILTER + 1)), "filter_long"),
]

POLLS: list[Case] = [
    (1, poll("a", "b"), ""),
    (1, poll("a"), "poll_options"),
    (1, poll(*"abcde"), "poll_options"),
    (1, poll("a", " "), "poll_option_empty"),
    (1, poll("a", "a"), "poll_option_twice"),
    (1, poll("a", "b", seconds=POLL_SECONDS_MIN - 1), "poll_seconds"),
    (1, poll("a", "b", seconds=POLL_SECONDS_MAX + 1), "poll_seconds"),
    (1, Post(text="x", visibility="group"), "group_missing"),
    (1, Draft(post=Post(text="x"), at=1), "draft_moment"),
    (1, Draft(post=Post(text="x"), at=TOO_BIG), "draft_moment"),
]


def of_posts(world: World) -> list[Case]:
    public, unlisted, followers, direct = (
        world.public, world.unlisted, world.followers, world.direct,
    )  # fmt: skip
    hidden = [NOTHING, 0, -1, TOO_BIG, world.deleted, world.boost]
    return [
        *[(2, Post(text="x", reply_to=id_), "not_found") for id_ in hidden if id_],
        *[(2, kind(post=id_), "not_found") for kind in (Boost, Favourite) for id_ in hidden],
        *[(2, Delete(post=id_), "not_yours") for id_ in (NOTHING, public, world.deleted)],
        (1, Delete(post=world.deleted), "not_yours"),
        (1, Delete(post=TOO_BIG), "not_found"),
        # the followers' are for bob, the direct one mentions him, and ann blocks dee
        *[
            (reader, Post(text="x", reply_to=id_), "" if may else "not_found")
            for reader, id_, may in (
                (1, direct, True), (2, direct, True), (2, followers, True), (5, public, True),
                (5, unlisted, True), (5, followers, False), (5, direct, False), (4, public, False),
            )
        ],
        (5, Favourite(post=followers), "not_found"),
        (4, Favourite(post=public), "not_found"),
        (5, Boost(post=followers), "not_found"),
        (2, Boost(post=followers), "boost_not_allowed"),
        (2, Boost(post=direct), "boost_not_allowed"),
        (1, Boost(post=direct), "boost_not_allowed"),
        (1, Boost(post=followers), ""),
        (1, Boost(post=public, visibility="direct"), "visibility_unknown"),
        (2, Boost(post=public), "already_done"),
        (1, Unboost(post=public), "already_done"),
        (2, Unboost(post=NOTHING), "already_done"),
        (2, Unboost(post=0), "already_done"),
        (2, Unboost(post=public), ""),
        (2, Favourite(post=public), "already_done"),
        (1, Unfavourite(post=public), "already_done"),
        (2, Unfavourite(post=public), ""),
        (2, Delete(post=world.boost), ""),
        (1, Delete(post=world.boost), "not_yours"),
    ]  # fmt: skip


def of_acts(world: World) -> list[Case]:
    asked, ended, edited = world.asked, world.ended, world.edited
    return [
        (5, Vote(post=asked, choices=(1,)), ""),
        (5, Vote(post=asked, choices=(0, 1)), "vote_choices"),
        (5, Vote(post=asked, choices=(2,)), "vote_choices"),
        (5, Vote(post=asked, choices=()), "vote_choices"),
        (1, Vote(post=asked, choices=(0,)), "vote_own"),
        (2, Vote(post=asked, choices=(0,)), "vote_twice"),
        (5, Vote(post=ended, choices=(0,)), "poll_ended"),
        (5, Vote(post=world.public, choices=(0,)), "not_found"),
        (2, Post(text="x", quote_of=world.public), ""),
        (2, Post(text="x", quote_of=world.followers), "quote_not_allowed"),
        (2, Pin(post=world.public), "pin_not_allowed"),
        (1, Pin(post=world.direct), "pin_not_allowed"),
        (1, Pin(post=world.public), ""),
        (3, Pin(post=world.unpinned), "pins_many"),
        (3, Edit(post=edited, text="again"), "edits_many"),
        (3, Edit(post=world.unpinned, text="again"), ""),
        (3, Edit(post=world.unpinned, text="pin"), "already_done"),
        (2, JoinGroup(group=world.group), "invitation_missing"),
        (2, ChangeGroup(group=world.group), "group_role_missing"),
        (1, ChangeGroup(group=world.group, rules=("x",) * (RULES + 1)), "rules_many"),
        (2, AddToList(list=world.list, accounts=(1,)), ""),
        (2, AddToList(list=world.list, accounts=(4,)), "list_not_followed"),
        (2, AddToList(list=world.list, accounts=tuple(range(1, 502))), "list_accounts_many"),
        (1, AddToList(list=world.list, accounts=(1,)), "not_found"),
    ]


def of_queues(world: World) -> list[Case]:
    (mention,) = world.state.execute("select min(number) from notifications where account = 1")
    return [
        (NOBODY, Read(queue="home", position=1), "not_found"),
        (1, Read(queue="lists", position=1), "queue_unknown"),
        (1, Read(queue="home", position=-1), "position_negative"),
        (1, Read(queue="home", position=TOO_BIG), "position_negative"),
        (1, Read(queue="notifications", position=0), ""),
        (1, Dismiss(number=NOTHING), "not_found"),
        (2, Dismiss(number=mention[0]), "not_found"),
        (1, Dismiss(number=mention[0]), ""),
        (1, Dismiss(), ""),
        (1, SetQuotePolicy(post=world.public, quotes="nobody"), ""),
        (1, SetQuotePolicy(post=world.public, quotes="public"), "already_done"),
        (2, SetQuotePolicy(post=world.public, quotes="nobody"), "not_yours"),
        (1, SetQuotePolicy(post=world.deleted, quotes="nobody"), "not_yours"),
        (2, SetQuotePolicy(post=world.boost, quotes="nobody"), "not_yours"),
        (1, RevokeQuote(post=world.quote), ""),
        (2, RevokeQuote(post=world.quote), "not_found"),
        (1, RevokeQuote(post=world.public), "not_found"),
        (2, Post(text="look", quote_of=world.own), "quote_not_allowed"),
        (1, Post(text="look", quote_of=world.own), ""),
        (1, DeleteConversation(thread=world.told), ""),
        (5, DeleteConversation(thread=world.told), "not_found"),
        (1, DismissSuggestion(account=2), ""),
        (1, DismissSuggestion(account=NOBODY), "not_found"),
        (1, DismissSuggestion(account=GONE), "not_found"),
        (2, Report(account=1, posts=(world.public, world.followers)), ""),
        (2, Report(account=1, posts=(world.quote,)), "report_posts"),
        (2, Report(account=1, posts=(world.public,) * (POSTS_PER_REPORT + 1)), "report_posts"),
        (5, Report(account=1, posts=(world.followers,)), "not_found"),
        (2, Report(account=NOBODY), "not_found"),
        (2, Report(account=1, comment="x" * (REPORT_CHARACTERS + 1)), "text_long"),
        (2, Report(account=1, rules=(1,)), "report_rule"),
        (2, ReadAnnouncement(announcement=world.announcement), ""),
        (2, ReadAnnouncement(announcement=NOTHING), "not_found"),
        (2, React(announcement=NOTHING, name="x"), "not_found"),
        (2, React(announcement=world.announcement, name=" "), "text_empty"),
        (2, React(announcement=world.announcement, name="1"), "already_done"),
        (1, React(announcement=world.announcement, name="1"), ""),
        (1, React(announcement=world.announcement, name="new"), "reactions_many"),
        (1, React(announcement=world.announcement, name="x" * 21), "text_long"),
        (1, Unreact(announcement=world.announcement, name="1"), "already_done"),
        (2, Unreact(announcement=world.announcement, name="1"), ""),
        (1, Setting(name="privacy_policy", value="We keep what you write."), ""),
        (1, Setting(name="privacy_policy", value=""), "already_done"),
        (1, Setting(name="terms_of_service", value="x" * 50_001), "text_long"),
        (1, Due(number=world.mute), "forbidden"),
        (SERVER, Due(number=NOTHING), "due_gone"),
        (SERVER, Due(number=TOO_BIG), "not_found"),
        (SERVER, Due(number=world.mute), "not_yet_due"),
    ]


FIXED = [*ACCOUNTS, *ACCESS, *GRAPH, *POSTS, *PLACE, *PRIVATE, *POLLS]

FULL: list[tuple[str, int, Callable[[int], AnyMessage], str]] = [
    ("ANNOUNCEMENTS", 1, lambda n: Announce(text=f"{n}"), "announcements_many"),
    ("REPORTS_PER_DAY", 1, lambda n: Report(account=2), "reports_many"),
    ("INVITES_PER_ACCOUNT", 1, lambda n: Invite(code_hash=bytes([n])), "invites_many"),
    ("DOMAIN_BLOCKS_PER_ACCOUNT", 1, lambda n: BlockDomain(domain=f"{n}.example"), "domains_many"),
    ("ENDORSEMENTS_PER_ACCOUNT", 1, lambda n: Endorse(account=n + 2), "endorsements_many"),
    ("FILTERS_PER_ACCOUNT", 1, lambda n: set_filter(), "filters_many"),
    ("FOLLOWED_TAGS", 1, lambda n: FollowTag(name=f"x{n}"), "tags_followed_many"),
    ("FEATURED_TAGS", 1, lambda n: FeatureTag(name=f"x{n}"), "tags_featured_many"),
    ("LISTS_PER_ACCOUNT", 1, lambda n: CreateList(title="x"), "lists_many"),
    ("GROUPS_PER_ACCOUNT", 1, lambda n: CreateGroup(name=f"g_{'xyz'[n]}"), "groups_many"),
    ("POSITIONS_PER_ACCOUNT", 1, lambda n: Read(queue=f"tag/x{n}", position=1), "positions_many"),
    ("DRAFTS_PER_ACCOUNT", 1, lambda n: Draft(post=Post(text="x"), at=START_MS + 1), "drafts_many"),
]
"""A limit of how many an account, or the place, has: made smaller here, so that three are too
many."""


def name_of(case: object) -> str | None:
    return type(case).__name__ if hasattr(case, "__struct_fields__") else None


@pytest.mark.parametrize(("actor", "message", "code"), FIXED, ids=name_of)
def test_refusal(world: World, actor: int, message: AnyMessage, code: str) -> None:
    assert world.refusal(actor, message) == code


def test_refusals_of_posts(world: World) -> None:
    for actor, message, code in of_posts(world):
        assert world.refusal(actor, message) == code, (actor, message)


def test_refusals_of_queues(world: World) -> None:
    for actor, message, code in of_queues(world):
        assert world.refusal(actor, message) == code, (actor, message)


@pytest.mark.parametrize(("limit", "actor", "make", "code"), FULL, ids=[full[0] for full in FULL])
def test_how_many(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    actor: int,
    make: Callable[[int], AnyMessage],
    code: str,
) -> None:
    engine = PlainEngine(tmp_path, accounts=5)
    for account in (2, 3, 4):
        engine.submit(1, Follow(account=account))
    module = sys.modules[CHECKS[type(make(0))].__module__]
    monkeypatch.setattr(module, limit, 2)
    for n in range(2):
        assert engine.refusal(actor, make(n)) == ""
        engine.submit(actor, make(n))
    assert engine.refusal(actor, make(2)) == code
    engine.close()


def test_refusals_of_acts(world: World) -> None:
    for actor, message, code in of_acts(world):
        assert world.refusal(actor, message) == code, (actor, message)


def test_by_invitation(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path, accounts=1)
    engine.submit(1, Setting(name="registrations", value="invitation"))
    engine.submit(1, Invite(code_hash=CODE))
    assert engine.refusal(SERVER, register(signed_up=True)) == "invitation_needed"
    assert engine.refusal(SERVER, register()) == ""
    engine.submit(SERVER, register(signed_up=True, invite_hash=CODE))
    again = register(name="other", signed_up=True, invite_hash=CODE)
    assert engine.refusal(SERVER, again) == "invite_unknown"
    engine.close()


def test_an_email_is_one_accounts(tmp_path: Path) -> None:
    engine = PlainEngine(tmp_path)
    engine.submit(SERVER, Register(name="ann", email="ann@example.org"))
    assert engine.refusal(SERVER, Register(name="bob", email="ann@example.org")) == "email_taken"
    assert engine.refusal(SERVER, Register(name="bob")) == ""
    engine.submit(SERVER, Register(name="bob"))
    assert engine.refusal(SERVER, Register(name="cyd")) == ""  # none is no address


def test_registrations_end_where_the_arena_does(world: World) -> None:
    accounts = world.state.accounts
    try:
        world.state.accounts = covey.limits.ACCOUNTS_MAX - 2
        assert world.refusal(SERVER, register()) == ""
        world.state.accounts += 1
        assert world.refusal(SERVER, register()) == "registrations_closed"
    finally:
        world.state.accounts = accounts


def test_a_mute_ends_within_ten_years(world: World) -> None:
    now = world.now
    assert world.refusal(1, Mute(account=2, until=now)) == "parameter_malformed"
    assert world.refusal(1, Mute(account=2, until=now + 1)) == ""
    assert world.refusal(1, Mute(account=2, until=now + MUTE_MS_MAX)) == ""
    assert world.refusal(1, Mute(account=2, until=now + MUTE_MS_MAX + 1)) == "parameter_malformed"


def test_every_refusal_that_check_can_raise_is_raised_here(world: World) -> None:
    """A new one needs a case above."""
    source = "".join(
        path.read_text("utf-8") for path in sorted(Path(covey.state.__path__[0]).glob("*.py"))
    )
    raised = set(re.findall(r'Refused\(\s*"(\w+)"', source))
    assert raised <= set(REFUSALS)
    cases = [*FIXED, *of_posts(world), *of_acts(world), *of_queues(world)]
    tested = {code for _, _, code in cases} | {code for *_, code in FULL}
    tested |= {
        "push_subscriptions_many",
        "email_taken",
        "registrations_closed",
        "invitation_needed",
    }
    assert raised <= tested


@pytest.mark.parametrize("code", list(REFUSALS))
def test_every_refusal_has_a_status_and_a_sentence(code: str) -> None:
    refused = Refused(code)
    assert refused.status in (200, *range(400, 600))
    assert refused.sentence
    assert str(refused).startswith(f"{code}: ")


def test_an_unknown_code_is_no_refusal() -> None:
    with pytest.raises(KeyError):
        Refused("because").status  # noqa: B018
