"""What people write is text: in the API's HTML and on the pages, wherever it is shown."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from tests.mastodon.api import World

HOSTILE = [
    "<script>boom()</script>",
    '"><img src=x onerror=boom()>',
    "' onmouseover='boom()",
    "javascript:boom()",
    "data:text/html,<script>boom()</script>",
    "https://a.example/\"onclick=boom()//",
    "https://a.example/'onclick='boom()'",
    "https://a.example/<script>boom()</script>",
    "https://a.example/</a><svg/onload=boom()>",
    "https://user@evil.example/ http://javascript:boom()@a.example",
    "@eve\"><b>boom() #tag\"><b>boom()",
    "{{ 7 * 7 }}{% raw %} ${7*7} %s {0}",
    "&lt;script&gt;boom()&lt;/script&gt; &#60;script&#62;",
    "</textarea></title></style><script>boom()</script>",
    "\u2028<!--<script>boom()",
]  # fmt: skip
TAGS_OF_TEXTS = {"p", "br", "a", "span"}


class Found(HTMLParser):
    """What a page would do, were it opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.bad: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = dict(attrs)
        if tag == "script" and not (named.get("src") or "").startswith("/static/"):
            self.bad.append(self.get_starttag_text() or "")
        if tag in ("iframe", "object", "embed", "base", "b"):
            self.bad.append(self.get_starttag_text() or "")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.bad.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not (value or "").startswith(
                ("/", "#", "http://", "https://")
            ):
                self.bad.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_text(here: World, text: str) -> None:
    eve = here.api("eve")
    # display name, fields and warning are one line
    line = text.replace("\u2028", " ")[:50]
    eve.json(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        {"display_name": line, "note": text, "fields_attributes": [{"name": line, "value": line}]},
    )
    status = eve.status(text, spoiler_text=line)
    account = here.nobody.get(f"/api/v1/accounts/{here.site.accounts['eve']}")
    for html in (status["content"], account["note"], account["fields"][0]["value"]):
        found = Found(html)
        assert not found.bad
        assert found.tags <= TAGS_OF_TEXTS
    for path in (
        "/", "/public", "/@eve", f"/@eve/{status['id']}", "/home", "/settings",
        f"/@eve/{status['id']}/delete",
    ):  # fmt: skip
        for browser in (here.site.browser(), here.site.browser("eve")):
            page = browser.get(path)
            assert page.status_code in (200, 303)
            assert not Found(page.text).bad, path
            if "{{" in text and page.status_code == 200 and "eve" in path:
                assert "{{ 7 * 7 }}" in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_wrong_is_said_without_running_it(here: World, text: str) -> None:
    here.api("eve")
    for browser in (here.site.browser(), here.site.browser("eve")):
        for path, query in (
            ("/login", {"name": text, "next": text}),
            ("/signup", {"name": text, "email": text}),
            ("/nothing", {"q": text}),
            ("/home", {"max_id": text}),
            ("/oauth/authorize", {"client_id": text}),
            ("/oauth/authorize", {"client_id": "tester", "scope": text, "response_type": "code"}),
        ):
            page = browser.get(path, params=query)
            assert not Found(page.text).bad, path
        for path in ("/@", "/tags/"):
            page = browser.get(path + text.replace("/", "%2F").replace("%}", "").replace("?", ""))
            assert not Found(page.text).bad, path
    answer = here.nobody.ask("GET", "/api/v1/timelines/public", params={"max_id": text})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_answers_to_an_account_are_kept_nowhere(here: World) -> None:
    eve = here.api("eve")
    for path in ("/api/v1/timelines/home", "/api/v1/timelines/public"):
        assert eve.ask("GET", path).headers["cache-control"] == "private, no-store"
    with eve.client.stream("GET", "/api/v1/streaming/user") as live:
        assert live.headers["cache-control"] == "no-store"
