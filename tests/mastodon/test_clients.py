"""What breaks clients when it is wrong: a test each, named after its number in the list that was
made from the clients' own sources (docs/mastodon-api.md, "What clients count on")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.mastodon.api import Api, World, world

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module")
def ada(here: World) -> Api:
    """Follows bea, who wrote 25 posts, boosted one, and is followed by three."""
    ada, bea = here.api("ada"), here.api("bea")
    ada.post(f"/api/v1/accounts/{number(here, 'bea')}/follow")
    for n in range(25):
        bea.status(f"post {n} #counted")
    for name in ("carl", "dora", "emil"):
        api = here.api(name)
        api.post(f"/api/v1/accounts/{number(here, 'bea')}/follow")
        newest = ada.get("/api/v1/timelines/public", limit=1)[0]
        api.post(f"/api/v1/statuses/{newest['id']}/favourite")
        api.post(f"/api/v1/statuses/{newest['id']}/reblog")
        bea.post(f"/api/v1/accounts/{number(here, name)}/mute")
        bea.post(f"/api/v1/accounts/{number(here, name)}/unmute")
    return ada


def number(here: World, name: str) -> int:
    return here.site.accounts.get(name) or here.site.register(name)


def links(answer: httpx.Response) -> dict[str, str]:
    return {name: link["url"] for name, link in answer.links.items()}


def walk(api: Api, path: str, **query: Any) -> list[str]:
    """All ids of a list, by its next links."""
    found, url = [], f"{path}?{httpx.QueryParams(query)}"
    for _ in range(50):
        answer = api.ask("GET", url)
        assert answer.status_code == 200, answer.text
        found += [one["id"] for one in answer.json()]
        if "next" not in links(answer):
            return found
        url = links(answer)["next"]
    raise AssertionError("the list does not end")


LISTS = [
    "/api/v1/timelines/home",
    "/api/v1/timelines/public",
    "/api/v1/timelines/tag/counted",
    "/api/v1/accounts/2/statuses",
    "/api/v1/accounts/2/followers",
]


@pytest.mark.parametrize("path", LISTS)
def test_c1_every_list_has_links_and_they_lead_through_all_of_it(
    here: World, ada: Api, path: str
) -> None:
    whole = walk(ada, path, limit=40)
    assert len(whole) >= 4
    assert len(set(whole)) == len(whole)
    assert walk(ada, path, limit=3) == whole
    answer = ada.ask("GET", path, params={"limit": 3})
    # Mastodon.py takes the numbers out by these expressions
    assert re.search(r"[?&]max_id=([^&]+)", links(answer)["next"])
    assert re.search(r"[?&]min_id=([^&]+)", links(answer)["prev"])
    assert links(answer)["next"].startswith(f"{here.site.url}{path}?")
    assert parse_qs(urlsplit(links(answer)["next"]).query)["limit"] == ["3"]
    # and back up
    older = ada.ask("GET", links(answer)["next"])
    back = ada.ask("GET", links(older)["prev"])
    assert [one["id"] for one in back.json()] == [one["id"] for one in answer.json()]
    assert ada.ask("GET", links(answer)["prev"]).json() == []


def test_c1_lists_whose_cursor_is_another_number(here: World, ada: Api) -> None:
    acted_on = ada.get("/api/v1/timelines/public", limit=1)[0]["id"]
    bea = here.api("bea")
    for name in ("carl", "dora", "emil"):
        bea.post(f"/api/v1/accounts/{number(here, name)}/mute")
    for path, api in (
        (f"/api/v1/statuses/{acted_on}/favourited_by", ada),
        (f"/api/v1/statuses/{acted_on}/reblogged_by", ada),
        ("/api/v1/mutes", bea),
        ("/api/v1/notifications", bea),
    ):
        whole = walk(api, path)
        assert len(whole) >= 3
        assert walk(api, path, limit=1) == whole


@pytest.mark.parametrize("path", LISTS[:4])
def test_c2_since_id_is_the_newest_above_and_min_id_the_next_above(ada: Api, path: str) -> None:
    whole = [one["id"] for one in ada.get(path, limit=40)]

    def ids(**query: Any) -> list[str]:
        return [one["id"] for one in ada.get(path, **query)]

    at = whole[10]
    assert ids(since_id=at, limit=3) == whole[:3]
    assert ids(min_id=at, limit=3) == whole[7:10]
    assert ids(max_id=at, limit=3) == whole[11:14]
    assert ids(max_id=whole[5], since_id=at, limit=40) == whole[6:10]
    assert ids(max_id=whole[5], min_id=at, limit=2) == whole[8:10]


def test_c3_ids_are_digits_and_their_order_is_time(ada: Api) -> None:
    found = ada.get("/api/v1/timelines/public", limit=40)
    ids = [one["id"] for one in found]
    assert all(isinstance(id_, str) and id_.isdigit() for id_ in ids)
    assert ids == sorted(ids, key=lambda id_: (len(id_), id_), reverse=True)
    assert [one["created_at"] for one in found] == sorted(
        (one["created_at"] for one in found), reverse=True
    )


def test_c4_notification_ids_stay_below_two_to_the_53(here: World, ada: Api) -> None:
    found = here.api("bea").get("/api/v1/notifications")
    assert found
    assert all(0 < int(one["id"]) < 1 << 53 for one in found)


def test_c5_stamps_have_three_decimals_and_a_z(here: World, ada: Api) -> None:
    status = ada.get("/api/v1/timelines/home")[0]
    account = status["account"]
    note = here.api("bea").get("/api/v1/notifications")[0]
    for stamp in (status["created_at"], account["created_at"], note["created_at"]):
        assert STAMP.fullmatch(stamp)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", account["last_status_at"])
    assert ada.get("/api/v1/accounts/lookup", acct="ada")["last_status_at"] is None


def test_c6_pictures_and_addresses_are_never_empty(here: World, ada: Api) -> None:
    status = ada.get("/api/v1/timelines/home")[0]
    assert status["url"] == f"{here.site.url}/@bea/{status['id']}"
    account = status["account"]
    assert account["url"] == f"{here.site.url}/@bea"
    for name in ("avatar", "avatar_static", "header", "header_static"):
        picture = ada.ask("GET", account[name])
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
        assert "immutable" in picture.headers["cache-control"]
        assert picture.headers["access-control-allow-origin"] == "*"


NEVER_NULL = {
    "account": "id username acct url display_name note avatar header created_at fields locked"
    " emojis bot",
    "status": "id content account created_at media_attachments mentions replies_count"
    " reblogs_count favourites_count emojis visibility spoiler_text sensitive tags",
    "relationship": "id following showing_reblogs followed_by blocking blocked_by muting"
    " muting_notifications requested domain_blocking endorsed note notifying",
    "notification": "id type created_at account",
    "marker": "last_read_id version updated_at",
}


def test_c7_what_compiled_clients_need_is_never_null(here: World, ada: Api) -> None:
    bea = here.api("bea")
    carl = here.api("carl")
    home = ada.get("/api/v1/timelines/home", limit=40)
    boosts = carl.get(f"/api/v1/accounts/{number(here, 'carl')}/statuses")
    assert boosts[0]["reblog"]
    read = ada.post("/api/v1/markers", **{"home[last_read_id]": home[0]["id"]})
    found = {
        "account": [one["account"] for one in home],
        "status": [*home, *boosts, boosts[0]["reblog"]],
        "relationship": ada.get("/api/v1/accounts/relationships", id="2"),
        "notification": bea.get("/api/v1/notifications"),
        "marker": list(read.values()),
    }
    for kind, names in NEVER_NULL.items():
        assert found[kind], kind
        for one in found[kind]:
            for name in names.split():
                assert one[name] is not None, (kind, name)
    instance = ada.get("/api/v2/instance")
    for name in ("domain", "title", "version", "thumbnail"):
        assert instance[name]
    assert "@" in instance["contact"]["email"]
    assert instance["registrations"]["enabled"] is True
    assert instance["registrations"]["approval_required"] is False
    for part in ("statuses", "polls"):
        assert all(isinstance(n, int) for n in instance["configuration"][part].values())
    assert isinstance(instance["configuration"]["vapid"]["public_key"], str)


def test_c9_both_instances_name_the_same_stream(here: World, ada: Api) -> None:
    first, second = ada.get("/api/v1/instance"), ada.get("/api/v2/instance")
    url = second["configuration"]["urls"]["streaming"]
    assert url == first["urls"]["streaming_api"] == here.site.url.replace("http", "ws")
    assert isinstance(first["thumbnail"], str)
    assert second["thumbnail"]["url"] == first["thumbnail"]
    assert second["configuration"]["statuses"]["characters_reserved_per_url"] == 23


def test_c10_c11_it_says_only_what_is_built(ada: Api) -> None:
    found = ada.get("/api/v2/instance")
    assert found["api_versions"]["covey"] == 1  # and of the other test_c_numbers.py
    assert re.match(r"4\.5\.0 \(compatible; Covey \d+\.\d+\.\d+\)", found["version"])
    nodeinfo = ada.get(ada.get("/.well-known/nodeinfo")["links"][0]["href"])
    assert nodeinfo["software"]["name"] == "covey"


def test_c12_scopes_are_nested(here: World, ada: Api) -> None:
    reader = here.api("ada", "read:statuses")
    reader.get("/api/v1/timelines/home")
    for method, path in (
        ("GET", "/api/v1/notifications"),
        ("POST", "/api/v1/statuses"),
        ("GET", "/api/v1/accounts/verify_credentials"),
    ):
        refused = reader.ask(method, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    here.api("ada", "profile").get("/api/v1/accounts/verify_credentials")
    follower = here.api("ada", "follow")
    follower.post("/api/v1/accounts/2/mute")
    follower.post("/api/v1/accounts/2/unmute")
    missing = here.nobody.ask("GET", "/api/v1/timelines/home")
    assert missing.status_code == 401
    assert missing.headers["www-authenticate"].startswith("Bearer")
    wrong = Api(here.site, "wrong").ask("GET", "/api/v1/timelines/home")
    assert wrong.status_code == 401


def test_c12_an_app_on_its_own_reads_what_is_public(here: World, ada: Api) -> None:
    app = here.app_api()
    assert app.get("/api/v1/timelines/public")
    assert app.ask("GET", "/api/v1/timelines/home").status_code == 422


def test_c17_the_same_key_brings_the_same_status(here: World) -> None:
    api = here.api("ada")

    def send(key: str, text: str) -> httpx.Response:
        return api.ask(
            "POST", "/api/v1/statuses", data={"status": text}, headers={"Idempotency-Key": key}
        )

    first, again = send("a hash of the text", "once"), send("a hash of the text", "once")
    assert first.status_code == again.status_code == 200
    assert first.json()["id"] == again.json()["id"]
    assert send("another", "once").json()["id"] != first.json()["id"]
    refused = send("x" * 201, "once")
    assert (refused.status_code, refused.json()["code"]) == (422, "key_malformed")


def test_c18_pages_from_anywhere_may_ask(here: World, ada: Api) -> None:
    for path in ("/api/v2/instance", "/api/v1/timelines/public", "/nodeinfo/2.0", "/api/v1/no"):
        answer = here.nobody.ask("GET", path, headers={"Origin": "https://elk.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"]
        for name in ("Link", "X-RateLimit-Reset", "X-Request-Id", "Mastodon-Async-Refresh"):
            assert name in exposed
    before = here.nobody.ask("OPTIONS", "/api/v1/statuses")
    assert before.status_code == 200
    assert "POST" in before.headers["access-control-allow-methods"]
    for name in ("Authorization", "Idempotency-Key", "Content-Type"):
        assert name in before.headers["access-control-allow-headers"]
    assert here.nobody.ask("OPTIONS", "/oauth/token").status_code == 200
    page = here.site.browser("ada").get("/oauth/authorize")
    assert "access-control-allow-origin" not in page.headers


def test_c19_c20_content_and_what_it_links(here: World) -> None:
    api = here.api("ada")
    here.api("bea")
    text = "Hi @BEA & <b>all</b>\nnext #Ünï\n\nhttps://www.example.org/a/very/long/path/indeed"
    status = api.status(text)
    url = here.site.url
    assert status["content"] == (
        f'<p>Hi <span class="h-card" translate="no"><a href="{url}/@bea" class="u-url mention">@'
        "<span>bea</span></a></span> &amp; &lt;b&gt;all&lt;/b&gt;<br>next "
        f'<a href="{url}/tags/%C3%BCn%C3%AF" class="mention hashtag" rel="tag">#<span>Ünï</span>'
        "</a></p><p>"
        '<a href="https://www.example.org/a/very/long/path/indeed" target="_blank"'
        ' rel="nofollow noopener noreferrer" translate="no"><span class="invisible">https://www.'
        '</span><span class="ellipsis">example.org/a/very/long/path/i</span>'
        '<span class="invisible">ndeed</span></a></p>'
    )
    hrefs = re.findall(r'href="([^"]+)"', status["content"])
    assert status["mentions"][0]["url"] in hrefs
    assert status["tags"][0]["url"] in hrefs
    assert status["tags"][0]["name"] == "ünï"
    assert "text" not in api.get(f"/api/v1/statuses/{status['id']}")
    assert api.get(f"/api/v1/statuses/{status['id']}/source")["text"] == text
    assert api.delete(f"/api/v1/statuses/{status['id']}")["text"] == text


@pytest.mark.parametrize("how", ["json", "form", "multipart", "query"])
def test_c21_parameters_however_they_are_sent(here: World, how: str) -> None:
    api = here.api("ada")
    nested: Any
    if how == "json":
        said: dict[str, Any] = {
            "json": {
                "bot": True, "display_name": "J", "source": {"privacy": "unlisted"},
                "fields_attributes": [{"name": "a", "value": "b"}, {"name": "c", "value": "d"}],
            }
        }  # fmt: skip
    else:
        nested = {
            "bot": "on", "display_name": "J", "source[privacy]": "unlisted",
            "fields_attributes[0][name]": "a", "fields_attributes[0][value]": "b",
            "fields_attributes[1][name]": "c", "fields_attributes[1][value]": "d",
        }  # fmt: skip
        if how == "form":
            said = {"data": nested}
        elif how == "query":
            said = {"params": nested}
        else:
            said = {"files": {name: (None, value) for name, value in nested.items()}}
    answer = api.ask("PATCH", "/api/v1/accounts/update_credentials", **said)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["bot"] is True
    assert found["source"]["privacy"] == "unlisted"
    assert [(one["name"], one["value"]) for one in found["fields"]] == [("a", "b"), ("c", "d")]
    api.json(
        "PATCH",
        "/api/v1/accounts/update_credentials",
        {"bot": "0", "source": {"privacy": "public"}, "fields_attributes": []},
    )


def test_c21_arrays_with_and_without_brackets(here: World, ada: Api) -> None:
    for query in ("id[]=2&id[]=3", "id=2&id=3", "id[0]=2&id[1]=3"):
        found = ada.get(f"/api/v1/accounts/relationships?{query}")
        assert [one["id"] for one in found] == ["2", "3"], query
    assert [one["id"] for one in ada.get("/api/v1/accounts/relationships?id=2")] == ["2"]


def test_c23_how_many_requests_are_left(here: World, ada: Api) -> None:
    first, second = (ada.ask("GET", "/api/v1/preferences") for _ in range(2))
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, second)]
    assert left[1] == left[0] - 1
    assert int(first.headers["x-ratelimit-limit"]) > left[0]
    assert STAMP.fullmatch(first.headers["x-ratelimit-reset"])
    assert first.headers["date"]


def test_c24_ancestors_root_first_and_descendants_as_a_tree(here: World) -> None:
    api, bea = here.api("ada"), here.api("bea")
    root = api.status("root")["id"]

    def reply(to: str, text: str, who: Api = api) -> str:
        return who.status(text, in_reply_to_id=to)["id"]  # type: ignore[no-any-return]

    a = reply(root, "a")
    b = reply(root, "b", bea)
    a1 = reply(a, "a1", bea)
    b1 = reply(b, "b1")
    a11 = reply(a1, "a11")
    found = here.nobody.get(f"/api/v1/statuses/{root}/context")
    assert found["ancestors"] == []
    assert [one["id"] for one in found["descendants"]] == [a, a1, a11, b, b1]
    deep = here.nobody.get(f"/api/v1/statuses/{a11}/context")
    assert [one["id"] for one in deep["ancestors"]] == [root, a, a1]


def test_c25_a_boost_has_its_own_id_and_both_can_be_acted_on(here: World, ada: Api) -> None:
    api, bea = here.api("ada"), here.api("bea")
    post = bea.status("to be boosted")["id"]
    boost = api.post(f"/api/v1/statuses/{post}/reblog")
    assert boost["id"] != post
    assert boost["reblog"]["id"] == post
    assert boost["reblog"]["reblogged"] is True
    assert boost["reblog"]["reblogs_count"] == 1
    again = api.post(f"/api/v1/statuses/{boost['id']}/reblog")
    assert again["id"] == boost["id"]
    home = [one["id"] for one in api.get("/api/v1/timelines/home", limit=40)]
    assert post in home  # the boost of what stands right below it is folded
    liked = bea.post(f"/api/v1/statuses/{boost['id']}/favourite")
    assert (liked["id"], liked["favourited"]) == (post, True)
    undone = api.post(f"/api/v1/statuses/{boost['id']}/unreblog")
    assert (undone["id"], undone["reblogged"], undone["reblogs_count"]) == (post, False, 0)
    assert api.ask("GET", f"/api/v1/statuses/{boost['id']}").status_code == 404
    # an answer to a boost is one to its original
    boost = api.post(f"/api/v1/statuses/{post}/reblog")
    assert api.status("yes", in_reply_to_id=boost["id"])["in_reply_to_id"] == post


def test_c26_what_may_not_be_seen_is_not_there(here: World) -> None:
    api, emil = here.api("ada"), here.api("emil")
    for visibility in ("private", "direct"):
        hidden = api.status("a secret", visibility=visibility)["id"]
        for method, path in (
            ("GET", ""),
            ("GET", "/context"),
            ("GET", "/source"),
            ("GET", "/favourited_by"),
            ("GET", "/reblogged_by"),
            ("POST", "/favourite"),
            ("POST", "/reblog"),
            ("POST", "/unreblog"),
            ("DELETE", ""),
        ):
            answer = emil.ask(method, f"/api/v1/statuses/{hidden}{path}")
            assert answer.status_code == 404, (method, path)
            assert answer.json()["error"] == "Record not found"
        assert emil.get("/api/v1/statuses", **{"id[]": hidden}) == []
        gone = emil.ask("POST", "/api/v1/statuses", data={"status": "x", "in_reply_to_id": hidden})
        assert gone.status_code == 404
    for path in ("/api/v1/statuses/123", "/api/v1/accounts/99999", "/api/v1/statuses/x"):
        assert emil.ask("GET", path).json()["error"] == "Record not found"
