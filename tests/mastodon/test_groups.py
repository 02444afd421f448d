"""Groups through apps that know none: a group is an account that one follows to join."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.mastodon.api import Api, World, world

from covey.messages import CreateGroup, GroupKind, JoinGroup


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea", "carl", "dora"):
            made.api(name)
        yield made


def group(here: World, name: str, join: GroupKind) -> str:
    """Ada's; Bea is in it where she can join by herself."""
    number = here.site.submit("ada", CreateGroup(name=name, join=join)).id
    if join == "open":
        here.site.submit("bea", JoinGroup(group=number))
    return f"/api/v1/accounts/{number}"


def relation(api: Api, path: str) -> dict[str, Any]:
    (found,) = api.get("/api/v1/accounts/relationships", **{"id[]": path.rpartition("/")[2]})
    return found  # type: ignore[no-any-return]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


def test_following_is_joining(here: World) -> None:
    carl = here.api("carl")
    path = group(here, "runners", "open")
    account = carl.get(path)
    assert (account["group"], account["followers_count"]) == (True, 2)
    joined = carl.post(f"{path}/follow")
    assert (joined["following"], joined["requested"]) == (True, False)
    assert relation(carl, path) == joined
    assert carl.post(f"{path}/follow") == joined  # said twice
    members = [one["username"] for one in here.nobody.get(f"{path}/followers")]
    assert members == ["carl", "bea", "ada"]
    post = here.api("bea").status("@runners at six")
    assert carl.get("/api/v1/timelines/home")[0]["id"] == post["id"]
    assert ids(here.nobody.get(f"{path}/statuses")) == [post["id"]]
    left = carl.post(f"{path}/unfollow")
    assert left["following"] is False
    assert ids(carl.get("/api/v1/timelines/home")) == []


def test_asking_to_join_is_a_follow_request(here: World) -> None:
    ada, carl, dora = here.api("ada"), here.api("carl"), here.api("dora")
    path = group(here, "sailors", "request")
    asked = carl.post(f"{path}/follow")
    assert (asked["following"], asked["requested"]) == (False, True)
    dora.post(f"{path}/follow")
    waiting = ada.ask("GET", "/api/v1/follow_requests?limit=1")
    assert [one["username"] for one in waiting.json()] == ["dora"]
    more = ada.ask("GET", waiting.links["next"]["url"]).json()
    assert [one["username"] for one in more] == ["carl"]
    ada.post(f"/api/v1/follow_requests/{here.site.accounts['carl']}/authorize")
    ada.post(f"/api/v1/follow_requests/{here.site.accounts['dora']}/reject")
    assert relation(carl, path)["following"] is True
    assert relation(dora, path)["requested"] is False
    assert ada.get("/api/v1/follow_requests") == []
    assert here.nobody.get(f"{path}/followers") == []
    assert here.nobody.get(f"{path}/statuses") == []
    again = ada.ask("POST", f"/api/v1/follow_requests/{here.site.accounts['dora']}/authorize")
    assert again.status_code == 404


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", ""])
def test_what_is_posted_into_a_closed_group_reaches_that_group_only(
    here: World, visibility: str
) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    name = f"rowers_{visibility}"
    path = group(here, name, "invitation")
    bea.post(f"/api/v1/accounts/{here.site.accounts['ada']}/follow")
    form = {"visibility": visibility} if visibility else {}
    post = ada.status(f"@{name} at six", **form)
    assert post["visibility"] == "private"
    answer = ada.status("at seven", in_reply_to_id=post["id"], **form)
    assert answer["visibility"] == "private"
    for one in (post, answer):
        assert bea.ask("GET", f"/api/v1/statuses/{one['id']}").status_code == 404
        assert one["id"] not in ids(bea.get("/api/v1/timelines/home"))
    assert ids(ada.get(f"{path}/statuses")) == [answer["id"], post["id"]]
    assert ids(ada.get(f"{path}/statuses", exclude_replies="true")) == [post["id"]]
    assert bea.get(f"{path}/statuses") == []


def test_an_open_group_and_what_stays_here(here: World) -> None:
    ada = here.api("ada")
    group(here, "walkers", "open")
    post = ada.status("@walkers at six")
    assert post["visibility"] == "public"
    shown = here.site.post("ada", "@walkers only here", visibility="group")
    assert here.nobody.get(f"/api/v1/statuses/{shown}")["visibility"] == "unlisted"
    answer = ada.status("and an answer", in_reply_to_id=str(shown))
    assert answer["visibility"] == "unlisted"
    for form in ({"local_only": "true"}, {"visibility": "local"}):
        local = ada.status("just us", **form)
        assert (local["visibility"], local["local_only"]) == ("public", True)
        assert here.nobody.ask("GET", f"/api/v1/statuses/{local['id']}").status_code == 404
    direct = ada.status("@walkers @bea only you", visibility="direct")
    assert direct["visibility"] == "direct"


def test_a_secret_groups_name_is_nobodys(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    path = group(here, "plotters", "secret")
    own, number = ada.get(path), path.rpartition("/")[2]
    assert own["group"] is True
    for what in ("", "/statuses", "/followers", "/featured_tags", "/endorsements", "/following"):
        assert bea.ask("GET", f"{path}{what}").status_code == 404, what
    for act in ("follow", "unfollow", "block", "mute", "note", "endorse", "unblock", "unmute"):
        assert bea.ask("POST", f"{path}/{act}").status_code == 404, act
    assert bea.ask("GET", "/api/v1/accounts/lookup?acct=plotters").status_code == 404
    assert bea.get("/api/v1/accounts/relationships", **{"id[]": number}) == []
    assert bea.get("/api/v1/accounts", **{"id[]": number}) == []
    for path in ("/api/v2/search?q=plotters", "/api/v2/search?q=@plotters&resolve=true"):
        assert bea.get(path)["accounts"] == []
        assert [one["username"] for one in ada.get(path)["accounts"]] == ["plotters"]
    assert bea.get("/api/v1/accounts/search?q=plott") == []
    said, unknown = bea.status("@plotters hello"), bea.status("@nobody hello")
    assert said["mentions"] == []
    assert said["content"] == unknown["content"].replace("nobody", "plotters")
    edited = bea.json("PUT", f"/api/v1/statuses/{said['id']}", {"status": "@plotters again"})
    assert (edited["mentions"], "<a" in edited["content"]) == ([], False)
    noted = bea.json("PATCH", "/api/v1/accounts/update_credentials", {"note": "of @plotters"})
    assert "<a" not in noted["note"]
    among = ada.status("@plotters at midnight")
    assert [one["username"] for one in among["mentions"]] == ["plotters"]
    assert bea.ask("GET", f"/api/v1/statuses/{among['id']}").status_code == 404
    # what a member says of it to everybody names nobody, either
    told = here.site.post("ada", "@plotters is what we are")
    seen = bea.get(f"/api/v1/statuses/{told}")
    assert (seen["mentions"], "<a" in seen["content"]) == ([], False)
