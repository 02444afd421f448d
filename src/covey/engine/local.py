"""Engine and edge in one process: the same dispatcher and the same client, a direct call for the
socket. For tests, for commands, and for the simulator."""

from __future__ import annotations

from covey.engine.client import EngineClient
from covey.engine.dispatcher import Dispatcher
from covey.engine.frames import Frame, Splitter, from_edge


class LocalConnection:
    """What stands between a Dispatcher and an EngineClient of the same event loop."""

    def __init__(self, dispatcher: Dispatcher, client: EngineClient) -> None:
        self._dispatcher = dispatcher
        self._client = client
        self._splitter = Splitter()
        client.connected(self._write)
        dispatcher.connect(self)

    slow = False

    def _write(self, data: bytes) -> None:
        for body in self._splitter.feed(data):
            self._dispatcher.receive(self, from_edge.decode(body))

    def send(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._client.receive(frame)  # type: ignore[arg-type]

    def close(self) -> None:
        self._dispatcher.disconnect(self)
        self._client.disconnected()
