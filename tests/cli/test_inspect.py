"""`covey inspect` and `covey stats`."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from tests.cli.running import STORY, error, json_lines, output, story
from tests.entries import TEXT, post_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return story(tmp_path)


def test_the_log(folder: Path) -> None:
    found = json_lines("inspect", "log", "--data", folder, "--after", "13", "--limit", "3")
    assert [entry["number"] for entry in found] == [14, 15, 16]
    assert [entry["kind"] for entry in found] == ["follow", "follow", "post"]
    assert found[1]["message"] == {"account": 1, "boosts": False, "notify": True}
    assert found[2]["message"]["text"] == TEXT
    assert found[2]["id"] == post_id(1)
    lines = output("inspect", "log", "--data", folder, "--limit", "100").splitlines()
    assert len(lines) == len(STORY)


def test_the_log_by_kind(folder: Path) -> None:
    found = json_lines("inspect", "log", "--data", folder, "--kind", "boost", "--limit", "1")
    assert [entry["kind"] for entry in found] == ["boost"]
    assert "nonsense" in error("inspect", "log", "--data", folder, "--kind", "nonsense", status=2)


def test_no_password_hash_is_shown(folder: Path) -> None:
    assert "argon2id" not in output("inspect", "log", "--data", folder, "--limit", "100")


def test_a_damaged_entry_is_shown_as_such(folder: Path) -> None:
    connection = apsw.Connection(str(folder / "log.db"))
    connection.execute("update entries set body = x'80' where number = 5")
    connection.close()
    (found,) = json_lines("inspect", "log", "--data", folder, "--after", "4", "--limit", "1")
    assert "checksum" in found["damage"]
    assert "message" not in found


def test_a_message(folder: Path) -> None:
    text = output("inspect", "message", "16", "--data", folder)
    assert f"id: {post_id(1)}" in text
    assert '  warning: "owls"' in text
    (found,) = json_lines("inspect", "message", "16", "--data", folder)
    assert bytes.fromhex(found["body"]).endswith(b"app\x01")
    assert "the log ends at" in error("inspect", "message", "999", "--data", folder)


def test_an_account(folder: Path) -> None:
    (found,) = json_lines("inspect", "account", "@ANN", "--data", folder)
    assert found["name"] == "ann"
    assert found["display_name"] == "Ann Ä."
    assert found["positions"] == {"home": post_id(1), "notifications": 20}
    assert "display_name: Ann Ä." in output("inspect", "account", "ann", "--data", folder)
    assert "no account nobody" in error("inspect", "account", "nobody", "--data", folder)


def test_queues(folder: Path) -> None:
    def ids(queue: str, *options: str) -> list[int]:
        return [
            row["id"] for row in json_lines("inspect", "queue", queue, "--data", folder, *options)
        ]

    assert ids("public") == [post_id(1)]
    assert ids("tag/Birds") == [post_id(1)]
    assert ids("bob/home") == [post_id(1)]
    assert ids("cyd/posts") == [post_id(6), post_id(4), post_id(3)]
    assert ids("cyd/posts", "--limit", "1") == [post_id(6)]
    assert ids("cyd/posts", "--max-id", str(post_id(6))) == [post_id(4), post_id(3)]
    text = output("inspect", "queue", "cyd/posts", "--data", folder)
    assert f"boosts {post_id(1)}" in text
    told = json_lines("inspect", "queue", "bob/notifications", "--data", folder)
    assert [(row["kind"], row["sender"]) for row in told] == [("mention", "ann")]


@pytest.mark.parametrize("queue", ["", "home", "nobody/home", "ann/nonsense", "tag", "/home"])
def test_queues_there_are_not(folder: Path, queue: str) -> None:
    assert "there is no" in error("inspect", "queue", queue, "--data", folder)


def test_stats(folder: Path) -> None:
    (found,) = json_lines("stats", "--data", folder)
    assert found["accounts"] == 3
    assert found["log_entries"] == len(STORY)
    # tombstones count: they stand in homes as candidates
    assert (found["posts"], found["boosts"]) == (4, 2)
    # by the relations of now bob follows ann, and mutes cyd for a time that is over
    assert found["deliveries"] == 6
    assert found["bytes"]["log.db"] == (folder / "log.db").stat().st_size
    assert "deliveries: 6" in output("stats", "--data", folder)
