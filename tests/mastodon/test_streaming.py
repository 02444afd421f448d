"""Live, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.mastodon.api import Api, World, world

from covey.edge.access import secret_hash
from covey.live import hub
from covey.mastodon.events import SHARED_MS
from covey.mastodon.streaming import PATHS
from covey.messages import SERVER, AddToList, CreateGroup, CreateList, JoinGroup, RevokeToken

USER = "/api/v1/streaming/user"
SECONDS = 120


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        ada = made.api("ada")
        made.api("bea")
        ada.post(f"/api/v1/accounts/{made.site.accounts['bea']}/follow")
        yield made


@dataclass
class Event:
    id: str
    kind: str
    data: Any


class Stream:
    """What a client has received so far."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        self.comments: list[str] = []

    def next(self) -> Event:
        """The next event; httpx raises when none comes in time."""
        found: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif "event" in found:
                return Event(found["id"], found["event"], json.loads(found["data"]))
        raise AssertionError("the stream ended")

    def until_comment(self) -> str:
        for line in self._lines:
            if line.startswith(":") and line != ":)":
                return line
        raise AssertionError("the stream ended")


@contextmanager
def stream(api: Api, path: str = USER, cursor: str = "", **query: str) -> Iterator[Stream]:
    headers = {"Last-Event-ID": cursor} if cursor else {}
    with api.client.stream(
        "GET", path, params=query or None, headers=headers, timeout=SECONDS
    ) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


def test_a_post_of_somebody_followed_and_its_end(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with stream(ada) as live:
        made = bea.status("live, @ada")
        first, second = live.next(), live.next()
        assert [first.kind, second.kind] == ["update", "notification"]
        assert first.data["content"] == made["content"]
        assert first.data["favourited"] is False
        assert second.data["type"] == "mention"
        assert second.data["status"]["id"] == made["id"]
        bea.delete(f"/api/v1/statuses/{made['id']}")
        gone = live.next()
        assert (gone.kind, str(gone.data)) == ("delete", made["id"])


def test_an_edit_and_what_clients_have_no_word_for(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    group = here.site.submit("ada", CreateGroup(name="live_group", join="request")).id
    with stream(ada) as live:
        made = bea.status("first words")
        assert live.next().kind == "update"
        here.site.submit("bea", JoinGroup(group=group))  # ada is told, but not over this API
        bea.json("PUT", f"/api/v1/statuses/{made['id']}", {"status": "second words"})
        edited = live.next()
        assert (edited.kind, edited.data["id"]) == ("status.update", made["id"])
        assert "second words" in edited.data["content"]


def test_filters_mark_what_is_live(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    made = {"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "spoiler"}]}
    filter_ = bea.json("POST", "/api/v2/filters", made)
    time.sleep(SHARED_MS / 1_000)
    with stream(bea, path="/api/v1/streaming/public") as marked, stream(
        here.api("carl"), path="/api/v1/streaming/public"
    ) as plain:  # fmt: skip
        ada.status("a spoiler")
        assert len(marked.next().data["filtered"]) == 1
        assert plain.next().data["filtered"] == []
    bea.delete(f"/api/v2/filters/{filter_['id']}")


def test_streams_share_an_event_but_for_those_to_whom_it_looks_different(here: World) -> None:
    """Who muted the thread of a reply, the author of a poll, who has a filter, who is nobody."""
    ada, bea, carl = here.api("ada"), here.api("bea"), here.api("carl")
    opened = bea.status("a thread")["id"]
    carl.post(f"/api/v1/statuses/{opened}/mute")
    path, question = "/api/v1/streaming/public", {"options": ["tea", "coffee"], "expires_in": 600}
    with (
        stream(ada, path) as of_ada,
        stream(carl, path) as of_carl,
        stream(bea, path) as of_bea,
        stream(here.nobody, path) as of_nobody,
    ):
        streams = (of_ada, of_carl, of_bea, of_nobody)
        bea.status("more of it", in_reply_to_id=opened)
        muted = [live.next().data.get("muted") for live in streams]
        assert muted == [False, True, False, None]
        bea.json("POST", "/api/v1/statuses", {"status": "what?", "poll": question})
        assert [live.next().data["poll"]["voted"] for live in streams] == [
            False, False, True, False
        ]  # fmt: skip
        made = bea.status("plain")["id"]
        assert {live.next().data["id"] for live in streams} == {made}
        ada.post(f"/api/v1/statuses/{made}/favourite")
        bea.json("PUT", f"/api/v1/statuses/{made}", {"status": "edited"})
        edited = [live.next() for live in streams]
        assert {event.kind for event in edited} == {"status.update"}
        flags = [event.data.get("favourited") for event in edited]
        assert flags == [True, False, False, None]
        bea.delete(f"/api/v1/statuses/{made}")
        assert {live.next().kind for live in streams} == {"delete"}


def test_who_comes_back_gets_exactly_what_it_missed(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with stream(ada) as live:
        ids = [bea.status(f"before {n}")["id"] for n in range(3)]
        events = [live.next() for _ in ids]
    missed = [bea.status(f"missed {n}")["id"] for n in range(3)]
    with stream(ada, cursor=events[1].id) as live:
        assert [live.next().data["id"] for _ in range(4)] == [ids[2], *missed]
        last = bea.status("live again")["id"]
        assert live.next().data["id"] == last
    with stream(ada, since=events[2].id) as live:
        assert [live.next().data["id"] for _ in range(4)] == [*missed, last]


def test_our_own_events_go_to_those_who_know_them(here: World) -> None:
    ada = here.api("ada")
    with stream(ada, covey="1") as ours, stream(ada) as plain:
        ada.post("/api/v1/markers", **{"home[last_read_id]": "1"})
        own = ada.status("after it")["id"]
        assert ours.next().kind == "read"
        assert ours.next().data["id"] == own
        assert plain.next().data["id"] == own


def test_public_and_tag_for_a_stranger(here: World) -> None:
    bea = here.api("bea")
    with (
        stream(here.nobody, "/api/v1/streaming/public") as public,
        stream(here.nobody, "/api/v1/streaming/hashtag", tag="Live") as tag,
    ):
        plain = bea.status("no tag")["id"]
        bea.status("hidden #live", visibility="unlisted")
        tagged = bea.status("a tag #LIVE")["id"]
        assert [public.next().data["id"] for _ in range(2)] == [plain, tagged]
        event = tag.next()
        assert event.data["id"] == tagged
        assert "favourited" not in event.data


def test_only_notifications(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with stream(ada, "/api/v1/streaming/user/notification") as live:
        bea.status("not for you")
        bea.post(f"/api/v1/statuses/{ada.status('mine')['id']}/favourite")
        event = live.next()
        assert (event.kind, event.data["type"]) == ("notification", "favourite")


def test_c16_each_path_is_a_stream(here: World) -> None:
    ada, bea, site = here.api("ada"), here.api("bea"), here.site
    list_ = site.submit("ada", CreateList(title="paths")).id
    site.submit("ada", AddToList(list=list_, accounts=(site.accounts["bea"],)))
    with ExitStack() as stack:
        open_ = {
            path: stack.enter_context(stream(ada, path, tag="paths", list=str(list_)))
            for path in PATHS
        }
        media = stack.enter_context(stream(ada, "/api/v1/streaming/public", only_media="true"))
        made = bea.status("#paths")["id"]
        said = bea.status("@ada", visibility="direct")["id"]
        for path, live in open_.items():
            word = path.rpartition("/")[2]
            if word == "remote":
                continue
            event = live.next()
            match word:
                case "notification":
                    assert (event.kind, event.data["status"]["id"]) == (word, said)
                case "direct":
                    assert (event.kind, event.data["last_status"]["id"]) == ("conversation", said)
                case _:
                    assert (event.kind, event.data["id"]) == ("update", made)
        # a delete comes to all of the public ones, and there was nothing before it
        bea.delete(f"/api/v1/statuses/{made}")
        for live in (media, open_["/api/v1/streaming/public/remote"]):
            assert live.next().kind == "delete"


def test_c16_lines_of_events_without_payload(here: World) -> None:
    ada = here.api("ada")
    with ada.client.stream("GET", USER, timeout=SECONDS) as response:
        ada.json("POST", "/api/v2/filters", {"title": "empty", "context": ["home"]})
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == [":)", ""]
        assert next(lines).startswith("id: ")
        # browsers pass over an event that has no data
        assert [next(lines), next(lines)] == ["event: filters_changed", "data: undefined"]


def test_who_knows_cursors_is_told_the_first(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with ada.client.stream("GET", USER, params={"covey": "1"}, timeout=SECONDS) as response:
        lines = response.iter_lines()
        assert next(lines) == ":)"
        begin = next(lines).removeprefix("id: ")
    missed = bea.status("while nobody listened")["id"]
    with stream(ada, cursor=begin) as live:
        assert live.next().data["id"] == missed


def test_c16_heartbeats_and_health(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.05)
    with stream(here.api("ada")) as live:
        assert live.until_comment() == ":thump"
    health = here.nobody.ask("GET", "/api/v1/streaming/health")
    assert (health.status_code, health.text) == (200, "OK")


def test_the_token_may_stand_in_the_address(here: World) -> None:
    token = here.api("ada").token
    with stream(here.nobody, access_token=token):
        pass
    assert here.nobody.ask("GET", f"{USER}?access_token=wrong").status_code == 401
    # only there: elsewhere addresses with tokens in them would end up in logs
    elsewhere = here.nobody.ask("GET", f"/api/v1/timelines/home?access_token={token}")
    assert elsewhere.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{USER}?since=nonsense", 422),
        (f"{USER}?since=-1.2.3", 422),
        ("/api/v1/streaming/hashtag", 400),
        ("/api/v1/streaming/hashtag?tag=123", 422),
        ("/api/v1/streaming/list", 400),
        ("/api/v1/streaming/list?list=1", 404),
        ("/api/v1/streaming", 404),
        ("/api/v1/streaming/nonsense", 404),
    ],
)
def test_refusals_come_before_the_stream(here: World, path: str, status: int) -> None:
    answer = here.api("ada").ask("GET", path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_stranger_has_no_home(here: World) -> None:
    for path in (USER, "/api/v1/streaming/direct", "/api/v1/streaming/list?list=1"):
        assert here.nobody.ask("GET", path).status_code == 401
    limited = here.api("ada", "read:notifications").ask("GET", USER)
    assert limited.status_code == 403
    only = "/api/v1/streaming/user/notification"
    assert here.api("ada", "read:statuses").ask("GET", only).status_code == 403


def test_a_revoked_token_ends_its_stream(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    with stream(ada) as live:
        bea.status("still there")
        live.next()
        here.site.submit(SERVER, RevokeToken(token_hash=secret_hash(ada.token)))
        bea.status("not for you any more")
        with pytest.raises(AssertionError, match="the stream ended"):
            live.next()


def test_head_ends_at_once(here: World) -> None:
    for path in (USER, "/api/v1/streaming/public"):
        answer = here.api("ada").ask("HEAD", path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_stream_that_ends_is_forgotten(here: World) -> None:
    edge = here.site.edge
    with stream(here.api("carl")):
        assert edge.hub.count > 0
    for _ in range(200):
        if edge.hub.count == 0:
            break
        here.nobody.get("/api/v2/instance")
    assert edge.hub.count == 0
