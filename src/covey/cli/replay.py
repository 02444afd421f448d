"""`covey replay`: a graph and posts from files, through the engine's real submit path."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from covey.cli.options import data_option, json_option, print_json
from covey.cli.progress import progress
from covey.cli.submitting import in_flight, submit
from covey.edge.text import parse
from covey.engine.attach import attach
from covey.engine.client import EngineClient
from covey.errors import Refused
from covey.messages import SERVER, Follow, Post, Register
from covey.settings import Settings, load
from covey.state.queries import StateReader
from covey.state.state import state_path

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_SOMEBODY: Final = re.compile(r"(?<![A-Za-z0-9_])@user(?![A-Za-z0-9_])")


class Replayed(Struct):
    """What a replay did."""

    accounts: int
    follows: int
    posts: int
    repeated: int
    """Posts that an earlier replay with this seed and file had submitted."""
    refused: dict[str, int]
    """Posts by the code of their refusal."""
    deliveries: int
    seconds: float
    """Of submitting the posts."""
    engine_cpu_seconds: float
    """Of submitting the posts."""


@click.command()
@data_option
@click.option(
    "--follows",
    required=True,
    type=_file,
    metavar="F.csv",
    help="CSV with a line `follower,followed` an edge; ids are numbers.",
)
@click.option(
    "--posts",
    required=True,
    type=_file,
    metavar="P.txt",
    help="Texts, one a line, UTF-8; taken again from the top.",
)
@click.option("--posts-count", required=True, type=click.IntRange(min=0), help="Posts to submit.")
@click.option("--seed", default=1, show_default=True, help="Draws the authors and the mentioned.")
@click.option(
    "--in-flight",
    "at_once",
    default=256,
    show_default=True,
    type=click.IntRange(1, 4_096),
    help="Submissions that wait for an answer.",
)
@json_option
def replay(
    data: Path, follows: Path, posts: Path, posts_count: int, seed: int, at_once: int, as_json: bool
) -> None:
    """Load a graph of follows and submit posts.

    Registers an account for each id of the graph (`u123` for 123), makes the follows, and submits
    posts by authors drawn evenly from those that have followers. A bare `@user` in a text becomes
    the name of an account drawn by seed. All goes through the engine of the data folder, or one
    that runs for this command. A second call with the same files and seed finds everything done.

    \b
    Example:
      covey replay --data DIR --follows follows.csv --posts posts.txt --posts-count 100000
    """
    done = asyncio.run(_replay(data, follows, posts, posts_count, seed, at_once))
    if as_json:
        print_json({name: getattr(done, name) for name in done.__struct_fields__})
        return
    click.echo(f"accounts: {done.accounts:,}")
    click.echo(f"follows: {done.follows:,}")
    click.echo(f"posts: {done.posts:,} in {done.seconds:.2f} s")
    if done.repeated:
        click.echo(f"posts that were there already: {done.repeated:,}")
    for code, count in done.refused.items():
        click.echo(f"posts refused as {code}: {count:,}")
    if done.posts:
        rates = f"{done.posts / done.seconds:,.0f} posts/s, {done.deliveries / done.seconds:,.0f}"
        click.echo(f"{rates} deliveries/s ({done.deliveries:,} deliveries)")
        cpu = done.engine_cpu_seconds
        click.echo(f"engine: {cpu:.2f} s of CPU, {cpu / done.posts * 1e6:.0f} µs a post")


async def _replay(
    data: Path, follows: Path, posts: Path, posts_count: int, seed: int, at_once: int
) -> Replayed:
    edges = read_follows(follows)
    texts = [line for line in posts.read_text("utf-8").split("\n") if line.strip()]
    if posts_count and not texts:
        raise click.ClickException(f"{posts} holds no text")
    async with attach(data) as engine:
        accounts = await _register(engine, data, edges, at_once)
        await _follow(engine, accounts, edges, at_once)
        authors = sorted({accounts[followed] for _, followed in edges})
        if posts_count and not authors:
            raise click.ClickException(f"{follows} holds no follow, so nobody to post")
        drawn = draw_posts(texts, posts_count, authors, list(accounts), seed, load(data))
        return await _post(engine, drawn, posts_count, at_once, len(accounts), len(edges))


def read_follows(path: Path) -> list[tuple[str, str]]:
    """(follower's name, followed's name), each pair once, in the order of the file.

    Raises click.ClickException, naming the line that is none."""
    edges: dict[tuple[str, str], None] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or (number == 1 and row == ["follower", "followed"]):
                continue
            if len(row) != 2 or not all(re.fullmatch(r"[0-9]{1,20}", id_) for id_ in row):
                raise click.ClickException(f"{path}, line {number} is not `follower,followed`")
            if row[0] != row[1]:
                edges[name_of(row[0]), name_of(row[1])] = None
    return list(edges)


def name_of(id_: str) -> str:
    """A legal account name: digits stay apart under the rule of look-alikes."""
    return f"u{id_}"


async def _register(
    engine: EngineClient, data: Path, edges: list[tuple[str, str]], at_once: int
) -> dict[str, int]:
    """name → account number, in the order of the names' first mention."""
    accounts = dict.fromkeys(name for edge in edges for name in edge)
    found = dict.fromkeys(accounts, 0)
    state = StateReader(state_path(data))
    with state.snapshot() as snapshot:
        for number, name in snapshot.execute("select number, name from accounts"):
            if name in found:
                found[name] = number
    state.close()
    missing = [name for name, number in found.items() if not number]
    with progress("accounts", len(missing)) as advance:

        async def register(name: str) -> None:
            found[name] = (await submit(engine, SERVER, Register(name=name))).id
            advance(1)

        await in_flight(at_once, missing, register)
    return found


async def _follow(
    engine: EngineClient, accounts: dict[str, int], edges: list[tuple[str, str]], at_once: int
) -> None:
    with progress("follows", len(edges)) as advance:

        async def follow(edge: tuple[str, str]) -> None:
            follower, followed = edge
            try:
                await submit(engine, accounts[follower], Follow(account=accounts[followed]))
            except Refused as refused:
                if refused.code != "already_done":
                    raise
            advance(1)

        await in_flight(at_once, edges, follow)


def draw_posts(
    texts: list[str], count: int, authors: list[int], names: list[str], seed: int,
    settings: Settings,
) -> Iterator[tuple[int, Post, bytes]]:  # fmt: skip
    """(author, post, key): the same for the same texts, accounts and seed."""
    chance = random.Random(seed)  # noqa: S311
    for place in range(count):
        author = chance.choice(authors)
        text = _SOMEBODY.sub(lambda _: f"@{chance.choice(names)}", texts[place % len(texts)])
        text, mentions, tags, links = parse(text, settings)
        # A key that is remembered for good: a replay that was broken off goes on where it was.
        named = f"replay {seed} {place} {text}".encode()
        key = b"u" + hashlib.sha256(named).digest()[:16]
        yield author, Post(text=text, mentions=mentions, tags=tags, links=links), key


async def _post(
    engine: EngineClient, drawn: Iterator[tuple[int, Post, bytes]], count: int, at_once: int,
    accounts: int, follows: int,
) -> Replayed:  # fmt: skip
    done = Replayed(accounts, follows, 0, 0, {}, 0, 0.0, 0.0)
    before = await engine.facts()
    began = time.monotonic()
    with progress("posts", count) as advance:

        async def post(drawn: tuple[int, Post, bytes]) -> None:
            try:
                accepted = await submit(engine, *drawn)
            except Refused as refused:
                done.refused[refused.code] = done.refused.get(refused.code, 0) + 1
            else:
                if accepted.repeated:
                    done.repeated += 1
                else:
                    done.posts += 1
            advance(1)

        await in_flight(at_once, drawn, post)
    done.seconds = time.monotonic() - began
    after = await engine.facts()
    done.deliveries = after.deliveries - before.deliveries
    done.engine_cpu_seconds = after.cpu_seconds - before.cpu_seconds
    return done
