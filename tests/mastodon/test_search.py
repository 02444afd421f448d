"""Search through the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.mastodon.api import Api, World, check_shape, contract, world
from tests.readers.indexing import index

from covey.edge.search import searcher


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as running:
        searcher(running.site.edge).rates.limit = 1_000_000
        ada, bob = running.api("ada"), running.api("bob")
        profile = {"display_name": "Ada Wren", "discoverable": "true", "indexable": "true"}
        ada.ask("PATCH", "/api/v1/accounts/update_credentials", data=profile)
        for n in range(5):
            ada.status(f"A wren sings, number {n} #birdsong")
        ada.status("A wren in secret", visibility="private")
        bob.status("No wren of mine is found by strangers")
        ada.post("/api/v1/statuses", status="@bob a wren for you", visibility="direct")
        index(running.site._folder)
        yield running


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


@pytest.fixture
def bob(here: World) -> Api:
    return here.api("bob")


def texts(found: dict[str, Any]) -> list[str]:
    return [status["content"] for status in found["statuses"]]


def names(found: dict[str, Any]) -> list[str]:
    return [account["acct"] for account in found["accounts"]]


def test_everything_at_once(here: World, ada: Api) -> None:
    found = ada.get("/api/v2/search", q="wren")
    assert len(found["statuses"]) == 7
    assert names(found) == []  # "Ada Wren" does not begin like that
    assert names(ada.get("/api/v2/search", q="ada w")) == ["ada"]
    found = ada.get("/api/v2/search", q="#bird")
    assert [tag["name"] for tag in found["hashtags"]] == ["birdsong"]
    assert found["accounts"] == []


def test_its_shape(shared_data: Any, ada: Api) -> None:
    description = contract(shared_data("mastodon-openapi.json"))
    for q in ("wren", "ada", "birdsong"):
        check_shape(description, "Search", ada.get("/api/v2/search", q=q))


def test_each_finds_what_it_may(here: World, ada: Api, bob: Api) -> None:
    found = texts(bob.get("/api/v2/search", q="wren", type="statuses"))
    assert len(found) == 7  # ada's five in public, the one to him, his own
    assert not [text for text in found if "secret" in text]
    stranger = here.nobody.get("/api/v2/search", q="wren", type="statuses")
    assert len(texts(stranger)) == 5
    assert len(here.api("cyd").get("/api/v2/search", q="wren")["statuses"]) == 5


def test_one_kind_only(ada: Api) -> None:
    for kind in ("accounts", "hashtags", "statuses"):
        found = ada.get("/api/v2/search", q="ada", type=kind)
        assert [name for name, items in found.items() if items] in ([], [kind])
    answer = ada.ask("GET", "/api/v2/search", params={"q": "ada", "type": "birds"})
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter_malformed")
    assert ada.ask("GET", "/api/v2/search").status_code == 422


def test_pages(ada: Api) -> None:
    def page(**query: Any) -> list[str]:
        found = ada.get("/api/v2/search", q="wren", type="statuses", **query)["statuses"]
        return [status["id"] for status in found]

    whole = page()
    assert page(limit=3) == whole[:3]
    assert page(limit=3, offset=3) == whole[3:6]
    assert page(limit=3, max_id=whole[2]) == whole[3:6]
    assert page(min_id=whole[2]) == whole[:2]
    answer = ada.ask(
        "GET", "/api/v2/search", params={"q": "wren sings", "type": "statuses", "limit": 2}
    )
    seen = []
    while True:
        seen += [status["id"] for status in answer.json()["statuses"]]
        if "next" not in answer.links:
            break
        answer = ada.ask("GET", answer.links["next"]["url"])
    assert len(seen) == len(set(seen)) == 5


def test_whose_posts(here: World, ada: Api) -> None:
    number = str(here.site.accounts["bob"])
    assert texts(ada.get("/api/v2/search", q="wren", account_id=number)) == []
    found = here.api("bob").get("/api/v2/search", q="wren", account_id=number)
    assert ["mine" in text for text in texts(found)] == [True]


def test_an_address_is_looked_up(here: World, ada: Api) -> None:
    post = ada.status("Where this leads", visibility="private")
    url = post["url"]
    found = ada.get("/api/v2/search", q=url, resolve="true")
    assert [status["id"] for status in found["statuses"]] == [post["id"]]
    assert names(ada.get("/api/v2/search", q=f"{here.site.url}/@BOB")) == ["bob"]
    for nothing in (url, f"{here.site.url}/@nobody", f"{here.site.url}/nowhere"):
        found = here.api("cyd").get("/api/v2/search", q=nothing)
        assert not any(found.values()), nothing
    assert names(ada.get("/api/v2/search", q="@bob@elsewhere.example")) == []


def test_a_strangers_search_has_bounds(here: World) -> None:
    for more in ({"offset": "1"}, {"resolve": "true"}):
        answer = here.nobody.ask("GET", "/api/v2/search", params={"q": "wren", **more})
        assert answer.status_code == 401


def test_what_can_not_be_looked_for_is_said(ada: Api) -> None:
    for q, code in [("before:soon", "query_malformed"), ("x" * 501, "query_long"),
                    ("x " * 33, "query_terms")]:  # fmt: skip
        answer = ada.ask("GET", "/api/v2/search", params={"q": q})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_too_many_searches(here: World, ada: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searcher(here.site.edge).rates, "limit", 0)
    answer = ada.ask("GET", "/api/v2/search", params={"q": "wren"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_accounts_for_completion(here: World, ada: Api, bob: Api) -> None:
    def found(who: Api, **query: Any) -> list[str]:
        return [account["acct"] for account in who.get("/api/v1/accounts/search", **query)]

    assert found(bob, q="ad") == found(bob, q="@Ad") == ["ada"]
    assert found(ada, q="bo") == []  # he is not discoverable
    assert found(ada, q="bob") == ["bob"]
    assert found(ada, q="bob", following="true") == []
    number = here.site.accounts["bob"]
    ada.post(f"/api/v1/accounts/{number}/follow")
    assert found(ada, q="b", following="true") == found(ada, q="b") == ["bob"]
    ada.post(f"/api/v1/accounts/{number}/unfollow")
    assert found(bob, q="ad", offset="1") == []
    assert found(bob, q=f"{here.site.url}/@ada") == ["ada"]
    assert here.nobody.ask("GET", "/api/v1/accounts/search", params={"q": "a"}).status_code == 401


def test_before_there_is_an_index(bob: Api) -> None:
    with world() as other:
        eve = other.api("eve")
        eve.status("A wren")
        found = eve.get("/api/v2/search", q="eve")
        assert (names(found), found["statuses"]) == (["eve"], [])
        answer = eve.ask("GET", "/api/v2/search", params={"q": "eve", "type": "statuses"})
        assert (answer.status_code, answer.json()["code"]) == (503, "search_not_ready")
