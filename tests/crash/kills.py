"""Kill engine, edge, worker and supervisor in turn, under load, and prove that nothing was lost and
nothing came twice.

Authors post, delete, boost and favourite over HTTP, each act with an Idempotency-Key where the API
takes one, and send it again until it is answered. Readers hold streams open and resume them by
`Last-Event-ID`. In the end the log says what was accepted.

Runnable alone: `scripts/crash`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import httpx
from tests.server import HANG_SECONDS, Server, eventually, is_running

from covey.keys import client_key
from covey.log import Log
from covey.messages import Boost, Delete, Entry, Favourite, Follow, Post
from covey.readers.cursors import FILE as CURSORS
from covey.readers.cursors import standings
from covey.readers.search.index import FILE as INDEX

PARTS = ("engine", "edge", "worker", "supervisor")
AUTHORS = ("ann", "bob", "cyd")
PAUSE_SECONDS = 0.02
"""Between the acts of an author, so that one account stays below its limit of requests."""
ACTS_BETWEEN_KILLS = 20
"""Acknowledged since the last kill, so that each one meets a server at work."""


@dataclass
class Life:
    """What clients saw, all of it."""

    people: dict[str, int] = field(default_factory=dict)
    """Name → account."""
    posts: dict[bytes, int] = field(default_factory=dict)
    """Key of a post → the id that was acknowledged."""
    deleted: set[int] = field(default_factory=set)
    boosts: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Boost → author, original."""
    favourites: set[tuple[str, int]] = field(default_factory=set)
    acts: int = 0
    sent_again: int = 0
    resumed: int = 0
    streams: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    """Name → (cursor, event, id of what it is about)."""
    over: bool = False


async def until_answered(
    life: Life, client: httpx.AsyncClient, method: str, path: str, **said: Any
) -> httpx.Response:
    """As a client does it that wants to be sure."""
    deadline = time.monotonic() + HANG_SECONDS
    while True:
        try:
            response = await client.request(method, path, **said)
        except httpx.TransportError:
            pass
        else:
            if response.status_code != 503:
                return response
        assert time.monotonic() < deadline, (method, path, "no answer")
        life.sent_again += 1
        await asyncio.sleep(0.02)


async def author(life: Life, name: str, client: httpx.AsyncClient, chance: random.Random) -> None:
    own: list[int] = []
    while not life.over:
        act = chance.choices(["post", "delete", "boost", "favourite"], [12, 2, 2, 2])[0]
        others = [id_ for id_ in life.posts.values() if id_ not in own and id_ not in life.deleted]
        if act == "post":
            key = str(uuid.UUID(bytes=chance.randbytes(16), version=4))
            text = f"{name} says {life.acts}" + (" @reader" if chance.random() < 0.2 else "")
            response = await until_answered(
                life, client, "POST", "/api/v1/statuses",
                data={"status": text}, headers={"Idempotency-Key": key},
            )  # fmt: skip
            assert response.status_code == 200, response.text
            own.append(int(response.json()["id"]))
            life.posts[client_key(key)] = own[-1]
        elif act == "delete" and own:
            id_ = own.pop(chance.randrange(len(own)))
            life.deleted.add(id_)
            response = await until_answered(life, client, "DELETE", f"/api/v1/statuses/{id_}")
            # done, but the answer was lost: then it is gone
            assert response.status_code in (200, 404), response.text
        elif act == "boost" and others:
            id_ = chance.choice(others)
            response = await until_answered(life, client, "POST", f"/api/v1/statuses/{id_}/reblog")
            if response.status_code != 404 or id_ not in life.deleted:
                assert response.status_code == 200, response.text
                life.boosts[int(response.json()["id"])] = (name, id_)
        elif act == "favourite" and others:
            id_ = chance.choice(others)
            path = f"/api/v1/statuses/{id_}/favourite"
            response = await until_answered(life, client, "POST", path)
            if response.status_code != 404 or id_ not in life.deleted:
                assert response.status_code == 200, response.text
                life.favourites.add((name, id_))
        life.acts += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def reader(life: Life, name: str, client: httpx.AsyncClient, path: str) -> None:
    """A stream, resumed as often as it breaks, until it is cancelled."""
    events = life.streams.setdefault(name, [])
    while True:
        headers = {"Last-Event-ID": events[-1][0]} if events else {}
        try:
            async with client.stream("GET", path, headers=headers, timeout=None) as response:
                assert response.status_code in (200, 503), response.status_code
                said: dict[str, str] = {}
                async for line in response.aiter_lines():
                    name, _, value = line.partition(": ")
                    if line and name:
                        said[name] = value
                    elif said:
                        if "event" in said:
                            events.append((said["id"], said["event"], subject(said)))
                        said = {}
        except httpx.TransportError:
            pass
        life.resumed += 1
        await asyncio.sleep(0.02)


def subject(said: dict[str, str]) -> str:
    value = json.loads(said["data"])
    return str(value["id"]) if isinstance(value, dict) and "id" in value else str(value)


async def killer(life: Life, server: Server, kills: int, chance: random.Random) -> None:
    for kill in range(kills):
        part = PARTS[kill % len(PARTS)]
        done = life.acts
        deadline = time.monotonic() + HANG_SECONDS
        while life.acts < done + ACTS_BETWEEN_KILLS:
            assert time.monotonic() < deadline, f"nothing is acknowledged before kill {kill}"
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.random() * 0.1)
        await asyncio.to_thread(kill_once, server, part, chance)


def kill_once(server: Server, part: str, chance: random.Random) -> None:
    if part == "supervisor":
        pids = list(server.tree())
        server.kill(part)
        eventually(lambda: not any(map(is_running, pids)), "nothing of it remains", 5)
        server.start()
    else:
        which = chance.randrange(server.edges) if part == "edge" else 0
        server.kill(part, which)


async def live_through(server: Server, seed: int, kills: int) -> Life:
    chance = random.Random(seed)
    life = Life()
    people = await asyncio.to_thread(server.people, "reader", *AUTHORS)
    life.people = {name: number for name, (number, _) in people.items()}
    follows = [
        (people["reader"][0], Follow(account=people[name][0], notify=name == "ann"))
        for name in AUTHORS
    ]
    await asyncio.to_thread(server.submit, *follows)
    clients = {name: server.async_client(token) for name, (_, token) in people.items()}
    streams = [
        asyncio.create_task(reader(life, name, clients["reader"], path))
        for name, path in [
            ("user", "/api/v1/streaming/user"),
            ("public", "/api/v1/streaming/public"),
        ]
    ]
    await first_event(life, server, people["ann"][0])
    writers = [
        asyncio.create_task(author(life, name, clients[name], random.Random(f"{seed} {name}")))
        for name in AUTHORS
    ]
    try:
        kill = asyncio.create_task(killer(life, server, kills, chance))
        await asyncio.wait([kill, *writers, *streams], return_when=asyncio.FIRST_COMPLETED)
        life.over = True
        await asyncio.gather(kill, *writers)
        last = (await asyncio.to_thread(server.submit, (people["ann"][0], Post(text="last"))))[0]
        await seen_everywhere(life, str(last))
    finally:
        for task in [*writers, *streams]:
            task.cancel()
        # a stream that failed says so
        for result in await asyncio.gather(*streams, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        for client in clients.values():
            await client.aclose()
    return life


async def first_event(life: Life, server: Server, account: int) -> None:
    """Both streams stand, and have a cursor."""
    deadline = time.monotonic() + HANG_SECONDS
    while len(life.streams) < 2 or not all(life.streams.values()):
        assert time.monotonic() < deadline, "streams bring nothing"
        await asyncio.to_thread(server.submit, (account, Post(text="first")))
        await asyncio.sleep(0.1)


async def seen_everywhere(life: Life, id_: str) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not all(("update", id_) in [e[1:] for e in s[-50:]] for s in life.streams.values()):
        assert time.monotonic() < deadline, "the last post does not come"
        await asyncio.sleep(0.02)


# --- what must be so --------------------------------------------------------------------------


def judge(folder: Path, life: Life) -> None:
    log = Log(folder / "log.db")
    entries = list(log.read())
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    judge_acts(entries, life)
    for name in life.streams:
        judge_stream(entries, name, life.streams[name])
    judge_index(folder, entries)


def judge_acts(entries: list[Entry], life: Life) -> None:
    posts = [entry for entry in entries if isinstance(entry.message, Post)]
    by_key: dict[bytes, list[int]] = {}
    for entry in posts:
        by_key.setdefault(entry.key, []).append(entry.id)
    for key, id_ in life.posts.items():
        assert by_key[key] == [id_]
    # each client sent each of its posts until it was answered: nothing else is there
    clients = {entry.key for entry in posts if entry.key[:1] == b"u"}
    assert clients == set(life.posts)
    deletes = [e.message.post for e in entries if isinstance(e.message, Delete)]
    assert sorted(deletes) == sorted(life.deleted)
    boosts = {e.id: e.message.post for e in entries if isinstance(e.message, Boost)}
    assert {id_: original for id_, (_, original) in life.boosts.items()}.items() <= boosts.items()
    favourites = [(e.actor, e.message.post) for e in entries if isinstance(e.message, Favourite)]
    assert len(favourites) == len(set(favourites)), "a favourite twice"
    known = {(life.people[name], post) for name, post in life.favourites}
    assert known <= set(favourites), sorted(known - set(favourites))
    # done, but the answer was lost and the post gone when it was asked again: answered by 404
    surplus = {post for _, post in set(favourites) - known}
    assert surplus <= life.deleted, sorted(surplus - life.deleted)


def judge_stream(entries: list[Entry], name: str, events: list[tuple[str, str, str]]) -> None:
    """Everything from its first event on, in order, and nothing twice."""
    places = [tuple(map(int, cursor.split("."))) for cursor, _, _ in events]
    assert places == sorted(set(places)), "out of order, or twice"
    assert {kind for _, kind, _ in events} <= {"update", "delete", "notification"}, "a gap"
    first, last = places[0][1], places[-1][1]
    deleted = {entry.message.post for entry in entries if isinstance(entry.message, Delete)}
    found = {(kind, int(id_)) for _, kind, id_ in events}
    expected = set()
    for entry in entries[first - 1 : last]:
        message = entry.message
        if isinstance(message, Post) or (isinstance(message, Boost) and name == "user"):
            expected.add(("update", entry.id))
            if isinstance(message, Post) and name == "user" and (message.mentions or is_ann(entry)):
                expected.add(("notification", entry.number))
        elif isinstance(message, Delete):
            expected.add(("delete", message.post))
    missing = expected - found
    # a post that was gone again before its event could be sent is not shown, nor what tells of it
    gone = {("update", id_) for id_ in deleted}
    boosts = {entry.id: entry.message.post for entry in entries if isinstance(entry.message, Boost)}
    gone |= {("update", id_) for id_, original in boosts.items() if original in deleted}
    gone |= {("notification", e.number) for e in entries if e.id in deleted}
    assert not missing - gone, sorted(missing - gone)
    surplus = {event for event in found - expected if event[0] != "notification"}
    # a boost goes with its original
    assert not {e for e in surplus if e[0] != "delete" or e[1] not in boosts}, surplus


def is_indexed(folder: Path) -> bool:
    log = Log(folder / "log.db")
    last = log.last_number()
    log.close()
    return standings(folder / CURSORS)["search"]["cursor"] == last


def judge_index(folder: Path, entries: list[Entry]) -> None:
    """It has every post that stands, and no other, and is sound."""
    connection = apsw.Connection(str(folder / INDEX))
    # compares the words with what they were made from
    connection.execute("insert into search (search, rank) values ('integrity-check', 1)")
    found = [id_ for (id_,) in connection.execute("select rowid from search order by 1")]
    connection.close()
    deleted = {entry.message.post for entry in entries if isinstance(entry.message, Delete)}
    posts = {entry.id for entry in entries if isinstance(entry.message, Post)}
    assert found == sorted(posts - deleted)


def is_ann(entry: Entry) -> bool:
    return entry.actor == 2  # registered after the reader, who is told of her posts


def run(folder: Path, seed: int, kills: int, *, edges: int = 2) -> Life:
    """All of it. Raises AssertionError, naming what is not so."""
    server = Server(folder, edges=edges)
    try:
        server.start()
        life = asyncio.run(live_through(server, seed, kills))
        eventually(lambda: is_indexed(server.folder), "the worker has taken in all")
        assert server.stop() == 0
        assert not server.tree()
        judge(server.folder, life)
        server.verify()
    finally:
        server.end()
    return life


def told(life: Life, kills: int, seconds: float) -> str:
    events = sum(map(len, life.streams.values()))
    return (
        f"{kills} kills in {seconds:.0f} s: {life.acts} acts acknowledged"
        f" ({life.sent_again} times sent again), {events} events on"
        f" {len(life.streams)} streams (resumed {life.resumed} times): nothing lost, nothing twice"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/crash")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, help="of an earlier run; by default a fresh one")
    parser.add_argument("--edges", type=int, default=2)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="covey-crash-") as name:
        try:
            life = run(Path(name), seed, options.kills, edges=options.edges)
        except BaseException:
            print((Path(name) / "said").read_text()[-8000:], file=sys.stderr)
            raise
    print(told(life, options.kills, time.monotonic() - started))


if __name__ == "__main__":
    main()
