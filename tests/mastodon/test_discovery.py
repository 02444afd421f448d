"""Suggestions, the directory, trends: small computations, against what they are said to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.mastodon.api import Api, World, world

NAMES = ("ada", "bea", "carl", "dora", "emil", "fay")


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    """Everybody but Fay wants to be found. Ada follows Bea and Carl; both follow Dora, Bea alone
    follows Emil and Fay."""
    with world() as made:
        for name in NAMES:
            found = {"discoverable": name != "fay"}
            made.api(name).json("PATCH", "/api/v1/accounts/update_credentials", found)
        follow(made, "ada", "bea", "carl")
        follow(made, "bea", "dora", "emil", "fay", "ada")
        follow(made, "carl", "dora")
        yield made


def follow(here: World, who: str, *whom: str) -> None:
    for name in whom:
        here.api(who).post(f"/api/v1/accounts/{here.site.accounts[name]}/follow")


def names(found: list[dict[str, Any]]) -> list[str]:
    return [one.get("account", one)["username"] for one in found]


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


def test_whom_the_followed_follow_is_suggested_first(here: World, ada: Api) -> None:
    found = ada.get("/api/v2/suggestions")
    assert names(found) == ["dora", "emil"]
    assert {one["sources"][0] for one in found} == {"friends_of_friends"}
    assert names(ada.get("/api/v2/suggestions", limit=1)) == ["dora"]
    assert names(ada.get("/api/v1/suggestions")) == ["dora", "emil"]
    # who follows nobody is told whom most follow
    strangers = here.api("emil").get("/api/v2/suggestions")
    assert names(strangers)[0] == "dora"
    assert {one["sources"][0] for one in strangers} == {"most_followed"}
    assert "emil" not in names(strangers)
    assert "fay" not in names(strangers)


def test_who_is_put_aside_is_not_suggested(here: World, ada: Api) -> None:
    dora = here.site.accounts["dora"]
    ada.delete(f"/api/v1/suggestions/{dora}")
    ada.delete(f"/api/v1/suggestions/{dora}")
    assert names(ada.get("/api/v2/suggestions")) == ["emil"]
    assert ada.ask("DELETE", "/api/v1/suggestions/99").status_code == 404
    ada.post(f"/api/v1/accounts/{here.site.accounts['emil']}/mute")
    assert ada.get("/api/v2/suggestions") == []
    ada.post(f"/api/v1/accounts/{here.site.accounts['emil']}/unmute")


def test_the_directory(here: World) -> None:
    for name in ("bea", "ada"):
        here.api(name).status("hello")
    found = names(here.nobody.get("/api/v1/directory"))
    assert found[:2] == ["ada", "bea"]
    assert set(found) == set(NAMES) - {"fay"}
    new = names(here.nobody.get("/api/v1/directory", order="new"))
    assert new == ["emil", "dora", "carl", "bea", "ada"]
    assert names(here.nobody.get("/api/v1/directory", order="new", limit=2, offset=1)) == new[1:3]
    assert here.nobody.ask("GET", "/api/v1/directory?order=best").status_code == 422


def test_trends_and_what_one_could_feature() -> None:
    with world() as here:
        ada, bea, carl = (here.api(name) for name in ("ada", "bea", "carl"))
        ada.json("PATCH", "/api/v1/accounts/update_credentials", {"discoverable": True})
        liked = ada.status("liked #owls #birds")
        boosted = ada.status("boosted #owls")
        ada.status("by one alone #mine #mine")
        bea.status("#Owls too")
        bea.status("#birds")
        carl.status("#owls")
        hidden = carl.status("of somebody who does not want to be found")
        for api in (bea, carl):
            api.post(f"/api/v1/statuses/{boosted['id']}/reblog")
            api.post(f"/api/v1/statuses/{hidden['id']}/favourite")
        bea.post(f"/api/v1/statuses/{liked['id']}/favourite")
        tags = here.nobody.get("/api/v1/trends/tags")
        assert [tag["name"] for tag in tags] == ["owls", "birds"]
        assert tags == here.nobody.get("/api/v1/trends")
        uses = [int(day["uses"]) for day in tags[0]["history"]]
        people = [int(day["accounts"]) for day in tags[0]["history"]]
        assert (sum(uses), len(uses)) == (4, 7)
        assert sum(people) >= 3  # somebody who used it before midnight and after it counts twice
        assert [one["id"] for one in here.nobody.get("/api/v1/trends/statuses")] == [
            boosted["id"], liked["id"]
        ]  # fmt: skip
        carl.post(f"/api/v1/accounts/{here.site.accounts['ada']}/block")
        assert carl.get("/api/v1/trends/statuses") == []
        assert here.nobody.get("/api/v1/trends/links") == []
        assert ada.get("/api/v1/tags/owls")["history"] == tags[0]["history"]

        assert [tag["name"] for tag in ada.get("/api/v1/featured_tags/suggestions")] == [
            "owls", "birds", "mine"
        ]  # fmt: skip
        ada.post("/api/v1/featured_tags", name="owls")
        assert [tag["name"] for tag in ada.get("/api/v1/featured_tags/suggestions")] == [
            "birds", "mine"
        ]  # fmt: skip


def test_familiar_followers(here: World, ada: Api) -> None:
    dora = here.site.accounts["dora"]
    (found,) = ada.get("/api/v1/accounts/familiar_followers", **{"id[]": dora})
    assert (found["id"], names(found["accounts"])) == (str(dora), ["bea", "carl"])
