"""Every answer has the shape that the API's own description gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.mastodon.api import Api, World, check_shape, contract, world

Check = Callable[[str, Any], None]


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def shape(shared_data: Callable[[str], Path]) -> Check:
    description = contract(shared_data("mastodon-openapi.json"))
    return lambda name, value: check_shape(description, name, value)


@pytest.fixture(scope="module")
def ada(here: World) -> Api:
    """Has a profile, posts, a thread, followers, a boost, a favourite, notifications."""
    ada, bea = here.api("ada"), here.api("bea")
    ada.json(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        {
            "display_name": "Ada L.", "note": "I am @bea's friend, see https://example.org #maths",
            "bot": True, "discoverable": True,
            "fields_attributes": [{"name": "site", "value": "https://ada.example"}],
            "source": {"privacy": "public", "language": "en", "sensitive": False},
        },
    )  # fmt: skip
    first = ada.status("Hello @bea, #Greeting https://example.org/a/long/address/that/is/cut?x=1",
                       spoiler_text="careful", language="en")  # fmt: skip
    answer = bea.status("@ada hello", in_reply_to_id=first["id"])
    ada.status("and again", in_reply_to_id=answer["id"], visibility="private")
    bea.post("/api/v1/accounts/1/follow", notify="true")
    ada.post("/api/v1/accounts/2/follow")
    bea.post(f"/api/v1/statuses/{first['id']}/reblog")
    bea.post(f"/api/v1/statuses/{first['id']}/favourite")
    ada.status("a post that is told of")
    ada.post("/api/v1/markers", **{"home[last_read_id]": first["id"]})
    return bea if here.site.accounts["ada"] != 1 else ada


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v2/instance", "Instance"),
        ("/api/v1/instance", "V1Instance"),
        ("/api/v1/instance/rules", "[Rule]"),
        ("/api/v1/accounts/verify_credentials", "CredentialAccount"),
        ("/api/v1/accounts/1", "Account"),
        ("/api/v1/accounts/lookup?acct=bea", "Account"),
        ("/api/v1/accounts?id[]=1&id[]=2", "[Account]"),
        ("/api/v1/accounts/1/statuses", "[Status]"),
        ("/api/v1/accounts/2/statuses", "[Status]"),
        ("/api/v1/accounts/1/followers", "[Account]"),
        ("/api/v1/accounts/1/following", "[Account]"),
        ("/api/v1/accounts/relationships?id[]=2", "[Relationship]"),
        ("/api/v1/accounts/familiar_followers?id[]=2", "[FamiliarFollowers]"),
        ("/api/v1/timelines/home", "[Status]"),
        ("/api/v1/timelines/public", "[Status]"),
        ("/api/v1/timelines/tag/greeting", "[Status]"),
        ("/api/v1/notifications", "[Notification]"),
        ("/api/v1/notifications/unread_count", "CountResponse"),
        ("/api/v1/preferences", "Preferences"),
        ("/api/v1/custom_emojis", "[CustomEmoji]"),
        ("/api/v1/apps/verify_credentials", "Application"),
        ("/.well-known/oauth-authorization-server", "DiscoverOauthServerConfigurationResponse"),
    ],
)
def test_reading(shape: Check, ada: Api, path: str, name: str) -> None:
    found = ada.get(path)
    assert found not in ([], {}) or name in ("[Rule]", "[CustomEmoji]")
    shape(name, found)


def test_one_status_and_what_is_around_it(shape: Check, ada: Api) -> None:
    first = ada.get("/api/v1/timelines/tag/greeting")[0]
    path = f"/api/v1/statuses/{first['id']}"
    shape("Status", ada.get(path))
    shape("Context", ada.get(f"{path}/context"))
    shape("StatusSource", ada.get(f"{path}/source"))
    for list_ in ("reblogged_by", "favourited_by"):
        found = ada.get(f"{path}/{list_}")
        assert found
        shape("[Account]", found)
    shape("[Status]", ada.get("/api/v1/statuses", **{"id[]": first["id"]}))


def test_one_notification(shape: Check, ada: Api) -> None:
    found = ada.get("/api/v1/notifications")
    assert {one["type"] for one in found} == {"mention", "reblog", "favourite", "follow"}
    shape("Notification", ada.get(f"/api/v1/notifications/{found[0]['id']}"))


def test_markers(shape: Check, ada: Api) -> None:
    found = ada.get("/api/v1/markers", **{"timeline[]": ["home", "notifications"]})
    assert set(found) == {"home"}
    shape("Marker", found["home"])


def test_acts(shape: Check, here: World, ada: Api) -> None:
    bea = here.api("bea")
    made = bea.status("to be acted on")
    shape("Status", made)
    path = f"/api/v1/statuses/{made['id']}"
    for act in ("favourite", "unfavourite", "reblog", "unreblog"):
        shape("Status", ada.post(f"{path}/{act}"))
    shape("Status", bea.delete(path))
    for act in ("follow", "mute", "unmute", "block", "unblock", "unfollow"):
        shape("Relationship", ada.post(f"/api/v1/accounts/2/{act}"))
    shape("CredentialAccount", ada.json("PATCH", "/api/v1/accounts/update_credentials", {}))


def test_access(shape: Check, here: World) -> None:
    app = here.nobody.post(
        "/api/v1/apps", client_name="Mine", redirect_uris="urn:ietf:wg:oauth:2.0:oob"
    )
    shape("CredentialApplication", app)
    form = {"grant_type": "client_credentials", "client_id": "tester", "client_secret": "secret"}
    shape("Token", here.nobody.post("/oauth/token", **form))
    made = here.app_api().post(
        "/api/v1/accounts", username="carl", email="carl@example.org", password="long enough",
        agreement="true", locale="en",
    )  # fmt: skip
    shape("Token", made)


def test_errors(shape: Check, here: World, ada: Api) -> None:
    for answer in (
        ada.ask("GET", "/api/v1/statuses/1"),
        ada.ask("GET", "/api/v1/nothing/like/this"),
        ada.ask("POST", "/api/v1/timelines/home"),
        ada.ask("POST", "/api/v1/statuses", data={"status": ""}),
        here.nobody.ask("GET", "/api/v1/timelines/home"),
        here.nobody.ask("POST", "/oauth/token", data={}),
    ):
        assert answer.status_code >= 400
        shape("Error", answer.json())
    refused = here.app_api().ask("POST", "/api/v1/accounts", data={"username": "ada"})
    assert refused.status_code == 422
    shape("ValidationError", refused.json())
