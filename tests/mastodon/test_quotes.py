"""Quotes in the API's shape: C27, who may quote, revoking, and who is told of an edit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.mastodon.api import Api, World, world


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea", "carl"):
            made.api(name)
        yield made


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


@pytest.fixture
def bea(here: World) -> Api:
    return here.api("bea")


def test_c27_a_quote_is_told_of_in_whole_once(here: World, ada: Api, bea: Api) -> None:
    first = ada.status("the first")
    assert (first["quote"], first["quotes_count"]) == (None, 0)
    second = bea.status("about it", quoted_status_id=first["id"])
    third = here.api("carl").status("about that", quoted_status_id=second["id"])
    assert second["quote"]["state"] == "accepted"
    assert second["quote"]["quoted_status"]["id"] == first["id"]
    nested = third["quote"]["quoted_status"]
    assert nested["id"] == second["id"]
    assert nested["quote"] == {"state": "accepted", "quoted_status_id": first["id"]}
    # clients that know no quotes are shown where it is
    assert second["content"].startswith('<p class="quote-inline">RE: <a href="')
    assert first["url"] in second["content"]
    boost = ada.post(f"/api/v1/statuses/{second['id']}/reblog")
    assert boost["quote"] is None
    assert boost["reblog"]["quote"]["quoted_status"]["id"] == first["id"]
    assert ada.get(f"/api/v1/statuses/{first['id']}")["quotes_count"] == 1
    assert [one["id"] for one in ada.get(f"/api/v1/statuses/{first['id']}/quotes")] == [
        second["id"]
    ]
    told = ada.get("/api/v1/notifications", **{"types[]": "quote"})
    assert [one["status"]["id"] for one in told] == [second["id"]]
    # a boost that is quoted is its original
    fourth = bea.status("again", quoted_status_id=boost["id"])
    assert fourth["quote"]["quoted_status"]["id"] == second["id"]


def test_c27_what_became_of_the_quoted(here: World, ada: Api, bea: Api) -> None:
    first = ada.status("soon gone")
    quote = bea.status("about it", quoted_status_id=first["id"])
    path = f"/api/v1/statuses/{quote['id']}"
    account = f"/api/v1/accounts/{here.site.accounts['ada']}"
    for act, state in (("mute", "muted_account"), ("unmute", "accepted")):
        here.api("carl").post(f"{account}/{act}")
        assert here.api("carl").get(path)["quote"]["state"] == state
    ada.delete(f"/api/v1/statuses/{first['id']}")
    assert bea.get(path)["quote"] == {"state": "deleted", "quoted_status": None}


def test_revoking(here: World, ada: Api, bea: Api) -> None:
    first = ada.status("mine")
    quote = bea.status("look at that", quoted_status_id=first["id"])
    revoke = f"/api/v1/statuses/{first['id']}/quotes/{quote['id']}/revoke"
    assert bea.ask("POST", revoke).status_code == 404
    other = ada.status("another")
    wrong = f"/api/v1/statuses/{other['id']}/quotes/{quote['id']}/revoke"
    assert ada.ask("POST", wrong).status_code == 404
    revoked = ada.post(revoke)
    assert revoked["id"] == quote["id"]
    assert revoked["quote"] == {"state": "revoked", "quoted_status": None}
    assert "RE:" not in revoked["content"]
    assert ada.post(revoke) == revoked  # said twice
    assert ada.get(f"/api/v1/statuses/{first['id']}")["quotes_count"] == 0
    assert ada.get(f"/api/v1/statuses/{first['id']}/quotes") == []
    # it stands by itself, whatever becomes of what it quoted
    ada.post(f"/api/v1/accounts/{here.site.accounts['carl']}/block")
    assert here.api("carl").get(f"/api/v1/statuses/{quote['id']}")["id"] == quote["id"]
    ada.post(f"/api/v1/accounts/{here.site.accounts['carl']}/unblock")


def test_who_may_quote(here: World, ada: Api, bea: Api) -> None:
    post = ada.status("for those who follow", quote_approval_policy="followers")
    path = f"/api/v1/statuses/{post['id']}"

    def may(api: Api) -> str:
        word: str = api.get(path)["quote_approval"]["current_user"]
        said = {"status": "about it", "quoted_status_id": post["id"]}
        code = api.ask("POST", "/api/v1/statuses", data=said).status_code
        assert code == {"automatic": 200, "denied": 403}[word]
        return word

    assert post["quote_approval"] == {
        "automatic": ["followers"], "manual": [], "current_user": "automatic"
    }  # fmt: skip
    assert may(bea) == "denied"
    bea.post(f"/api/v1/accounts/{here.site.accounts['ada']}/follow")
    assert may(bea) == "automatic"
    changed = ada.json("PUT", f"{path}/interaction_policy", {"quote_approval_policy": "nobody"})
    assert changed["quote_approval"]["automatic"] == []
    assert may(bea) == "denied"
    assert may(ada) == "automatic"
    assert here.nobody.get(path)["quote_approval"]["current_user"] == "denied"
    refused = ada.ask("PUT", f"{path}/interaction_policy", json={"quote_approval_policy": "all"})
    assert refused.status_code == 422
    other = bea.ask("PUT", f"{path}/interaction_policy", json={"quote_approval_policy": "public"})
    assert other.status_code == 404
    edited = ada.json("PUT", path, {"status": "for all", "quote_approval_policy": "public"})
    assert edited["quote_approval"]["automatic"] == ["public"]
    assert may(bea) == "automatic"
    private = ada.status("not for all", visibility="private", quote_approval_policy="public")
    assert private["quote_approval"]["automatic"] == []
    # a default of one's own
    said = {"source": {"quote_policy": "nobody"}}
    own = ada.json("PATCH", "/api/v1/accounts/update_credentials", said)
    assert own["source"]["quote_policy"] == "nobody"
    assert ada.get("/api/v1/preferences")["posting:default:quote_policy"] == "nobody"
    assert ada.status("mine")["quote_approval"]["automatic"] == []
    ada.json("PATCH", "/api/v1/accounts/update_credentials", {"source": {"quote_policy": "public"}})


def test_who_quoted_is_told_of_an_edit(ada: Api, bea: Api) -> None:
    post = ada.status("first version")
    quote = bea.status("about it", quoted_status_id=post["id"])
    ada.json("PUT", f"/api/v1/statuses/{post['id']}", {"status": "second version"})
    asked = {"types[]": "quoted_update"}
    told = bea.get("/api/v1/notifications", **asked)[0]
    assert (told["type"], told["status"]["id"]) == ("quoted_update", quote["id"])
    assert "second version" in told["status"]["quote"]["quoted_status"]["content"]
    # clients that did not name it would not know it
    assert "quoted_update" not in {one["type"] for one in bea.get("/api/v1/notifications")}


def test_what_may_not_be_seen_can_not_be_quoted(ada: Api, bea: Api) -> None:
    hidden = ada.status("@ada alone", visibility="direct")
    answer = bea.ask("POST", "/api/v1/statuses",
                     data={"status": "x", "quoted_status_id": hidden["id"]})  # fmt: skip
    assert answer.status_code == 404
    assert bea.ask("GET", f"/api/v1/statuses/{hidden['id']}/quotes").status_code == 404
    assert bea.ask("POST", f"/api/v1/statuses/{hidden['id']}/translate").status_code == 404
