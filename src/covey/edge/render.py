"""Text and its facets → HTML: `<p>`, `<br>`, `<a>` and `<span>`, and nothing that a person wrote
without being escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from covey.messages import Link, Mention, Tag

LINK_SHOWN: Final = 30
"""Characters of an address that are shown, without its scheme."""

_PARAGRAPHS: Final = re.compile(r"\n{2,}")
_SCHEME: Final = re.compile(r"https?://(?:www\.)?")


def account_url(public_url: str, name: str) -> str:
    return f"{public_url}/@{name}"


def post_url(public_url: str, name: str, id_: int) -> str:
    return f"{public_url}/@{name}/{id_}"


def tag_url(public_url: str, name: str) -> str:
    return f"{public_url}/tags/{quote(name, safe='')}"


def render(
    text: str,
    mentions: Sequence[Mention],
    tags: Sequence[Tag],
    links: Sequence[Link],
    *,
    public_url: str,
    names: Mapping[str, str],
) -> str:
    """HTML of a text. `names`: lower-case name → the account's name as it is written; a mention of
    a name that is not in it stays text."""
    facets: list[Mention | Tag | Link] = [*mentions, *tags, *links]
    facets.sort(key=lambda facet: facet.start)
    pieces: list[str] = []
    at = 0
    for facet in facets:
        pieces.append(_plain(text[at : facet.start]))
        at = facet.end
        shown = text[facet.start : facet.end]
        if isinstance(facet, Mention):
            name = names.get(facet.name.lower())
            pieces.append(_mention(public_url, name) if name else _plain(shown))
        elif isinstance(facet, Tag):
            pieces.append(_tag(public_url, facet.name, shown[1:]))
        else:
            pieces.append(_link(facet.url))
    pieces.append(_plain(text[at:]))
    html = "".join(pieces)
    return f"<p>{html}</p>" if html else ""


def _plain(text: str) -> str:
    """Lines and paragraphs of text that holds no facet; facets hold no line ends."""
    if "\n" not in text:
        return escape(text)
    text = _PARAGRAPHS.sub("</p><p>", escape(text))
    return text.replace("\n", "<br>")


def _mention(public_url: str, name: str) -> str:
    url = escape(account_url(public_url, name))
    return (
        f'<span class="h-card" translate="no"><a href="{url}" class="u-url mention">'
        f"@<span>{escape(name)}</span></a></span>"
    )


def _tag(public_url: str, name: str, shown: str) -> str:
    url = escape(tag_url(public_url, name))
    return f'<a href="{url}" class="mention hashtag" rel="tag">#<span>{escape(shown)}</span></a>'


def _link(url: str) -> str:
    scheme = _SCHEME.match(url)
    if scheme is None:  # nothing but http(s) is ever made an address
        return escape(url)
    begin, rest = scheme[0], url[scheme.end() :]
    shown, hidden = rest[:LINK_SHOWN], rest[LINK_SHOWN:]
    kind = ' class="ellipsis"' if hidden else ""
    return (
        f'<a href="{escape(url)}" target="_blank" rel="nofollow noopener noreferrer"'
        f' translate="no"><span class="invisible">{escape(begin)}</span>'
        f'<span{kind}>{escape(shown)}</span><span class="invisible">{escape(hidden)}</span></a>'
    )
