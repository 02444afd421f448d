"""What a text may hold. Fixed ranges and no Unicode tables: `check` must say the same on every
Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from covey.errors import Refused
from covey.limits import LINK_CHARACTERS, URL_CHARACTERS
from covey.messages import Link, Mention, Tag

_FORBIDDEN: Final = re.compile(
    # control characters but tab and newline; overrides and isolates of direction, which let a text
    # reach outside itself; non-characters; halves of surrogate pairs
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_BREAK: Final = re.compile("[\n\t\u2028\u2029]")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_WEB: Final = re.compile(r"https?://[^\s/?#]+[^\s]*")


def check_text(what: str, text: str, limit: int, *, lines: bool = True) -> None:
    """Raises Refused("text_character" or "text_long"). `limit` in characters."""
    if not text:
        return
    if len(text) > limit:
        raise Refused("text_long", what=what, count=len(text), limit=limit)
    check_characters(what, text, lines=lines)


def check_characters(what: str, text: str, *, lines: bool = True) -> None:
    """Raises Refused("text_character")."""
    found = _FORBIDDEN.search(text)
    if found or (not lines and (found := _BREAK.search(text))):
        raise Refused("text_character", what=what, point=f"{ord(found[0]):04X}")


def check_language(language: str) -> None:
    if language and not _LANGUAGE.fullmatch(language):
        raise Refused("language_unknown", language=language[:20])


def check_url(what: str, url: str) -> None:
    if len(url) > URL_CHARACTERS or not _WEB.fullmatch(url):
        raise Refused("url_malformed", what=what)


def counted(text: str, links: Sequence[Link]) -> int:
    """The length of a post in characters, where an address counts LINK_CHARACTERS."""
    length = len(text)
    for link in links:
        length += LINK_CHARACTERS - (link.end - link.start)
    return length


def check_facets(
    text: str, mentions: Sequence[Mention], tags: Sequence[Tag], links: Sequence[Link]
) -> None:
    """They lie inside the text, do not overlap, and say what stands there. The edge made them, so
    anything else is a mistake of the edge or a forged submission."""
    facets: list[Mention | Tag | Link] = [*mentions, *tags, *links]
    spans = sorted((facet.start, facet.end) for facet in facets)
    last = 0
    for start, end in spans:
        if not last <= start < end <= len(text):
            raise Refused("parameter_malformed", name="facets", why="they overlap or lie outside")
        last = end
    for mention in mentions:
        said, name = text[mention.start : mention.end].lower(), f"@{mention.name}".lower()
        # `@name@host` with our own host names the same account
        if said != name and not said.startswith(f"{name}@"):
            raise Refused("parameter_malformed", name="mentions", why="not what the text says")
    for link in links:
        check_url("A link", link.url)
    for tag in tags:
        check_characters("A tag", tag.name, lines=False)


Facets = tuple[tuple[Mention, ...], tuple[Tag, ...], tuple[Link, ...]]
_facets: Final = msgspec.msgpack.Decoder(Facets)


def encode_facets(
    mentions: tuple[Mention, ...], tags: tuple[Tag, ...], links: tuple[Link, ...]
) -> bytes:
    """The bytes of a column `facets`; empty when there is none."""
    if not (mentions or tags or links):
        return b""
    return msgspec.msgpack.encode((mentions, tags, links))


def decode_facets(column: bytes) -> Facets:
    return _facets.decode(column) if column else ((), (), ())
