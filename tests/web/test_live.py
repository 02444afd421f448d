"""What comes to an open page by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
from tests.web.pages import get
from tests.web.site import Site
from tests.web.test_reading import befriend

from covey.edge.access import secret_hash
from covey.messages import Boost, CloseSession, Delete, Read


class Event(msgspec.Struct):
    kind: str
    cursor: str
    data: dict[str, str]


@contextmanager
def listening(browser: httpx.Client, address: str, cursor: str = "") -> Iterator[Iterator[Event]]:
    headers = {"Last-Event-ID": cursor} if cursor else {}
    with browser.stream("GET", address, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[Event]:
    kind, cursor, data = "", "", ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            cursor = value
        elif name == "data":
            data = value
        elif not line:
            if data:
                yield Event(kind, cursor, json.loads(data))
            kind, data = "", ""


def cursor_of(browser: httpx.Client, address: str) -> str:
    html = get(browser, address).html
    return html.partition('data-cursor="')[2].partition('"')[0]


def test_a_post_comes_to_an_open_home_as_it_stands_on_the_page(server: Site) -> None:
    befriend(server, "lara", "liam")
    server.register("lotte")
    browser = server.browser("lara")
    with listening(browser, "/live/home") as found:
        server.post("lotte", "not for this home")
        post = server.post("liam", "fresh from the <press>")
        event = next(found)
        assert event.kind == "post"
        assert event.data["id"] == event.data["post"] == str(post)
        assert "fresh from the &lt;press&gt;" in event.data["html"]
        assert "csrf" not in event.data["html"]
        assert next(found).data == {"home": "1", "notifications": ""}
    assert event.data["html"] in get(browser, "/home").html


def test_boosts_deletes_and_marks_come_too(server: Site) -> None:
    befriend(server, "mara", "milo")
    server.register("mona_lisa")
    post = server.post("mona_lisa", "boost me")
    with listening(server.browser("mara"), "/live/home") as found:
        boost = server.submit("milo", Boost(post=post)).id
        event = next(found)
        assert (event.data["id"], event.data["post"]) == (str(boost), str(post))
        assert "milo</bdi> boosted" in event.data["html"]
        assert next(found).kind == "unread"
        gone = server.post("milo", "oops")
        assert next(found).data["id"] == str(gone)
        server.submit("milo", Delete(post=gone))
        event = next(event for event in found if event.kind == "delete")
        assert event.data == {"id": str(gone)}


def test_the_counts_follow_the_reading_position(server: Site) -> None:
    befriend(server, "nele", "nils")
    post = server.post("nils", "@nele read me")
    with listening(server.browser("nele"), "/live/home") as found:
        server.submit("nele", Read(queue="home", position=post))
        assert next(found).data == {"home": "", "notifications": "1"}


def test_a_stream_begins_where_the_page_ends_and_resumes(server: Site) -> None:
    befriend(server, "odin", "olaf")
    browser = server.browser("odin")
    cursor = cursor_of(browser, "/home")
    posts = [server.post("olaf", f"between page and stream {n}") for n in range(3)]
    with listening(browser, f"/live/home?cursor={cursor}") as found:
        seen = [next(e for e in found if e.kind == "post") for _ in range(2)]
    assert [event.data["id"] for event in seen] == [str(id_) for id_ in posts[:2]]
    last = server.post("olaf", "while away")
    with listening(browser, f"/live/home?cursor={cursor}", seen[-1].cursor) as found:
        ids = [next(e for e in found if e.kind == "post").data["id"] for _ in range(2)]
    assert ids == [str(posts[2]), str(last)]


def test_the_public_page_lives_for_strangers_too(server: Site) -> None:
    server.register("paul")
    with listening(server.browser(), "/live/public") as found:
        server.post("paul", "only for my followers", visibility="followers")
        server.post("paul", "not listed", visibility="unlisted")
        post = server.post("paul", "hear ye")
        assert next(found).data["id"] == str(post)


def test_strangers_have_no_home_and_a_bad_cursor_is_refused(server: Site) -> None:
    assert server.browser().get("/live/home").status_code == 401
    assert server.browser().get("/live/public?cursor=yesterday").status_code == 422


def test_a_stream_ends_with_its_session(server: Site) -> None:
    befriend(server, "rita", "rolf")
    with listening(server.browser("rita"), "/live/home") as found:
        server.submit("rita", CloseSession(session_hash=secret_hash(server.sessions["rita"])))
        server.post("rolf", "nobody hears this")
        assert [event.kind for event in found] == []


def test_a_closed_stream_is_forgotten(server: Site) -> None:
    befriend(server, "sven", "sara")
    before = server.edge.hub.count
    with listening(server.browser("sven"), "/live/home") as found:
        server.post("sara", "hello")
        next(found)
        assert server.edge.hub.count == before + 1
    server.post("sara", "anybody?")
    server.wait_until(lambda: server.edge.hub.count == before)
