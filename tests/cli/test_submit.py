"""`covey submit`: any message from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import error, json_lines, output

from covey.messages import KINDS
from covey.state.queries import Snapshot, StateReader
from covey.state.state import state_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("submit") / "data"
    for name, role in (("ana", "administrator"), ("Bob", "member"), ("cyd", "member")):
        output("account", "create", name, "--data", made, "--role", role)
    return made


def submit(folder: Path, name: str, *said: str) -> dict[str, int]:
    (answer,) = json_lines("submit", "--data", folder, "--as", name, *said)
    assert isinstance(answer, dict)
    return answer


def ask(folder: Path, sql: str) -> list[tuple[object, ...]]:
    state = StateReader(state_path(folder))
    with state.snapshot() as snapshot:
        assert isinstance(snapshot, Snapshot)
        rows = snapshot.rows(sql)
    state.close()
    return rows


def test_a_post_with_all_that_is_in_its_text(folder: Path) -> None:
    answer = submit(folder, "ana", "post", "text=Hi @bob #Owls https://example.org/", "language=en")
    assert answer["id"] > 1 << 40
    ((text, mentioned, tags),) = ask(
        folder,
        f"select text, (select name from mentions join accounts a on a.number = account"
        f" where post = id), first_tags from posts where id = {answer['id']}",
    )
    assert (text, mentioned, tags) == ("Hi @bob #Owls https://example.org/", "Bob", "owls")
    output("submit", "--data", folder, "--as", "@Bob", "favourite", f"post={answer['id']}")
    assert ask(folder, "select account from favourites") == [(2,)]


def test_text_that_reads_as_a_number(folder: Path) -> None:
    answer = submit(folder, "ana", "post", "text=42")
    assert ask(folder, f"select text from posts where id = {answer['id']}") == [("42",)]


def test_accounts_by_name_json_and_bytes(folder: Path) -> None:
    submit(folder, "bob", "follow", "account=@ana", 'languages=["de","en"]', "boosts=false")
    assert ask(folder, "select followed, boosts, languages from follows") == [(1, 0, "de,en")]
    submit(folder, "ana", "invite", f"code_hash={'ab' * 32}", "uses=3")
    assert ask(folder, "select code_hash, uses from invites") == [(b"\xab" * 32, 3)]
    group = submit(folder, "cyd", "create_group", "name=owlers")
    submit(folder, "bob", "join_group", "group=@owlers")
    assert ask(
        folder, f'select role from memberships where account = 2 and "group" = {group["id"]}'
    ) == [("member",)]


def test_as_the_server(folder: Path) -> None:
    said = output(
        "submit", "--data", folder, "--as", "server", "setting", "name=registrations",
        "value=approval",
    )  # fmt: skip
    assert said.startswith("number ")
    assert ask(folder, "select name, value from settings") == [("registrations", "approval")]


def test_kinds(folder: Path) -> None:
    lines = output("submit", "--kinds").splitlines()
    assert [line.partition(":")[0] for line in lines] == list(KINDS)
    assert "follow: account*, boosts, notify, languages" in lines
    assert "close_account: no fields" in lines


def test_what_is_no_message(folder: Path) -> None:
    def no(*said: str, status: int = 2) -> str:
        return error("submit", "--data", folder, *said, status=status)

    assert "emigrate" in no("--as", "ana", "emigrate")
    assert "no account zoe" in no("--as", "zoe", "post", "text=x", status=1)
    assert "no account @zoe" in no("--as", "ana", "follow", "account=@zoe", status=1)
    assert "whose fields are: account, boosts" in no("--as", "ana", "follow", "friend=@bob")
    assert "not FIELD=VALUE" in no("--as", "ana", "follow", "account")
    assert "missing required field" in no("--as", "ana", "follow")
    assert "hexadecimal" in no("--as", "ana", "invite", "code_hash=xyz")
    # what the server refuses
    assert "cannot follow yourself" in no("--as", "ana", "follow", "account=@ana", status=1)
    assert "needs the role" in no("--as", "bob", "suspend", "account=@cyd", status=1)
