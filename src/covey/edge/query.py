"""What somebody types to search → what is looked for. Any text means something.

    word  "some words"  word*  -word  from:name  has:link  is:reply  in:library  language:en
    before:2026-01-31  after:2026-01-31  during:2026-01-31  mentions:name

What is no such word is looked for as it stands. Nothing of it reaches SQLite but words of letters
and digits (`readers.search.words`), each in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from covey.errors import Refused
from covey.limits import QUERY_CHARACTERS, QUERY_TERMS
from covey.messages import id_at
from covey.readers.search.index import ALL, language_mark
from covey.readers.search.words import looked_for
from covey.state.merge import END

Scope = Literal["all", "library", "home", "public"]
"""Where: all that one may find; what one wrote, kept, did something with or is mentioned in; what
stands in one's home; what everybody may find."""

_TERM: Final = re.compile(r'(-?)(?:(\w+):)?(?:"([^"]*)"?|(\S+))')
_DAY: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)", re.ASCII)
_HAS: Final = {
    "poll": "hpoll", "link": "hlink", "embed": "hlink", "quote": "hquote",
    "media": "hmedia", "image": "himage", "video": "hvideo", "audio": "haudio",
}  # fmt: skip
"""The last three are of no post yet: the index does not know what its media are."""
_IS: Final = {"reply": "ireply", "sensitive": "isensitive", "quote": "hquote"}


class Account(Struct, frozen=True):
    """A name in a query: whose posts, or who is mentioned."""

    mark: str
    name: str


class Query(Struct, frozen=True):
    """What is looked for: all of `having`, nothing of `lacking`."""

    having: tuple[str | Account, ...] = ()
    """Expressions of FTS5, or accounts that are not looked up yet."""
    lacking: tuple[str | Account, ...] = ()
    below: int = END
    above: int = 0
    scope: Scope = "all"

    @property
    def is_empty(self) -> bool:
        """Nothing was said: no post is looked for."""
        said = self.having or self.lacking or self.below < END or self.above
        return not said and self.scope == "all"


def parse(text: str) -> Query:
    """Raises Refused: query_long, query_terms, query_malformed (a date or a word that is none of
    those that are known)."""
    if len(text) > QUERY_CHARACTERS:
        raise Refused("query_long", limit=QUERY_CHARACTERS)
    query = Query()
    for count, found in enumerate(_TERM.finditer(text)):
        if count == QUERY_TERMS:
            raise Refused("query_terms", limit=QUERY_TERMS)
        minus, key, phrase, word = found.groups()
        value = phrase if word is None else word
        special = _special(query, bool(minus), (key or "").lower(), value)
        if special is not None:
            query = special
            continue
        said = f"{key}:{value}" if key else value
        expression = _words_expression(said, is_beginning=word is not None and said.endswith("*"))
        if expression:
            query = _with(query, bool(minus), expression)
    return query


def _with(query: Query, is_lacking: bool, term: str | Account) -> Query:
    if is_lacking:
        return msgspec.structs.replace(query, lacking=(*query.lacking, term))
    return msgspec.structs.replace(query, having=(*query.having, term))


def _words_expression(text: str, is_beginning: bool = False) -> str:
    """Words that stand one after the other; empty where there is none in `text`."""
    words, is_prefix = looked_for(text)
    if not words:
        return ""
    end = " *" if is_prefix or is_beginning else ""
    return f'words : "{" ".join(words)}"{end}'


def _mark_expression(mark: str) -> str:
    return f'marks : "{mark}"'


def _special(query: Query, minus: bool, key: str, value: str) -> Query | None:
    """None: it is not one of the special words. Raises Refused("query_malformed")."""
    if key in ("from", "mentions"):
        name = value.removeprefix("@")
        # half of it typed: not said yet
        return _with(query, minus, Account("a" if key == "from" else "m", name)) if name else query
    if key in ("has", "is"):
        known = _HAS if key == "has" else _IS
        return _with(query, minus, _mark_expression(known[_one_of(key, value, known)]))
    if key == "language":
        mark = language_mark(value)
        return _with(query, minus, _mark_expression(mark)) if mark != "l" else query
    if key == "in":
        scope = _one_of(key, value, get_args(Scope))
        return msgspec.structs.replace(query, scope=scope)
    if key in ("before", "after", "during"):
        begin, end = _day(key, value)
        below, above = query.below, query.above
        # without the minus: before its begin, after its end, between the two
        if key == "during" and minus:
            raise Refused("query_malformed", key=key, value=value[:30], values="a day, without -")
        if key == "during":
            below, above = min(below, end), max(above, begin - 1)
        elif (key == "before") != minus:
            below = min(below, begin if key == "before" else end)
        else:
            above = max(above, (end if key == "after" else begin) - 1)
        return msgspec.structs.replace(query, below=below, above=above)
    return None


def _one_of(key: str, value: str, known: Sequence[str] | dict[str, str]) -> str:
    if value.lower() not in known:
        raise Refused("query_malformed", key=key, value=value[:30], values=", ".join(known))
    return value.lower()


def _day(key: str, value: str) -> tuple[int, int]:
    """The first id of a day (UTC), and of the next."""
    found = _DAY.fullmatch(value)
    try:
        if not found:
            raise ValueError
        year, month, day = map(int, found.groups())
        begin = datetime(year, month, day, tzinfo=UTC)
        end = begin + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Refused(
            "query_malformed", key=key, value=value[:30], values="a day like 2026-01-31"
        ) from None
    first, last = (max(0, int(moment.timestamp() * 1000)) for moment in (begin, end))
    return min(id_at(first), END), min(id_at(last), END)


def by_account(query: Query, number: int) -> Query:
    """The same, only what the account wrote."""
    return _with(query, False, _mark_expression(f"a{number}"))


def match_of(query: Query, numbers: dict[str, int]) -> str:
    """The expression of FTS5. `numbers`: lower-case name → account, of those that there are; who is
    not there wrote nothing and is mentioned nowhere."""
    having = [_resolved(term, numbers) for term in query.having] or [_mark_expression(ALL)]
    lacking = [_resolved(term, numbers) for term in query.lacking]
    found = " AND ".join(having)
    return f"({found}) NOT ({' OR '.join(lacking)})" if lacking else found


def _resolved(term: str | Account, numbers: dict[str, int]) -> str:
    if isinstance(term, str):
        return term
    return _mark_expression(f"{term.mark}{numbers.get(term.name.lower(), 'nobody')}")


def names_of(query: Query) -> list[str]:
    """Of the accounts in it."""
    return [term.name for term in (*query.having, *query.lacking) if isinstance(term, Account)]
