"""What breaks clients when it is wrong, as far as it is not told beside the thing itself: each of
these has a number, and a test named after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import mastodon as mastodon_py
import pytest
from tests.mastodon.api import Api, World, world

from covey.mastodon.door import OPERATIONS
from covey.mastodon.instance import mastodon_api
from covey.messages import CreateGroup, JoinGroup

OF_OTHERS = {22}
"""Of media, which are not there yet."""


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea"):
            made.api(name)
        yield made


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


def test_each_number_has_a_test() -> None:
    named: set[int] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for numbers in re.findall(r"def test_((?:c\d+_)+)", path.read_text("utf-8")):
            named |= {int(number) for number in re.findall(r"\d+", numbers)}
    assert named >= set(range(1, 31)) - OF_OTHERS


def test_c08_older_clients_are_told_only_what_they_know(here: World, ada: Api) -> None:
    bea, account = here.api("bea"), here.site.accounts["ada"]
    group = here.site.submit("ada", CreateGroup(name="walkers", join="request")).id
    here.site.submit("bea", JoinGroup(group=group))
    post = ada.status("quote me")
    bea.status("look", quoted_status_id=post["id"])
    bea.post(f"/api/v1/accounts/{account}/follow")
    bea.post(f"/api/v1/statuses/{post['id']}/favourite")
    for path, key in (
        ("/api/v1/notifications", None), ("/api/v2/notifications", "notification_groups")
    ):  # fmt: skip
        plain = ada.get(path)
        types = {one["type"] for one in (plain[key] if key else plain)}
        assert types == {"follow", "favourite"}
        named = ada.get(path, **{"supported_types[]": ["quote", "nothing"]})
        assert {one["type"] for one in (named[key] if key else named)} == {*types, "quote"}
    for visibility in ("group", "local"):
        id_ = here.site.post("ada", "@walkers hello", visibility=visibility)  # type: ignore[arg-type]
        seen = ada.get(f"/api/v1/statuses/{id_}")["visibility"]
        assert seen in ("public", "unlisted", "private", "direct")


def test_c10_a_version_is_announced_when_all_of_it_is_there(ada: Api) -> None:
    said = ada.get("/api/v2/instance")["api_versions"]["mastodon"]
    there = {f"{one.method} {one.path}" for one in OPERATIONS}
    pushes = "POST /api/v1/push/subscription" in there
    assert said == mastodon_api() == (7 if pushes else 3)


def test_c29_the_version_that_clients_parse(here: World) -> None:
    """Mastodon.py refuses methods that a server's version lacks: it finds ours new enough for
    quotes, and groups of notifications."""
    client = mastodon_py.Mastodon(api_base_url=here.site.url, version_check_mode="created")
    client.retrieve_mastodon_version()
    assert client.verify_minimum_version("4.3.0", cached=True)
    assert client.verify_minimum_version("4.5.0", cached=True)


def test_c30_what_other_servers_call_local(here: World, ada: Api) -> None:
    for said in ({"local_only": "true"}, {"visibility": "local"}):
        post = ada.status("just us", **said)
        assert (post["visibility"], post["local_only"]) == ("public", True)
        assert here.nobody.ask("GET", f"/api/v1/statuses/{post['id']}").status_code == 404
        assert here.api("bea").get(f"/api/v1/statuses/{post['id']}")["local_only"] is True
    private = ada.status("not wider", visibility="private", local_only="true")
    assert private["visibility"] == "private"
