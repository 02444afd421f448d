"""What the place says of itself, announcements, reports, embedding, and where one was reading."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import pytest
from tests.mastodon.api import Api, World, world

from covey.limits import JUMP_POSTS
from covey.messages import SERVER, Announce, SetRules, Setting


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        for name in ("ada", "bea"):
            made.api(name)
        yield made


@pytest.fixture
def ada(here: World) -> Api:
    return here.api("ada")


def test_the_places_texts(here: World) -> None:
    nobody = here.nobody
    assert "place to post" in nobody.get("/api/v1/instance/extended_description")["content"]
    for name in ("privacy_policy", "terms_of_service"):
        assert nobody.ask("GET", f"/api/v1/instance/{name}").status_code == 404
        text = f"First <b>of {name}</b>\n\nSecond, see https://example.org\n\n{'long ' * 2000}"
        here.site.submit(SERVER, Setting(name=name, value=text))
        found = nobody.get(f"/api/v1/instance/{name}")
        assert found["content"].startswith(f"<p>First &lt;b&gt;of {name}&lt;/b&gt;</p><p>Second")
        assert found["content"].count("<p>") == 3
    terms = nobody.get("/api/v1/instance/terms_of_service")
    dated = f"/api/v1/instance/terms_of_service/{terms['effective_date']}"
    assert nobody.get(dated) == terms
    assert nobody.ask("GET", "/api/v1/instance/terms_of_service/2001-01-01").status_code == 404
    here.site.submit(SERVER, Setting(name="privacy_policy", value=""))
    assert nobody.ask("GET", "/api/v1/instance/privacy_policy").status_code == 404
    assert nobody.get("/api/v1/instance/domain_blocks") == []
    assert nobody.get("/api/v1/instance/translation_languages") == {}


def test_activity(here: World, ada: Api) -> None:
    ada.status("one")
    ada.status("@bea not counted", visibility="direct")
    weeks = here.nobody.get("/api/v1/instance/activity")
    assert len(weeks) == 12
    # the week may have ended meanwhile
    assert sum(int(week["statuses"]) for week in weeks) == 1
    assert sum(int(week["registrations"]) for week in weeks) == 2
    assert here.nobody.get("/api/v1/instance/activity") == weeks


def test_announcements(here: World, ada: Api) -> None:
    bea = here.api("bea")
    number = here.site.submit(SERVER, Announce(text="Hear #this")).id
    path, owl = f"/api/v1/announcements/{number}", quote("\N{OWL}")
    for api in (ada, bea):
        assert api.ask("PUT", f"{path}/reactions/{owl}").json() == {}
    assert ada.ask("PUT", f"{path}/reactions/{owl}").status_code == 200  # said twice
    keycap = quote("1\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}")
    assert bea.ask("PUT", f"{path}/reactions/{keycap}").status_code == 200
    (found,) = ada.get("/api/v1/announcements")
    assert found["reactions"][0] == {"name": "\N{OWL}", "count": 2, "me": True}
    assert found["reactions"][1]["me"] is False
    assert ada.ask("DELETE", f"{path}/reactions/{owl}").json() == {}
    assert ada.get("/api/v1/announcements")[0]["reactions"][0]["count"] == 1
    for wrong in ("owl", "1", quote("\N{OWL}owl"), "%20"):
        answer = ada.ask("PUT", f"{path}/reactions/{wrong}")
        assert answer.status_code == 422, wrong
    assert ada.ask("PUT", f"/api/v1/announcements/9/reactions/{owl}").status_code == 404

    ada.post(f"{path}/dismiss")
    assert ada.get("/api/v1/announcements") == []
    (read,) = ada.get("/api/v1/announcements", with_dismissed="true")
    assert read["read"] is True
    assert bea.get("/api/v1/announcements")[0]["read"] is False
    assert ada.ask("POST", "/api/v1/announcements/9/dismiss").status_code == 404


def test_a_report_is_kept_with_its_posts(here: World, ada: Api) -> None:
    bea = here.api("bea")
    here.site.submit(SERVER, SetRules(rules=("Be kind", "Be brief")))
    post = bea.status("buy!", spoiler_text="offer")
    said = {
        "account_id": here.site.accounts["bea"],
        "status_ids[]": post["id"],
        "comment": " spam ",
    }
    found = ada.post("/api/v1/reports", category="spam", **said)
    assert (found["category"], found["comment"], found["status_ids"]) == (
        "spam", "spam", [post["id"]]
    )  # fmt: skip
    assert found["target_account"]["username"] == "bea"
    ruled = ada.post("/api/v1/reports", **said, **{"rule_ids[]": "2"})
    assert (ruled["category"], ruled["rule_ids"]) == ("violation", ["2"])
    bea.delete(f"/api/v1/statuses/{post['id']}")
    ((id_, _, warning, text),) = msgspec.msgpack.decode(_reported(here))
    assert (str(id_), warning, text) == (post["id"], "offer", "buy!")
    hidden = bea.status("@bea only me", visibility="direct")
    for wrong, status in (
        ({}, 422),
        ({"account_id": 99}, 404),
        ({**said, "status_ids[]": hidden["id"]}, 404),
        ({**said, "status_ids[]": post["id"]}, 404),
        ({**said, "category": "dull"}, 422),
        ({"account_id": said["account_id"], "rule_ids[]": "9"}, 422),
        ({"account_id": said["account_id"], "comment": "x" * 1_001}, 422),
    ):
        assert ada.ask("POST", "/api/v1/reports", data=wrong).status_code == status, wrong


def _reported(here: World) -> bytes:
    """The posts of the first report."""

    async def read() -> bytes:
        with here.site.edge.snapshot() as snapshot:
            (found,) = snapshot.row("select posts from reports order by number") or (b"",)
            return bytes(found)

    return here.site.run(read())


def test_embedding(here: World, ada: Api) -> None:
    post = ada.status("<b>hello</b> #world")
    found = here.nobody.get("/api/oembed", url=post["url"])
    assert (found["author_name"], found["width"]) == ("ada", 400)
    assert "&lt;b&gt;hello" in found["html"]
    assert here.nobody.get("/api/oembed", url=post["url"], maxwidth=200)["width"] == 200
    hidden = ada.status("for those who follow", visibility="private")
    for url in (hidden["url"], "https://elsewhere.example/@ada/1", here.site.url, "x", "http://["):
        assert here.nobody.ask("GET", "/api/oembed", params={"url": url}).status_code == 404, url


def test_there_is_no_address_to_confirm(ada: Api) -> None:
    assert ada.ask("POST", "/api/v1/emails/confirmations").json()["code"] == "email_confirmed"


def test_a_marker_that_jumps_keeps_the_older_place(here: World, ada: Api) -> None:
    bea = here.api("bea")
    posts = [int(bea.status(f"post {n}")["id"]) for n in range(JUMP_POSTS + 3)]
    ada.post(f"/api/v1/accounts/{here.site.accounts['bea']}/follow")

    def mark(position: int) -> tuple[int, int]:
        """→ (where it stands, the place that is kept)."""
        found = ada.post("/api/v1/markers", **{"home[last_read_id]": position})
        return int(found["home"]["last_read_id"]), _kept(here)

    assert mark(posts[0]) == (posts[0], 0)
    assert mark(posts[JUMP_POSTS]) == (posts[JUMP_POSTS], 0)  # just as many as may be
    assert mark(posts[0]) == (posts[0], 0)
    assert mark(posts[JUMP_POSTS + 1]) == (posts[JUMP_POSTS + 1], posts[0])
    # it reads on, and jumps again: the place that was lost first is the one to go back to
    assert mark(posts[-1]) == (posts[-1], posts[0])
    assert mark(posts[5]) == (posts[5], posts[0])
    assert mark(posts[0]) == (posts[0], 0)


def _kept(here: World) -> int:
    async def read() -> int:
        with here.site.edge.snapshot() as snapshot:
            found = snapshot.position(here.site.accounts["ada"], "home")
            return found.kept if found else 0

    return here.site.run(read())
