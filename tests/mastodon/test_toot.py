"""`toot`, a client that is not ours, from the command line: a person's day in a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.mastodon.api import World, world

Toot = Callable[..., str]
SECONDS_MAX = 120


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("bea")
        yield made


@pytest.fixture
def toot(here: World, tmp_path: Path) -> Toot:
    """`toot("post", "hello")` is what the command says, as Ada, who logged in before."""
    instance = here.site.url.partition("://")[2]
    config = {
        "active_user": f"ada@{instance}",
        "apps": {
            instance: {
                "base_url": here.site.url, "client_id": "tester", "client_secret": "secret",
                "instance": instance,
            }
        },
        "users": {
            f"ada@{instance}": {
                "access_token": here.api("ada").token, "instance": instance, "username": "ada",
            }
        },
    }  # fmt: skip
    folder = tmp_path / "toot"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))

    def run(*words: str) -> str:
        program = Path(sys.executable).with_name("toot")
        if not program.exists():
            pytest.skip("no program toot beside this Python: requirements-test.txt has it")
        done = subprocess.run(
            [program, *words],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    return run


def test_a_day(here: World, toot: Toot) -> None:
    bea = here.api("bea")
    assert "ada" in toot("whoami")
    said = json.loads(toot("post", "hello #owls from a shell", "--json"))
    assert said["content"].startswith("<p>hello")
    answer = bea.status("@ada hello yourself", in_reply_to_id=said["id"])
    thread = toot("thread", said["id"])
    assert "from a shell" in thread
    assert "hello yourself" in thread
    toot("favourite", answer["id"])
    toot("bookmark", answer["id"])
    assert "hello yourself" in toot("bookmarks", "--once")
    assert "hello yourself" in toot("notifications")
    # what it finds by search is told by the API: the index is a worker of its own
    here.api("ada").post(f"/api/v1/accounts/{here.site.accounts['bea']}/follow")
    bea.status("for those who follow")
    assert "for those who follow" in toot("timelines", "home", "--no-pager")
    toot("tags", "follow", "owls")
    assert "owls" in toot("tags", "followed")
    toot("lists", "create", "friends")
    assert [one["title"] for one in here.api("ada").get("/api/v1/lists")] == ["friends"]
    toot("update-account", "--display-name", "Ada L.", "--locked")
    bea.post(f"/api/v1/accounts/{here.site.accounts['ada']}/follow")
    assert "bea" in toot("follow-requests", "list")
    toot("delete", said["id"])
    assert bea.ask("GET", f"/api/v1/statuses/{said['id']}").status_code == 404
