"""Rows → the API's JSON, from cached fragments.

A status is `head + account + tail`: the head is cached by (id, changed), the account's fragment by
(number, changed), the tail says what it is to the viewer: their vote in its poll, which of their
filters it meets, and one of 32 sets of flags. So a count changes a head, a new display name an
account, and a favourite of the viewer only which tail is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from covey.delivery.audience import Reach, Relations, visible
from covey.edge.edge import Edge
from covey.edge.grouped import group_key
from covey.edge.images import avatar_url, header_url
from covey.edge.queues import Keeps, OwnPoll, flags, keeps, marks, polls
from covey.edge.render import account_url, post_url, render, tag_url
from covey.edge.text import parse
from covey.mastodon.attachments import attachments
from covey.mastodon.door import encode
from covey.mastodon.filtered import filtered
from covey.mastodon.quotes import NO_QUOTE, approval, approval_of_own, quotes
from covey.mastodon.times import day, iso
from covey.messages import Link
from covey.settings import Settings
from covey.state.queries import AccountRow, NotificationRow, PostRow, Snapshot
from covey.state.texts import Facets

HEADS_CACHED: Final = 8_192
"""Of posts: about 1.5 KB each."""
ACCOUNTS_CACHED: Final = 8_192
"""About 1 KB each."""

VISIBILITY: Final = {
    Reach.PUBLIC: "public",
    Reach.UNLISTED: "unlisted",
    Reach.FOLLOWERS: "private",
    Reach.DIRECT: "direct",
    # words that no client knows break some: what comes nearest, and never promises less reach
    Reach.GROUP: "private",
    Reach.LOCAL: "public",
}
"""Reach → the API's word. A local post says `local_only`, too."""
REACH_WORDS: Final = {
    "public": "public", "unlisted": "unlisted", "private": "followers", "direct": "direct"
}  # fmt: skip
"""The API's word → a message's."""

NOTIFICATION_TYPES: Final = {
    "mention": "mention", "status": "status", "boost": "reblog",
    "favourite": "favourite", "follow": "follow", "follow_request": "follow_request",
    "poll": "poll", "update": "update",
}  # fmt: skip
"""A notification's kind → the API's type, of those that every client knows. Kinds of groups have
none: lists and streams leave them out."""
NEW_TYPES: Final = {"quote": "quote", "quoted_update": "quoted_update"}
"""Those for clients that name them in `supported_types[]` or `types[]`: others break on them."""

ALL_TYPES: Final = NOTIFICATION_TYPES | NEW_TYPES

GONE: Final = ("suspended", "closed")
"""Standings of accounts that nobody sees any more."""

_ROLES: Final = {"moderator": ("2", "Moderator"), "administrator": ("3", "Administrator")}

_NO_POLL: Final = b',"poll":null'
_NO_FILTER: Final = b',"filtered":[]'
_STRANGERS_FLAGS: Final = b"}"


def _words(*flags: bool) -> bytes:
    names = ("favourited", "reblogged", "bookmarked", "pinned", "muted")
    return b"".join(
        b',"%s":%s' % (name.encode(), b"true" if flag else b"false")
        for name, flag in zip(names, flags, strict=True)
    ) + b"}"  # fmt: skip


_FLAGS: Final = {flags: _words(*flags) for flags in product((False, True), repeat=5)}
"""(favourited, boosted, bookmarked, pinned, in a muted thread) → the end of a status."""
_UNTOUCHED: Final = _FLAGS[(False,) * 5]

Key = TypeVar("Key")
Value = TypeVar("Value")


class Fragments(Generic[Key, Value]):
    """A cache in two halves: what was not used while the new one filled up is forgotten."""

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._new: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}
        self._new[key] = value


class Entities:
    """Of one edge: settings, and the fragments made so far."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.public_url = settings.public_url
        self._heads: Fragments[int, tuple[int, bytes]] = Fragments(HEADS_CACHED)
        self._accounts: Fragments[int, tuple[int, bytes]] = Fragments(ACCOUNTS_CACHED)
        self._names: Fragments[int, str] = Fragments(8 * ACCOUNTS_CACHED)
        self._apps: dict[int, dict[str, str | None]] = {}
        self._moment = -1
        self._of_moment: dict[int, bytes] = {}
        """Accounts as they are in the state after message `_moment`."""

    # --- statuses -----------------------------------------------------------------------------

    def statuses(
        self,
        snapshot: Snapshot,
        reader: Relations,
        rows: Sequence[PostRow],
        posts: Mapping[int, PostRow] | None = None,
        *,
        quoted: bool = False,
    ) -> list[bytes]:
        """A status for each row, in their order. `posts`: originals that are at hand already. A
        boost whose original is gone or hidden is left out. `quoted`: these are what others quote:
        what they quote themselves is told by its id alone."""
        originals: dict[int, PostRow] = {}
        missing = []
        for row in rows:
            if row.boost_of:
                found = posts.get(row.boost_of) if posts else None
                if found is None:
                    missing.append(row.boost_of)
                else:
                    originals[row.boost_of] = found
        if missing:
            originals.update(snapshot.posts(missing))
        accounts = self._account_fragments(
            snapshot,
            {row.account for row in rows} | {row.account for row in originals.values()},
        )
        ids = [row.boost_of or row.id for row in rows]
        kept = keeps(snapshot, reader.account)
        ends = self._ends(snapshot, reader.account, ids, kept)
        asked = polls(snapshot, reader.account, ids)
        shown_rows = [originals.get(row.boost_of, row) if row.boost_of else row for row in rows]
        questions = {
            row.id: b',"poll":%s'
            % encode(poll_fields(asked[row.id], reader.account == row.account))
            for row in shown_rows
            if row.id in asked
        }
        met = (
            {
                id_: b',"filtered":%s' % encode(results)
                for id_, results in filtered(snapshot, reader.account, shown_rows, asked).items()
            }
            if kept.filters
            else {}
        )
        quoting = quotes(
            snapshot, reader, shown_rows,
            None if quoted else lambda found: self.statuses(snapshot, reader, found, quoted=True),
        )  # fmt: skip
        statuses = []
        for row, shown_row in zip(rows, shown_rows, strict=True):
            shown = shown_row.id
            poll, end = questions.get(shown, _NO_POLL), ends.get(shown, _STRANGERS_FLAGS)
            filters = met.get(shown, _NO_FILTER)
            quote, may_quote = quoting.get(shown, NO_QUOTE), approval(shown_row, reader)
            head = self._head(snapshot, row)
            if not row.boost_of:
                statuses.append(
                    b"".join((head, accounts[row.account], poll, quote, may_quote, filters, end))
                )
                continue
            original = originals.get(row.boost_of)
            if original is None or original.deleted or not visible(original, reader):
                continue
            statuses.append(
                b"".join(
                    (
                        head, accounts[row.account],
                        b',"reblog":', self._head(snapshot, original), accounts[original.account],
                        poll, quote, may_quote, filters, end,
                        _NO_POLL, NO_QUOTE, may_quote, filters, end,
                    )
                )
            )  # fmt: skip
        return statuses

    def status(self, snapshot: Snapshot, reader: Relations, row: PostRow) -> bytes | None:
        """None: the original of a boost is gone or hidden."""
        found = self.statuses(snapshot, reader, [row])
        return found[0] if found else None

    def made(self, snapshot: Snapshot, row: PostRow) -> bytes:
        """The status of a post that was just made and quotes nothing, for its author: nobody has
        done anything with it, and no filter meets what one wrote oneself. A third of `status`."""
        poll, end = _NO_POLL, _UNTOUCHED
        if asked := polls(snapshot, row.account, [row.id]):
            poll = b',"poll":%s' % encode(poll_fields(asked[row.id], True))
        if row.reply_to:
            end = self._ends(snapshot, row.account, [row.id])[row.id]
        account = self._account_fragments(snapshot, [row.account])[row.account]
        head, may_quote = self._head(snapshot, row), approval_of_own(row)
        return b"".join((head, account, poll, NO_QUOTE, may_quote, _NO_FILTER, end))

    def _ends(
        self, snapshot: Snapshot, account: int, ids: list[int], kept: Keeps | None = None
    ) -> dict[int, bytes]:
        """What each post (never a boost) is to the viewer, as the end of its status."""
        if not account:
            return {}
        done = (*flags(snapshot, account, ids), *marks(snapshot, account, ids, kept))
        ends = dict.fromkeys(ids, _UNTOUCHED)
        for id_ in set().union(*done):
            ends[id_] = _FLAGS[tuple(id_ in those for those in done)]
        return ends

    def _head(self, snapshot: Snapshot, row: PostRow) -> bytes:
        """All of a status up to and with `"account":`."""
        found = self._heads.get(row.id)
        if found is not None and found[0] == row.changed:
            return found[1]
        head = encode(self._status(snapshot, row))[:-1] + b',"account":'
        self._heads.put(row.id, (row.changed, head))
        return head

    def _status(self, snapshot: Snapshot, row: PostRow) -> dict[str, Any]:
        """A status without account, reblog of a boost and the viewer's flags."""
        url = post_url(self.public_url, self.name(snapshot, row.account), row.id)
        status: dict[str, Any] = {
            "id": str(row.id),
            "created_at": iso(row.stamp),
            "in_reply_to_id": str(row.reply_to) if row.reply_to else None,
            "in_reply_to_account_id": str(row.reply_account) if row.reply_account else None,
            "sensitive": bool(row.sensitive or row.warning),
            "spoiler_text": row.warning,
            "visibility": self._visibility(snapshot, row),
            "language": row.language or None,
            "uri": url,
            "url": url,
            "replies_count": row.replies_count,
            "reblogs_count": row.boosts_count,
            "favourites_count": row.favourites_count,
            "quotes_count": row.quotes_count,
            "edited_at": iso(row.edited) if row.edited else None,
            "content": "",
            "application": None,
            "media_attachments": [],
            "mentions": [],
            "tags": [],
            "emojis": [],
            "card": None,
        }
        if row.visibility == Reach.LOCAL:
            status["local_only"] = True
        if row.boost_of:
            return status  # `reblog` follows behind the account
        tags = row.facets[1]
        mentioned = self.mentioned(snapshot, row)
        status["content"] = self._quoted(snapshot, row) + self.content(
            row.text, row.facets, mentioned
        )
        status["mentions"] = [
            {
                "id": str(number), "username": name, "acct": name,
                "url": account_url(self.public_url, name),
            }
            for number, name in mentioned.items()
        ]  # fmt: skip
        status["tags"] = [
            {"name": name, "url": tag_url(self.public_url, name)}
            for name in dict.fromkeys(tag.name for tag in tags)
        ]
        if row.media_column:
            status["media_attachments"] = attachments(snapshot, row.media, self.public_url)
        status["application"] = self._app(snapshot, row.app)
        status["reblog"] = None
        return status

    def _visibility(self, snapshot: Snapshot, row: PostRow) -> str:
        if row.visibility == Reach.GROUP and snapshot.among(
            "select 1 from groups where number in carray(?) and \"join\" = 'open'", row.groups
        ):
            return "unlisted"
        return VISIBILITY[Reach(row.visibility)]

    def content(self, text: str, facets: Facets, mentioned: Mapping[int, str]) -> str:
        """HTML of a text that mentions these accounts."""
        names = {name.lower(): name for name in mentioned.values()}
        return render(text, *facets, public_url=self.public_url, names=names)

    def _quoted(self, snapshot: Snapshot, row: PostRow) -> str:
        """What a quote says to clients that know no `quote`: where its original is."""
        if not row.quote_of or row.quote_revoked:
            return ""
        url = post_url(self.public_url, self.name(snapshot, row.quote_account), row.quote_of)
        link = render(url, (), (), (Link(0, len(url), url),), public_url="", names={})
        return f'<p class="quote-inline">RE: {link.removeprefix("<p>")}'

    def mentioned(self, snapshot: Snapshot, row: PostRow) -> dict[int, str]:
        """The accounts a post mentions as it stands, in the order of its text: number → name. A
        secret group has a name in its own posts alone."""
        among_themselves = row.visibility == Reach.GROUP
        if row.edited:
            return self.named(snapshot, row.facets, secret_too=among_themselves)
        found = {number: self.name(snapshot, number) for number in row.mentioned}
        return found if among_themselves else _known_to_all(snapshot, found)

    def named(
        self, snapshot: Snapshot, facets: Facets, *, secret_too: bool = False
    ) -> dict[int, str]:
        """The accounts whose names stand in a text: number → name. `secret_too`: groups of which
        only members know."""
        wanted = dict.fromkeys(mention.name.lower() for mention in facets[0])
        rows = (
            snapshot.row("select number, name from accounts where name_key = ?", (name,))
            for name in wanted
        )
        found = {row[0]: row[1] for row in rows if row}
        return found if secret_too else _known_to_all(snapshot, found)

    def name(self, snapshot: Snapshot, number: int) -> str:
        """An account's name: it never changes."""
        found = self._names.get(number)
        if found is None:
            row = snapshot.row("select name from accounts where number = ?", (number,))
            found = str(row[0]) if row else "unknown"
            self._names.put(number, found)
        return found

    def _app(self, snapshot: Snapshot, number: int) -> dict[str, str | None] | None:
        if not number:
            return None
        found = self._apps.get(number)
        if found is None:
            row = snapshot.row("select name, website from apps where number = ?", (number,))
            if row is None:
                return None
            if len(self._apps) >= ACCOUNTS_CACHED:
                self._apps.clear()
            found = self._apps[number] = {"name": row[0], "website": row[1] or None}
        return found

    # --- accounts -----------------------------------------------------------------------------

    def accounts(self, snapshot: Snapshot, wanted: Sequence[int]) -> list[bytes]:
        """An account for each number, in their order."""
        found = self._account_fragments(snapshot, wanted)
        return [found[number] for number in wanted if number in found]

    def account(self, snapshot: Snapshot, row: AccountRow) -> bytes:
        found = self._accounts.get(row.number)
        if found is not None and found[0] == row.changed:
            return found[1]
        fragment = encode(self.account_fields(snapshot, row))
        self._accounts.put(row.number, (row.changed, fragment))
        return fragment

    def _account_fragments(self, snapshot: Snapshot, wanted: Collection[int]) -> dict[int, bytes]:
        if snapshot.applied != self._moment or len(self._of_moment) >= ACCOUNTS_CACHED:
            # pages between two messages look only once whether an account is as it was
            self._moment, self._of_moment = snapshot.applied, {}
        found = self._of_moment
        unknown = [number for number in wanted if number not in found]
        stale: list[int] = []
        for number, changed in snapshot.among(
            "select number, changed from accounts where number in carray(?)", unknown
        ):
            cached = self._accounts.get(number)
            if cached is not None and cached[0] == changed:
                found[number] = cached[1]
            else:
                stale.append(number)
        if stale:
            for row in snapshot.accounts(stale).values():
                found[row.number] = self.account(snapshot, row)
        return found

    def account_fields(self, snapshot: Snapshot, row: AccountRow) -> dict[str, Any]:
        """An account, as values. Of whom nobody sees any more only the name is left."""
        if row.standing in GONE:
            row = msgspec.structs.replace(
                row, display_name="", note="", facets_column=b"", fields_column=b"", bot=0,
                discoverable=0, indexable=0, locked=0, role="member", followers_count=0,
                following_count=0, posts_count=0, last_post=0, avatar_file=None, header_file=None,
            )  # fmt: skip
        url = account_url(self.public_url, row.name)
        avatar, header = avatar_url(self.public_url, row), header_url(self.public_url, row)
        mentions, tags, links = row.facets
        names = {
            name.lower(): name for name in self.named(snapshot, (mentions, tags, links)).values()
        }
        fields: dict[str, Any] = {
            "id": str(row.number),
            "username": row.name,
            "acct": row.name,
            "display_name": row.display_name,
            "locked": bool(row.locked),
            "bot": bool(row.bot),
            "discoverable": bool(row.discoverable),
            "indexable": bool(row.indexable),
            "noindex": not row.indexable,
            "group": row.kind == "group",
            "created_at": iso(row.created),
            "note": render(
                row.note, mentions, tags, links, public_url=self.public_url, names=names
            ),
            "url": url,
            "uri": url,
            "avatar": avatar,
            "avatar_static": avatar,
            "header": header,
            "header_static": header,
            "followers_count": row.followers_count,
            "following_count": row.following_count,
            "statuses_count": row.posts_count,
            "last_status_at": day(row.last_post),
            "hide_collections": False,
            "emojis": [],
            "roles": [{"id": id_, "name": name, "color": ""} for id_, name in [_ROLES[row.role]]]
            if row.role in _ROLES
            else [],
            "fields": [
                {"name": field.name, "value": self._line(field.value), "verified_at": None}
                for field in row.fields
            ],
        }
        if row.standing in GONE:
            fields["suspended"] = True
        elif row.standing == "limited":
            fields["limited"] = True
        return fields

    def own_account(self, snapshot: Snapshot, row: AccountRow) -> bytes:
        """A CredentialAccount: an account as its owner sees it."""
        fields = self.account_fields(snapshot, row)
        id_, name = _ROLES.get(row.role, ("-99", ""))
        asked = snapshot.row(
            "select count(*) from follow_requests where followed = ?", (row.number,)
        )
        fields["source"] = {
            "privacy": VISIBILITY[_REACHES[row.visibility]],
            "sensitive": bool(row.sensitive),
            "language": row.language or None,
            "note": row.note,
            "fields": [
                {"name": field.name, "value": field.value, "verified_at": None}
                for field in row.fields
            ],
            "follow_requests_count": asked[0] if asked else 0,
            "discoverable": bool(row.discoverable),
            "indexable": bool(row.indexable),
            "hide_collections": False,
            "quote_policy": row.quotes,
        }
        # no operation of the admin API is there, so no role gives a right to one
        fields["role"] = {
            "id": id_, "name": name, "permissions": "0", "color": "", "highlighted": bool(name),
        }  # fmt: skip
        return encode(fields)

    def _line(self, value: str) -> str:
        """A field's value: its addresses become links."""
        text, _, _, links = parse(value, self.settings)
        html = render(text, (), (), links, public_url=self.public_url, names={})
        return html.removeprefix("<p>").removesuffix("</p>")

    # --- notifications ------------------------------------------------------------------------

    def notifications(
        self,
        snapshot: Snapshot,
        reader: Relations,
        rows: Sequence[NotificationRow],
        posts: Mapping[int, PostRow] | None = None,
    ) -> list[bytes]:
        """A notification for each row, in their order; not those whose post is gone or hidden."""
        wanted = {row.post for row in rows if row.post}
        found = dict(posts or {})
        missing = wanted - found.keys()
        if missing:
            found.update(snapshot.posts(list(missing)))
        shown = [
            post
            for id_ in wanted
            if (post := found.get(id_)) and not post.deleted and visible(post, reader)
        ]
        statuses = dict(
            zip(
                (post.id for post in shown),
                self.statuses(snapshot, reader, shown, found),
                strict=True,
            )
        )
        accounts = self._account_fragments(snapshot, {row.sender for row in rows})
        notifications = []
        for row in rows:
            if row.post and row.post not in statuses:
                continue
            head = encode(
                {
                    "id": str(row.number),
                    "type": ALL_TYPES[row.kind],
                    "created_at": iso(row.stamp),
                    "group_key": group_key(row),
                }
            )[:-1]
            account = accounts[row.sender]
            status = statuses.get(row.post)
            end = b',"status":%s}' % status if status else b"}"
            notifications.append(b'%s,"account":%s%s' % (head, account, end))
        return notifications


def _known_to_all(snapshot: Snapshot, names: dict[int, str]) -> dict[int, str]:
    """Without secret groups."""
    sql = "select number from groups where number in carray(?) and \"join\" = 'secret'"
    for (number,) in snapshot.among(sql, list(names)):
        del names[number]
    return names


def poll_fields(own: OwnPoll, is_author: bool) -> dict[str, Any]:
    """A Poll, as its author or somebody else is shown it."""
    poll = own.poll
    counts: list[int | None] = [*poll.counts]
    if poll.hide_totals and not poll.ended and not is_author:
        counts = [None] * len(counts)
    return {
        "id": str(poll.post),
        "expires_at": iso(poll.ends),
        "expired": bool(poll.ended),
        "multiple": bool(poll.multiple),
        "votes_count": sum(poll.counts),
        "voters_count": poll.voters,
        "options": [
            {"title": title, "votes_count": count}
            for title, count in zip(poll.options, counts, strict=True)
        ],
        "emojis": [],
        # who asked is shown what was answered, not a form
        "voted": is_author or bool(own.choices),
        "own_votes": list(own.choices),
    }


_REACHES: Final[dict[str, Reach]] = {reach.word: reach for reach in Reach}

_entities: WeakKeyDictionary[Edge, Entities] = WeakKeyDictionary()


def entities(edge: Edge) -> Entities:
    found = _entities.get(edge)
    if found is None:
        found = _entities[edge] = Entities(edge.settings)
    return found


def joined(items: Sequence[bytes]) -> bytes:
    """A JSON array."""
    return b"[" + b",".join(items) + b"]"
