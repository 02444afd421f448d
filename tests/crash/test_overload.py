"""More than it can take, and readers who do not read: a real server stays itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server import HANG_SECONDS, Server, serving

from covey.engine.client import EngineClient
from covey.errors import Refused
from covey.keys import edge_key
from covey.limits import INBOX_MESSAGES_PER_ACCOUNT, STREAM_BUFFER_EVENTS
from covey.log import Log
from covey.messages import Follow, Post

READERS = 20
POSTS = 6_000
"""A slow reader's sockets hold some thousand; then its buffer at the edge fills."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def keys_in(server: Server) -> dict[bytes, int]:
    log = Log(server.folder / "log.db")
    return {entry.key: entry.number for entry in log.read() if isinstance(entry.message, Post)}


def test_too_much_of_one_account_is_refused_and_nothing_of_it_is_lost(server: Server) -> None:
    """All of it waits while the engine is stopped, and comes to it at once."""
    (_, token) = server.people("ann")["ann"]
    count = INBOX_MESSAGES_PER_ACCOUNT + 64
    engine = server.pid("engine")

    async def main() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with server.async_client(token, limits=limits) as client:

            def post(n: int) -> asyncio.Task[httpx.Response]:
                key = f"00000000-0000-4000-8000-{n:012}"
                return asyncio.create_task(
                    client.post(
                        "/api/v1/statuses",
                        data={"status": f"Number {n}"},
                        headers={"Idempotency-Key": key},
                    )
                )

            os.kill(engine, signal.SIGSTOP)
            try:
                asked = [post(n) for n in range(count)]
                await asyncio.sleep(3)
            finally:
                os.kill(engine, signal.SIGCONT)
            answers = await asyncio.gather(*asked)
            # what was refused may be sent again under the same key, until all of it is there
            for n, answer in enumerate(answers):
                while answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) >= 1
                    assert "error" in answer.json()
                    assert not asked[n].cancelled()
                    answer = await post(n)
                assert answer.status_code == 200, answer.text
            return answers

    answers = asyncio.run(main())
    assert {answer.status_code for answer in answers} == {200, 503}
    assert len(keys_in(server)) == count
    assert server.stop() == 0


def test_edges_that_never_stop_submitting(server: Server) -> None:
    """Four connections with more under way than the inbox takes: what is acknowledged is there, the
    rest is refused, and somebody else is answered all the while."""
    people = server.people(*[f"a{n}" for n in range(8)])
    numbers = [number for number, _ in people.values()]

    async def flood(engine: EngineClient, actor: int, until: float) -> tuple[set[bytes], int]:
        acknowledged: set[bytes] = set()
        refused = 0

        async def one() -> None:
            nonlocal refused
            key = edge_key()
            try:
                await engine.submit(actor, Post(text="More"), key)
                acknowledged.add(key)
            except Refused as error:
                assert error.code == "overloaded"  # noqa: PT017
                refused += 1

        while time.monotonic() < until:
            await asyncio.gather(*[one() for _ in range(2 * INBOX_MESSAGES_PER_ACCOUNT)])
        return acknowledged, refused

    async def main() -> tuple[list[tuple[set[bytes], int]], int]:
        until = time.monotonic() + 3
        floods = []
        async with (
            server.engine() as one, server.engine() as two, server.engine() as three,
            server.engine() as four, server.engine() as calm,
        ):  # fmt: skip
            for place, actor in enumerate(numbers[1:]):
                engine = (one, two, three, four)[place % 4]
                floods.append(asyncio.create_task(flood(engine, actor, until)))
            answered = 0
            while time.monotonic() < until:
                await calm.submit(numbers[0], Post(text="Me too"), edge_key())
                answered += 1
            return await asyncio.gather(*floods), answered

    results, answered = asyncio.run(main())
    assert answered > 1
    assert sum(refused for _, refused in results)
    there = keys_in(server)
    for acknowledged, _ in results:
        assert acknowledged <= set(there)
    assert server.stop() == 0
    server.verify()


class Slow:
    """A stream that is opened and not read."""

    def __init__(self, server: Server, token: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", server.port))
        self._socket.settimeout(HANG_SECONDS)
        self._socket.sendall(
            b"GET /api/v1/streaming/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + token.encode()
            + b"\r\n\r\n"
        )
        self._start = self._socket.recv(256)
        assert b" 200 " in self._start

    def rest(self) -> bytes:
        """All that comes until the stream ends."""
        found = self._start
        while not found.endswith(b"0\r\n\r\n"):
            more = self._socket.recv(1 << 20)
            assert more, "it was cut, not ended"
            found += more
        self._socket.close()
        return found


def updates(text: str) -> list[tuple[str, int]]:
    """(cursor, post id) of the events in a stream's text."""
    found = []
    for event in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if lines.get("event") == "update":
            found.append((lines["id"], int(json.loads(lines["data"])["id"])))
        assert lines.get("event") != "gap"
    return found


def unchunked(answer: bytes) -> str:
    _, _, left = answer.partition(b"\r\n\r\n")
    body = b""
    while left:
        size, _, left = left.partition(b"\r\n")
        body += left[: int(size, 16)]
        left = left[int(size, 16) + 2 :]
    return body.decode()


@pytest.mark.long
def test_a_slow_reader_is_cut_off_and_slows_nobody(server: Server) -> None:
    people = server.people("slow", "ann", *[f"r{n}" for n in range(READERS)])
    ann = people["ann"][0]
    server.submit(
        *[(number, Follow(account=ann)) for name, (number, _) in people.items() if name != "ann"]
    )
    slow = Slow(server, people["slow"][1])

    async def read(token: str, last: asyncio.Future[int], opened: asyncio.Event) -> list[int]:
        got: list[int] = []
        async with (
            server.async_client(token) as client,
            client.stream("GET", "/api/v1/streaming/user", timeout=None) as stream,
        ):
            opened.set()
            text = ""
            async for part in stream.aiter_text():
                text += part
                whole, _, text = text.rpartition("\n\n")
                got += [id_ for _, id_ in updates(whole)]
                if last.done() and got and got[-1] == last.result():
                    return got
        raise AssertionError("the stream ended")

    async def main() -> list[int]:
        last: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        opened = [asyncio.Event() for _ in range(READERS)]
        readers = [
            asyncio.create_task(read(people[f"r{n}"][1], last, opened[n])) for n in range(READERS)
        ]
        for event in opened:
            await event.wait()
        posted: list[int] = []
        async with server.engine() as engine:
            while len(posted) < POSTS:
                # a pause, so that those who read are not behind themselves
                done = [engine.submit(ann, Post(text="x" * 500), edge_key()) for _ in range(100)]
                posted += sorted([answer.id for answer in await asyncio.gather(*done)])
                await asyncio.sleep(0.4)
        last.set_result(posted[-1])
        for got in await asyncio.gather(*readers):
            assert got == posted
        return posted

    posted = asyncio.run(main())
    seen = updates(unchunked(slow.rest()))
    assert STREAM_BUFFER_EVENTS < len(seen) < POSTS, "it was not cut off: send more"
    assert [id_ for _, id_ in seen] == posted[: len(seen)]
