"""A connection of a client: uvicorn's, with a bound on what it holds before a request is whole.

Behind it a request is counted, limited and refused with a sentence. Before it there is only a
stranger that sends bytes: as many as it likes, or one a minute.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from covey.edge.uploads import LONGER
from covey.limits import HEAD_BYTES, REQUEST_SECONDS


class HeadTooLarge(Exception):
    """The parser answers 400 and closes."""


class Connection(HttpToolsProtocol):
    """Cut off when the head of a request has more than HEAD_BYTES, or when a request, its body too,
    is not whole REQUEST_SECONDS after its first byte (the first one: after connecting)."""

    _whole = False
    """The last request is, and no other has begun."""
    _head = 0
    """Bytes of a head that is not whole; -1: it is."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
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
