"""The page that searches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.readers.indexing import index
from tests.web.pages import Page
from tests.web.site import Site, site

from covey.messages import CreateGroup, Profile


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    with site() as running:
        running.register("ann", "Ann <b>Wren</b>")
        running.register("bob")
        running.submit(
            "ann", Profile(display_name="Ann <b>Wren</b>", indexable=True, discoverable=True)
        )
        running.submit("ann", CreateGroup(name="hideout", join="secret"))
        for n in range(25):
            running.post("ann", f"wren number {n} #birdsong")
        running.post("ann", "a wren <i>for</i> friends", visibility="followers")
        index(running._folder)
        yield running


def page(here: Site, path: str, name: str = "", status: int = 200) -> Page:
    with here.browser(name) as browser:
        answer = browser.get(path)
    assert answer.status_code == status
    return Page(answer)


def test_an_empty_question_is_a_form(here: Site) -> None:
    for query in ("", "?q=", "?q=%20"):
        found = page(here, f"/search{query}")
        assert 'name="q"' in found.response.text
        assert "Nothing found" not in found.words


def test_posts_people_and_tags(here: Site) -> None:
    for name, first in (("bob", "wren number 24"), ("ann", "friends"), ("", "wren number 24")):
        found = page(here, "/search?q=wren", name)
        assert found.response.text.count("<article") == 20
        assert first in found.words
        assert ("friends" in found.words) == (name == "ann")
    found = page(here, "/search?q=birds", "bob")
    assert "#birdsong" in found.words
    found = page(here, "/search?q=ann", "bob")
    assert "Ann &lt;b&gt;Wren&lt;/b&gt;" in found.response.text


def test_older_ones(here: Site) -> None:
    found = page(here, "/search?q=wren", "bob")
    found = page(here, found.link("Older"), "bob")
    assert found.response.text.count("<article") == 5
    assert "wren number 0" in found.words


def test_nothing_found(here: Site) -> None:
    assert "Nothing found" in page(here, "/search?q=ostrich").words


def test_a_pasted_address_leads_there(here: Site) -> None:
    with here.browser("bob") as browser:
        for path in ("/@ann", "/tags/birdsong"):
            answer = browser.get("/search", params={"q": f"{here.url}{path}"})
            assert (answer.status_code, answer.headers["location"]) == (303, path)


def test_a_wrong_question_is_said_and_stays(here: Site) -> None:
    found = page(here, '/search?q=x"><b>+before:soon', status=422)
    assert "a day like 2026-01-31" in found.words
    assert "<b> before" not in found.response.text
    assert "&gt;&lt;b&gt; before:soon" in found.response.text


def test_a_secret_group_is_unknown(here: Site) -> None:
    assert 'href="/@hideout"' in page(here, "/search?q=hide", "ann").response.text
    for name in ("bob", ""):
        for query in ("hide", "hideout", "@hideout"):
            assert 'href="/@hideout"' not in page(here, f"/search?q={query}", name).response.text
