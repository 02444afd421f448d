"""What all commands have in common."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.running import error, output, story

from covey import __version__
from covey.cli import COMMANDS, main

HEAVY = {"numpy", "apsw", "starlette", "rich", "uvicorn"}


def commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group below `covey`: its words, itself."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", [words for words, _ in commands()], ids=" ".join)
def test_each_has_help_with_an_example(words: tuple[str, ...]) -> None:
    text = output(*words, "--help")
    assert "Example:" in text
    assert f"covey {' '.join(words)}" in text.partition("Example:")[2]


def test_the_list_says_what_each_says_of_itself() -> None:
    for name, (_, summary) in COMMANDS.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.name == name
        first = (command.help or "").partition("\n\n")[0].replace("\n", " ")
        assert first.startswith(summary.removesuffix(".")), name


def test_version() -> None:
    assert output("--version") == f"covey {__version__}\n"


@pytest.mark.parametrize("code", [
    "import covey.cli, click.testing as t; t.CliRunner().invoke(covey.cli.main, ['--help'])",
    "import covey.cli.serve",
    "import covey.cli.demo",
])  # fmt: skip
def test_help_and_supervisors_import_little(code: str) -> None:
    code += "\nimport sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_an_unknown_command_is_a_wrong_call() -> None:
    assert "nonsense" in error("nonsense", status=2)


@pytest.mark.parametrize("words", [
    ("account", "list"), ("inspect", "log"), ("inspect", "queue", "public"), ("stats",),
    ("verify",), ("rebuild",),
])  # fmt: skip
def test_a_folder_without_a_server(words: tuple[str, ...], tmp_path: Path) -> None:
    assert "there is no log.db" in error(*words, "--data", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("inspect", "log"), ("verify",), ("rebuild",)])
def test_a_foreign_file(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"Dear diary, " * 1_000)
    assert error(*words, "--data", tmp_path).startswith("Error: ")


def test_a_wrong_setting(tmp_path: Path) -> None:
    story(tmp_path)
    (tmp_path / "covey.toml").write_text('public_url = "example.org"')
    (tmp_path / "follows.csv").write_text("1,2\n")
    (tmp_path / "posts.txt").write_text("Hello\n")
    said = error(
        "replay", "--data", tmp_path, "--follows", tmp_path / "follows.csv",
        "--posts", tmp_path / "posts.txt", "--posts-count", "1",
    )  # fmt: skip
    assert "public_url" in said


def test_a_reader_that_has_read_enough_is_no_error(tmp_path: Path) -> None:
    story(tmp_path)
    listing = f"{sys.executable} -m covey inspect log --limit 100 --data {tmp_path} | head -1"
    done = subprocess.run(listing, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("1 ")
    assert done.stderr == ""
