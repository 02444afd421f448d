"""One entry of every kind of message, with a fixed clock and fixed keys: a small log that makes
sense from end to end. `tests/data/log-VERSION.db` is what a release wrote of it."""

from __future__ import annotations

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
    Entry,
    Favourite,
    Field,
    Follow,
    Grant,
    Link,
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
    next_id,
)

STAMP_MS = 1_767_225_600_123
HASHES = [bytes([n]) * 32 for n in range(8)]
BACK = "https://app.example/back"


def post_id(n: int) -> int:
    """The id of the n-th post or boost, from 1: each has a second of its own."""
    return (STAMP_MS + POSTED[n - 1] * 1000) << 16


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
]  # fmt: skip
"""Who and what. Posts are named by their place among posts and boosts; `entries` gives the ids."""

POSTED = [place for place, (_, message) in enumerate(STORY) if isinstance(message, Post | Boost)]

KEYS = [b"u" + bytes(16), b"cgood morning", b"e" + bytes(16), b"d" + bytes(8)]


def entries() -> list[Entry]:
    """The story as the log holds it, a second between two entries, a minute before the last."""
    made: list[Entry] = []
    accounts = last_id = 0
    for place, (actor, message) in enumerate(STORY):
        stamp, id_ = STAMP_MS + place * 1000, 0
        if isinstance(message, Register):
            id_ = accounts = accounts + 1
        elif isinstance(message, App):
            id_ = 1
        elif isinstance(message, Due):
            stamp += 60_000
        elif isinstance(message, Post | Boost):
            id_ = last_id = next_id(stamp, last_id)
        key = KEYS[place % 4][:-1] + bytes([place])
        made.append(Entry(place + 1, stamp, actor, key, id_, _named(message)))
    return made


def _named(message: AnyMessage) -> AnyMessage:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    if isinstance(message, Boost | Unboost | Favourite | Unfavourite | Delete):
        fields["post"] = post_id(message.post)
    elif isinstance(message, Post) and message.reply_to:
        fields["reply_to"] = post_id(message.reply_to)
    elif isinstance(message, Read) and message.queue == "home":
        fields["position"] = post_id(message.position)
    else:
        return message
    return type(message)(**fields)
