"""Accounts and each other over the API: requests, notes, endorsements, domains, policies, groups,
and who is there no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.mastodon.api import Api, World, check_shape, contract, world

from covey.messages import (
    SERVER,
    Announce,
    CreateGroup,
    InviteToGroup,
    JoinGroup,
    Limit,
    Restore,
    SetRules,
    Setting,
    Suspend,
)

Check = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea", "carl", "dora"):
            made.api(name)
        yield made


@pytest.fixture
def shape(shared_data: Callable[[str], Path]) -> Check:
    description = contract(shared_data("mastodon-openapi.json"))
    return lambda name, value: check_shape(description, name, value)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


def account(here: World, name: str) -> str:
    return f"/api/v1/accounts/{here.site.accounts[name]}"


def own(here: World, name: str) -> str:
    return str(here.site.accounts[name])


def relation(api: Api, number: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = api.get("/api/v1/accounts/relationships", **{"id[]": number})
    return found[0]


def test_a_locked_account_is_asked(here: World, shape: Check) -> None:
    ada, bea, carl = here.api("ada"), here.api("bea"), here.api("carl")
    update = "/api/v1/accounts/update_credentials"
    locked = ada.json("PATCH", update, {"locked": True})
    shape("CredentialAccount", locked)
    assert locked["locked"] is True
    assert bea.get(account(here, "ada"))["locked"] is True
    assert ada.json("PATCH", update, {"bot": False})["locked"] is True  # what is not said stays

    asked = bea.post(f"{account(here, 'ada')}/follow", reblogs="false", notify="true")
    shape("Relationship", asked)
    assert (asked["following"], asked["requested"]) == (False, True)
    assert (asked["showing_reblogs"], asked["notifying"]) == (False, True)
    carl.post(f"{account(here, 'ada')}/follow")
    assert relation(ada, own(here, "bea"))["requested_by"] is True
    waiting = ada.ask("GET", "/api/v1/follow_requests", params={"limit": 1})
    shape("[Account]", waiting.json())
    assert ids(waiting.json()) == [own(here, "carl")]
    assert ids(ada.ask("GET", waiting.links["next"]["url"]).json()) == [own(here, "bea")]
    me = ada.get("/api/v1/accounts/verify_credentials")
    assert me["source"]["follow_requests_count"] == 2
    told = ada.get("/api/v1/notifications", **{"types[]": "follow_request"})
    assert [one["account"]["username"] for one in told] == ["carl", "bea"]
    shape("[Notification]", told)

    taken = ada.post(f"/api/v1/follow_requests/{own(here, 'bea')}/authorize")
    shape("Relationship", taken)
    assert (taken["followed_by"], taken["requested_by"]) == (True, False)
    assert relation(bea, own(here, "ada"))["showing_reblogs"] is False
    refused = ada.post(f"/api/v1/follow_requests/{own(here, 'carl')}/reject")
    assert (refused["followed_by"], refused["requested_by"]) == (False, False)
    assert ada.get("/api/v1/follow_requests") == []
    again = ada.ask("POST", f"/api/v1/follow_requests/{own(here, 'carl')}/authorize")
    assert again.status_code == 404

    gone = ada.post(f"{account(here, 'bea')}/remove_from_followers")
    shape("Relationship", gone)
    assert gone["followed_by"] is False
    ada.json("PATCH", update, {"locked": False})


def test_languages_of_a_follow(here: World, shape: Check) -> None:
    bea = here.api("bea")
    said = {"languages": ["de", "en"]}
    found = bea.json("POST", f"{account(here, 'dora')}/follow", said)
    shape("Relationship", found)
    assert found["languages"] == ["de", "en"]
    again = bea.post(f"{account(here, 'dora')}/follow", notify="true")
    assert (again["languages"], again["notifying"]) == (["de", "en"], True)
    assert (
        bea.json("POST", f"{account(here, 'dora')}/follow", {"languages": []})["languages"] is None
    )


def test_notes_and_endorsements(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    noted = ada.post(f"{account(here, 'bea')}/note", comment="met in Paris")
    shape("Relationship", noted)
    assert noted["note"] == "met in Paris"
    assert relation(bea, own(here, "ada"))["note"] == ""
    assert ada.post(f"{account(here, 'bea')}/note", comment="")["note"] == ""

    refused = ada.ask("POST", f"{account(here, 'bea')}/endorse")
    assert (refused.status_code, refused.json()["code"]) == (422, "endorsement_follow")
    ada.post(f"{account(here, 'bea')}/follow")
    assert ada.post(f"{account(here, 'bea')}/endorse")["endorsed"] is True
    for api, path in (
        (ada, "/api/v1/endorsements"),
        (here.nobody, f"{account(here, 'ada')}/endorsements"),
    ):
        found = api.get(path)
        shape("[Account]", found)
        assert ids(found) == [own(here, "bea")]
    assert ada.post(f"{account(here, 'bea')}/unpin")["endorsed"] is False
    assert ada.get("/api/v1/endorsements") == []
    ada.post(f"{account(here, 'bea')}/unfollow")


def test_domains(here: World) -> None:
    ada = here.api("ada")
    for domain in ("Spam.example", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"):
        ada.post("/api/v1/domain_blocks", domain=domain)
    assert ada.get("/api/v1/domain_blocks") == ["xn--bcher-kva.example", "spam.example"]
    assert ada.ask("DELETE", "/api/v1/domain_blocks?domain=spam.example").json() == {}
    assert ada.get("/api/v1/domain_blocks") == ["xn--bcher-kva.example"]
    refused = ada.ask("POST", "/api/v1/domain_blocks", data={"domain": "no domain"})
    assert (refused.status_code, refused.json()["code"]) == (422, "domain_malformed")


def test_mutes_say_when_they_end(here: World, shape: Check) -> None:
    ada = here.api("ada")
    ada.post(f"{account(here, 'carl')}/mute", duration="3600")
    ada.post(f"{account(here, 'dora')}/mute")
    found = ada.get("/api/v1/mutes")
    shape("[MutedAccount]", found)
    assert [one["mute_expires_at"] is None for one in found] == [True, False]
    for name in ("carl", "dora"):
        ada.post(f"{account(here, name)}/unmute")


def test_a_policy_and_its_requests(here: World, shape: Check) -> None:
    ada, dora = here.api("ada"), here.api("dora")
    path = "/api/v2/notifications/policy"
    shape("NotificationPolicy", ada.get(path))
    changed = ada.json("PATCH", path, {"for_not_following": "filter"})
    shape("NotificationPolicy", changed)
    assert changed["for_not_following"] == "filter"
    assert changed["for_private_mentions"] == "filter"
    assert ada.ask("PATCH", path, json={"for_new_accounts": "maybe"}).status_code == 422

    before = ada.get("/api/v1/notifications")
    said = dora.status("@ada hello")
    dora.status("@ada are you there?")
    assert ada.get("/api/v1/notifications") == before
    assert ada.get(path)["summary"] == {
        "pending_requests_count": 1, "pending_notifications_count": 2
    }  # fmt: skip
    requests = ada.get("/api/v1/notifications/requests")
    shape("[NotificationRequest]", requests)
    (one,) = requests
    assert (one["id"], one["notifications_count"]) == (own(here, "dora"), "2")
    assert "are you there" in one["last_status"]["content"]
    assert ada.get(f"/api/v1/notifications/requests/{one['id']}") == one
    assert ada.get("/api/v1/notifications/requests/merged") == {"merged": True}
    ada.post(f"/api/v1/notifications/requests/{one['id']}/accept")
    assert ada.get("/api/v1/notifications/requests") == []
    assert ada.get("/api/v1/notifications")[1]["status"]["id"] == said["id"]

    carl = here.api("carl")
    carl.status("@ada and me?")
    ada.json("POST", "/api/v1/notifications/requests/dismiss", {"id": [own(here, "carl")]})
    assert ada.get("/api/v1/notifications/requests") == []
    assert ada.ask("GET", f"/api/v1/notifications/requests/{own(here, 'carl')}").status_code == 404
    ada.json("PATCH", path, {"for_not_following": "accept"})


def test_c26_a_suspended_account_is_a_name(here: World, shape: Check) -> None:
    emil, ada = here.api("emil"), here.api("ada")
    emil.json("PATCH", "/api/v1/accounts/update_credentials", {"display_name": "Emil", "note": "x"})
    post = emil.status("soon gone")["id"]
    here.site.submit(SERVER, Suspend(account=here.site.accounts["emil"]))
    for found in (
        ada.get(account(here, "emil")),
        ada.get("/api/v1/accounts/lookup", acct="emil"),
        ada.get("/api/v1/accounts", **{"id[]": own(here, "emil")})[0],
    ):
        shape("Account", found)
        assert (found["username"], found["suspended"]) == ("emil", True)
        assert (found["display_name"], found["note"], found["statuses_count"]) == ("", "", 0)
    for list_ in ("statuses", "followers", "following", "featured_tags", "endorsements"):
        gone = ada.ask("GET", f"{account(here, 'emil')}/{list_}")
        assert (gone.status_code, gone.json()["code"]) == (410, "account_gone"), list_
    assert ada.ask("GET", f"/api/v1/statuses/{post}").status_code == 404
    here.site.submit(SERVER, Restore(account=here.site.accounts["emil"]))
    assert ada.get(account(here, "emil"))["display_name"] == "Emil"
    here.site.submit(SERVER, Limit(account=here.site.accounts["emil"]))
    assert ada.get(account(here, "emil"))["limited"] is True
    here.site.submit(SERVER, Restore(account=here.site.accounts["emil"]))


def test_groups_as_far_as_clients_know_them(here: World, shape: Check) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    group = here.site.submit("ada", CreateGroup(name="birders", join="request")).id
    here.site.submit("bea", JoinGroup(group=group))
    found = bea.get(f"/api/v1/accounts/{group}")
    shape("Account", found)
    assert found["group"] is True
    # nobody's client knows a wish to join: it is in no list, and in no count
    kinds = {one["type"] for one in ada.get("/api/v1/notifications")}
    assert not {kind for kind in kinds if kind.startswith("group")}
    newest = ada.get("/api/v1/notifications", limit=1)
    ada.post("/api/v1/markers", **{"notifications[last_read_id]": newest[0]["id"]})
    assert ada.get("/api/v1/notifications/unread_count")["count"] == 0

    post = here.site.post("ada", "@birders an owl", visibility="group")
    seen = ada.get(f"/api/v1/statuses/{post}")
    shape("Status", seen)
    assert seen["visibility"] == "private"
    assert bea.ask("GET", f"/api/v1/statuses/{post}").status_code == 404
    local = ada.get(f"/api/v1/statuses/{here.site.post('ada', 'just us', visibility='local')}")
    assert (local["visibility"], local["local_only"]) == ("public", True)
    assert ada.ask(
        "POST", "/api/v1/statuses", data={"status": "x", "visibility": "group"}
    ).json()["code"] == "visibility_unknown"  # fmt: skip

    secret = here.site.submit("ada", CreateGroup(name="secret_birders", join="secret")).id
    assert bea.ask("GET", f"/api/v1/accounts/{secret}").status_code == 404
    assert bea.ask("GET", "/api/v1/accounts/lookup?acct=secret_birders").status_code == 404
    assert bea.get("/api/v1/accounts", **{"id[]": secret}) == []
    assert ada.get(f"/api/v1/accounts/{secret}")["username"] == "secret_birders"
    here.site.submit("ada", InviteToGroup(group=secret, account=here.site.accounts["bea"]))
    assert bea.get(f"/api/v1/accounts/{secret}")["username"] == "secret_birders"


def test_the_place_says_its_rules_and_who_may_come(here: World, shape: Check) -> None:
    here.site.submit(SERVER, SetRules(rules=("Be kind.", "No spam.")))
    here.site.submit(SERVER, Announce(text="Down on Sunday, see https://example.org #news"))
    found = here.nobody.get("/api/v1/instance/rules")
    shape("[Rule]", found)
    assert [one["text"] for one in found] == ["Be kind.", "No spam."]
    told = here.api("ada").get("/api/v1/announcements")
    shape("[Announcement]", told)
    assert 'href="https://example.org"' in told[0]["content"]
    for value, enabled, approval in (
        ("approval", True, True), ("invitation", False, False), ("open", True, False)
    ):  # fmt: skip
        here.site.submit(SERVER, Setting(name="registrations", value=value))
        new, old = here.nobody.get("/api/v2/instance"), here.nobody.get("/api/v1/instance")
        shape("Instance", new)
        shape("V1Instance", old)
        assert new["rules"] == old["rules"] == found
        assert new["registrations"]["enabled"] is old["registrations"] is enabled
        assert new["registrations"]["approval_required"] is old["approval_required"] is approval
    assert new["configuration"]["polls"]["max_options"] == 4
