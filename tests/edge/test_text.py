"""Text → mentions, tags and links, each with its place."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.edge.text import normal, parse, tag_name
from covey.errors import Refused
from covey.limits import POST_CHARACTERS, TAG_CHARACTERS, URL_CHARACTERS
from covey.messages import Mention
from covey.settings import Settings
from covey.state.texts import check_facets

SETTINGS = Settings(public_url="https://covey.example:8420")


def found(text: str) -> list[str]:
    """What stands in the facets' places, in order, each with what it means."""
    text, mentions, tags, links = parse(text, SETTINGS)
    facets = sorted((*mentions, *tags, *links), key=lambda facet: facet.start)
    return [f"{text[f.start : f.end]}={getattr(f, 'name', None)}" for f in facets]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hi @bob!", ["@bob=bob"]),
        ("@Bob_1", ["@Bob_1=Bob_1"]),
        (".@bob", ["@bob=bob"]),
        ("(@bob)", ["@bob=bob"]),
        ("@bobさん", ["@bob=bob"]),
        ("@bob's", ["@bob=bob"]),
        ("@bob@covey.example:8420, yes", ["@bob@covey.example:8420=bob"]),
        ("@bob@COVEY.example:8420.", ["@bob@COVEY.example:8420=bob"]),
        ("@bob@covey.example", []),
        ("@bob@elsewhere.example", []),
        ("@bob@ you", ["@bob=bob"]),
        ("mail@bob.example", []),
        ("é@bob", []),
        ("@@bob", []),
        ("/@bob", []),
        ("@", []),
        ("@" + "b" * 31, []),
        ("@" + "b" * 30, [f"@{'b' * 30}={'b' * 30}"]),
        ("@a @b", ["@a=a", "@b=b"]),
    ],
)
def test_mentions(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Tag", ["#Tag=tag"]),
        ("#STRASSE #Straße", ["#STRASSE=strasse", "#Straße=strasse"]),
        ("#العربية", ["#العربية=العربية"]),
        ("#日本語 #タグ", ["#日本語=日本語", "#タグ=タグ"]),
        ("＃ﾊﾝｶｸ", ["＃ﾊﾝｶｸ=ハンカク"]),
        ("#हिन्दी", ["#हिन्दी=हिन्दी"]),
        ("#می‌خواهم", ["#می‌خواهم=میخواهم"]),
        ("#ไทย", ["#ไทย=ไทย"]),
        ("#Ünï", ["#Ünï=ünï"]),
        ("#col·lecció", ["#col·lecció=col·lecció"]),
        ("#a・ b", ["#a=a"]),
        ("#123", []),
        ("#1a", ["#1a=1a"]),
        ("#٣٤", []),
        ("#_", []),
        ("#2026年", ["#2026年=2026年"]),
        ("#a, #b. (#c)", ["#a=a", "#b=b", "#c=c"]),
        ("#a-b", ["#a=a"]),
        ("x#a", []),
        ("##a", []),
        ("&#a", []),
        ("a/#b", []),
        ("#", []),
        ("# a", []),
        ("#🙂", []),
        ("#ﷺ", ["#ﷺ=صلىاللهعليهوسلم"]),
        ("#" + "a" * TAG_CHARACTERS, [f"#{'a' * TAG_CHARACTERS}={'a' * TAG_CHARACTERS}"]),
        ("#" + "a" * (TAG_CHARACTERS + 1), []),
    ],
)
def test_tags(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org", "https://example.org"),
        ("see https://example.org/a.", "https://example.org/a"),
        ("(https://example.org/a)", "https://example.org/a"),
        ("https://example.org/A_(b)", "https://example.org/A_(b)"),
        ("(https://example.org/A_(b))", "https://example.org/A_(b)"),
        ("https://example.org/a?b=c&d=[e]#f!", "https://example.org/a?b=c&d=[e]#f"),
        ('"https://example.org/a"', "https://example.org/a"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("「https://example.org/a」", "https://example.org/a"),
        ("https://example.org。", "https://example.org"),
        ("見てhttps://example.orgを見て", "https://example.org"),
        ("https://日本.example/パス", "https://日本.example/パス"),
        ("https://example.рф/", "https://example.рф/"),
        ("HTTPS://Example.org/X", "https://Example.org/X"),
        ("http://localhost:8420/@bob", "http://localhost:8420/@bob"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://example.org/@bob/#tag", "https://example.org/@bob/#tag"),
        ("https://example.org/a\nnext", "https://example.org/a"),
        ("https://example.org/…", "https://example.org/"),
        ("https://example.org/a...", "https://example.org/a"),
    ],
)
def test_links(text: str, address: str) -> None:
    assert [link.url for link in parse(text, SETTINGS)[3]] == [address]


@pytest.mark.parametrize(
    "text",
    [
        "xhttps://example.org", "https://", "https:// x", "https:///path", "ftp://example.org",
        "javascript://example.org", "https://user:word@example.org/", "https://a@b.example",
        "https://" + "a" * URL_CHARACTERS,
    ],
)  # fmt: skip
def test_what_is_no_link(text: str) -> None:
    assert parse(text, SETTINGS)[3] == ()


def test_the_text_is_normal() -> None:
    text, _, tags, _ = parse("a\r\nb\rc e\u0301 #E\u0301", SETTINGS)
    assert text == "a\nb\nc é #É"
    assert (tags[0].start, tags[0].end, tags[0].name) == (8, 10, "é")


def test_offsets_are_code_points() -> None:
    text, mentions, _, _ = parse("👩‍👩‍👧 @bob", SETTINGS)
    assert mentions == (Mention(6, 10, "bob"),)
    assert text[6:10] == "@bob"


def test_a_text_that_no_post_could_hold_is_refused() -> None:
    with pytest.raises(Refused, match="text_long"):
        parse("x" * (10 * POST_CHARACTERS + 1), SETTINGS)


alphabet = st.sampled_from(
    [*"@#＃/:.()[]{}_-·・ \n\r?&=,;!aBé語ह्دا0", "http://", "https://", "@bob", "#tag",
     "example.org", "covey.example:8420", "\u200d", "\u0301", "🙂"]
)  # fmt: skip


@given(st.lists(alphabet, max_size=60).map("".join) | st.text(max_size=80))
def test_whatever_is_found_lies_in_the_text_and_check_takes_it(text: str) -> None:
    made, mentions, tags, links = parse(text, SETTINGS)
    assert made == normal(text)
    check_facets(made, mentions, tags, links)
    for tag in tags:
        shown = made[tag.start : tag.end]
        assert tag.name == tag_name(shown[1:])
        assert tag.name == tag_name(tag.name), "a name is its own name"
        assert unicodedata.is_normalized("NFKC", tag.name)
    # what was parsed parses the same again
    assert parse(made, SETTINGS) == (made, mentions, tags, links)


@pytest.mark.parametrize(
    "piece",
    ["http://", "@a", "#a", "http://a.", "@a@a.", "#", "(", "http://a/(", "http://a/).", "a:@",
     "http://a:@", "\u0300\u0316", "http://a?", "#・", "#a·", "-", "http://-"]
)  # fmt: skip
def test_each_character_is_looked_at_a_few_times(piece: str) -> None:
    """Twice the text, about twice the steps: counted, for clocks lie."""

    def steps(count: int) -> int:
        text, counted = piece * count, 0

        def count_line(frame: object, event: str, argument: object) -> object:
            nonlocal counted
            counted += 1
            return count_line

        sys.settrace(count_line)  # type: ignore[arg-type]
        try:
            parse(text, SETTINGS)
        finally:
            sys.settrace(None)
        return counted

    count = 1_000 // len(piece)
    assert steps(2 * count) <= 2.2 * steps(count) + 500
