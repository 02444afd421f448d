"""A connection of a client: uvicorn's, with a bound on what it holds before a request is whole.

Behind it a request is counted, limited and refused with a sentence. Before it there is only a
stranger that sends bytes: as many as it likes, or one a minute.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from covey.edge.uploads import LONGER
from covey.limits import (
    HEAD_BYTES,
    REQUEST_SECONDS,
    SOCKET_MESSAGE_BYTES,
    SOCKET_PING_SECONDS,
    STALLED_SECONDS,
)


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Uvicorn's, but for a handshake with a head that is too large for the library (over 128 lines,
    or 8 KiB in one): its refusal was never sent, and the connection stayed open."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()


WEB_SOCKETS: Final[dict[str, Any]] = {
    "ws": WebSocketConnection,
    "ws_max_size": SOCKET_MESSAGE_BYTES,
    "ws_ping_interval": SOCKET_PING_SECONDS,
    "ws_ping_timeout": SOCKET_PING_SECONDS,
    # 60 KiB a socket and 330 µs an event with it, 20 KiB and 38 µs without
    "ws_per_message_deflate": False,
}
"""Uvicorn's settings for them."""


class HeadTooLarge(Exception):
    """The parser answers 400 and closes."""


class Connection(HttpToolsProtocol):
    """Cut off when the head of a request has more than HEAD_BYTES, or when a request, its body too,
    is not whole REQUEST_SECONDS after its first byte (the first one: after connecting), or when the
    client takes nothing of an answer for STALLED_SECONDS."""

    _whole = False
    """The last request is, and no other has begun."""
    _head = 0
    """Bytes of a head that is not whole; -1: it is."""
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)
        if self._stalled is not None:
            self._stalled.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # it is over, or a WebSocket now
        if self._whole:
            idle = self.cycle is None or self.cycle.response_complete
            if not idle or self.timeout_keep_alive_task is not None:
                return
            # line ends between two requests: they ended uvicorn's own deadline
        elif self._head >= 0:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.send_400_response("The head of the request is too large.")
                return
        self._set_deadline()

    def on_message_begin(self) -> None:
        self._whole, self._head = False, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES:
            raise HeadTooLarge
        self._head = -1
        self.scope[LONGER] = self._longer  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._whole = True
        self._end_deadline()

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _longer(self, seconds: float) -> None:
        """For a body that may be large, of somebody who is known: so long from now on."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
