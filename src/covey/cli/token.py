"""`covey token`: create, list, revoke personal access tokens, as a bot's owner does on its page."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from covey.cli.account import account_named
from covey.cli.options import data_option, existing, json_option, print_json, table
from covey.cli.submitting import submit
from covey.edge.access import new_secret, parse_scopes, secret_hash
from covey.engine.attach import attach
from covey.messages import SERVER, AnyMessage, RevokeToken, Token
from covey.state.queries import StateReader
from covey.state.state import state_path

_name_option: Final = click.option("--name", required=True, help="What it is for: its name.")


@click.group()
def token() -> None:
    """Create, list and revoke personal access tokens.

    With one a program acts as an account: `Authorization: Bearer TOKEN` at every request.

    \b
    Example:
      covey token create @bot --data DIR --name weather --scopes "read write:statuses"
    """


@token.command()
@click.argument("account")
@_name_option
@click.option(
    "--scopes", default="read write", show_default=True, metavar="SCOPES",
    help="What it may do: scopes of OAuth, with blanks or commas between.",
)  # fmt: skip
@data_option
@json_option
def create(account: str, name: str, scopes: str, data: Path, as_json: bool) -> None:
    """Make a token for ACCOUNT and print it, this once.

    \b
    Example:
      covey token create @bot --data DIR --name weather --scopes write:statuses
    """
    granted = parse_scopes(scopes)
    row = account_named(data, account)
    secret = new_secret()
    message = Token(
        token_hash=secret_hash(secret), app=0, account=row.number, scopes=granted, name=name.strip()
    )
    if not message.name:
        raise click.UsageError("--name is empty")
    _submit(data, message)
    if as_json:
        print_json({"account": row.name, "name": message.name, "scopes": granted, "token": secret})
        return
    click.echo(secret)
    click.echo(f"token {message.name} of {row.name}, for {granted}; shown this once", err=True)


@token.command("list")
@click.argument("account", required=False)
@data_option
@json_option
def list_(account: str | None, data: Path, as_json: bool) -> None:
    """List the tokens of ACCOUNT, or of all accounts.

    \b
    Example:
      covey token list --data DIR --json
    """
    number = account_named(data, account).number if account else 0
    state = StateReader(state_path(existing(data)))
    with state.snapshot() as snapshot:
        found = snapshot.execute(
            "select accounts.name, tokens.name, scopes, tokens.created from tokens"
            " join accounts on number = account where app = 0 and ? in (0, account)"
            " order by account, tokens.created, tokens.name",
            (number,),
        ).fetchall()
    state.close()
    headings = ("account", "name", "scopes", "created")
    if as_json:
        for row in found:
            print_json(dict(zip(headings, row, strict=True)))
        return
    rows = [
        (*row[:3], f"{datetime.fromtimestamp(row[3] / 1000, UTC):%Y-%m-%d %H:%M}") for row in found
    ]
    table(headings, rows)


@token.command()
@click.argument("account")
@_name_option
@data_option
def revoke(account: str, name: str, data: Path) -> None:
    """Revoke the token of ACCOUNT that has this name: it is refused at its next request.

    \b
    Example:
      covey token revoke @bot --data DIR --name weather
    """
    row = account_named(data, account)
    state = StateReader(state_path(data))
    with state.snapshot() as snapshot:
        found = snapshot.row(
            "select token_hash from tokens where account = ? and app = 0 and name = ?",
            (row.number, name.strip()),
        )
    state.close()
    if found is None:
        raise click.ClickException(f"account {row.name} has no token {name}")
    _submit(data, RevokeToken(token_hash=found[0]))
    click.echo(f"token {name} of {row.name} is revoked")


def _submit(data: Path, message: AnyMessage) -> None:
    async def send() -> None:
        async with attach(data) as engine:
            await submit(engine, SERVER, message)

    asyncio.run(send())
