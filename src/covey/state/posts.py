"""Posts: post, delete, boost, favourite and their ends."""

from __future__ import annotations

from array import array
from typing import Final

from covey.delivery.audience import REACH, Candidate, Reach
from covey.delivery.graph import Graph
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
from covey.messages import Boost, Delete, Entry, Favourite, Post, Unboost, Unfavourite
from covey.state.accounts import number_of, require_account
from covey.state.notifications import notify, withdraw
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

FROZEN: Final = (
    "id, account, visibility, reply_to, reply_account, boost_of, boost_account, mentioned"
)
"""The columns of a Candidate, in its order."""


def candidate_of(row: tuple[int, int, int, int, int, int, int, bytes]) -> Candidate:
    """The columns FROZEN → Candidate."""
    mentioned = row[7]
    return Candidate(*row[:7], tuple(array("I", mentioned)) if mentioned else ())


def may_see(graph: Graph, post: Candidate, account: int) -> bool:
    """`audience.visible`, asked of the whole graph instead of a reader's own relations."""
    author = post.account
    if author == account:
        return True
    if graph.blocks.has(author, account):
        return False
    if post.visibility <= Reach.UNLISTED or account in post.mentioned:
        return True
    return post.visibility == Reach.FOLLOWERS and graph.followers.has(author, account)


def standing(state: State, id_: int, reader: int) -> Candidate:
    """The post, if it stands and the reader may see it. Raises Refused("not_found")."""
    row = state.row(
        f"select {FROZEN} from posts where id = ? and deleted = 0 and boost_of = 0",
        (id_,),
    )
    if row is None:
        raise Refused("not_found")
    post = candidate_of(row)
    if not may_see(state.graph, post, reader):
        raise Refused("not_found")
    return post


# --- post -------------------------------------------------------------------------------------


@check_of(Post)
def check_post(state: State, actor: int, message: Post, stamp: int) -> None:
    require_account(state, actor)
    text = message.text
    if not text or text.isspace():
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
    if not 0 <= message.app <= state.apps:
        raise Refused("app_unknown")
    if message.reply_to:
        standing(state, message.reply_to, actor)


@apply_of(Post)
def apply_post(state: State, entry: Entry, message: Post, outcome: Outcome) -> None:
    id_, number, actor, stamp = entry.id, entry.number, entry.actor, entry.stamp
    execute = state.execute
    state.last_id = id_
    reply_account = 0
    if message.reply_to:
        reply_account = state.count("select account from posts where id = ?", (message.reply_to,))
    mentions = []
    mentioned: dict[int, None] = {}
    for mention in message.mentions:
        account = number_of(state, mention.name)
        if account:
            mentions.append(mention)
            mentioned[account] = None
    reach = REACH[message.visibility]
    post = Candidate(
        id_, actor, int(reach), message.reply_to, reply_account, mentioned=tuple(mentioned)
    )
    execute(
        "insert into posts (id, number, account, visibility, reply_to, reply_account, boost_of,"
        " boost_account, mentioned, stamp, language, warning, sensitive, text, facets, app,"
        " changed) values (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id_, number, actor, int(reach), message.reply_to, reply_account,
            array("I", mentioned).tobytes() if mentioned else b"", stamp, message.language,
            message.warning, message.sensitive, message.text,
            encode_facets(tuple(mentions), message.tags, message.links), message.app, number,
        ),
    )  # fmt: skip
    tags = tuple(dict.fromkeys(tag.name for tag in message.tags))
    if reach == Reach.PUBLIC:
        for tag in tags:
            execute("insert into tags values (?, ?)", (tag, id_))
    _count_post(state, number, post, 1)
    for account in mentioned:
        execute("insert into mentions values (?, ?)", (account, id_))
        notify(state, entry, outcome, account, "mention", id_)
    own = not message.reply_to or reply_account == actor
    if own and reach != Reach.DIRECT:
        _tell_watchers(state, entry, outcome, id_)
    outcome.posted.append((number, post, tags))


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
    _bury(state, entry, outcome, message.post)


def _bury(state: State, entry: Entry, outcome: Outcome, id_: int) -> None:
    """A tombstone stays: the frozen columns, so that boost windows and audiences do not move."""
    row = state.row(f"select {FROZEN}, number, facets from posts where id = ?", (id_,))
    if row is None:
        return
    post = candidate_of(row[:8])
    execute, number = state.execute, entry.number
    execute(
        "update posts set deleted = 1, text = '', warning = '', facets = x'', language = '',"
        " sensitive = 0, app = 0, changed = ? where id = ?",
        (number, id_),
    )
    for account in post.mentioned:
        execute("delete from mentions where account = ? and post = ?", (account, id_))
    for tag in decode_facets(row[9])[1]:
        execute("delete from tags where tag = ? and post = ?", (tag.name, id_))
    _count_post(state, number, post, -1)
    if post.boost_of:
        withdraw(state, post.boost_account, row[8])
    execute(
        "insert into changes values (?, 'delete', ?, ?, ?)",
        (number, id_, post.account, entry.stamp),
    )
    outcome.changes.append((number, "delete", id_, post.account))


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
        "select id from posts where boost_of = ? and account = ? and deleted = 0", (post, actor)
    )


@check_of(Boost)
def check_boost(state: State, actor: int, message: Boost, stamp: int) -> None:
    require_account(state, actor)
    post = standing(state, message.post, actor)
    if post.visibility > Reach.UNLISTED and (
        post.account != actor or post.visibility == Reach.DIRECT
    ):
        raise Refused("boost_not_allowed")
    if message.visibility == "direct":
        raise Refused("visibility_unknown", visibility="direct")
    if boost := _boost_id(state, message.post, actor):
        raise Refused("already_done", id=boost)


@apply_of(Boost)
def apply_boost(state: State, entry: Entry, message: Boost, outcome: Outcome) -> None:
    id_, number, actor = entry.id, entry.number, entry.actor
    row = state.row("select account, visibility from posts where id = ?", (message.post,))
    author, reach = row or (0, 0)
    # no wider than the original: its author's own boost of a followers-only post stays so
    reach = max(int(REACH[message.visibility]), reach)
    state.last_id = id_
    state.execute(
        "insert into posts (id, number, account, visibility, reply_to, reply_account, boost_of,"
        " boost_account, mentioned, stamp, changed) values (?, ?, ?, ?, 0, 0, ?, ?, x'', ?, ?)",
        (id_, number, actor, reach, message.post, author, entry.stamp, number),
    )
    post = Candidate(id_, actor, reach, boost_of=message.post, boost_account=author)
    _count_post(state, number, post, 1)
    notify(state, entry, outcome, author, "boost", message.post)
    outcome.posted.append((number, post, ()))


@check_of(Unboost)
def check_unboost(state: State, actor: int, message: Unboost, stamp: int) -> None:
    if not _boost_id(state, message.post, actor):
        raise Refused("already_done")


@apply_of(Unboost)
def apply_unboost(state: State, entry: Entry, message: Unboost, outcome: Outcome) -> None:
    _bury(state, entry, outcome, _boost_id(state, message.post, entry.actor))


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
