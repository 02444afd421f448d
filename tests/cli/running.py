"""Commands called as a person calls them, and small data folders to call them on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.entries import entries

from covey.cli import main
from covey.cli.building import build
from covey.log import Log
from covey.messages import Entry
from covey.state.state import state_path

STORY = entries()[:38]
"""Its beginning: the acts of three people, of which these tests know every row."""


def run(*arguments: str | Path, text: str | None = None) -> Result:
    """`covey ARGUMENTS`; `text` is its standard input."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text)


def output(*arguments: str | Path, text: str | None = None) -> str:
    """What it prints when it succeeds."""
    result = run(*arguments, text=text)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def json_lines(*arguments: str | Path) -> list[Any]:
    return [json.loads(line) for line in output(*arguments, "--json").splitlines()]


def error(*arguments: str | Path, status: int = 1) -> str:
    """The one sentence it says when it fails."""
    result = run(*arguments)
    assert result.exit_code == status, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


def story(folder: Path, told: list[Entry] = STORY) -> Path:
    """A data folder with the story of tests/entries in log and state."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder / "log.db", write=True)
    log.append(told)
    build(log, state_path(folder), log.last_number()).close()
    log.close()
    return folder
