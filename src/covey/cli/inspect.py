"""`covey inspect`: print what stands in the log, a queue, an account."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from covey.cli.options import data_option, existing, json_option, print_json
from covey.cli.verify import arena_of
from covey.edge import home, queues
from covey.edge.cursor import Cursor
from covey.edge.text import tag_name
from covey.limits import PAGE_POSTS
from covey.log import Log, LogDamaged
from covey.log.log import Row, entry_of
from covey.messages import KINDS
from covey.state.queries import AccountRow, NotificationRow, PostRow, Snapshot, StateReader
from covey.state.state import state_path

TEXT_CHARACTERS = 100
"""Of a text on one line."""

limit_option = click.option(
    "--limit",
    default=PAGE_POSTS,
    show_default=True,
    type=click.IntRange(1),
    help="At most so many.",
)


@click.group()
def inspect() -> None:
    """Print what stands in the log, a queue, an account.

    Reads only; a server may run meanwhile.

    \b
    Example:
      covey inspect log --data DIR --after 1000 --limit 5
    """


# --- the log ----------------------------------------------------------------------------------


@inspect.command()
@data_option
@click.option("--after", default=0, show_default=True, help="Only messages with a higher number.")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), help="Only messages of this kind.", metavar="KIND"
)
@limit_option
@json_option
def log(data: Path, after: int, kind: str | None, limit: int, as_json: bool) -> None:
    """Print messages of the log, oldest first, one a line.

    \b
    Example:
      covey inspect log --data DIR --after 1000 --limit 5 --kind post
    """
    found = Log(existing(data) / "log.db")
    try:
        for row in found.rows(after):
            if kind is not None and row[2] != kind:
                continue
            entry = described(row)
            if as_json:
                print_json(entry)
            else:
                body = json.dumps(_plain(entry.get("message")), ensure_ascii=False)
                click.echo(
                    f"{entry['number']}  {_time(entry['stamp'])}  {entry['kind']}"
                    f"  by {entry['actor']}" + (f"  makes {entry['id']}" if entry["id"] else "")
                    + f"  {_short(entry.get('damage') or body)}"
                )  # fmt: skip
            limit -= 1
            if not limit:
                break
    finally:
        found.close()


@inspect.command()
@click.argument("number", type=click.IntRange(1))
@data_option
@json_option
def message(number: int, data: Path, as_json: bool) -> None:
    """Print message NUMBER of the log, with all its fields and bytes.

    \b
    Example:
      covey inspect message 1001 --data DIR
    """
    found = Log(existing(data) / "log.db")
    row = found.row(number)
    last = found.last_number()
    found.close()
    if row is None:
        raise click.ClickException(f"there is no message {number}: the log ends at {last}")
    entry = {**described(row), "body": row[6].hex(), "checksum": f"{row[7]:08x}"}
    if as_json:
        print_json(entry)
        return
    for name, value in entry.items():
        if name == "message":
            for field, content in value.items():
                click.echo(f"  {field}: {json.dumps(_plain(content), ensure_ascii=False)}")
        else:
            click.echo(f"{name}: {_time(value) if name == 'stamp' else _plain(value)}")


def described(row: Row) -> dict[str, Any]:
    """A row of the log as plain values; `damage` says why there is no `message`. A password's hash
    is not shown: who looks at a log has no use for it."""
    number, stamp, kind, actor, key, id_ = row[:6]
    entry = {
        "number": number, "stamp": stamp, "kind": kind, "actor": actor, "id": id_, "key": key.hex(),
    }  # fmt: skip
    try:
        fields = msgspec.structs.asdict(entry_of(row).message)
    except LogDamaged as damage:
        return {**entry, "damage": str(damage)}
    if fields.get("password_hash"):
        fields["password_hash"] = "…"  # noqa: S105
    defaults = {f.name: f.default for f in msgspec.structs.fields(KINDS[kind])}
    changed = {name: v for name, v in fields.items() if v != defaults[name]}
    return {**entry, "message": msgspec.to_builtins(changed, builtin_types=(bytes,))}


# --- an account -------------------------------------------------------------------------------


@inspect.command()
@click.argument("name")
@data_option
@json_option
def account(name: str, data: Path, as_json: bool) -> None:
    """Print the account NAME: its profile, counts, relations, reading positions.

    \b
    Example:
      covey inspect account mira --data DIR
    """
    state = StateReader(state_path(existing(data)))
    with state.snapshot() as snapshot:
        found = described_account(snapshot, _named(snapshot, name))
    state.close()
    if as_json:
        print_json(found)
        return
    for field, value in found.items():
        click.echo(f"{field}: {_time(value) if field == 'created' else _plain(value)}")


def described_account(snapshot: Snapshot, row: AccountRow) -> dict[str, Any]:
    number = row.number

    def count(sql: str) -> int:
        return int((snapshot.row(sql, (number,)) or (0,))[0])

    return {
        "number": number,
        "name": row.name,
        "display_name": row.display_name,
        "note": row.note,
        "role": row.role,
        "created": row.created,
        "followers": row.followers_count,
        "following": row.following_count,
        "posts": row.posts_count,
        "last_post": row.last_post,
        "blocks": count("select count(*) from blocks where account = ?"),
        "mutes": count("select count(*) from mutes where account = ?"),
        "notifications": count("select count(*) from notifications where account = ?"),
        "sessions": count("select count(*) from sessions where account = ?"),
        "tokens": count("select count(*) from tokens where account = ?"),
        "changed_by": row.changed,
        "positions": dict(
            snapshot.execute(
                "select queue, position from positions where account = ? order by queue", (number,)
            ).fetchall()
        ),
    }


# --- a queue ----------------------------------------------------------------------------------


@inspect.command()
@click.argument("queue")
@data_option
@click.option("--max-id", type=click.IntRange(1), help="Only what is older than this position.")
@limit_option
@json_option
def queue(queue: str, data: Path, max_id: int | None, limit: int, as_json: bool) -> None:
    """Print QUEUE, newest first, as its reader is shown it.

    NAME/home, NAME/notifications, NAME/posts (what the account wrote, as it sees it itself),
    public, tag/NAME.

    \b
    Example:
      covey inspect queue mira/home --data DIR --limit 5
    """
    arena = asyncio.run(arena_of(existing(data)))
    state = StateReader(state_path(data))
    cursor = Cursor(max_id=max_id, limit=limit)
    owner, _, which = queue.rpartition("/")
    with state.snapshot() as snapshot:
        rows: list[PostRow] | list[NotificationRow]
        if queue == "public":
            rows = queues.public(snapshot, snapshot.relations(0), cursor).rows
        elif owner == "tag":
            tag = tag_name(which.removeprefix("#"))
            rows = queues.tag(snapshot, snapshot.relations(0), tag, cursor).rows
        elif owner and which in ("home", "notifications", "posts"):
            reader = snapshot.relations(_named(snapshot, owner).number)
            if which == "home":
                rows = home.page(snapshot, arena, reader, cursor).rows
            elif which == "posts":
                rows = queues.outbox(snapshot, reader, reader.account, cursor).rows
            else:
                rows = queues.notifications(snapshot, reader, cursor).rows
        else:
            raise click.ClickException(
                f"there is no queue {queue}: NAME/home, NAME/notifications, NAME/posts, public,"
                " tag/NAME"
            )
        found = [_described_row(snapshot, row) for row in rows]
    state.close()
    for row_ in found:
        if as_json:
            print_json(row_)
        else:
            words = {"boost_of": "boosts ", "reply_to": "replies to "}
            values = (f"{words.get(name, '')}{v}" for name, v in row_.items() if name != "stamp")
            click.echo("  ".join([_time(row_["stamp"]), *map(_short, values)]))


def _described_row(snapshot: Snapshot, row: PostRow | NotificationRow) -> dict[str, Any]:
    if isinstance(row, NotificationRow):
        sender = snapshot.account(row.sender)
        return {
            "number": row.number, "stamp": row.stamp, "kind": row.kind,
            "sender": sender.name if sender else row.sender, "post": row.post,
        }  # fmt: skip
    author = snapshot.account(row.account)
    found: dict[str, Any] = {
        "id": row.id, "stamp": row.stamp, "author": author.name if author else row.account,
    }  # fmt: skip
    if row.boost_of:
        return {**found, "boost_of": row.boost_of}
    if row.reply_to:
        found["reply_to"] = row.reply_to
    return {**found, "text": row.text}


def _named(snapshot: Snapshot, name: str) -> AccountRow:
    row = snapshot.account_named(name.removeprefix("@"))
    if row is None:
        raise click.ClickException(f"there is no account {name}")
    return row


def _time(stamp: int) -> str:
    return f"{datetime.fromtimestamp(stamp / 1000, UTC):%Y-%m-%d %H:%M:%S}.{stamp % 1000:03d}"


def _short(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= TEXT_CHARACTERS else f"{text[: TEXT_CHARACTERS - 1]}…"


def _plain(value: Any) -> Any:
    """What JSON can hold: bytes as hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
