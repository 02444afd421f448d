"""Answers over 1 KB go out compressed: zstd where the client takes it, else gzip."""

from __future__ import annotations

import re
from typing import Final

import zstandard
from isal import igzip
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from covey.edge.requests import header

COMPRESSED_BYTES_MIN: Final = 1_024

_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 1
_TYPES: Final = re.compile(
    rb"(?:text/(?!event-stream)[a-z-]+|application/(?:[a-z.-]+\+)?(?:json|javascript|xml)"
    rb"|image/svg\+xml)\b"
)

_zstd: Final = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)


class Compress:
    """ASGI middleware. Only bodies that come in one piece: streams pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        accepted = header(scope, b"accept-encoding")
        coding = accepted_coding(accepted) if accepted else ""
        start: Message | None = None

        async def compressing(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_compressible(message):
                start = message  # its headers depend on the body
                return
            if start is not None:
                first, start = start, None
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    message = _compressed(first, message, coding)
                await send(first)
            await send(message)

        await self.app(scope, receive, compressing)


async def send_whole(scope: Scope, send: Send, start: Message, body: bytes) -> None:
    """An answer whose body is there in one piece, without a middleware around it. Changes the
    headers of `start`."""
    message: Message = {"type": "http.response.body", "body": body}
    if len(body) > COMPRESSED_BYTES_MIN and scope["method"] != "HEAD" and _is_compressible(start):
        accepted = header(scope, b"accept-encoding")
        message = _compressed(start, message, accepted_coding(accepted) if accepted else "")
    await send(start)
    await send(message)


def accepted_coding(accepted: str) -> str:
    """zstd, gzip, or nothing: the best that an Accept-Encoding allows."""
    taken = set()
    for choice in accepted.lower().split(","):
        name, _, quality = choice.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(name.strip())
    return "zstd" if "zstd" in taken else "gzip" if "gzip" in taken or "*" in taken else ""


def _is_compressible(start: Message) -> bool:
    names = {name.lower(): value for name, value in start.get("headers", ())}
    return (
        _TYPES.match(names.get(b"content-type", b"")) is not None
        and b"content-encoding" not in names
        and b"content-range" not in names
    )


def _compressed(start: Message, message: Message, coding: str) -> Message:
    """Changes `start`'s headers."""
    body: bytes = message.get("body", b"")
    if len(body) <= COMPRESSED_BYTES_MIN:
        return message
    vary, headers = b"Accept-Encoding", []
    for name, value in start["headers"]:
        if name.lower() == b"vary":
            vary = value + b", " + vary
        elif name.lower() != b"content-length":
            headers.append((name, value))
    headers.append((b"vary", vary))
    if coding == "zstd":
        body = _zstd.compress(body)
    elif coding == "gzip":
        body = igzip.compress(body, _GZIP_LEVEL, mtime=0)
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    headers.append((b"content-length", str(len(body)).encode()))
    start["headers"] = headers
    return {**message, "body": body}
