"""Text → message: what a text mentions, tags and links to, each with its place in it.

Parsed once, here, and never again: mentions, tags and links travel in the message. The tables of
Unicode are of the edge's Python; `apply` only resolves names.

One scan from left to right. Everything that can start something (`http`, `@`, `#`) is looked at
once and goes on behind what it found, so the time grows with the text's length and no faster.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from covey.errors import Refused
from covey.limits import NAME_CHARACTERS, POST_CHARACTERS, TAG_CHARACTERS, URL_CHARACTERS
from covey.messages import Link, Mention, Tag
from covey.settings import Settings

Parsed = tuple[str, tuple[Mention, ...], tuple[Tag, ...], tuple[Link, ...]]

TEXT_CHARACTERS_MAX: Final = 10 * POST_CHARACTERS
"""No text is longer, whatever its links count as. Looked at first: putting combining characters
into canonical order takes the square of their number."""

_START: Final = re.compile(r"https?://|[@#＃]", re.IGNORECASE)
_HOST: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]"
    # No last label mixes ASCII with other letters: in `example.comを見て` the host ends at `com`.
    r"|(?:[\w-]++\.)*+(?:[A-Za-z0-9-]++|[\w-]++))"
    r"(?::[0-9]{1,5}+)?+"
    r"(?![^\s/?#]*@)"  # no user names and passwords: they make one address look like another
)
# Quotation marks and the full stops of scripts that write without spaces end an address.
_PATH: Final = re.compile(
    r"[/?#][^\s<>\"\x00-\x1f\x7f-\x9f“”„‟«»‹›「」『』【】《》〈〉（）、。，．！？；：…]*+"
)
_TRAILING: Final = frozenset(".,;:!?'*~^`|")
_OPENING: Final = {")": "(", "]": "[", "}": "{"}

_NAME: Final = re.compile(rf"[A-Za-z0-9_]{{1,{NAME_CHARACTERS}}}+(?![A-Za-z0-9_])")
_DOMAIN: Final = re.compile(r"@(?:[A-Za-z0-9-]++\.)*+[A-Za-z0-9-]++(?::[0-9]{1,5}+)?+")

_JOINERS: Final = frozenset("\u200c\u200d")
"""They join letters inside a word (Persian, Hindi, …); in a tag's name they count as nothing."""
_DOTS: Final = frozenset("·・･")
"""They stand inside words (Catalan, Japanese), never at their ends."""


def normal(text: str) -> str:
    """NFC, and lines that end in \\n. Raises Refused("text_long")."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise Refused("text_long", what="Text", count=len(text), limit=POST_CHARACTERS)
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def parse(text: str, settings: Settings) -> Parsed:
    """(text as it is kept, mentions, tags, links), offsets in code points of that text.

    `@name` and `@name@` with our own domain are mentions, whether or not there is such an account;
    `@name` elsewhere stays text, and so does a tag or an address that is too long. Raises
    Refused("text_long") for a text that no post could hold.
    """
    text = normal(text)
    own = f"@{settings.domain}".lower()
    mentions: list[Mention] = []
    tags: list[Tag] = []
    links: list[Link] = []
    at = 0
    while found := _START.search(text, at):
        start = found.start()
        before = text[start - 1] if start else " "
        sign = found[0]
        if sign == "@":
            at, name = _mention(text, start, before, own)
            if name:
                mentions.append(Mention(start, at, name))
        elif len(sign) == 1:
            at, name = _tag(text, start, before)
            if name:
                tags.append(Tag(start, at, name))
        else:
            at, linked = _link(text, start, found.end(), before)
            if linked:
                url = text[start : found.end()].lower() + text[found.end() : at]
                links.append(Link(start, at, url))
    return text, tuple(mentions), tuple(tags), tuple(links)


def tag_name(text: str) -> str:
    """The name that a tag is known by, without its #; empty when it can't be one."""
    name = unicodedata.normalize("NFKC", text[: TAG_CHARACTERS + 1]).casefold()
    name = unicodedata.normalize("NFKC", name)
    # compatibility forms may bring spaces and signs along
    name = "".join(c for c in name if _in_tag(c) and c not in _JOINERS)
    has_letter = any(unicodedata.category(c)[0] == "L" for c in name)
    return name if has_letter and len(name) <= TAG_CHARACTERS else ""


def _mention(text: str, start: int, before: str, own: str) -> tuple[int, str]:
    """(where to go on, name or empty)."""
    name = _NAME.match(text, start + 1)
    if name is None or _is_word(before) or before in "/@=":
        return start + 1, ""
    domain = _DOMAIN.match(text, name.end())
    if domain is None:
        return name.end(), name[0]
    if domain[0].lower() == own:
        return domain.end(), name[0]
    return domain.end(), ""


def _tag(text: str, start: int, before: str) -> tuple[int, str]:
    """(where to go on, name or empty)."""
    end, stop = start + 1, min(len(text), start + 2 + TAG_CHARACTERS)
    while end < stop and _in_tag(text[end]):
        end += 1
    if end == stop and end - start > TAG_CHARACTERS + 1:
        while end < len(text) and _in_tag(text[end]):
            end += 1
        return end, ""
    while end > start + 1 and (text[end - 1] in _DOTS or text[end - 1] in _JOINERS):
        end -= 1
    if end == start + 1 or _is_word(before) or before in "/&=#＃":
        return max(end, start + 1), ""
    name = tag_name(text[start + 1 : end])
    return max(end, start + 1), name


def _link(text: str, start: int, host_start: int, before: str) -> tuple[int, bool]:
    """(where to go on, whether text[start:that] is an address)."""
    host = _HOST.match(text, host_start)
    if host is None or (before.isascii() and before.isalnum()):
        return host_start, False
    path = _PATH.match(text, host.end())
    end = _trimmed(text, host.end(), path.end()) if path else host.end()
    return end, end - start <= URL_CHARACTERS


def _trimmed(text: str, start: int, end: int) -> int:
    """Without the punctuation of the sentence around it: brackets belong to an address when they
    open in it."""
    path = text[start:end]
    counts = {bracket: path.count(bracket) for bracket in "()[]{}"}
    while end > start:
        last = text[end - 1]
        if last in _OPENING:
            if counts[last] <= counts[_OPENING[last]]:
                break
            counts[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return end


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _in_tag(character: str) -> bool:
    # a vowel sign of Hindi is no letter: categories M are marks on letters
    return (
        character == "_"
        or unicodedata.category(character)[0] in "LNM"
        or character in _DOTS
        or character in _JOINERS
    )
