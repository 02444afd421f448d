"""Grouped notifications, version 2 of that part of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.mastodon.api import Api, World, world


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        ada = made.api("ada")
        post = ada.status("to be favourited")["id"]
        other = ada.status("another")["id"]
        for name in ("bea", "carl", "dora", "emil"):
            api = made.api(name)
            api.post(f"/api/v1/statuses/{post}/favourite")
            api.post(f"/api/v1/accounts/{made.site.accounts['ada']}/follow")
        made.api("bea").post(f"/api/v1/statuses/{other}/favourite")
        made.api("carl").post(f"/api/v1/statuses/{other}/reblog")
        made.api("dora").status("@ada hello")
        yield made


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


def groups(api: Api, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/v2/notifications", **query)["notification_groups"]
    return found


def test_c04_the_newest_of_a_group_is_an_integer_and_belongs_together(ada: Api) -> None:
    found = ada.get("/api/v2/notifications")
    told = [(one["type"], one["notifications_count"]) for one in found["notification_groups"]]
    # of the same moments the newest first; half a day may begin in between, so kinds are counted
    assert {kind for kind, _ in told} == {"mention", "reblog", "favourite", "follow"}
    assert sum(count for _, count in told) == 11
    for one in found["notification_groups"]:
        assert type(one["most_recent_notification_id"]) is int
        assert one["page_max_id"] == str(one["most_recent_notification_id"])
        assert len(one["sample_account_ids"]) == one["notifications_count"]
        assert {*one["sample_account_ids"]} <= {account["id"] for account in found["accounts"]}
        if one["type"] != "follow":
            assert one["status_id"] in [status["id"] for status in found["statuses"]]
    assert "partial_accounts" not in found
    newest = [one["most_recent_notification_id"] for one in found["notification_groups"]]
    assert newest == sorted(newest, reverse=True)


def test_the_way_through_all_pages_meets_each_once(ada: Api) -> None:
    whole = groups(ada)
    met, path = [], "/api/v2/notifications?limit=1"
    while path:
        answer = ada.ask("GET", path)
        met += answer.json()["notification_groups"]
        path = answer.links.get("next", {}).get("url", "")
    assert met == whole
    back = ada.ask("GET", "/api/v2/notifications?limit=1&min_id=1").links["prev"]["url"]
    assert [one["group_key"] for one in ada.ask("GET", back).json()["notification_groups"]] == [
        whole[-2]["group_key"]
    ]


def test_what_is_grouped_and_what_is_told_of_accounts(ada: Api) -> None:
    apart = groups(ada, **{"grouped_types[]": "follow"})
    assert len([one for one in apart if one["type"] == "favourite"]) == 5
    assert all(one["group_key"].startswith("ungrouped") for one in apart if one["type"] != "follow")
    found = ada.get("/api/v2/notifications", expand_accounts="partial_avatars")
    known = {one["id"] for one in found["accounts"]} | {
        one["id"] for one in found["partial_accounts"]
    }
    assert known >= {
        sender for one in found["notification_groups"] for sender in one["sample_account_ids"]
    }
    assert all(set(one) >= {"id", "avatar", "acct"} for one in found["partial_accounts"])
    assert all("note" not in one for one in found["partial_accounts"])
    refused = ada.ask("GET", "/api/v2/notifications?expand_accounts=none")
    assert refused.status_code == 422
    only = groups(ada, **{"types[]": "mention"})
    assert [one["type"] for one in only] == ["mention"]
    assert groups(ada, **{"types[]": "nothing"}) == []


def test_one_account(here: World, ada: Api) -> None:
    carl = here.site.accounts["carl"]
    found = ada.get("/api/v1/notifications", account_id=carl)
    assert [one["type"] for one in found] == ["reblog", "follow", "favourite"]
    assert {one["account"]["username"] for one in found} == {"carl"}
    assert [one["type"] for one in groups(ada, account_id=carl)] == [
        "reblog",
        "follow",
        "favourite",
    ]


def test_a_group_by_its_key(here: World, ada: Api) -> None:
    for one in groups(ada):
        found = ada.get(f"/api/v2/notifications/{one['group_key']}")
        (again,) = found["notification_groups"]
        assert again["notifications_count"] == one["notifications_count"]
        accounts = ada.get(f"/api/v2/notifications/{one['group_key']}/accounts")
        assert [account["id"] for account in accounts] == one["sample_account_ids"]
    keys = {one["group_key"] for one in groups(ada)}
    assert {one["group_key"] for one in ada.get("/api/v1/notifications")} == keys
    for path in ("favourite-1-1", "nothing", "ungrouped-1"):
        assert ada.ask("GET", f"/api/v2/notifications/{path}").status_code == 404
        assert ada.ask("POST", f"/api/v2/notifications/{path}/dismiss").status_code == 404
        assert ada.ask("GET", f"/api/v2/notifications/{path}/accounts").status_code == 404


def test_unread_and_dismissed(here: World) -> None:
    eve = here.api("eve")
    post = eve.status("a post of Eve's")["id"]
    for name in ("bea", "carl"):
        here.api(name).post(f"/api/v1/statuses/{post}/favourite")
    here.api("carl").status("@eve hello")
    counted = eve.get("/api/v2/notifications/unread_count")["count"]
    assert counted == len(groups(eve))
    assert eve.get("/api/v2/notifications/unread_count", limit=1)["count"] == 1
    newest = groups(eve)[0]["most_recent_notification_id"]
    eve.post("/api/v1/markers", **{"notifications[last_read_id]": newest})
    assert eve.get("/api/v2/notifications/unread_count")["count"] == 0
    for one in groups(eve):
        eve.post(f"/api/v2/notifications/{one['group_key']}/dismiss")
    assert groups(eve) == []
    assert eve.get("/api/v1/notifications") == []
