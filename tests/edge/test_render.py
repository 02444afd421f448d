"""Text and facets → HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from covey.edge.render import render
from covey.edge.text import parse
from covey.settings import Settings

URL = "https://covey.example"
SETTINGS = Settings(public_url=URL)
NAMES = {"bob": "Bob"}


def html_of(text: str) -> str:
    text, mentions, tags, links = parse(text, SETTINGS)
    return render(text, mentions, tags, links, public_url=URL, names=NAMES)


def test_lines_and_paragraphs() -> None:
    assert html_of("a\nb\n\nc\n\n\n\nd") == "<p>a<br>b</p><p>c</p><p>d</p>"
    assert html_of("") == ""


def test_what_people_write_is_text() -> None:
    assert html_of("<b>&\"'") == "<p>&lt;b&gt;&amp;&quot;&#x27;</p>"


def test_a_mention_is_written_as_the_account_is() -> None:
    assert html_of("@BOB") == (
        f'<p><span class="h-card" translate="no"><a href="{URL}/@Bob" class="u-url mention">'
        "@<span>Bob</span></a></span></p>"
    )


def test_a_mention_of_nobody_is_text() -> None:
    assert html_of("@eve") == "<p>@eve</p>"


def test_a_tag_keeps_how_it_was_written() -> None:
    assert html_of("#Straße") == (
        f'<p><a href="{URL}/tags/strasse" class="mention hashtag" rel="tag">#<span>Straße</span>'
        "</a></p>"
    )


def test_a_short_address_is_shown_whole() -> None:
    assert html_of("http://example.org/a&b") == (
        '<p><a href="http://example.org/a&amp;b" target="_blank" rel="nofollow noopener'
        ' noreferrer" translate="no"><span class="invisible">http://</span>'
        '<span>example.org/a&amp;b</span><span class="invisible"></span></a></p>'
    )


ALLOWED = {
    "p": set(), "br": set(), "span": {"class", "translate"},
    "a": {"href", "class", "rel", "target", "translate"},
}  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        for name, value in attrs:
            assert name in ALLOWED[tag]
            if name == "href":
                assert value
                assert value.startswith(("http://", "https://"))
        if tag == "br":
            self.text += "\n"
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")


pieces = st.sampled_from(
    ["<", ">", "&", '"', "'", "<script>", "</p>", "<!--", "&lt;", "javascript:", "@bob", "#tag",
     "https://example.org/<a>\"'", "http://x.y/a'onclick=b", " ", "\n", "\n\n", "語", "\t"]
)  # fmt: skip


@given(st.lists(pieces, max_size=20).map("".join) | st.text(max_size=60))
def test_only_four_tags_well_nested_and_no_word_is_lost(text: str) -> None:
    reader = _Reader()
    html = html_of(text)
    reader.feed(html)
    reader.close()
    assert not reader.open
    kept = parse(text, SETTINGS)[0]

    def letters(of: str) -> str:
        # HTML has its own idea of NUL and carriage returns, and mentions are written anew
        return "".join(c for c in of if c.isalnum()).lower()

    assert letters(reader.text) == letters(kept)
