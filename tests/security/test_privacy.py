"""What is not for somebody is to them as if it had never been: over every door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.mastodon.api import Api, World, world

SECRET = "zanzibar"
"""Stands in no post but in those that must not be seen."""


class Hidden:
    """Vera writes a direct post to Wim and one to her followers, of whom Xena is none; a public one
    beside them, and answers to it that are not public."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.vera, self.wim, self.xena = (here.api(name) for name in ("vera", "wim", "xena"))
        self.nobody = here.nobody
        self.public = self.vera.status("for all #beside")
        self.direct = self.vera.status(f"@wim {SECRET} #beside", visibility="direct")
        self.private = self.vera.status(f"{SECRET} @wim #beside", visibility="private")
        answers = {"in_reply_to_id": self.public["id"], "status": f"{SECRET} answers @vera"}
        self.answers = [self.wim.post("/api/v1/statuses", **answers, visibility="direct")]
        self.answers.append(self.wim.post("/api/v1/statuses", **answers, visibility="private"))
        self.vera.post(f"/api/v1/statuses/{self.private['id']}/reblog")
        self.vera.post(f"/api/v1/statuses/{self.private['id']}/favourite")

    @property
    def strangers(self) -> list[Api]:
        return [self.nobody, self.xena]

    @property
    def posts(self) -> list[str]:
        return [post["id"] for post in (self.direct, self.private, *self.answers)]


@pytest.fixture(scope="module")
def hidden() -> Iterator[Hidden]:
    with world() as here:
        yield Hidden(here)


def _same(answer: httpx.Response, missing: httpx.Response, id_: str, no_id: str) -> bool:
    ignored = ("x-ratelimit-remaining", "date")
    return (
        answer.status_code == missing.status_code
        and answer.text.replace(id_, no_id) == missing.text
        and {k: v for k, v in answer.headers.items() if k not in ignored}
        == {k: v for k, v in missing.headers.items() if k not in ignored}
    )


@pytest.mark.parametrize("what", ["", "/context", "/source", "/favourited_by", "/reblogged_by"])
def test_a_hidden_post_answers_like_a_missing_one(hidden: Hidden, what: str) -> None:
    for api in hidden.strangers:
        missing = api.ask("GET", f"/api/v1/statuses/123456789012345678{what}")
        assert missing.status_code in (401, 404)
        for id_ in hidden.posts:
            answer = api.ask("GET", f"/api/v1/statuses/{id_}{what}")
            assert _same(answer, missing, id_, "123456789012345678"), (what, id_, answer.text)


@pytest.mark.parametrize("act", ["reblog", "unreblog", "favourite", "unfavourite"])
def test_nor_can_anything_be_done_with_it(hidden: Hidden, act: str) -> None:
    missing = hidden.xena.ask("POST", f"/api/v1/statuses/123456789012345678/{act}")
    for id_ in hidden.posts:
        answer = hidden.xena.ask("POST", f"/api/v1/statuses/{id_}/{act}")
        assert _same(answer, missing, id_, "123456789012345678")


def test_nor_be_answered_or_deleted(hidden: Hidden) -> None:
    for id_ in hidden.posts:
        said = {"status": "an answer", "in_reply_to_id": id_}
        assert hidden.xena.ask("POST", "/api/v1/statuses", data=said).status_code == 404
        assert hidden.xena.ask("DELETE", f"/api/v1/statuses/{id_}").status_code == 404


def test_its_page_is_that_of_a_missing_one(hidden: Hidden) -> None:
    for browser in (hidden.here.site.browser(), hidden.here.site.browser("xena")):
        for name in ("vera", "wim"):
            missing = browser.get(f"/@{name}/123456789012345678")
            assert missing.status_code == 404
            for id_ in hidden.posts:
                answer = browser.get(f"/@{name}/{id_}")
                assert answer.status_code == 404
                assert answer.text.replace(id_, "123456789012345678") == missing.text


def test_no_queue_and_no_page_shows_it(hidden: Hidden) -> None:
    vera, wim = (hidden.here.site.accounts[name] for name in ("vera", "wim"))
    ids = "&".join(f"id[]={id_}" for id_ in hidden.posts)
    paths = [
        "/api/v1/timelines/public", "/api/v1/timelines/tag/beside",
        f"/api/v1/accounts/{vera}/statuses", f"/api/v1/accounts/{wim}/statuses",
        f"/api/v1/accounts/{vera}/statuses?tagged=beside",
        f"/api/v1/statuses/{hidden.public['id']}/context", f"/api/v1/statuses?{ids}",
    ]  # fmt: skip
    for api in hidden.strangers:
        for path in paths:
            answer = api.ask("GET", path)
            assert answer.status_code == 200
            assert SECRET not in answer.text, path
            assert not [id_ for id_ in hidden.posts if f'"{id_}"' in answer.text], path
    for path in ("/api/v1/timelines/home", "/api/v1/notifications"):
        assert SECRET not in hidden.xena.ask("GET", path).text
    for path in ("/", "/public", "/tags/beside", "/@vera", "/@wim", f"/@vera/{hidden.public['id']}",
                 "/home", "/notifications"):  # fmt: skip
        for browser in (hidden.here.site.browser(), hidden.here.site.browser("xena")):
            page = browser.get(path).text
            assert SECRET not in page, path
            assert not [id_ for id_ in hidden.posts if id_ in page], path


def test_who_may_see_it_does(hidden: Hidden) -> None:
    for id_ in hidden.posts:
        assert SECRET in hidden.wim.get(f"/api/v1/statuses/{id_}")["content"]


def test_counts_tell_nothing(hidden: Hidden) -> None:
    account = hidden.here.site.accounts
    post = hidden.nobody.get(f"/api/v1/statuses/{hidden.public['id']}")
    assert post["replies_count"] == 0
    # the followers' posts of an account are counted as everywhere; its letters are not
    before = hidden.nobody.get(f"/api/v1/accounts/{account['vera']}")
    letter = hidden.vera.status("@wim another", visibility="direct")
    assert hidden.nobody.get(f"/api/v1/accounts/{account['vera']}") == before
    hidden.vera.delete(f"/api/v1/statuses/{letter['id']}")
    assert hidden.nobody.get(f"/api/v1/accounts/{account['vera']}") == before
    silent = hidden.here.api("yan")
    silent.status("@wim my first", visibility="direct")
    shown = hidden.nobody.get(f"/api/v1/accounts/{account['yan']}")
    assert (shown["statuses_count"], shown["last_status_at"]) == (0, None)


def test_another_ones_notifications_are_not_there(hidden: Hidden) -> None:
    mine = hidden.wim.get("/api/v1/notifications")
    assert mine
    number = mine[0]["id"]
    assert hidden.xena.ask("GET", f"/api/v1/notifications/{number}").status_code == 404
    hidden.xena.ask("POST", f"/api/v1/notifications/{number}/dismiss")
    assert hidden.wim.get(f"/api/v1/notifications/{number}")


def test_no_live_stream_tells_of_it(hidden: Hidden) -> None:
    """Not when it comes and not when it is taken back: a `delete` is an id too."""
    site = hidden.here.site
    paths: list[tuple[httpx.Client, str]] = [
        (hidden.nobody.client, "/api/v1/streaming/public"),
        (hidden.nobody.client, "/api/v1/streaming/hashtag?tag=beside"),
        (hidden.xena.client, "/api/v1/streaming/user"),
        (hidden.xena.client, "/api/v1/streaming/public"),
        (hidden.xena.client, "/api/v1/streaming/hashtag?tag=beside"),
        (site.browser(), "/live/public"),
        (site.browser("xena"), "/live/home"),
    ]
    open_before = site.edge.hub.count
    got: dict[str, str] = {}

    def listen(client: httpx.Client, path: str, place: int) -> None:
        with client.stream("GET", path) as response:
            text = ""
            for piece in response.iter_text():
                text += piece
                if "the last" in text or (path.endswith("home") and "the last" in text):
                    break
            got[f"{place} {path}"] = text

    threads = [
        threading.Thread(target=listen, args=(client, path, place), daemon=True)
        for place, (client, path) in enumerate(paths)
    ]
    for thread in threads:
        thread.start()
    site.wait_until(lambda: site.edge.hub.count == open_before + len(paths))
    made: list[Any] = [
        hidden.vera.status(f"{SECRET} @wim #beside", visibility=visibility)
        for visibility in ("direct", "private")
    ]
    made.append(hidden.vera.post(f"/api/v1/statuses/{made[1]['id']}/reblog"))
    hidden.vera.post(f"/api/v1/statuses/{made[1]['id']}/unreblog")
    for post in made[:2]:
        hidden.vera.delete(f"/api/v1/statuses/{post['id']}")
    hidden.xena.status("@xena the last #beside")
    for thread in threads:
        thread.join(20)
    assert len(got) == len(paths)
    for path, text in got.items():
        assert SECRET not in text, path
        assert not [post["id"] for post in made if post["id"] in text], path
