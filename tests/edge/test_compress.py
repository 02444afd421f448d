"""Answers over 1 KB go out compressed."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
import zstandard
from starlette.types import Message, Receive, Scope, Send

from covey.edge.compress import Compress, accepted_coding, send_whole


def answer(
    body: bytes, accepted: str = "", kind: str = "application/json", pieces: int = 1, **more: str
) -> tuple[dict[str, str], bytes, list[Message]]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        headers += [(name.encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left in range(pieces - 1, -1, -1):
            message: Any = {"type": "http.response.body", "body": body, "more_body": left > 0}
            await send(message)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    scope = {
        "type": "http", "method": "GET", "headers": [(b"accept-encoding", accepted.encode())]
    }  # fmt: skip
    asyncio.run(Compress(app)(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(message["body"] for message in sent[1:]), sent


BODY = b'{"a":"b"}' * 500


def test_zstd_goes_before_gzip() -> None:
    headers, body, _ = answer(BODY, "gzip, deflate, br, zstd")
    assert headers["content-encoding"] == "zstd"
    assert headers["content-length"] == str(len(body))
    assert headers["vary"] == "Accept-Encoding"
    assert zstandard.ZstdDecompressor().decompress(body) == BODY


def test_gzip() -> None:
    headers, body, _ = answer(BODY, "gzip", vary="Cookie")
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Cookie, Accept-Encoding"
    assert gzip.decompress(body) == BODY
    assert answer(BODY, "gzip")[1] == body, "the same body, the same bytes"


@pytest.mark.parametrize(
    ("body", "accepted", "kind", "more"),
    [
        (BODY, "", "application/json", {}),
        (BODY, "identity", "application/json", {}),
        (b"{}", "gzip", "application/json", {}),
        (BODY, "gzip", "image/png", {}),
        (BODY, "gzip", "application/json", {"content-encoding": "br"}),
    ],
)
def test_as_it_is(body: bytes, accepted: str, kind: str, more: dict[str, str]) -> None:
    headers, sent, _ = answer(body, accepted, kind, **more)
    assert sent == body
    assert headers["content-length"] == str(len(body))
    assert headers.get("content-encoding") == more.get("content-encoding")


def test_a_stream_passes_piece_by_piece() -> None:
    headers, _, sent = answer(b"data: x\n\n", "gzip", "text/event-stream", pieces=3)
    assert "content-encoding" not in headers
    assert len(sent) == 4
    assert answer(BODY, "gzip", "text/html", pieces=2)[1] == BODY * 2


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"), ("GZIP;q=0.5", "gzip"), ("gzip;q=0", ""), ("zstd;q=0, gzip", "gzip"),
        ("*", "gzip"), ("br", ""), ("", ""), ("deflate, gzip ; q=1.0", "gzip"),
    ],
)  # fmt: skip
def test_what_is_accepted(accepted: str, coding: str) -> None:
    assert accepted_coding(accepted) == coding


@pytest.mark.parametrize("accepted", ["", "gzip", "zstd, gzip"])
@pytest.mark.parametrize("body", [BODY, b"short"])
@pytest.mark.parametrize("kind", ["application/json", "image/png"])
def test_what_is_sent_whole_is_what_the_middleware_sends(
    accepted: str, body: bytes, kind: str
) -> None:
    headers, expected, _ = answer(body, accepted, kind)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "headers": [(b"accept-encoding", accepted.encode())]
    }  # fmt: skip
    start = {
        "type": "http.response.start", "status": 200,
        "headers": [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))],
    }  # fmt: skip
    asyncio.run(send_whole(scope, send, start, body))
    assert {name.decode(): value.decode() for name, value in sent[0]["headers"]} == headers
    assert [message["body"] for message in sent[1:]] == [expected]
