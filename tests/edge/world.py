"""A server without processes: the engine, a reader's side of state and arena, and the oracle beside
them, told the same history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.folders import scratch
from tests.histories import Step, Teller, founding
from tests.oracle import Oracle

from covey.delivery.arena import Arena, ArenaReader
from covey.delivery.layout import Layout
from covey.engine.engine import Accepted, Engine, Submission
from covey.errors import Refused
from covey.log import Log
from covey.messages import AnyMessage
from covey.state.queries import Snapshot, StateReader
from covey.state.state import State

ACCOUNTS_MAX = 16
CHUNKS = 8
"""A circle of 56 deliveries at most: most histories wrap it."""


class World:
    def __init__(self, folder: Path, accounts: int, chunks: int) -> None:
        self.oracle = Oracle()
        self.teller = Teller(self.oracle)
        arena = Arena.in_memory(Layout(chunks, ACCOUNTS_MAX).end, ACCOUNTS_MAX)
        self.engine = Engine(
            log=Log(folder / "log.db", write=True),
            state=State(folder / "state.db"),
            arena=arena,
            now=lambda: self.teller.now,
        )
        self.engine.recover()
        self.reader = StateReader(folder / "state.db")
        self.arena = ArenaReader(arena.memory)
        self._keys = 0
        for submission in founding(accounts):
            self.submit(*submission)

    def submit(self, actor: int, message: AnyMessage, key: bytes = b"") -> Accepted | str:
        """The answer, or the code of the refusal: the same from both."""
        if not key:
            self._keys += 1
            key = b"e" + self._keys.to_bytes(16, "little")
        expected = self.oracle.submit(actor, message, key, self.teller.now)
        (answer,) = self.engine.step([Submission(actor, key, message)]).answers
        found = answer.code if isinstance(answer, Refused) else (answer.number, answer.id)
        assert found == expected
        return answer.code if isinstance(answer, Refused) else answer

    def post(self, actor: int, message: AnyMessage) -> int:
        """The id of what was accepted."""
        answer = self.submit(actor, message)
        assert isinstance(answer, Accepted), answer
        return answer.id

    def live(self, steps: Sequence[Step], batch: int = 1) -> None:
        """Tell a history, in batches of so many messages."""
        waiting: list[Submission] = []
        for step in steps:
            if len(waiting) >= batch or step.kind == "wait":
                self.engine.step(waiting)
                waiting = []
            for actor, message, key in self.teller.tell(step):
                self.oracle.submit(actor, message, key, self.teller.now)
                waiting.append(Submission(actor, key, message))
        self.engine.step(waiting)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self.reader.snapshot() as snapshot:
            yield snapshot

    def close(self) -> None:
        self.reader.close()
        self.engine.close()


@contextmanager
def world(accounts: int = 5, chunks: int = CHUNKS) -> Iterator[World]:
    with scratch() as folder:
        made = World(folder, accounts, chunks)
        try:
            yield made
        finally:
            made.close()
