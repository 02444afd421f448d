"""`covey replay` through a real engine process."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from tests.cli.running import error, json_lines, output

from covey.state.accounts import look_key
from covey.state.state import state_path

TEXTS = """Good morning
A walk with @user #Birds https://example.org/path
@user and @user, and e.g. someone@user.example, @username

last one é
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "follows.csv").write_text("follower,followed\n1,2\n1,3\n2,3\n10,2\n1,2\n3,3\n")
    (tmp_path / "posts.txt").write_text(TEXTS, "utf-8")
    return tmp_path


def replay(folder: Path, *options: str) -> list[str | Path]:
    return [
        "replay", "--data", folder / "data", "--follows", folder / "follows.csv",
        "--posts", folder / "posts.txt", *options,
    ]  # fmt: skip


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(state_path(folder / "data")), flags=apsw.SQLITE_OPEN_READONLY)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_all_of_it(folder: Path) -> None:
    (done,) = json_lines(*replay(folder, "--posts-count", "10", "--seed", "3"))
    assert (done["accounts"], done["follows"], done["posts"]) == (4, 4, 10)
    assert done["refused"] == {}
    names = {name for (name,) in rows(folder, "select name from accounts")}
    assert names == {"u1", "u2", "u3", "u10"}
    follows = rows(
        folder,
        "select a.name, b.name from follows join accounts a on a.number = follower"
        " join accounts b on b.number = followed",
    )
    assert set(follows) == {("u1", "u2"), ("u1", "u3"), ("u2", "u3"), ("u10", "u2")}
    authors = rows(folder, "select distinct name from posts join accounts a on a.number = account")
    assert set(authors) <= {("u2",), ("u3",)}  # who has followers
    texts = [text for (text,) in rows(folder, "select text from posts order by id")]
    assert len(texts) == 10
    assert texts.count("Good morning") == 3  # four texts, from the top again
    assert not any("@user " in text or "@user," in text for text in texts)
    assert any("someone@user.example, @username" in text for text in texts)
    assert rows(folder, "select count(*) from tags where tag = 'birds'") == [(3,)]
    assert done["deliveries"] > 10
    assert "all of it agrees" in output("verify", "--data", folder / "data")


def test_again_is_nothing_new(folder: Path) -> None:
    options = replay(folder, "--posts-count", "10")
    json_lines(*options)
    before = rows(folder, "select * from accounts order by number")
    (done,) = json_lines(*options)
    assert (done["posts"], done["repeated"]) == (0, 10)
    assert rows(folder, "select * from accounts order by number") == before
    (done,) = json_lines(*replay(folder, "--posts-count", "12"))
    assert (done["posts"], done["repeated"]) == (2, 10)
    assert "posts that were there already: 12" in output(*replay(folder, "--posts-count", "12"))


def test_the_seed_says_who_and_whom(folder: Path) -> None:
    texts = []
    for name in ("one", "two"):
        options = replay(folder, "--posts-count", "8", "--seed", "5", "--in-flight", "1")
        options[2] = folder / name / "data"
        output(*options)
        texts.append(rows(folder / name, "select account, text from posts order by id"))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("line", ["1", "1,2,3", "a,b", "-1,2", "1;2", "1,"])
def test_a_line_that_is_no_follow(folder: Path, line: str) -> None:
    (folder / "follows.csv").write_text(f"follower,followed\n1,2\n{line}\n")
    assert "line 3 is not" in error(*replay(folder, "--posts-count", "1"))


def test_no_texts(folder: Path) -> None:
    (folder / "posts.txt").write_text("\n\n")
    assert "holds no text" in error(*replay(folder, "--posts-count", "1"))


def test_files_there_are_not(folder: Path) -> None:
    (folder / "posts.txt").unlink()
    assert "posts.txt" in error(*replay(folder, "--posts-count", "1"), status=2)


def test_names_of_ids_never_look_alike() -> None:
    keys = {look_key(f"u{number}") for number in range(20_000)}
    assert len(keys) == 20_000
