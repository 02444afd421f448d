"""Text → the words it is found by: the same for what is indexed and for what is looked for.

Case, accents of Latin, Greek and Cyrillic, and the width of letters count as nothing. Scripts that
are written without spaces (Chinese, Japanese, Thai, …), and Korean, whose words have endings, are
cut into pairs of characters, and the last character of a run once more alone: so two characters in
a row are found wherever they stand, and one by what begins with it. (SQLite's own `unicode61` makes
one word of a Japanese sentence, its `trigram` finds nothing of two characters and makes the index
of Latin text several times as large: docs/measurements.md.) The tables of Unicode are Python's.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ASCII: Final = re.compile("[a-z0-9]+")
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_UNSPACED: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\uac00-\ud7af"  # Korean
)
_UNSPACED_RUN: Final = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_HAS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")


class _Places(dict[int, str | None]):
    """What becomes of a character: letters, digits and marks on them stay; a symbol (an emoji) is a
    word of its own; joiners and selectors vanish; anything else ends a word."""

    def __missing__(self, point: int) -> str | None:
        character = chr(point)
        category = unicodedata.category(character)
        kept: str | None = " "
        if category == "Cf" or 0xFE00 <= point <= 0xFE0F:
            kept = None
        elif category[0] in "LNM":
            kept = character
        elif category in ("So", "Sk") and point > 0x7F:
            kept = f" {character} "
        self[point] = kept
        return kept


_places: Final = _Places()


def words(text: str) -> list[str]:
    """In their order."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    text = unicodedata.normalize("NFKD", text.casefold())
    text = unicodedata.normalize("NFKC", _ACCENTS.sub("", text)).translate(_places)
    found: list[str] = []
    for word in text.split():
        if not _HAS_UNSPACED.search(word):
            found.append(word)
            continue
        for run in _UNSPACED_RUN.findall(word):
            if _HAS_UNSPACED.match(run):
                found += [run[place : place + 2] for place in range(len(run))]
            else:
                found.append(run)
    return found


def looked_for(text: str) -> tuple[list[str], bool]:
    """The words of what somebody looks for, which stand one after the other where it is found, and
    whether the last is only how a word begins: one character of a script without spaces."""
    found = words(text)
    if not found or not _HAS_UNSPACED.match(found[-1]) or len(found[-1]) > 1:
        return found, False
    # a run's last character stands alone only where the run ends
    alone = found.pop()
    before = found[-1] if found else ""
    if len(before) == 2 and before[1] == alone and _HAS_UNSPACED.match(before):
        return found, False
    return [*found, alone], True
