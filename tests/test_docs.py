"""Documentation that cannot rot: what exists and is not documented makes a test fail, and so does
what is documented and does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec
import pytest
from tests.cli.test_commands import commands
from tests.conftest import ROOT

from covey import limits, log, messages
from covey.cli.serve import SECRETS
from covey.delivery import layout
from covey.engine import frames
from covey.engine.process import KERNEL_FOLDER
from covey.errors import REFUSALS
from covey.settings import Settings

OPERATING = (ROOT / "docs/operating.md").read_text("utf-8")
FORMATS = (ROOT / "docs/formats.md").read_text("utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    under = rf"^{re.escape(heading)}(?!\w).*?$(.*?)(?=^#{{1,{level}}} |\Z)"
    found = re.search(under, text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def table(text: str, columns: int) -> dict[str, tuple[str, ...]]:
    """Rows of all tables whose first cell is `a name in backticks`: name → other cells."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if re.fullmatch(r"`[^`]+`", cells[0]) and len(cells) >= columns:
            rows[cells[0].strip("`")] = tuple(cells[1:])
    return rows


# --- operating --------------------------------------------------------------------------------

COMMANDS = [
    (words, command) for words, command in commands() if not isinstance(command, click.Group)
]


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(w) for w, _ in COMMANDS])
def test_commands_and_their_options(words: tuple[str, ...], command: click.Command) -> None:
    text = section(OPERATING, f"### `covey {' '.join(words)}`")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[-1]}`" in text
        else:
            heading = re.search(rf"^### `covey {' '.join(words)}`(.*)$", OPERATING, re.MULTILINE)
            assert heading is not None
            assert parameter.human_readable_name.upper() in heading[1]
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", text)) <= options


def test_no_command_that_is_not_there() -> None:
    told = set(re.findall(r"^### `covey ([a-z ]+)`", OPERATING, re.MULTILINE))
    assert told == {" ".join(words) for words, _ in COMMANDS}


def test_settings() -> None:
    told = table(section(OPERATING, "## Settings"), 3)
    fields = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    assert set(told) == set(fields)
    for name, default in fields.items():
        shown = ", ".join(default) if isinstance(default, tuple) else str(default)
        assert told[name][0] == (shown or told[name][0])


def test_limits() -> None:
    told = table(section(OPERATING, "## Limits"), 3)
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {name: cells[0] for name, cells in told.items()} == {
        name: f"{value:,}" for name, value in values.items()
    }
    assert all(cells[1] for cells in told.values())


def test_refusals() -> None:
    told = table(section(OPERATING, "## Refusals"), 3)
    assert told == {code: (str(status), sentence) for code, (status, sentence) in REFUSALS.items()}


# --- formats ----------------------------------------------------------------------------------


def test_message_kinds_and_their_fields() -> None:
    told = table(section(FORMATS, "## Log"), 2)
    for kind, message in messages.KINDS.items():
        text = told[kind][0]
        for field in msgspec.structs.fields(message):
            star = "*" if field.required else ""
            assert f"`{field.name}`{star}" in text, f"{kind}.{field.name}"
        names = set(re.findall(r"`(\w+)`(?=\*|,| \(|$)", text))
        fields = {field.name for field in msgspec.structs.fields(message)}
        assert fields <= names
    columns = re.findall(r"(\w+) (?:integer|text|blob)", log.log._SCHEMA[0])
    assert set(columns) <= set(told)
    assert set(told) <= {*columns, *messages.KINDS}, "a kind of message that there is not"


def test_frames() -> None:
    text = section(FORMATS, "## Wire")
    for union in (frames.FromEdge, frames.FromEngine):
        for frame in union.__args__:
            config = frame.__struct_config__
            row = re.search(rf"^\| {config.tag} \| (\w+) \|.*\| (.*) \|$", text, re.MULTILINE)
            assert row, f"{frame.__name__} (tag {config.tag})"
            assert row[1] == frame.__name__.lower()
            assert (row[2] == "") == (not frame.__struct_fields__)
    tags = {int(tag) for tag in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    known = (*frames.FromEdge.__args__, *frames.FromEngine.__args__)
    assert tags == {frame.__struct_config__.tag for frame in known}


def test_the_arenas_words() -> None:
    text = section(FORMATS, "## Arena")
    told = {
        int(at): name for at, name in re.findall(r"^\| (\d+) \| `?(\w+)`? \|", text, re.MULTILINE)
    }
    source = Path(layout.__file__).read_text("utf-8")
    block = source.partition("# The words of the header")[2].partition("# A chunk's header")[0]
    words = {int(at): name.removesuffix("_AT").lower()
             for name, at in re.findall(r"^(\w+): Final = (\d+)", block, re.MULTILINE)}  # fmt: skip
    assert told == words


def test_files_of_a_data_folder() -> None:
    text = FORMATS.partition("## Log")[0]
    for name in ("log.db", "state-2.db", "covey.toml", "engine.sock", "lock"):
        assert f"`{name}`" in text
    for name in SECRETS:
        assert f"`secrets/{name}`" in text
    assert f"`{KERNEL_FOLDER}/`" in text


# --- the pages themselves ---------------------------------------------------------------------

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_are_there(page: Path) -> None:
    for path in re.findall(
        r"`((?:src|docs|tests|bench|scripts)/[\w./-]+\w)`", page.read_text("utf-8")
    ):
        assert (ROOT / path).exists(), path
