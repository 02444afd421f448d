"""A whole server in one process, on a free port of this machine: engine, edge and pages."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from tests.folders import scratch

from covey.cli.application import application
from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.layout import Layout
from covey.edge.access import SESSION_COOKIE, new_secret, secret_hash
from covey.edge.connection import WEB_SOCKETS
from covey.edge.edge import Edge
from covey.edge.passwords import hash_now
from covey.edge.text import parse
from covey.engine.client import EngineClient
from covey.engine.counters import Counters
from covey.engine.dispatcher import Dispatcher
from covey.engine.engine import Accepted, Engine
from covey.engine.local import LocalConnection
from covey.keys import edge_key
from covey.log import Log
from covey.messages import SERVER, AnyMessage, OpenSession, Post, Register, Visibility
from covey.seal import KEY_BYTES, Seal
from covey.settings import Settings
from covey.state.queries import StateReader
from covey.state.state import State, state_path

ACCOUNTS_MAX = 1_024
CHUNKS = 4_096
PASSWORD = "correct horse battery"

T = TypeVar("T")


class Site:
    """Its server runs in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.skew_ms = 0
        """Added to the clock: the past can be told first."""
        self.accounts: dict[str, int] = {}
        self.sessions: dict[str, str] = {}
        self._password_hash = hash_now(PASSWORD)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def _run(self) -> None:
        asyncio.run(self._serve())

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        arena = Arena.in_memory(Layout(CHUNKS, ACCOUNTS_MAX).end, ACCOUNTS_MAX)
        engine = Engine(
            log=Log(self._folder / "log.db", write=True),
            state=State(state_path(self._folder)),
            arena=arena,
            now=self.now,
        )
        engine.recover()
        self.dispatcher = dispatcher = Dispatcher(
            engine, now=self.now, schedule=self.loop.call_soon
        )
        client = EngineClient()
        # asyncio sends without delay only on sockets that say they are TCP: else 40 ms an answer
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        reader = StateReader(state_path(self._folder))
        self.edge = Edge(
            settings=Settings(public_url=self.url, title="Nest"),
            engine=client,
            reader=reader,
            arena=ArenaReader(arena.memory),
            now=self.now,
            secret=bytes(32),
            seal=Seal(bytes(KEY_BYTES)),
            vapid_key=base64url(VAPID.public),
        )
        LocalConnection(dispatcher, client)
        config = uvicorn.Config(
            application(self.edge), lifespan="off", log_level="warning", **WEB_SOCKETS
        )
        self._server = uvicorn.Server(config)
        self._ready.set()
        await self._server.serve(sockets=[listening])
        reader.close()
        engine.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.edge.hub.stop)
        self._server.should_exit = True
        self._thread.join(20)

    # --- acts -----------------------------------------------------------------------------------

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """In the server's loop; its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def submit(self, actor: int | str, message: AnyMessage) -> Accepted:
        number = self.accounts[actor] if isinstance(actor, str) else actor
        return self.run(self.edge.engine.submit(number, message, edge_key()))

    def register(self, name: str, display_name: str = "", language: str = "") -> int:
        """An account that can log in with PASSWORD and has a session; its number."""
        accepted = self.submit(
            SERVER,
            Register(
                name=name, display_name=display_name, language=language,
                password_hash=self._password_hash,
            ),
        )  # fmt: skip
        self.accounts[name] = accepted.id
        self.sessions[name] = new_secret()
        self.submit(name, OpenSession(session_hash=secret_hash(self.sessions[name])))
        return accepted.id

    def post(
        self, name: str, text: str, *, visibility: Visibility = "public", reply_to: int = 0,
        warning: str = "", language: str = "en",
    ) -> int:  # fmt: skip
        """The id of the post."""
        text, mentions, tags, links = parse(text, self.edge.settings)
        return self.submit(
            name,
            Post(
                text=text, visibility=visibility, reply_to=reply_to, mentions=mentions, tags=tags,
                links=links, warning=warning, language=language,
            ),
        ).id  # fmt: skip

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def forget_attempts(self) -> None:
        """All tests come from one address."""
        self.dispatcher._counters = Counters()

    # --- browsers ------------------------------------------------------------------------------

    def browser(self, name: str = "") -> httpx.Client:
        """Logged in as `name`, or a stranger. It follows no redirect by itself."""
        client = httpx.Client(base_url=self.url, timeout=120)
        if name:
            client.cookies.set(SESSION_COOKIE, self.sessions[name])
        return client


@contextmanager
def site() -> Iterator[Site]:
    with scratch() as folder:
        made = Site(folder)
        made.start()
        try:
            yield made
        finally:
            made.stop()
