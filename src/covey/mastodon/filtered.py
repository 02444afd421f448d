"""What of a reader's filters a status meets. Filters mark; where and how to fold away is up to the
client, which looks at a filter's `context`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from covey.edge.queues import OwnPoll
from covey.mastodon.times import iso
from covey.messages import Keyword
from covey.state.queries import PostRow, Snapshot

_keywords: Final = msgspec.msgpack.Decoder(tuple[Keyword, ...])
_posts: Final = msgspec.msgpack.Decoder(tuple[int, ...])

FILTER: Final = "number, title, contexts, action, keywords, posts, until"
"""The columns of a FilterRow, in its order."""


class FilterRow(Struct, frozen=True):
    number: int
    title: str
    contexts_column: str
    """Comma-separated."""
    action: str
    keywords_column: bytes
    posts_column: bytes
    until: int
    """Stamp; 0: without end."""

    @property
    def contexts(self) -> list[str]:
        return self.contexts_column.split(",")

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        return _keywords.decode(self.keywords_column)

    @property
    def posts(self) -> tuple[int, ...]:
        return _posts.decode(self.posts_column)


def filters_of(snapshot: Snapshot, account: int) -> list[FilterRow]:
    """The account's, oldest first."""
    sql = f"select {FILTER} from filters where account = ? order by number"
    return [FilterRow(*row) for row in snapshot.rows(sql, (account,))]


def filter_fields(row: FilterRow) -> dict[str, Any]:
    """A Filter without keywords and statuses, as a FilterResult has it."""
    return {
        "id": str(row.number),
        "title": row.title,
        "context": row.contexts,
        "expires_at": iso(row.until) if row.until else None,
        "filter_action": row.action,
    }


def filtered(
    snapshot: Snapshot, account: int, rows: Iterable[PostRow], polls: Mapping[int, OwnPoll]
) -> dict[int, list[dict[str, Any]]]:
    """post id → the FilterResults of those posts (never boosts) that meet a filter of the
    account's. One's own posts meet none."""
    filters = filters_of(snapshot, account) if account else []
    if not filters:
        return {}
    known = [(row, row.keywords, frozenset(row.posts)) for row in filters]
    rows = list(rows)
    media = snapshot.media([number for row in rows for number in row.media])
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row.account == account:
            continue
        poll = polls.get(row.id)
        options = poll.poll.options if poll else ()
        shown = [media[number].description for number in row.media if number in media]
        text = "\n".join((row.warning, row.text, *options, *shown)).casefold()
        for filter_, keywords, posts in known:
            words = [keyword.text for keyword in keywords if _meets(text, keyword)]
            if words or row.id in posts:
                result = {
                    "filter": filter_fields(filter_),
                    "keyword_matches": words or None,
                    "status_matches": [str(row.id)] if row.id in posts else None,
                }
                found.setdefault(row.id, []).append(result)
    return found


def _meets(text: str, keyword: Keyword) -> bool:
    """`text` is case-folded."""
    word = keyword.text.casefold()
    if word not in text:
        return False
    if not keyword.whole_word:
        return True
    # a sign at the word's end is its own boundary
    begin = r"\b" if re.match(r"\w", word) else ""
    end = r"\b" if re.search(r"\w\Z", word) else ""
    return re.search(f"{begin}{re.escape(word)}{end}", text) is not None
