"""Options that several commands have, and how they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

data_option: Final = click.option(
    "--data", "data", required=True, metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path), help="The server's data folder.",
)  # fmt: skip
json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for scripts: an object a line."
)


def existing(data: Path) -> Path:
    """The folder, if a server has written there. Raises click.ClickException."""
    if not (data / "log.db").is_file():
        raise click.ClickException(f"{data} holds no server's data: there is no log.db in it")
    return data


def print_json(value: Any) -> None:
    """One object on one line. Bytes are printed as hexadecimal."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    assert isinstance(value, bytes)
    return value.hex()


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they need; numbers (all digits, commas, units) keep to the right."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    right = [bool(rows) and all(row[i][:1].isdigit() for row in rows) for i in range(len(headings))]
    for row in [headings, *rows]:
        cells = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        click.echo("  ".join(cells).rstrip())
