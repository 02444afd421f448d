"""Posts as pages show them.

What a post looks like to one kind of viewer (a member or not, its author or not, who boosted or
favourited it or not) is rendered once and kept, until the post changes. It holds no form and no
token: its buttons send the one form at the end of the page. Its age is cut out, because that grows
by itself; and so are its poll and what it quotes, which change without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from markupsafe import Markup, escape
from msgspec import Struct

from covey.delivery.audience import STRANGER, Reach, visible
from covey.edge.queues import OwnPoll, flags, marks, polls
from covey.edge.render import post_url, render
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.web import pictures, templates
from covey.web.times import age, age_tag, exact_tag, moment_tag, time_tag

FRAGMENTS_MAX: Final = 4_096
"""About 3 KB each."""

_CUT: Final = "\0"
"""Where its age in words goes, and then its poll and quote: no text of a person holds it."""


class _Reach(NamedTuple):
    word: str
    icon: str


_REACHES: Final[dict[int, _Reach | None]] = {
    Reach.PUBLIC: None,
    Reach.UNLISTED: _Reach("unlisted", "moon"),
    Reach.FOLLOWERS: _Reach("followers", "lock"),
    Reach.DIRECT: _Reach("direct", "mail"),
    Reach.GROUP: _Reach("in a group", "people"),
    Reach.LOCAL: _Reach("this server only", "place"),
}


class _Kind(NamedTuple):
    """What of a fragment depends on who looks."""

    member: bool
    own: bool
    boosted: bool
    favourited: bool
    bookmarked: bool
    pinned: bool
    quiet: bool
    """Its thread is muted."""


class _Parent(Struct):
    address: str
    account: AccountRow


_Key = tuple[int, int, str, _Kind]
_fragments: dict[_Key, tuple[str, str, str]] = {}
"""HTML before the age, between it and the poll, and after that."""


def show(
    snapshot: Snapshot,
    rows: Sequence[PostRow],
    viewer: int,
    now: int,
    *,
    originals: Mapping[int, PostRow] | None = None,
    depths: Mapping[int, int] | None = None,
) -> Markup:
    """`<article>`s of these posts and boosts, in their order. `viewer`: account, 0 for a stranger.

    `originals` holds what is boosted, where it is known. `depths`: id → how deep in a thread."""
    made = articles(snapshot, rows, viewer, now, originals=originals, depths=depths)
    return Markup("").join(made.values())


def articles(
    snapshot: Snapshot,
    rows: Sequence[PostRow],
    viewer: int,
    now: int,
    *,
    originals: Mapping[int, PostRow] | None = None,
    depths: Mapping[int, int] | None = None,
) -> dict[int, Markup]:
    """id → `<article>`, as `show` has them, in the same order."""
    known = dict(originals or {})
    if missing := {row.boost_of for row in rows if row.boost_of} - known.keys():
        known.update(snapshot.posts(missing))
    shown = [(row, known[row.boost_of] if row.boost_of else row) for row in rows]
    fragments = _Fragments(snapshot, [post for _, post in shown], viewer)
    fragments.load(row.account for row in rows if row.boost_of)
    made = {}
    for row, post in shown:
        depth = min(depths.get(row.id, 0), 3) if depths else 0
        boosted = _boosted(fragments.accounts[row.account]) if row.boost_of else ""
        made[row.id] = Markup(  # noqa: S704 - of fragments, and an escaped name
            f'<article class="post{f" deep{depth}" if depth else ""}" id="p{row.id}"'
            f' data-post="{post.id}">{boosted}'
            f'<div class="row">{fragments.of(post, now)}</div></article>\n'
        )
    return made


def _boosted(booster: AccountRow) -> str:
    return (
        '<p class="boosted"><svg aria-hidden="true"><use href="#i-boost"/></svg>'
        f'<a href="/@{booster.name}"><bdi>{escape(booster.shown_name)}</bdi> boosted</a></p>'
    )


def inside(snapshot: Snapshot, post: PostRow, viewer: int, now: int) -> str:
    """What is inside a post's row: what a script puts in place after an act."""
    return _Fragments(snapshot, [post], viewer).of(post, now)


class _Fragments:
    """Those of one page: all that they need is asked for in a few queries."""

    def __init__(self, snapshot: Snapshot, posts: Sequence[PostRow], viewer: int) -> None:
        self._snapshot = snapshot
        self._viewer = viewer
        ids = {post.id for post in posts}
        self._favourited, self._boosted = flags(snapshot, viewer, ids)
        self._bookmarked, self._pinned, self._quiet = marks(snapshot, viewer, ids)
        self._polls = polls(snapshot, viewer, ids)
        self._quoted = snapshot.posts({post.quote_of for post in posts if post.quote_of})
        self._reader = snapshot.relations(viewer) if self._quoted else STRANGER
        self.accounts: dict[int, AccountRow] = {}
        self.load(post.account for post in chain(posts, self._quoted.values()))
        keys = [self._key(post) for post in posts]
        new = [post for post, key in zip(posts, keys, strict=True) if key not in _fragments]
        # names never change: only what is rendered now needs those it mentions
        self.load(chain.from_iterable((post.reply_account, *post.mentioned) for post in new))
        self.load(chain.from_iterable(post.mentioned for post in self._quoted.values()))
        self._media = snapshot.media(list(chain.from_iterable(post.media for post in new)))

    def load(self, numbers: Iterable[int]) -> None:
        missing = {number for number in numbers if number} - self.accounts.keys()
        if missing:
            self.accounts.update(self._snapshot.accounts(missing))

    def of(self, post: PostRow, now: int) -> str:
        key = self._key(post)
        found = _fragments.get(key)
        if found is None:
            before, middle, after = self._render(post, key[3]).split(_CUT)
            found = before, middle, after
            while len(_fragments) >= FRAGMENTS_MAX:
                del _fragments[next(iter(_fragments))]
            _fragments[key] = found
        before, middle, after = found
        return f"{before}{age(post.stamp, now)}{middle}{self._below(post, now)}{after}"

    def _below(self, post: PostRow, now: int) -> str:
        """The poll and what is quoted."""
        html = ""
        if own := self._polls.get(post.id):
            html = self._poll(post, own, now)
        if post.quote_of and not post.quote_revoked:
            html += self._quote(self._quoted.get(post.quote_of), now)
        return html

    def _poll(self, post: PostRow, own: OwnPoll, now: int) -> str:
        poll = own.poll
        ended = bool(poll.ended) or now >= poll.ends
        return templates.render(
            "poll.html",
            id=post.id,
            address=post_url("", self.accounts[post.account].name, post.id),
            options=list(zip(poll.options, poll.counts, strict=True)),
            choices=own.choices,
            multiple=poll.multiple,
            voters=poll.voters,
            ended=ended,
            hidden=bool(poll.hide_totals) and not ended,
            may_vote=bool(self._viewer)
            and self._viewer != post.account
            and not ended
            and not own.choices,
            ends=moment_tag(poll.ends, now),
        )

    def _quote(self, quoted: PostRow | None, now: int) -> str:
        if quoted is None or quoted.deleted or not visible(quoted, self._reader):
            return '<p class="quote lost">The quoted post is not there any more.</p>'
        author = self.accounts[quoted.account]
        return templates.render(
            "quote.html",
            post=quoted,
            author=author,
            address=post_url("", author.name, quoted.id),
            text=self.text(quoted),
            time=age_tag(quoted.stamp, now),
        )

    def _key(self, post: PostRow) -> _Key:
        kind = _Kind(
            bool(self._viewer),
            self._viewer == post.account,
            post.id in self._boosted,
            post.id in self._favourited,
            post.id in self._bookmarked,
            post.id in self._pinned,
            post.id in self._quiet,
        )
        author = self.accounts[post.account]
        return post.id, post.changed, f"{author.display_name}\0{author.avatar_file}", kind

    def _render(self, post: PostRow, kind: _Kind) -> str:
        author = self.accounts[post.account]
        answered = self.accounts.get(post.reply_account) if post.reply_to else None
        return templates.render(
            "post.html",
            post=post,
            author=author,
            address=post_url("", author.name, post.id),
            parent=_Parent(post_url("", answered.name, post.reply_to), answered)
            if answered
            else None,
            text=self.text(post),
            media=pictures.shown(self._media, post.media),
            reach=self._reach(post),
            edited=exact_tag(post.edited) if post.edited else "",
            may_pin=kind.own and post.visibility != Reach.DIRECT,
            cut=_CUT,
            may_boost=kind.member
            and (
                post.visibility <= Reach.UNLISTED
                or (kind.own and post.visibility in (Reach.FOLLOWERS, Reach.LOCAL))
            ),
            time=time_tag(post.stamp, "age", _CUT),
            **kind._asdict(),
        )

    def _reach(self, post: PostRow) -> _Reach | None:
        reach = _REACHES[post.visibility]
        groups = [self.accounts[number].name for number in post.groups if number in self.accounts]
        if reach and groups and post.visibility == Reach.GROUP:
            return _Reach("in " + ", ".join(f"@{name}" for name in groups), reach.icon)
        return reach

    def text(self, post: PostRow) -> Markup:
        names = {
            account.name.lower(): account.name
            for number in post.mentioned
            if (account := self.accounts.get(number))
        }
        html = render(post.text, *post.facets, public_url="", names=names)
        return Markup(html)  # noqa: S704 - render escapes


def note(snapshot: Snapshot, account: AccountRow) -> Markup:
    """The text of a profile."""
    mentions, tags, links = account.facets
    names = {}
    for mention in mentions:
        found = snapshot.account_named(mention.name)
        if found:
            names[found.name.lower()] = found.name
    html = render(account.note, mentions, tags, links, public_url="", names=names)
    return Markup(html)  # noqa: S704 - render escapes
