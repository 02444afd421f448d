"""Posts, whole, over the API: edits, polls, scheduled ones, what one keeps of them, threads, lists,
tags, conversations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.mastodon.api import Api, World, check_shape, contract, world

from covey.messages import Post

Check = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea", "carl"):
            made.api(name)
        yield made


@pytest.fixture
def shape(shared_data: Callable[[str], Path]) -> Check:
    description = contract(shared_data("mastodon-openapi.json"))
    return lambda name, value: check_shape(description, name, value)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


def number(here: World, name: str) -> str:
    return str(here.site.accounts[name])


def code(api: Api, method: str, path: str, **said: Any) -> str:
    return api.ask(method, path, **said).json()["code"]  # type: ignore[no-any-return]


def test_an_edit_and_what_was_said_before(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    made = ada.status("first #one", spoiler_text="careful", language="en")
    assert made["edited_at"] is None
    bea.post(f"/api/v1/statuses/{made['id']}/reblog")
    path = f"/api/v1/statuses/{made['id']}"
    edited = ada.json("PUT", path, {"status": "second #two for @bea"})
    shape("Status", edited)
    assert (edited["id"], edited["spoiler_text"], edited["language"]) == (made["id"], "", "en")
    assert edited["edited_at"] is not None
    assert [tag["name"] for tag in edited["tags"]] == ["two"]
    assert [one["username"] for one in edited["mentions"]] == ["bea"]
    assert edited["mentions"][0]["url"] in edited["content"]
    assert ada.get(f"{path}/source")["text"] == "second #two for @bea"
    versions = here.nobody.get(f"{path}/history")
    shape("[StatusEdit]", versions)
    assert [one["spoiler_text"] for one in versions] == ["careful", ""]
    assert versions[0]["created_at"] == made["created_at"]
    assert versions[1]["created_at"] == edited["edited_at"]
    assert code(bea, "PUT", path, json={"status": "mine"}) == "not_yours"
    told = {one["type"] for one in bea.get("/api/v1/notifications")}
    # an edit mentions whom it did not before; of two kinds for one message the first stands
    assert "mention" in told
    ada.json("PUT", path, {"status": "third"})
    assert "update" in {one["type"] for one in bea.get("/api/v1/notifications")}
    shape("[Notification]", bea.get("/api/v1/notifications"))


@pytest.mark.parametrize(
    "said",
    [
        {"status": "plain, for @bea and @nobody #tag https://example.org/x"},
        {"status": "a spoiler", "spoiler_text": "careful", "visibility": "private"},
        {"status": "what?", "poll": {"options": ["tea", "coffee"], "expires_in": 600}},
        {"status": "more", "in_reply_to_id": "own"},
        {"status": "more", "in_reply_to_id": "muted"},
    ],
)
def test_what_the_author_is_answered_is_what_is_there(here: World, said: dict[str, Any]) -> None:
    """The answer to a new post is made another way than a status that is asked for."""
    ada = here.api("ada")
    filter_ = {"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "spoiler"}]}
    ada.json("POST", "/api/v2/filters", filter_)
    parent = ada.status("a thread")["id"]
    if said.get("in_reply_to_id") == "muted":
        ada.post(f"/api/v1/statuses/{parent}/mute")
    if "in_reply_to_id" in said:
        said = said | {"in_reply_to_id": parent}
    made = ada.json("POST", "/api/v1/statuses", said)
    assert made == ada.get(f"/api/v1/statuses/{made['id']}")


def test_the_same_key_again_shows_the_post_as_it_is_by_now(here: World) -> None:
    ada = here.api("ada")
    headers = {"idempotency-key": "once-and-again"}
    said = {"json": {"status": "once"}, "headers": headers}
    made = ada.ask("POST", "/api/v1/statuses", **said).json()
    ada.post(f"/api/v1/statuses/{made['id']}/favourite")
    again = ada.ask("POST", "/api/v1/statuses", **said).json()
    assert (again["id"], again["favourited"]) == (made["id"], True)
    ada.delete(f"/api/v1/statuses/{made['id']}")
    assert ada.ask("POST", "/api/v1/statuses", **said).status_code == 404


def test_an_own_way_of_posting_holds_from_the_next_post_on(here: World) -> None:
    """How an account posts is kept by the edge until a profile changes."""
    bea = here.api("bea")
    assert bea.status("before")["visibility"] == "public"
    for word in ("unlisted", "public"):
        bea.json("PATCH", "/api/v1/accounts/update_credentials", {"source": {"privacy": word}})
        assert bea.status(f"now {word}")["visibility"] == word


def test_a_poll(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    question = {"options": ["tea", "coffee"], "expires_in": 600, "multiple": True}
    made = ada.json("POST", "/api/v1/statuses", {"status": "what?", "poll": question})
    shape("Status", made)
    poll = made["poll"]
    assert [one["title"] for one in poll["options"]] == ["tea", "coffee"]
    assert (poll["voted"], poll["own_votes"], poll["multiple"]) == (True, [], True)
    path = f"/api/v1/polls/{poll['id']}"
    seen = bea.get(path)
    shape("Poll", seen)
    assert (seen["voted"], seen["votes_count"], seen["expired"]) == (False, 0, False)
    voted = bea.json("POST", f"{path}/votes", {"choices": [1, 0]})
    shape("Poll", voted)
    assert (voted["voted"], voted["votes_count"], voted["voters_count"]) == (True, 2, 1)
    assert sorted(voted["own_votes"]) == [0, 1]
    assert [one["votes_count"] for one in voted["options"]] == [1, 1]
    assert code(bea, "POST", f"{path}/votes", json={"choices": [0]}) == "vote_twice"
    assert code(ada, "POST", f"{path}/votes", json={"choices": [0]}) == "vote_own"
    assert bea.get(f"/api/v1/statuses/{made['id']}")["poll"]["voted"] is True
    boost = bea.post(f"/api/v1/statuses/{made['id']}/reblog")
    assert boost["poll"] is None
    assert boost["reblog"]["poll"]["votes_count"] == 2
    assert here.nobody.get(path)["voted"] is False
    assert code(bea, "GET", f"/api/v1/polls/{bea.status('no poll')['id']}") == "not_found"
    secret = ada.status("quiet", visibility="private", **{
        "poll[options][]": ["a", "b"], "poll[expires_in]": "300", "poll[hide_totals]": "true",
    })  # fmt: skip
    assert secret["poll"]["options"][0]["votes_count"] == 0
    assert code(bea, "GET", f"/api/v1/polls/{secret['id']}") == "not_found"
    assert made["id"] in ids(bea.get("/api/v1/timelines/public"))


def test_hidden_totals(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    question = {"options": ["a", "b"], "expires_in": 600, "hide_totals": True}
    made = ada.json("POST", "/api/v1/statuses", {"status": "hidden", "poll": question})
    seen = bea.get(f"/api/v1/polls/{made['id']}")
    shape("Poll", seen)
    assert [one["votes_count"] for one in seen["options"]] == [None, None]


def test_scheduled(here: World, shape: Check) -> None:
    ada = here.api("ada")
    at = datetime.fromtimestamp(int(time.time()) + 3600, UTC).isoformat().replace("+00:00", "Z")
    held = ada.status("later", scheduled_at=at, visibility="private")
    shape("ScheduledStatus", held)
    assert held["scheduled_at"] == at.replace("Z", ".000Z")
    assert (held["params"]["text"], held["params"]["visibility"]) == ("later", "private")
    second = ada.status("and later still", scheduled_at=at)
    found = ada.get("/api/v1/scheduled_statuses")
    shape("[ScheduledStatus]", found)
    assert ids(found) == [second["id"], held["id"]]
    path = f"/api/v1/scheduled_statuses/{held['id']}"
    moved = ada.json("PUT", path, {"scheduled_at": "2027-01-02T03:04:05+01:00"})
    shape("ScheduledStatus", moved)
    assert moved["scheduled_at"] == "2027-01-02T02:04:05.000Z"
    assert ada.get(path) == moved
    assert here.api("bea").ask("GET", path).status_code == 404
    assert ada.delete(path) == {}
    assert ada.ask("GET", path).status_code == 404
    assert "later" not in str(ada.get("/api/v1/accounts/1/statuses"))


def test_bookmarks_favourites_pins(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    made = [ada.status(f"kept {n}")["id"] for n in range(3)]
    for id_ in (made[2], made[0], made[1]):
        shown = bea.post(f"/api/v1/statuses/{id_}/bookmark")
        shape("Status", shown)
        assert shown["bookmarked"] is True
        bea.post(f"/api/v1/statuses/{id_}/favourite")
    for list_ in ("bookmarks", "favourites"):
        first = bea.ask("GET", f"/api/v1/{list_}", params={"limit": 2})
        shape("[Status]", first.json())
        assert ids(first.json()) == [made[1], made[0]]
        assert ids(bea.ask("GET", first.links["next"]["url"]).json()) == [made[2]]
    assert bea.post(f"/api/v1/statuses/{made[0]}/unbookmark")["bookmarked"] is False
    ada.delete(f"/api/v1/statuses/{made[1]}")
    assert ids(bea.get("/api/v1/bookmarks")) == [made[2]]
    assert ids(bea.get("/api/v1/favourites")) == [made[0], made[2]]

    assert ada.post(f"/api/v1/statuses/{made[0]}/pin")["pinned"] is True
    ada.post(f"/api/v1/statuses/{made[2]}/pin")
    pinned = bea.get(f"/api/v1/accounts/{number(here, 'ada')}/statuses", pinned="true")
    shape("[Status]", pinned)
    assert ids(pinned) == [made[2], made[0]]
    assert pinned[0]["pinned"] is False  # not by whoever reads
    assert code(bea, "POST", f"/api/v1/statuses/{made[0]}/pin") == "pin_not_allowed"
    assert ada.post(f"/api/v1/statuses/{made[0]}/unpin")["pinned"] is False


def test_a_muted_thread(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    root = ada.status("a root")["id"]
    assert ada.post(f"/api/v1/statuses/{root}/mute")["muted"] is True
    before = ids(ada.get("/api/v1/notifications"))
    answer = bea.status("@ada you there?", in_reply_to_id=root)["id"]
    assert ids(ada.get("/api/v1/notifications")) == before
    assert ada.get(f"/api/v1/statuses/{answer}")["muted"] is True
    assert ada.post(f"/api/v1/statuses/{answer}/unmute")["muted"] is False
    assert ada.get(f"/api/v1/statuses/{root}")["muted"] is False


def test_a_quote_says_where_its_original_is(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    original = ada.status("to be quoted")
    quote = here.site.submit("bea", Post(text="look", quote_of=int(original["id"]))).id
    seen = ada.get(f"/api/v1/statuses/{quote}")
    shape("Status", seen)
    assert seen["content"].startswith('<p class="quote-inline">RE: <a href="' + original["url"])
    # a type that older clients break on goes to those who name it
    assert "quote" not in {one["type"] for one in ada.get("/api/v1/notifications")}
    named = ada.get("/api/v1/notifications", **{"supported_types[]": "quote"})
    assert named[0]["type"] == "quote"
    shape("Notification", named[0])
    assert code(bea, "GET", f"/api/v1/notifications/{named[0]['id']}") == "not_found"


def test_lists(here: World, shape: Check) -> None:
    ada, bea, carl = here.api("ada"), here.api("bea"), here.api("carl")
    made = carl.post("/api/v1/lists", title="friends")
    shape("List", made)
    assert (made["replies_policy"], made["exclusive"]) == ("list", False)
    path = f"/api/v1/lists/{made['id']}"
    people = [number(here, "ada"), number(here, "bea")]
    assert code(carl, "POST", f"{path}/accounts", json={"account_ids": people}) == (
        "list_not_followed"
    )
    for one in people:
        carl.post(f"/api/v1/accounts/{one}/follow")
    carl.json("POST", f"{path}/accounts", {"account_ids": people})
    first = carl.ask("GET", f"{path}/accounts", params={"limit": 1})
    shape("[Account]", first.json())
    rest = carl.ask("GET", first.links["next"]["url"]).json()
    assert sorted(ids(first.json()) + ids(rest)) == sorted(people)
    assert carl.get(f"/api/v1/accounts/{people[0]}/lists") == [made]
    one, two = ada.status("from ada")["id"], bea.status("from bea")["id"]
    found = carl.get(f"/api/v1/timelines/list/{made['id']}", limit=2)
    shape("[Status]", found)
    assert ids(found) == [two, one]
    changed = carl.json("PUT", path, {"exclusive": True})
    shape("List", changed)
    assert (changed["title"], changed["exclusive"]) == ("friends", True)
    assert two not in ids(carl.get("/api/v1/timelines/home"))
    carl.json("DELETE", f"{path}/accounts", {"account_ids": [people[1]]})
    assert two in ids(carl.get("/api/v1/timelines/home"))
    assert ada.ask("GET", path).status_code == 404
    assert ada.ask("GET", f"/api/v1/timelines/list/{made['id']}").status_code == 404
    assert carl.get("/api/v1/lists") == [changed]
    carl.delete(path)
    assert carl.get("/api/v1/lists") == []


def test_tags(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    post = bea.status("an owl #Owls")["id"]
    shape("Tag", here.nobody.get("/api/v1/tags/Owls"))
    followed = ada.post("/api/v1/tags/OWLS/follow")
    shape("Tag", followed)
    assert (followed["name"], followed["following"]) == ("owls", True)
    assert post in ids(ada.get("/api/v1/timelines/home"))
    found = ada.get("/api/v1/followed_tags")
    shape("[Tag]", found)
    assert [one["name"] for one in found] == ["owls"]
    assert ada.post("/api/v1/tags/owls/unfollow")["following"] is False

    featured = bea.post("/api/v1/featured_tags", name="#Owls")
    shape("FeaturedTag", featured)
    assert (featured["name"], featured["statuses_count"]) == ("owls", "1")
    for api, path in (
        (bea, "/api/v1/featured_tags"),
        (here.nobody, f"/api/v1/accounts/{number(here, 'bea')}/featured_tags"),
    ):
        assert api.get(path) == [featured]
    assert bea.delete(f"/api/v1/featured_tags/{featured['id']}") == {}
    assert bea.post("/api/v1/tags/owls/feature")["featuring"] is True
    assert bea.post("/api/v1/tags/owls/unfeature")["featuring"] is False
    assert code(bea, "POST", "/api/v1/featured_tags", data={"name": "# #"}) == "tag_malformed"


def test_conversations(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    bea.post(f"/api/v1/accounts/{number(here, 'ada')}/follow")
    first = ada.status("@bea psst", visibility="direct")
    found = bea.get("/api/v1/conversations")
    shape("[Conversation]", found)
    (one,) = found
    assert (one["id"], one["unread"]) == (first["id"], True)
    assert [other["username"] for other in one["accounts"]] == ["ada"]
    assert one["last_status"]["id"] == first["id"]
    read = bea.post(f"/api/v1/conversations/{one['id']}/read")
    shape("Conversation", read)
    assert read["unread"] is False
    bea.status("@ada yes?", visibility="direct", in_reply_to_id=first["id"])
    assert ada.get("/api/v1/conversations")[0]["unread"] is True
    assert bea.get("/api/v1/conversations")[0]["unread"] is False
    assert here.api("carl").get("/api/v1/conversations") == []
    assert code(here.api("carl"), "POST", f"/api/v1/conversations/{one['id']}/read") == "not_found"


def test_c28_filters_mark_every_status(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    first = ada.status("An OWL flew by", spoiler_text="birds")["id"]
    second = ada.status("owls everywhere")["id"]
    made = bea.json(
        "POST",
        "/api/v2/filters",
        {
            "title": "Birds", "context": ["home", "public"], "filter_action": "hide",
            "expires_in": 3600, "keywords_attributes": [{"keyword": "owl"}],
        },
    )  # fmt: skip
    shape("Filter", made)
    assert (made["filter_action"], made["context"]) == ("hide", ["home", "public"])
    assert made["keywords"][0]["whole_word"] is True
    path = f"/api/v2/filters/{made['id']}"
    shown = bea.get(f"/api/v1/statuses/{first}")
    shape("Status", shown)
    (met,) = shown["filtered"]
    assert (met["filter"]["title"], met["keyword_matches"]) == ("Birds", ["owl"])
    assert bea.get(f"/api/v1/statuses/{second}")["filtered"] == []
    assert ada.get(f"/api/v1/statuses/{first}")["filtered"] == []
    boost = bea.post(f"/api/v1/statuses/{first}/reblog")
    assert boost["filtered"] == boost["reblog"]["filtered"] == [met]

    word = made["keywords"][0]["id"]
    changed = bea.json(
        "PUT",
        path,
        {"keywords_attributes": [{"id": word, "whole_word": False}, {"keyword": "crow"}]},
    )
    assert [one["keyword"] for one in changed["keywords"]] == ["owl", "crow"]
    assert (changed["title"], changed["expires_at"]) == ("Birds", made["expires_at"])
    assert bea.get(f"/api/v1/statuses/{second}")["filtered"][0]["keyword_matches"] == ["owl"]
    shape("FilterKeyword", bea.get(f"/api/v2/filters/keywords/{word}"))
    added = bea.post(f"{path}/keywords", keyword="wren", whole_word="false")
    shape("FilterKeyword", added)
    assert [one["keyword"] for one in bea.get(f"{path}/keywords")] == ["owl", "crow", "wren"]
    shape("[V1Filter]", bea.get("/api/v1/filters"))
    bea.json("PUT", path, {"keywords_attributes": [{"id": word, "_destroy": True}]})
    assert bea.delete(f"/api/v2/filters/keywords/{made['id']}001") == {}
    assert [one["keyword"] for one in bea.get(f"{path}/keywords")] == ["crow"]

    kept = bea.post(f"{path}/statuses", status_id=second)
    shape("FilterStatus", kept)
    assert bea.get(f"/api/v1/statuses/{second}")["filtered"][0]["status_matches"] == [second]
    shape("FilterStatus", bea.delete(f"/api/v2/filters/statuses/{kept['id']}"))
    assert bea.get(f"{path}/statuses") == []
    shape("[Filter]", bea.get("/api/v2/filters"))
    assert ada.ask("GET", path).status_code == 404
    bad = bea.ask("POST", "/api/v2/filters", json={"title": "x", "context": ["moon"]})
    assert (bad.status_code, bad.json()["code"]) == (422, "parameter_malformed")
    none = bea.ask("POST", "/api/v2/filters", json={"title": "x"})
    assert none.json()["code"] == "filter_contexts"
    bea.delete(path)
    assert bea.get("/api/v2/filters") == []
