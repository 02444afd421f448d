"""A stranger that sends bytes, and no request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn

from covey.edge import connection
from covey.edge.connection import WEB_SOCKETS, Connection
from covey.limits import HEAD_BYTES

LARGE_BYTES = 32 << 20
"""More than the buffers of two sockets."""
OPENING = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def _app(scope: dict, receive: Callable, send: Callable) -> None:  # type: ignore[type-arg]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (said := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": said["text"]})
        return
    while (event := await receive())["type"] == "http.request" and event.get("more_body"):
        pass
    body = bytes(LARGE_BYTES) if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_server(test: Callable[[int], Awaitable[None]], **options: object) -> None:
    async def run() -> None:
        config = uvicorn.Config(
            _app, http=Connection, lifespan="off", log_level="critical", port=0,
            timeout_keep_alive=60, **{**WEB_SOCKETS, **options},
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            await test(server.servers[0].sockets[0].getsockname()[1])
        finally:
            server.should_exit = True
            await serving

    asyncio.run(run())


async def _say(port: int, *pieces: bytes) -> bytes:
    """What comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_a_request_that_is_as_it_should_be_is_answered() -> None:
    async def test(port: int) -> None:
        answer = await _say(port, OPENING, b"Connection: close\r\n", b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        body = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
        assert (await _say(port, body, *[b"x" * 50_000] * 4)).startswith(b"HTTP/1.1 200")

    _with_server(test)


@pytest.mark.parametrize(
    "pieces",
    [
        [OPENING, *[b"X: " + b"a" * 1_000 + b"\r\n"] * (HEAD_BYTES // 1_000 + 1)],
        [OPENING, b"X: ", *[b"a" * 10_000] * (HEAD_BYTES // 10_000 + 1)],
        [OPENING + b"X: " + b"a" * HEAD_BYTES + b"\r\n\r\n"],
        [b"GET /", *[b"a" * 10_000] * (HEAD_BYTES // 10_000 + 1)],
        [OPENING, b"\r\n", b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n"],
    ],
    ids=["many headers", "a long header", "all at once", "a long address", "the second request"],
)
def test_a_head_without_end_is_cut_off(pieces: list[bytes]) -> None:
    async def test(port: int) -> None:
        answer = await _say(port, *pieces)
        assert b"HTTP/1.1 400" in answer or not answer

    _with_server(test)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"G"],
        [OPENING],
        [OPENING, b"\r\n", b"\r\n"],
        [OPENING, b"\r\n", OPENING],
        [b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc"],
    ],
    ids=["nothing", "a letter", "half a head", "line ends", "half a second one", "half a body"],
)
def test_who_does_not_come_to_an_end_is_cut_off(
    pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)

    async def test(port: int) -> None:
        await _say(port, *pieces)  # comes back before its own patience ends

    _with_server(test)


def test_who_waits_between_two_requests_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.1)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(OPENING + b"\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.3)
        writer.close()

    _with_server(test)


def test_who_takes_nothing_of_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.2)
    closed = asyncio.Event()
    lost = Connection.connection_lost

    def connection_lost(self: Connection, error: Exception | None) -> None:
        lost(self, error)
        closed.set()

    monkeypatch.setattr(Connection, "connection_lost", connection_lost)

    async def test(port: int) -> None:
        # a small buffer, and nobody reads: asyncio's own streams read ahead
        with socket.socket() as client:
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.wait_for(closed.wait(), 20)

    _with_server(test)


def test_who_takes_it_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 5)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(8):
            await reader.readexactly(LARGE_BYTES // 8)
            await asyncio.sleep(0.05)
        writer.close()

    _with_server(test)


UPGRADE = (
    b"GET /api/v1/streaming HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)


def test_a_web_socket_is_no_request_that_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        # another connection is cut off after so long, this one is not
        assert await _say(port, OPENING) == b""
        assert await _say(port, OPENING) == b""
        writer.write(b"\x81\x82\0\0\0\0hi")
        assert await asyncio.wait_for(reader.readexactly(4), 20) == b"\x81\x02hi"
        writer.close()

    _with_server(test)


@pytest.mark.parametrize(
    "more",
    [
        b"X: y\r\n" * 200,
        b"X: " + b"y" * 9_000 + b"\r\n",
        b"Sec-WebSocket-Key: again\r\n",
        b"Sec-WebSocket-Version: 12\r\n",
    ],
)
def test_an_upgrade_that_is_none_is_refused(more: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test(port: int) -> None:
        answer = await _say(port, UPGRADE + more + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 4"), answer

    _with_server(test)
    assert not caplog.records


def test_who_does_not_answer_a_ping_is_gone() -> None:
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        for _ in range(2):  # answered as they come
            head = await asyncio.wait_for(reader.readexactly(2), 20)
            assert head == b"\x89\x04"
            writer.write(b"\x8a\x84\0\0\0\0" + await reader.readexactly(4))
        rest = await asyncio.wait_for(reader.read(), 20)
        assert rest.startswith(b"\x89\x04")
        writer.close()

    _with_server(test, ws_ping_interval=0.05, ws_ping_timeout=2)
