"""Posts: post, delete, boost, favourite and their ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from covey.delivery.audience import REACH, Candidate, Reach
from covey.errors import Refused
from covey.limits import (
    LINKS_PER_POST,
    MENTIONS_PER_POST,
    POST_CHARACTERS,
    ROWS_PER_MESSAGE,
    TAG_CHARACTERS,
    TAGS_PER_POST,
    WARNING_CHARACTERS,
)
from covey.messages import (
    Boost,
    Delete,
    Edit,
    Entry,
    Favourite,
    Mention,
    Post,
    Unboost,
    Unfavourite,
)
from covey.state.accounts import number_of, require_account
from covey.state.bookmarks import drop_pin
from covey.state.candidates import (
    FROZEN,
    FROZEN_COLUMNS,
    candidate_of,
    column_of,
    encode_media,
    may_see,
    numbers_of,
    standing,
)
from covey.state.changes import changed
from covey.state.media import check_media, let_go, show_media
from covey.state.notifications import notify, withdraw
from covey.state.polls import check_poll, drop_poll, open_poll, schedule_end
from covey.state.quotes import check_quote, count_quote
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State
from covey.state.texts import (
    check_characters,
    check_facets,
    check_language,
    check_text,
    counted,
    decode_facets,
    encode_facets,
)
from covey.state.threads import fall_silent, talk

# --- post -------------------------------------------------------------------------------------


@check_of(Post)
def check_post(state: State, actor: int, message: Post, stamp: int) -> None:
    require_account(state, actor)
    check_words(message)
    if message.poll is not None:
        check_poll(message.poll)
    if message.media:
        check_media(state, actor, message.media, stamp)
    if not 0 <= message.app <= state.apps:
        raise Refused("app_unknown")
    if message.reply_to:
        standing(state, message.reply_to, actor)
    if message.quote_of:
        check_quote(state, actor, message)
    if message.visibility == "group" and not _groups(
        state, actor, message, (number_of(state, mention.name) for mention in message.mentions)
    ):
        raise Refused("group_missing")


def _groups(state: State, actor: int, message: Post, mentioned: Iterable[int]) -> tuple[int, ...]:
    """The groups that a post is to be posted to: those it mentions of which the actor is a member,
    and with visibility "group" those of what it answers, too."""
    members = state.graph.members
    found = dict.fromkeys(mentioned)
    if message.visibility == "group" and message.reply_to:
        row = state.row("select groups from posts where id = ?", (message.reply_to,))
        found.update(dict.fromkeys(numbers_of(row[0]) if row else ()))
    return tuple(group for group in found if members.has(group, actor))


def check_words(message: Post | Edit) -> None:
    """What a post, or a later version of one, says."""
    text = message.text
    if not message.media and (not text or text.isspace()):
        raise Refused("text_empty")
    count = counted(text, message.links) + len(message.warning)
    if count > POST_CHARACTERS or len(text) > 10 * POST_CHARACTERS:
        raise Refused("text_long", what="Text", count=count, limit=POST_CHARACTERS)
    check_characters("Text", text)
    check_text("The warning", message.warning, WARNING_CHARACTERS, lines=False)
    check_language(message.language)
    if len(message.mentions) > MENTIONS_PER_POST:
        raise Refused("mentions_many", limit=MENTIONS_PER_POST, count=len(message.mentions))
    if len(message.tags) > TAGS_PER_POST:
        raise Refused("tags_many", limit=TAGS_PER_POST, count=len(message.tags))
    if len(message.links) > LINKS_PER_POST:
        raise Refused("links_many", limit=LINKS_PER_POST, count=len(message.links))
    for tag in message.tags:
        if len(tag.name) > TAG_CHARACTERS:
            raise Refused("text_long", what="A tag", count=len(tag.name), limit=TAG_CHARACTERS)
    if message.mentions or message.tags or message.links:
        check_facets(text, message.mentions, message.tags, message.links)


def resolved(
    state: State, actor: int, mentions: tuple[Mention, ...]
) -> tuple[tuple[Mention, ...], dict[int, None]]:
    """(mentions of names there are, their accounts in order); an unknown name is text, and so is
    that of a secret group of which the actor knows nothing."""
    found = [
        (mention, 0 if _is_secret(state, actor, number) else number)
        for mention in mentions
        for number in (number_of(state, mention.name),)
    ]
    return (
        tuple(mention for mention, account in found if account),
        dict.fromkeys(account for _, account in found if account),
    )


def _is_secret(state: State, actor: int, number: int) -> bool:
    return state.row(
        "select 1 from groups where number = ?1 and \"join\" = 'secret' and not exists"
        ' (select 1 from memberships where "group" = ?1 and account = ?2)',
        (number, actor),
    ) is not None  # fmt: skip


@apply_of(Post)
def apply_post(state: State, entry: Entry, message: Post, outcome: Outcome) -> None:
    id_, number, actor, stamp = entry.id, entry.number, entry.actor, entry.stamp
    execute = state.execute
    state.last_id = id_
    reply_account, thread = 0, id_
    if message.reply_to:
        reply_account, thread = state.row(
            "select account, thread from posts where id = ?", (message.reply_to,)
        ) or (0, id_)
    quote_account = 0
    if message.quote_of:
        quote_account = state.count("select account from posts where id = ?", (message.quote_of,))
    mentions, mentioned = resolved(state, actor, message.mentions)
    reach = REACH[message.visibility]
    members = state.graph.members
    groups = _groups(state, actor, message, mentioned) if reach != Reach.DIRECT else ()
    tags = tuple(dict.fromkeys(tag.name for tag in message.tags))
    post = Candidate(
        id_, actor, int(reach), message.reply_to, reply_account, quote_account=quote_account,
        language=message.language, mentioned=tuple(mentioned), groups=groups, tags=tags,
    )  # fmt: skip
    execute(
        "insert into posts (id, number, account, visibility, reply_to, reply_account, boost_of,"
        " boost_account, mentioned, stamp, language, warning, sensitive, text, facets, app,"
        " quote_of, quote_account, first_language, first_tags, groups, thread, quotes, media,"
        " changed)"
        " values (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id_, number, actor, int(reach), message.reply_to, reply_account,
            column_of(mentioned), stamp, message.language, message.warning, message.sensitive,
            message.text, encode_facets(mentions, message.tags, message.links), message.app,
            message.quote_of, quote_account, message.language, " ".join(tags), column_of(groups),
            thread, message.quotes, encode_media(message.media), number,
        ),
    )  # fmt: skip
    if message.media:
        show_media(state, message.media, "post", id_)
    if reach == Reach.PUBLIC:
        for tag in tags:
            execute("insert into tags values (?, ?, 1, 1)", (tag, id_))
    for group in groups:
        execute("insert into group_posts values (?, ?, 1)", (group, id_))
    _count_post(state, number, post, 1)
    for account in mentioned:
        execute("insert into mentions values (?, ?)", (account, id_))
        if not members[account]:
            notify(state, entry, outcome, account, "mention", id_)
    if message.quote_of:
        count_quote(state, number, id_, 1)
    if quote_account and may_see(state.graph, post, quote_account):
        notify(state, entry, outcome, quote_account, "quote", id_)
    if reach == Reach.DIRECT:
        talk(state, post)
    if message.poll is not None:
        open_poll(state, entry, id_, message.poll)
        schedule_end(state, entry, id_)
    own = not message.reply_to or reply_account == actor
    if own and reach != Reach.DIRECT:
        _tell_watchers(state, entry, outcome, id_)
    outcome.posted.append((number, post))


def _tell_watchers(state: State, entry: Entry, outcome: Outcome, id_: int) -> None:
    watchers = state.graph.watchers[entry.actor]
    if watchers:
        for account in watchers.to_array()[:ROWS_PER_MESSAGE]:
            notify(state, entry, outcome, account, "status", id_)


# --- delete -----------------------------------------------------------------------------------


@check_of(Delete)
def check_delete(state: State, actor: int, message: Delete, stamp: int) -> None:
    row = state.row("select account, deleted from posts where id = ?", (message.post,))
    if row is None or row[1] or row[0] != actor:
        raise Refused("not_yours")


@apply_of(Delete)
def apply_delete(state: State, entry: Entry, message: Delete, outcome: Outcome) -> None:
    bury(state, entry, outcome, message.post)


def bury(state: State, entry: Entry, outcome: Outcome, id_: int, *, told: bool = True) -> None:
    """A tombstone stays: the frozen columns, so that boost windows and audiences do not move.
    `told`: live streams carry it, one post a message; of an account that is closed nobody sees any
    more."""
    row = state.row(
        f"select {FROZEN}, number, edited, facets, quote_of, media from posts where id = ?", (id_,)
    )
    if row is None:
        return
    post = candidate_of(row)
    made_by, edited, facets, quote_of, media = row[FROZEN_COLUMNS:]
    execute, number = state.execute, entry.number
    execute(
        "update posts set deleted = 1, text = '', warning = '', facets = x'', language = '',"
        " sensitive = 0, app = 0, media = x'', changed = ? where id = ?",
        (number, id_),
    )
    if media or edited:
        let_go(state, entry, "post", id_)
    for account in post.mentioned:
        execute("delete from mentions where account = ? and post = ?", (account, id_))
    for tag in post.tags:
        drop_tag(state, id_, tag)
    if edited:
        for later in decode_facets(facets)[1]:
            drop_tag(state, id_, later.name)
        execute("delete from versions where post = ?", (id_,))
    if not post.boost_of:
        drop_poll(state, id_)
        drop_pin(state, post.account, id_)
    if post.visibility == Reach.DIRECT:
        fall_silent(state, post)
    for group in post.groups:
        execute('update group_posts set now = 0 where "group" = ? and post = ?', (group, id_))
    _count_post(state, number, post, -1)
    if quote_of:
        count_quote(state, number, id_, -1)
    if post.boost_of:
        withdraw(state, post.boost_account, made_by)
    if told:
        changed(state, entry, outcome, "delete", id_, post.account)


def drop_tag(state: State, id_: int, tag: str) -> None:
    """The tag's queue shows the post no more. A row of the first version stays, for the homes that
    the tag brought the post into."""
    state.execute("update tags set now = 0 where tag = ? and post = ? and first = 1", (tag, id_))
    state.execute("delete from tags where tag = ? and post = ? and first = 0", (tag, id_))


def _count_post(state: State, number: int, post: Candidate, by: int) -> None:
    """In its author's count, and in that of what it boosts or answers. Everybody sees counts, so
    they tell nothing of what not everybody may see: a direct post of its author's is in none, a
    reply to followers not in that of the post it answers."""
    if post.visibility != Reach.DIRECT:
        state.execute(
            "update accounts set posts_count = posts_count + ?, last_post = max(last_post, ?),"
            " changed = ? where number = ?",
            (by, post.id, number, post.account),
        )
    if post.boost_of:
        _count(state, number, post.boost_of, boosts_count=by)
    elif post.reply_to and post.visibility <= Reach.UNLISTED:
        _count(state, number, post.reply_to, replies_count=by)


def _count(state: State, number: int, id_: int, **counts: int) -> None:
    """Counts of a post grow by so much, and caches of it are stale."""
    for column, by in counts.items():
        state.execute(
            f"update posts set {column} = {column} + ?, changed = ? where id = ?",
            (by, number, id_),
        )


# --- boost ------------------------------------------------------------------------------------


def _boost_id(state: State, post: int, actor: int) -> int:
    """The actor's standing boost of the post, or 0."""
    return state.count(
        "select id from posts where boost_of = ? and boost_of != 0 and account = ? and deleted = 0",
        (post, actor),
    )


_NARROWER: Final = (Reach.PUBLIC, Reach.UNLISTED, Reach.LOCAL, Reach.FOLLOWERS)
"""What a boost can be, each narrower than the one before."""


@check_of(Boost)
def check_boost(state: State, actor: int, message: Boost, stamp: int) -> None:
    require_account(state, actor)
    post = standing(state, message.post, actor)
    if post.visibility > Reach.UNLISTED and (
        post.account != actor or post.visibility in (Reach.DIRECT, Reach.GROUP)
    ):
        raise Refused("boost_not_allowed")
    if message.visibility in ("direct", "group"):
        raise Refused("visibility_unknown", visibility=message.visibility)
    if boost := _boost_id(state, message.post, actor):
        raise Refused("already_done", id=boost)


@apply_of(Boost)
def apply_boost(state: State, entry: Entry, message: Boost, outcome: Outcome) -> None:
    id_, number, actor = entry.id, entry.number, entry.actor
    row = state.row(
        "select account, visibility, mentioned from posts where id = ?", (message.post,)
    )
    # whom the original mentions goes with it: who blocks one of them gets no boost of it either
    author, reach, mentioned = row or (0, 0, b"")
    # no wider than the original: its author's own boost of a followers-only post stays so
    reach = max(int(REACH[message.visibility]), reach, key=_NARROWER.index)
    state.last_id = id_
    state.execute(
        "insert into posts (id, number, account, visibility, reply_to, reply_account, boost_of,"
        " boost_account, mentioned, stamp, changed) values (?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?)",
        (id_, number, actor, reach, message.post, author, mentioned, entry.stamp, number),
    )
    post = Candidate(
        id_, actor, reach, boost_of=message.post, boost_account=author,
        mentioned=numbers_of(mentioned),
    )  # fmt: skip
    _count_post(state, number, post, 1)
    notify(state, entry, outcome, author, "boost", message.post)
    outcome.posted.append((number, post))


@check_of(Unboost)
def check_unboost(state: State, actor: int, message: Unboost, stamp: int) -> None:
    if not _boost_id(state, message.post, actor):
        raise Refused("already_done")


@apply_of(Unboost)
def apply_unboost(state: State, entry: Entry, message: Unboost, outcome: Outcome) -> None:
    bury(state, entry, outcome, _boost_id(state, message.post, entry.actor))


# --- favourite --------------------------------------------------------------------------------


@check_of(Favourite)
def check_favourite(state: State, actor: int, message: Favourite, stamp: int) -> None:
    require_account(state, actor)
    standing(state, message.post, actor)
    if _favourite_number(state, message.post, actor):
        raise Refused("already_done")


def _favourite_number(state: State, post: int, actor: int) -> int:
    return state.count(
        "select number from favourites where post = ? and account = ?", (post, actor)
    )


@apply_of(Favourite)
def apply_favourite(state: State, entry: Entry, message: Favourite, outcome: Outcome) -> None:
    post = message.post
    state.execute("insert into favourites values (?, ?, ?)", (post, entry.actor, entry.number))
    _count(state, entry.number, post, favourites_count=1)
    author = state.count("select account from posts where id = ?", (post,))
    notify(state, entry, outcome, author, "favourite", post)


@check_of(Unfavourite)
def check_unfavourite(state: State, actor: int, message: Unfavourite, stamp: int) -> None:
    if not _favourite_number(state, message.post, actor):
        raise Refused("already_done")


@apply_of(Unfavourite)
def apply_unfavourite(state: State, entry: Entry, message: Unfavourite, outcome: Outcome) -> None:
    post, actor = message.post, entry.actor
    author = state.count("select account from posts where id = ?", (post,))
    withdraw(state, author, _favourite_number(state, post, actor))
    state.execute("delete from favourites where post = ? and account = ?", (post, actor))
    _count(state, entry.number, post, favourites_count=-1)
