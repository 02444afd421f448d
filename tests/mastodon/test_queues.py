"""Our own extension: queues as events by a cursor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import ROOT
from tests.mastodon.api import Api, World, world

from covey.limits import CHANGES_MS
from covey.messages import CreateList, FollowTag

QUEUES = "/api/covey/v1/queues"
HOME = f"{QUEUES}/home"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        ada = made.api("ada")
        made.api("bea")
        ada.post(f"/api/v1/accounts/{made.site.accounts['bea']}/follow")
        yield made


def shape(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(event, id of the post)."""
    return [(item["event"], item["id"] if "id" in item else item["status"]["id"]) for item in items]


def read_all(api: Api, path: str, cursor: str, limit: int) -> list[tuple[str, str]]:
    """Piece by piece, as a reader that dies after each one and comes back with its cursor only."""
    found: list[tuple[str, str]] = []
    while True:
        piece = api.get(path, cursor=cursor, limit=limit)
        found += shape(piece["items"])
        cursor = piece["cursor"]
        if not piece["more"]:
            assert api.get(path, cursor=cursor)["items"] == []
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 40])
def test_every_event_comes_once_and_in_order(here: World, limit: int) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    begin = ada.get(HOME)["cursor"]
    expected = []
    ids = []
    for n in range(5):
        ids.append(bea.status(f"Number {n}")["id"])
        expected.append(("new", ids[-1]))
    bea.json("PUT", f"/api/v1/statuses/{ids[1]}", {"status": "Another text"})
    expected.append(("edit", ids[1]))
    bea.delete(f"/api/v1/statuses/{ids[2]}")
    expected.remove(("new", ids[2]))  # gone before it was read
    expected.append(("delete", ids[2]))
    own = ada.status("Mine")["id"]
    expected.append(("new", own))
    assert read_all(ada, HOME, begin, limit) == expected
    items = ada.get(HOME, cursor=begin)["items"]
    assert "Another text" in items[1]["status"]["content"]


@pytest.mark.parametrize("stop", range(6))
def test_any_items_cursor_goes_on_right_after_it(here: World, stop: int) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    begin = ada.get(HOME)["cursor"]
    ids = [bea.status(f"Again {n}")["id"] for n in range(5)]
    bea.json("PUT", f"/api/v1/statuses/{ids[0]}", {"status": "Edited"})
    items = ada.get(HOME, cursor=begin)["items"]
    assert len(items) == 6
    rest = ada.get(HOME, cursor=items[stop]["cursor"])["items"]
    assert [item["cursor"] for item in rest] == [item["cursor"] for item in items[stop + 1 :]]


def test_every_queue_and_what_is_unread_of_it(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    here.site.submit("ada", FollowTag(name="owls"))
    number = here.site.submit("ada", CreateList(title="Friends")).id
    starts = {
        name: ada.get(f"{QUEUES}/{name}")["cursor"]
        for name in ("home", "public", "tag/owls", "notifications", f"list/{number}")
    }
    before = {row["name"]: row for row in ada.get(QUEUES)}
    assert set(before) >= {"home", "notifications", "tag/owls", f"list/{number}"}
    post = bea.status("@ada look, #owls")["id"]
    after = {row["name"]: row for row in ada.get(QUEUES)}
    assert after["home"]["newest"] == after["tag/owls"]["newest"] == post
    assert after["home"]["unread"] == before["home"]["unread"] + 1
    assert after[f"list/{number}"]["newest"] is None
    for name in ("home", "public", "tag/owls"):
        found = ada.get(f"{QUEUES}/{name}", cursor=starts[name])["items"]
        assert shape(found) == [("new", post)], name
    assert ada.get(f"{QUEUES}/list/{number}", cursor=starts[f"list/{number}"])["items"] == []
    (told,) = ada.get(f"{QUEUES}/notifications", cursor=starts["notifications"])["items"]
    assert told["notification"]["type"] == "mention"
    assert told["notification"]["status"]["id"] == post


def test_by_date(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    here.site.skew_ms += 10_000
    first = bea.status("At this moment")
    here.site.skew_ms += 10_000
    second = bea.status("Later")
    found = ada.get(HOME, at=first["created_at"])["items"]
    assert shape(found) == [("new", first["id"]), ("new", second["id"])]
    assert shape(ada.get(HOME, at=second["created_at"])["items"]) == [("new", second["id"])]


def test_waiting_ends_with_the_next_event(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    begin = ada.get(HOME)["cursor"]
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(ada.get, HOME, cursor=begin, wait=60)
        here.site.wait_until(lambda: here.site.edge.hub.count > 0)
        post = bea.status("What was waited for")["id"]
        piece = waiting.result(60)
    assert shape(piece["items"]) == [("new", post)]
    here.site.wait_until(lambda: here.site.edge.hub.count == 0)
    assert ada.get(HOME, cursor=piece["cursor"], wait=1)["items"] == []


def test_as_server_sent_events(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    begin = ada.get(HOME)["cursor"]
    post = bea.status("Streamed")["id"]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": begin}
    with ada.client.stream("GET", HOME, headers=headers) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: new"
        assert f'"id":"{post}"' in next(line for line in lines if line.startswith("data:"))


def test_another_epoch_is_a_gap(here: World) -> None:
    piece = here.api("ada").get(HOME, cursor="7.1.0")
    assert [item["event"] for item in piece["items"]] == ["gap"]
    assert here.api("ada").get(HOME, cursor=piece["cursor"])["items"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("nothing", "", 404), ("home/7", "", 404), ("list/99", "", 404), ("list/x", "", 422),
        ("group/99", "", 404), ("tag/%20", "", 422), ("conversation/7", "", 404),
        ("home", "cursor=x", 422), ("home", "cursor=1.2", 422), ("home", "cursor=1.-2.0", 422),
        ("home", f"cursor=1.{9 * 10**18}.0", 200), ("home", f"cursor=1.{10**30}.0", 422),
        ("home", "limit=0", 422), ("home", "wait=-1", 422), ("home", "wait=x", 422),
        ("home", "at=yesterday", 422), ("home", "at=0001-01-01", 200),
        ("home", "at=9999-01-01", 200),
    ],
)  # fmt: skip
def test_bad_input(here: World, path: str, query: str, status: int) -> None:
    got = here.api("ada").ask("GET", f"{QUEUES}/{path}?{query}")
    assert got.status_code == status, got.text
    assert status == 200 or got.json()["error"]


def test_scopes(here: World) -> None:
    assert here.nobody.ask("GET", HOME).status_code == 401
    assert here.api("ada", "write").ask("GET", HOME).status_code == 403
    statuses = here.api("ada", "read:statuses")
    assert statuses.ask("GET", HOME).status_code == 200
    assert statuses.ask("GET", f"{QUEUES}/notifications").status_code == 403
    assert "notifications" not in [row["name"] for row in statuses.get(QUEUES)]
    assert here.api("ada", "read:notifications").ask("GET", HOME).status_code == 403


def test_the_bot_answers_each_mention_once(here: World, tmp_path: Path) -> None:
    ada, bot = here.api("ada"), here.api("parrot")
    script = ROOT / "examples" / "answer_mentions.py"
    assert len([line for line in script.read_text().split('"""')[2].splitlines() if line]) < 25
    (tmp_path / "cursor").write_text(bot.get(f"{QUEUES}/notifications")["cursor"])
    for n in range(2):  # the first one is missed while it does not run; killed and started again
        ada.status(f"@parrot are you there? {n}")
        process = subprocess.Popen(
            [sys.executable, str(script), here.site.url, bot.token], cwd=tmp_path
        )
        try:
            here.site.wait_until(lambda n=n: _answers(here) == n + 1)  # type: ignore[misc]
        finally:
            process.kill()
            process.wait(20)
    assert _answers(here) == 2


def _answers(here: World) -> int:
    account = here.site.accounts["parrot"]
    client = httpx.Client(base_url=here.site.url)
    return len(client.get(f"/api/v1/accounts/{account}/statuses").json())


def test_past_what_changes_keep_every_post_still_comes(here: World) -> None:
    ada, bea = here.api("ada"), here.api("bea")
    begin = ada.get(HOME)["cursor"]
    post = bea.status("Before")["id"]
    bea.json("PUT", f"/api/v1/statuses/{post}", {"status": "As it is now"})
    here.site.skew_ms += CHANGES_MS + 60_000
    later = bea.status("After a week")["id"]
    items = [item for item in ada.get(HOME, cursor=begin)["items"] if item["event"] == "new"]
    assert shape(items) == [("new", post), ("new", later)]
    assert "As it is now" in items[0]["status"]["content"]
