"""`covey account`: create, list, password, role, totp-off."""

from __future__ import annotations

import asyncio
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click

from covey.cli.options import data_option, existing, json_option, print_json, table
from covey.cli.submitting import submit
from covey.edge.passwords import check_password, hash_now
from covey.engine.attach import attach
from covey.errors import Refused
from covey.messages import SERVER, AnyMessage, Password, Register, Role, SetRole, TotpOff
from covey.state.queries import AccountRow, StateReader
from covey.state.state import state_path

_role = click.Choice(get_args(Role))
_stdin_option = click.option(
    "--password-stdin", "stdin", is_flag=True, help="Read the password from the standard input."
)
_generate_option = click.option(
    "--password-generate", "generate", is_flag=True, help="Make a password and print it."
)


@click.group()
def account() -> None:
    """Create and list accounts, set passwords and roles.

    \b
    Example:
      covey account create mira --data DIR --password-generate --role administrator
    """


@account.command()
@click.argument("name")
@data_option
@_stdin_option
@_generate_option
@click.option("--role", type=_role, default="member", show_default=True, help="What it may do.")
@click.option("--email", default="", help="Its e-mail address.")
@json_option
def create(
    name: str, data: Path, stdin: bool, generate: bool, role: Role, email: str, as_json: bool
) -> None:
    """Create the account NAME. Without a password nobody can log in to it.

    \b
    Example:
      covey account create mira --data DIR --password-generate
    """
    password = _password(stdin, generate)
    message = Register(
        name=name, email=email, role=role, password_hash=hash_now(password) if password else ""
    )
    number = asyncio.run(_submit(data, message))
    if as_json:
        made = {"password": password} if generate else {}
        print_json({"number": number, "name": name, "role": role, **made})
        return
    click.echo(f"account {name} is number {number}, {role}")
    _tell(password if generate else "")


@account.command("list")
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """List all accounts, in the order in which they came.

    \b
    Example:
      covey account list --data DIR --json
    """
    state = StateReader(state_path(existing(data)))
    with state.snapshot() as snapshot:
        found = snapshot.execute(
            "select number, name, role, followers_count, following_count, posts_count, created,"
            " password_hash != '' from accounts order by number"
        ).fetchall()
    state.close()
    headings = ("number", "name", "role", "followers", "following", "posts", "created", "password")
    if as_json:
        for row in found:
            print_json({**dict(zip(headings, row, strict=True)), "password": bool(row[-1])})
        return
    rows = [
        (*map(str, row[:6]), f"{datetime.fromtimestamp(row[6] / 1000, UTC):%Y-%m-%d %H:%M}",
         "yes" if row[7] else "none")
        for row in found
    ]  # fmt: skip
    table(headings, rows)


@account.command()
@click.argument("name")
@data_option
@_stdin_option
@_generate_option
def password(name: str, data: Path, stdin: bool, generate: bool) -> None:
    """Give the account NAME a new password. All its sessions and tokens end.

    Without one of the two options it is asked for.

    \b
    Example:
      covey account password mira --data DIR --password-generate
    """
    row = account_named(data, name)
    new = _password(stdin, generate)
    if not new:
        new = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    message = Password(account=row.number, password_hash=hash_now(new))
    asyncio.run(_submit(data, message))
    click.echo(f"account {row.name} has a new password; its sessions and tokens have ended")
    _tell(new if generate else "")


@account.command()
@click.argument("name")
@click.argument("role", type=_role)
@data_option
def role(name: str, role: Role, data: Path) -> None:
    """Give the account NAME a role: member, moderator or administrator.

    \b
    Example:
      covey account role mira moderator --data DIR
    """
    row = account_named(data, name)
    asyncio.run(_submit(data, SetRole(account=row.number, role=role)))
    click.echo(f"account {row.name} is {role}")


@account.command("totp-off")
@click.argument("name")
@data_option
def totp_off(name: str, data: Path) -> None:
    """Turn off the second factor of the account NAME, whose owner lost device and recovery codes.

    Make sure first that it is its owner who asks: from then on the password alone logs in.

    \b
    Example:
      covey account totp-off mira --data DIR
    """
    row = account_named(data, name)
    try:
        asyncio.run(_submit(data, TotpOff(account=row.number)))
    except Refused as refused:
        if refused.code != "not_found":
            raise
        raise click.ClickException(f"account {row.name} has no second factor") from None
    click.echo(f"account {row.name} logs in by its password alone")


def account_named(data: Path, name: str) -> AccountRow:
    """Raises click.ClickException."""
    state = StateReader(state_path(existing(data)))
    with state.snapshot() as snapshot:
        row = snapshot.account_named(name.removeprefix("@"))
    state.close()
    if row is None:
        raise click.ClickException(f"there is no account {name}")
    return row


def _password(stdin: bool, generate: bool) -> str:
    if stdin and generate:
        raise click.UsageError("--password-stdin and --password-generate exclude each other")
    if generate:
        return secrets.token_urlsafe(15)
    if stdin:
        found = sys.stdin.readline().rstrip("\r\n")
        check_password(found)
        return found
    return ""


def _tell(password: str) -> None:
    if password:
        click.echo(f"password: {password}")


async def _submit(data: Path, message: AnyMessage) -> int:
    """→ the id of what it made."""
    async with attach(data) as engine:
        return (await submit(engine, SERVER, message)).id
