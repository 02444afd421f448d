"""Timelines of several tags, of an address, of direct posts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from tests.mastodon.api import World, world

TAGS = ("owls", "wrens", "crows")


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    """A post for each set of the tags, told twice."""
    with world() as made:
        ada = made.api("ada")
        for round_ in range(2):
            for size in range(len(TAGS) + 1):
                for tags in combinations(TAGS, size):
                    ada.status(f"{round_} " + " ".join(f"#{tag}" for tag in tags))
        yield made


def sets(found: list[dict[str, Any]]) -> list[set[str]]:
    return [{tag["name"] for tag in one["tags"]} for one in found]


@pytest.mark.parametrize("any_", [(), ("wrens",), ("wrens", "Crows")])
@pytest.mark.parametrize("all_", [(), ("crows",), ("#crows", "wrens")])
@pytest.mark.parametrize("none", [(), ("crows",), ("owls", "crows")])
def test_any_all_none(
    here: World, any_: tuple[str, ...], all_: tuple[str, ...], none: tuple[str, ...]
) -> None:
    asked = {"any[]": any_, "all[]": all_, "none[]": none}
    path = "/api/v1/timelines/tag/owls"
    either = {"owls", *(name.lower() for name in any_)}
    every = {name.lower().removeprefix("#") for name in all_}
    posts = here.nobody.get("/api/v1/timelines/public")
    expected = [
        one["id"]
        for one, tags in zip(posts, sets(posts), strict=True)
        if tags & either and every <= tags and not tags & set(none)
    ]
    assert [one["id"] for one in here.nobody.get(path, **asked)] == expected
    met, url = [], path
    query: dict[str, Any] | None = {**asked, "limit": 1}
    while url:
        answer = here.nobody.ask("GET", url, params=query)
        met += [one["id"] for one in answer.json()]
        url, query = answer.links.get("next", {}).get("url", ""), None
    assert met == expected
    if len(expected) > 1:
        directly_above = here.nobody.get(path, **asked, limit=1, min_id=expected[-1])
        assert [one["id"] for one in directly_above] == [expected[-2]]


def test_what_can_be_no_tag(here: World) -> None:
    path = "/api/v1/timelines/tag/owls"
    whole = here.nobody.get(path)
    assert here.nobody.get(path, **{"none[]": "!", "any[]": ["!", ""]}) == whole
    assert here.nobody.get(path, **{"all[]": "!"}) == []
    many = [f"tag{n}" for n in range(11)]
    refused = here.nobody.ask("GET", path, params={"any[]": many})
    assert (refused.status_code, refused.json()["code"]) == (422, "parameter_malformed")


@pytest.mark.parametrize("path", ["public", "tag/owls"])
def test_local_remote_and_media(here: World, path: str) -> None:
    whole = here.nobody.get(f"/api/v1/timelines/{path}")
    assert here.nobody.get(f"/api/v1/timelines/{path}", local="true") == whole
    assert here.nobody.get(f"/api/v1/timelines/{path}", local="true", remote="true") == whole
    assert here.nobody.get(f"/api/v1/timelines/{path}", remote="true") == []


def test_posts_that_link_to_an_address(here: World) -> None:
    bea, url = here.api("bea"), "https://example.org/owls?a=1"
    posts = [bea.status(f"see {url} {n}")["id"] for n in range(3)]
    bea.status("see https://example.org/owls")
    bea.status(f"see {url}", visibility="unlisted")
    found = here.nobody.get("/api/v1/timelines/link", url=url)
    assert [one["id"] for one in found] == posts[::-1]
    page = here.nobody.ask("GET", "/api/v1/timelines/link", params={"url": url, "limit": 2})
    more = here.nobody.ask("GET", page.links["next"]["url"]).json()
    assert [one["id"] for one in more] == posts[:1]
    assert here.nobody.ask("GET", "/api/v1/timelines/link").status_code == 422


def test_direct_posts_and_a_conversation_put_away(here: World) -> None:
    ada, bea, carl = (here.api(name) for name in ("ada", "bea", "carl"))
    first = ada.status("@bea hello", visibility="direct")
    answer = bea.status("@ada hello", visibility="direct", in_reply_to_id=first["id"])
    ada.status("@bea hello all")
    for api in (ada, bea):
        found = api.get("/api/v1/timelines/direct")
        assert [one["id"] for one in found] == [answer["id"], first["id"]]
    assert carl.get("/api/v1/timelines/direct") == []
    (talk,) = ada.get("/api/v1/conversations")
    assert carl.ask("DELETE", f"/api/v1/conversations/{talk['id']}").status_code == 404
    ada.delete(f"/api/v1/conversations/{talk['id']}")
    assert ada.get("/api/v1/conversations") == []
    assert len(bea.get("/api/v1/conversations")) == 1
    assert ada.ask("DELETE", f"/api/v1/conversations/{talk['id']}").status_code == 404
    bea.status("@ada still there?", visibility="direct", in_reply_to_id=first["id"])
    assert [one["id"] for one in ada.get("/api/v1/conversations")] == [talk["id"]]


def test_an_old_filter_by_its_number(here: World) -> None:
    ada = here.api("ada")
    ada.post("/api/v2/filters", title="Birds", **{
        "context[]": "home", "keywords_attributes[0][keyword]": "owl",
    })  # fmt: skip
    (old,) = ada.get("/api/v1/filters")
    assert ada.get(f"/api/v1/filters/{old['id']}") == old
    assert ada.ask("GET", "/api/v1/filters/9").status_code == 404
