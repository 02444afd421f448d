"""`covey account`, with no server running and with one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import error, json_lines, output, run
from tests.server import serving

from covey.edge.passwords import verify_now
from covey.state.queries import StateReader
from covey.state.state import state_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an account `ana` that has a generated password."""
    made = tmp_path_factory.mktemp("accounts") / "new" / "data"
    output("account", "create", "ana", "--data", made, "--password-generate")
    return made


def password_hash(folder: Path, name: str) -> str:
    state = StateReader(state_path(folder))
    with state.snapshot() as snapshot:
        row = snapshot.row("select password_hash from accounts where name = ?", (name,))
    state.close()
    assert row is not None
    return str(row[0])


def test_create(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    (made,) = json_lines(
        "account", "create", "Bea", "--data", folder, "--password-generate", "--role",
        "moderator", "--email", "bea@example.org",
    )  # fmt: skip
    assert (made["name"], made["role"]) == ("Bea", "moderator")
    assert verify_now(password_hash(folder, "Bea"), made["password"])
    text = output(
        "account", "create", "cleo", "--data", folder, "--password-stdin", text="correct horse\n"
    )
    assert "correct horse" not in text
    assert verify_now(password_hash(folder, "cleo"), "correct horse")
    output("account", "create", "dora", "--data", folder)
    assert not verify_now(password_hash(folder, "dora"), "")


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["ana"], "is taken"), (["ANA"], "is taken"), (["an_a"], "looks like"), (["admin"], "reserved"),
    (["a-b"], "letters"), (["x" * 31], "1 to 30"), (["fay", "--email", "nonsense"], "e-mail"),
])  # fmt: skip
def test_names_that_may_not_be(folder: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in error("account", "create", *arguments, "--data", folder)


def test_a_short_password(folder: Path) -> None:
    result = run("account", "create", "gil", "--data", folder, "--password-stdin", text="short\n")
    assert result.exit_code == 1
    assert "at least 8" in result.stderr
    assert "gil" not in output("account", "list", "--data", folder)


def test_both_ways_to_a_password(folder: Path) -> None:
    both = ["--password-stdin", "--password-generate"]
    assert "exclude" in error("account", "create", "hal", "--data", folder, *both, status=2)


def test_list(folder: Path) -> None:
    found = json_lines("account", "list", "--data", folder)
    ana = next(account for account in found if account["name"] == "ana")
    assert (ana["number"], ana["role"], ana["password"]) == (1, "member", True)
    lines = output("account", "list", "--data", folder).splitlines()
    assert lines[0].split() == [
        "number", "name", "role", "followers", "following", "posts", "created", "password",
    ]  # fmt: skip
    assert len(lines) == 1 + len(found)


def test_password(folder: Path) -> None:
    before = password_hash(folder, "ana")
    said = output("account", "password", "@Ana", "--data", folder, "--password-generate")
    new = said.splitlines()[-1].removeprefix("password: ")
    assert password_hash(folder, "ana") != before
    assert verify_now(password_hash(folder, "ana"), new)
    output("account", "password", "ana", "--data", folder, text="typed it in\ntyped it in\n")
    assert verify_now(password_hash(folder, "ana"), "typed it in")
    assert "no account nobody" in error("account", "password", "nobody", "--data", folder)


def test_role_on_a_running_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        output("account", "create", "ana", "--data", server.folder)
        assert "is moderator" in output(
            "account", "role", "ana", "moderator", "--data", server.folder
        )
        shown = server.client().get("/api/v1/accounts/lookup", params={"acct": "ana"}).json()
        assert shown["username"] == "ana"
        (found,) = json_lines("account", "list", "--data", server.folder)
        assert found["role"] == "moderator"
        assert "emperor" in error(
            "account", "role", "ana", "emperor", "--data", server.folder, status=2
        )
        # beside a running server, without disturbing it
        (report,) = json_lines("verify", "--data", server.folder)
        assert report["wrong"] == {}
        assert report["looked_at"]["homes"] == 1
        assert "is in use" in error("rebuild", "--data", server.folder)
