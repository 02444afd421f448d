"""`covey submit`: any message, by its kind and fields. So what has no door yet can be tried."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, get_type_hints

import click
import msgspec

from covey.cli.options import data_option, existing, json_option, print_json
from covey.cli.submitting import submit as submit_message
from covey.edge.text import parse, tag_name
from covey.engine.attach import attach
from covey.engine.client import Accepted
from covey.messages import KINDS, SERVER, AnyMessage, from_fields
from covey.settings import Settings, load
from covey.state.queries import StateReader
from covey.state.state import state_path

SERVERS_NAME: Final = "server"
"""As whom the server itself acts: a name that no account can have."""
_ACCOUNTS: Final = frozenset(["account", "accounts", "group"])
"""Fields that say accounts, as numbers or as @names."""
_TEXTS: Final = frozenset(["post", "edit"])
"""Kinds whose text has mentions, tags and links in it."""


def _tell_kinds(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    for kind, message in KINDS.items():
        fields = [
            f"{field.name}{'*' if field.required else ''}"
            for field in msgspec.structs.fields(message)
        ]
        click.echo(f"{kind}: {', '.join(fields) or 'no fields'}")
    context.exit()


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@data_option
@click.option("--as", "name", required=True, metavar="NAME", help="Who says it; or server.")
@click.option(
    "--kinds", is_flag=True, is_eager=True, expose_value=False, callback=_tell_kinds,
    help="List all kinds with their fields (* has no default).",
)  # fmt: skip
@json_option
def submit(kind: str, fields: tuple[str, ...], data: Path, name: str, as_json: bool) -> None:
    """Submit any message, as any account.

    It prints the number and id that the message was given. A value is JSON if it reads as that,
    else text. Accounts and groups may be said as @name, bytes in hexadecimal. In the texts of post,
    edit and draft mentions, tags and links are found.

    \b
    Example:
      covey submit --data DIR --as mira post 'text=Hello @ana #birds'
      covey submit --data DIR --as mira follow account=@ana languages='["de"]'
      covey submit --data DIR --as server setting name=registrations value=approval
    """
    existing(data)
    state = StateReader(state_path(data))
    try:
        message = _message(kind, _read(kind, fields), state, load(data))
        actor = SERVER if name == SERVERS_NAME else _number(state, name)
    finally:
        state.close()
    accepted = asyncio.run(_submit(data, actor, message))
    if as_json:
        print_json({"number": accepted.number, "id": accepted.id})
    else:
        click.echo(f"number {accepted.number}, id {accepted.id}")


async def _submit(data: Path, actor: int, message: AnyMessage) -> Accepted:
    async with attach(data) as engine:
        return await submit_message(engine, actor, message)


def _read(kind: str, said: tuple[str, ...]) -> dict[str, Any]:
    """`field=value` each. Raises click.UsageError."""
    types = get_type_hints(KINDS[kind])
    fields: dict[str, Any] = {}
    for pair in said:
        field, equals, value = pair.partition("=")
        if not equals or field not in types or field not in KINDS[kind].__struct_fields__:
            raise click.UsageError(
                f"“{pair}” is not FIELD=VALUE of a message “{kind}”, whose fields are:"
                f" {', '.join(KINDS[kind].__struct_fields__) or 'none'}"
            )
        fields[field] = _value(field, types[field], value)
    return fields


def _value(field: str, type_: Any, said: str) -> Any:
    """JSON if it reads as that, else text. Raises click.UsageError."""
    if type_ is bytes:
        try:
            return bytes.fromhex(said)
        except ValueError:
            raise click.UsageError(f"{field} is bytes, in hexadecimal") from None
    try:
        value = msgspec.json.decode(said)
    except msgspec.DecodeError:
        return said
    return said if type_ is str and not isinstance(value, str) else value


def _message(
    kind: str, fields: dict[str, Any], state: StateReader, settings: Settings
) -> AnyMessage:
    """Raises click.UsageError for what is no such message."""
    for field in _ACCOUNTS & fields.keys():
        fields[field] = _numbers(state, fields[field])
    if kind in _TEXTS:
        _parse(fields, settings)
    elif kind == "draft" and isinstance(fields.get("post"), dict):
        _parse(fields["post"], settings)
    elif kind.endswith("_tag") and "name" in fields:
        fields["name"] = tag_name(fields["name"].removeprefix("#"))
    try:
        return from_fields(kind, fields)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"this is no message “{kind}”: {error}") from None


def _parse(fields: dict[str, Any], settings: Settings) -> None:
    """What the text mentions, tags and links to stands in the message."""
    text = fields.get("text")
    if isinstance(text, str):
        found = parse(text, settings)
        fields["text"], fields["mentions"], fields["tags"], fields["links"] = found


def _numbers(state: StateReader, said: Any) -> Any:
    """@names as numbers, one or a list."""
    if isinstance(said, list):
        return [_numbers(state, one) for one in said]
    return _number(state, said) if isinstance(said, str) else said


def _number(state: StateReader, name: str) -> int:
    """Raises click.ClickException."""
    with state.snapshot() as snapshot:
        row = snapshot.account_named(name.removeprefix("@"))
    if row is None:
        raise click.ClickException(f"there is no account {name}")
    return row.number
