"""`covey token`, and `covey account totp-off`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.cli.running import error, json_lines, output, run
from tests.server import serving

from covey.cli.submitting import submit
from covey.engine.attach import attach
from covey.limits import RECOVERY_CODES
from covey.messages import TotpOn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokens") / "data"
    for name in ("bot", "ana"):
        output("account", "create", name, "--data", made)
    return made


def test_create_list_revoke(folder: Path) -> None:
    result = run("token", "create", "@bot", "--data", folder, "--name", "weather",
                 "--scopes", "write:statuses,read")  # fmt: skip
    assert result.exit_code == 0
    secret = result.stdout.strip()
    assert len(secret) == 43
    (made,) = json_lines("token", "create", "ana", "--data", folder, "--name", "b", "--json")
    assert (made["account"], made["scopes"], len(made["token"])) == ("ana", "read write", 43)
    listed = json_lines("token", "list", "--data", folder, "--json")
    assert [(one["account"], one["name"], one["scopes"]) for one in listed] == [
        ("bot", "weather", "write:statuses read"),
        ("ana", "b", "read write"),
    ]
    assert secret not in output("token", "list", "--data", folder)
    assert "weather" not in output("token", "list", "ana", "--data", folder)
    assert "already" in error("token", "create", "bot", "--data", folder, "--name", "weather")
    assert "is revoked" in output("token", "revoke", "bot", "--data", folder, "--name", "weather")
    assert "has no token" in error("token", "revoke", "bot", "--data", folder, "--name", "weather")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "--name", "x"], "there is no account nobody"),
        (["bot", "--name", "x", "--scopes", "everything"], "everything"),
        (["bot", "--name", "x" * 51], "at most 50"),
    ],
)
def test_what_is_refused(folder: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in error("token", "create", *arguments, "--data", folder)


def test_a_running_server_knows_it_at_once_and_no_more(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        output("account", "create", "bot", "--data", server.folder)
        made = run("token", "create", "@bot", "--data", server.folder, "--name", "w").stdout
        with server.client(made.strip()) as client:
            path = "/api/v1/accounts/verify_credentials"
            assert client.get(path).json()["username"] == "bot"
            output("token", "revoke", "@bot", "--data", server.folder, "--name", "w")
            assert client.get(path).status_code == 401


def test_totp_off(folder: Path) -> None:
    async def turn_on() -> None:
        async with attach(folder) as engine:
            codes = tuple(bytes([n]) * 32 for n in range(RECOVERY_CODES))
            await submit(engine, 1, TotpOn(sealed=b"sealed", step=1, recovery_hashes=codes))

    assert "has no second factor" in error("account", "totp-off", "bot", "--data", folder)
    asyncio.run(turn_on())
    assert "by its password alone" in output("account", "totp-off", "@bot", "--data", folder)
    assert "has no second factor" in error("account", "totp-off", "bot", "--data", folder)
