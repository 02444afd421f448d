"""What a text may hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.errors import Refused
from covey.limits import LINK_CHARACTERS, URL_CHARACTERS
from covey.messages import Link, Mention, Tag
from covey.state.texts import (
    check_characters,
    check_facets,
    check_text,
    check_url,
    counted,
    decode_facets,
    encode_facets,
)

BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NON_CHARACTERS = {chr(n) for n in (*range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF)}


def refused(character: str, *, lines: bool) -> bool:
    found = None
    try:
        check_characters("Text", f"a{character}b", lines=lines)
    except Refused as error:
        found = error
    assert found is None or found.code == "text_character"
    assert found is None or f"U+{ord(character):04X}" in found.sentence
    return found is not None


def test_every_character() -> None:
    """By the general categories of this Python: Cc is control, Cs is half a pair."""
    for point in range(0x3000):
        character = chr(point)
        is_control = unicodedata.category(character) == "Cc"
        expected = (is_control and character not in "\n\t") or character in BIDI
        assert refused(character, lines=True) == expected, hex(point)
        ends_line = character in "\n\t\u2028\u2029"
        assert refused(character, lines=False) == (expected or ends_line), hex(point)
    for point in (*range(0xD800, 0xE000), *map(ord, NON_CHARACTERS)):
        assert refused(chr(point), lines=True)
    for character in "ä€漢🦉\u200d\u200f\ufe0f\U000e0067":
        assert not refused(character, lines=True)


@given(st.text(max_size=30), st.integers(0, 30))
def test_lengths_are_in_characters(text: str, limit: int) -> None:
    text = text.translate(dict.fromkeys(range(32), "x"))
    if len(text) > limit:
        with pytest.raises(Refused, match=f"{len(text)} characters; at most {limit}") as caught:
            check_text("Text", text, limit)
        assert caught.value.code == "text_long"
    elif not any(refused(character, lines=True) for character in text):
        check_text("Text", text, limit)


def test_an_address_counts_the_same_however_long() -> None:
    text = "see https://example.org/" + "x" * 300 + " now"
    assert counted(text, [Link(4, len(text) - 4, text[4:-4])]) == LINK_CHARACTERS + 8
    assert counted("a http://b c", [Link(2, 10, "http://b")]) == LINK_CHARACTERS + 4


@pytest.mark.parametrize(
    "url", ["http://a", "https://example.org/x?y#z", "https://münchen.de/ä", "http://a:80/"]
)
def test_addresses(url: str) -> None:
    check_url("A link", url)


@pytest.mark.parametrize(
    "url",
    ["", "a", "http://", "http:///x", "ftp://a", "javascript:alert(1)", "HTTPS://a", "http://a b",
     "http://a\n", " http://a", "http://" + "a" * URL_CHARACTERS],
)  # fmt: skip
def test_no_addresses(url: str) -> None:
    with pytest.raises(Refused):
        check_url("A link", url)


def test_facets_lie_side_by_side() -> None:
    text = "@bob#tag http://a"
    facets = ([Mention(0, 4, "bob")], [Tag(4, 8, "tag")], [Link(9, 17, "http://a")])
    check_facets(text, *facets)
    for start, end in ((0, 5), (-1, 3), (2, 2), (3, 2), (9, 18), (16, 17)):
        with pytest.raises(Refused):
            check_facets(text, facets[0], [*facets[1], Tag(start, end, "x")], facets[2])


def test_facets_in_a_column() -> None:
    facets = ((Mention(0, 4, "bob"),), (Tag(4, 8, "tag"),), (Link(9, 17, "http://a"),))
    assert decode_facets(encode_facets(*facets)) == facets
    assert encode_facets((), (), ()) == b""
    assert decode_facets(b"") == ((), (), ())
