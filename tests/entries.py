"""One entry of every kind of message, with a fixed clock and fixed keys: a small log that makes
sense from end to end. `tests/data/log-VERSION.db` is what a release wrote of it."""

from __future__ import annotations

from tests.histories import subscribe_push

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
    Entry,
    Favourite,
    FeatureTag,
    Field,
    Follow,
    FollowTag,
    Grant,
    Invite,
    InviteToGroup,
    JoinGroup,
    Keyword,
    LeaveGroup,
    Limit,
    Link,
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
    Vote,
    next_id,
)

STAMP_MS = 1_767_225_600_123
HASHES = [bytes([n]) * 32 for n in range(8)]
BACK = "https://app.example/back"


def post_id(n: int) -> int:
    """The id of the n-th post or boost, from 1: each has a second of its own."""
    return stamp_at(POSTED[n - 1]) << 16


def stamp_at(place: int) -> int:
    """A second between two entries, and longer before what is due: a minute, later on five."""
    waits = [place for place, (_, message) in enumerate(STORY) if isinstance(message, Due)]
    waited = sum(60_000 if wait == waits[0] else 300_000 for wait in waits if wait <= place)
    return STAMP_MS + place * 1000 + waited


TEXT = "Hello @bob, look at https://example.org/ #Birds 🦉"

STORY: list[tuple[int, AnyMessage]] = [
    (SERVER, Register(name="ann", display_name="Ann", email="ann@example.org", role="administrator",
                      password_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", language="de")),
    (SERVER, Register(name="Bob")),
    (SERVER, Register(name="cyd")),
    (1, Profile(display_name="Ann Ä.", note="I know @bob #birds https://example.org/",
                note_mentions=(Mention(7, 11, "bob"),), note_tags=(Tag(12, 18, "birds"),),
                note_links=(Link(19, 39, "https://example.org/"),), fields=(Field("site", "none"),),
                bot=True, discoverable=True, indexable=True, language="de", visibility="unlisted",
                sensitive=True)),
    (1, SetRole(account=3, role="moderator")),
    (SERVER, App(client_id="client", secret_hash=HASHES[0], name="An app",
                 redirect_uris=(BACK,), scopes="read write", website="https://app.example/")),
    (1, Grant(code_hash=HASHES[1], app=1, scopes="read", redirect_uri=BACK, challenge="abc")),
    (SERVER, Token(token_hash=HASHES[2], app=1, account=1, scopes="read", code_hash=HASHES[1])),
    (SERVER, Token(token_hash=HASHES[3], app=1, account=2, scopes="read write")),
    (2, RevokeToken(token_hash=HASHES[3])),
    (1, OpenSession(session_hash=HASHES[4], agent="Browser")),
    (1, OpenSession(session_hash=HASHES[5])),
    (1, CloseSession(session_hash=HASHES[4])),
    (2, Follow(account=1)),
    (3, Follow(account=1, boosts=False, notify=True)),
    (1, Post(text=TEXT, language="en", warning="owls", sensitive=True,
             mentions=(Mention(6, 10, "bob"),), links=(Link(20, 40, "https://example.org/"),),
             tags=(Tag(41, 47, "birds"),), app=1)),
    (2, Post(text="An answer", visibility="unlisted", reply_to=1)),
    (3, Post(text="Followers only", visibility="followers")),
    (3, Post(text="@ann directly", visibility="direct", mentions=(Mention(0, 4, "ann"),))),
    (2, Boost(post=1)),
    (3, Boost(post=1, visibility="unlisted")),
    (2, Unboost(post=1)),
    (2, Favourite(post=1)),
    (3, Favourite(post=1)),
    (3, Unfavourite(post=1)),
    (2, Delete(post=2)),
    (1, Read(queue="home", position=1)),
    (1, Read(queue="notifications", position=20)),
    (1, Dismiss(number=23)),
    (3, Dismiss()),
    (2, Mute(account=3, until=STAMP_MS + 60_000)),
    (3, Mute(account=2, notifications=False)),
    (3, Unmute(account=2)),
    (3, Unfollow(account=1)),
    (1, Block(account=3)),
    (1, Unblock(account=3)),
    (1, Password(account=1, password_hash="$argon2id$new", keep_session=HASHES[5])),
    (SERVER, Due(number=31)),
    # --- since 0.2.0
    (1, Profile(display_name="Ann", locked=True)),
    (SERVER, Register(name="dee")),
    (4, Follow(account=1, languages=("en", "de"))),
    (1, AcceptFollow(account=4)),
    (3, Follow(account=1)),
    (1, RejectFollow(account=3)),
    (1, RemoveFollower(account=4)),
    (1, Follow(account=2)),
    (2, BlockDomain(domain="spam.example")),
    (2, BlockDomain(domain="other.example")),
    (2, UnblockDomain(domain="other.example")),
    (1, Note(account=2, text="Met at the lake.")),
    (1, Endorse(account=2)),
    (1, Unendorse(account=2)),
    (2, Post(text="Which owl?", quote_of=1,
             poll=Poll(("barn", "tawny"), 300, multiple=True, hide_totals=True))),
    (1, Vote(post=7, choices=(0, 1))),
    (2, Edit(post=7, text="Which owl, @ann? #owls http://a.example/", language="en",
             warning="owls", sensitive=True, mentions=(Mention(11, 15, "ann"),),
             tags=(Tag(17, 22, "owls"),), links=(Link(23, 40, "http://a.example/"),),
             poll=Poll(("barn", "tawny"), 300, multiple=True))),
    (1, Bookmark(post=7)),
    (2, Bookmark(post=7)),
    (2, Unbookmark(post=7)),
    (1, Pin(post=1)),
    (2, Pin(post=7)),
    (2, Unpin(post=7)),
    (1, MuteThread(post=7)),
    (2, MuteThread(post=1)),
    (2, UnmuteThread(post=1)),
    (1, Draft(post=Post(text="In a while", language="en"), at=STAMP_MS + 300_000)),
    (1, ChangeDraft(number=65, at=STAMP_MS + 310_000)),
    (1, Draft(post=Post(text="Or never"), at=STAMP_MS + 300_000)),
    (1, CancelDraft(number=67)),
    (SERVER, Register(name="eve")),
    (4, NotificationPolicy(not_following="filter", not_followers="accept", new_accounts="accept",
                           private_mentions="drop", limited_accounts="drop")),
    (2, Post(text="@dee hello", mentions=(Mention(0, 4, "dee"),))),
    (4, AcceptRequest(account=2)),
    (5, Post(text="@dee buy", visibility="local", mentions=(Mention(0, 4, "dee"),))),
    (4, DismissRequest(account=5)),
    (1, FollowTag(name="owls")),
    (1, FollowTag(name="cats")),
    (1, UnfollowTag(name="cats")),
    (1, FeatureTag(name="owls")),
    (1, FeatureTag(name="cats")),
    (1, UnfeatureTag(name="cats")),
    (1, CreateList(title="Friends")),
    (1, ChangeList(list=81, title="Old friends", replies="followed", exclusive=True)),
    (1, AddToList(list=81, accounts=(1, 2))),
    (1, RemoveFromList(list=81, accounts=(1,))),
    (1, Read(queue="list/81", position=1)),
    (1, CreateList(title="Short")),
    (1, DeleteList(list=86)),
    (1, SetFilter(title="Ends", contexts=("home", "public"), action="hide",
                  keywords=(Keyword("the end"), Keyword("spoil", whole_word=False)))),
    (1, SetFilter(filter=88, title="The ends", contexts=("thread",))),
    (1, SetFilter(title="None", contexts=("account",), action="blur")),
    (1, DeleteFilter(filter=90)),
    (2, CreateGroup(name="walkers", display_name="Walkers", note="Out and about", join="request")),
    (1, JoinGroup(group=6)),
    (2, AcceptMember(group=6, account=1)),
    (2, SetGroupRole(group=6, account=1, role="moderator")),
    (2, ChangeGroup(group=6, display_name="Walkers", note="Out", join="secret",
                    rules=("Walk.",))),
    (1, InviteToGroup(group=6, account=3)),
    (3, JoinGroup(group=6)),
    (3, Post(text="@walkers off", visibility="group", mentions=(Mention(0, 8, "walkers"),))),
    (1, RemoveFromGroup(group=6, post=10)),
    (1, RemoveMember(group=6, account=3)),
    (2, InviteToGroup(group=6, account=4)),
    (4, LeaveGroup(group=6)),
    (3, Limit(account=5, reason="It sells.")),
    (3, Suspend(account=5, reason="It sells on.")),
    (1, Restore(account=5)),
    (1, SetRules(rules=("Be kind.", "Be short."))),
    (1, Announce(text="Welcome")),
    (1, Announce(announcement=108, text="Welcome, all", until=0)),
    (1, Setting(name="registrations", value="approval")),
    (SERVER, Register(name="fay", signed_up=True)),
    (3, ApproveAccount(account=7)),
    (1, Invite(code_hash=HASHES[6], uses=2)),
    (SERVER, Register(name="gil", signed_up=True, invite_hash=HASHES[6])),
    (8, Bookmark(post=1)),
    (8, CloseAccount()),
    (SERVER, Due(number=116)),
    (SERVER, Due(number=65)),
    (SERVER, Due(number=53)),
    (2, SetQuotePolicy(post=7, quotes="nobody")),
    (1, RevokeQuote(post=7)),
    (1, DeleteConversation(thread=4)),
    (2, DismissSuggestion(account=4)),
    (2, Report(account=1, posts=(1,), category="violation", comment="Too many owls.", rules=(2,))),
    (2, ReadAnnouncement(announcement=108)),
    (2, React(announcement=108, name="\N{OWL}")),
    (3, React(announcement=108, name="\N{OWL}")),
    (3, Unreact(announcement=108, name="\N{OWL}")),
    (1, Setting(name="privacy_policy", value="We keep what you write.")),
    (1, Read(queue="home", position=7, keep=True)),
    (SERVER, Token(token_hash=HASHES[3], app=1, account=1, scopes="push")),
    (1, subscribe_push(HASHES[3], standard=True, policy="followed")),
    (1, ChangePush(token_hash=HASHES[3], alerts=("mention", "poll"), policy="follower")),
    (1, UnsubscribePush(number=138)),
]  # fmt: skip
"""Who and what. Posts are named by their place among posts and boosts; `entries` gives the ids."""

POSTED = [place for place, (_, message) in enumerate(STORY) if isinstance(message, Post | Boost)]

KEYS = [b"u" + bytes(16), b"cgood morning", b"e" + bytes(16), b"d" + bytes(8)]


def entries() -> list[Entry]:
    """The story as the log holds it."""
    made: list[Entry] = []
    accounts = last_id = 0
    for place, (actor, message) in enumerate(STORY):
        stamp, id_ = stamp_at(place), 0
        if isinstance(message, Register | CreateGroup):
            id_ = accounts = accounts + 1
        elif isinstance(message, App):
            id_ = 1
        elif isinstance(message, CreateList | SetFilter | Announce):
            id_ = place + 1
        elif isinstance(message, Post | Boost) or _releases(message):
            id_ = last_id = next_id(stamp, last_id)
        key = KEYS[place % 4][:-1] + bytes([place])
        made.append(Entry(place + 1, stamp, actor, key, id_, _named(message)))
    return made


def _releases(message: AnyMessage) -> bool:
    """A due that posts a draft."""
    return isinstance(message, Due) and isinstance(STORY[message.number - 1][1], Draft)


OF_A_POST = (
    Boost, Unboost, Favourite, Unfavourite, Delete, Edit, Bookmark, Unbookmark, Pin, Unpin,
    MuteThread, UnmuteThread, Vote, RemoveFromGroup, SetQuotePolicy, RevokeQuote,
)  # fmt: skip


def _named(message: AnyMessage) -> AnyMessage:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    if isinstance(message, OF_A_POST):
        fields["post"] = post_id(message.post)
    elif isinstance(message, Post):
        for name in ("reply_to", "quote_of"):
            if fields[name]:
                fields[name] = post_id(fields[name])
    elif isinstance(message, DeleteConversation):
        fields["thread"] = post_id(message.thread)
    elif isinstance(message, Report):
        fields["posts"] = tuple(map(post_id, message.posts))
    elif isinstance(message, Read) and message.queue == "home":
        fields["position"] = post_id(message.position)
    else:
        return message
    return type(message)(**fields)
