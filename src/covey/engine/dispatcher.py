"""Between edges and the engine: the inbox, fair and bounded; batches; answers; wakes.

What came in while the last batch was synced is the next one. Nothing here knows what a connection
is made of: a socket (`server`) or a direct call (`local`).
"""

from __future__ import annotations

import logging
import os
import resource
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from covey.engine.counters import BUCKETS, Counters
from covey.engine.engine import Accepted, Answer, Engine, Event, Submission
from covey.engine.frames import (
    Acceptance,
    Ask,
    Beat,
    Count,
    Counted,
    Facts,
    Frame,
    FromEdge,
    Rejection,
    Submit,
    Unwatch,
    Wake,
    Watch,
    Watching,
    Welcome,
    WireEvent,
)
from covey.errors import Refused
from covey.keys import due_key
from covey.limits import (
    BATCH_MESSAGES,
    DISK_FREE_BYTES_MIN,
    DUE_PER_TICK,
    DUE_RETRY_MS,
    INBOX_MESSAGES,
    INBOX_MESSAGES_PER_ACCOUNT,
    INBOX_MESSAGES_PER_EDGE,
)
from covey.live.presence import Presence
from covey.messages import SERVER, Due
from covey.state.time import due_numbers

logger: Final = logging.getLogger("covey.engine")


class Connection(Protocol):
    """The way back to an edge."""

    def send(self, frames: list[Frame]) -> None:
        """All at once, never waiting."""

    @property
    def slow(self) -> bool:
        """Does the edge not read what it is sent? Then wakes are dropped, and it catches up."""


class _Peer:
    """An edge, as the dispatcher knows it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.presence = Presence()
        self.waiting = 0
        self.last_wake = 0
        self.is_behind = False
        """Its last wake was dropped."""
        self.out: list[Frame] = []


class Dispatcher:
    """One for an engine. `schedule` makes `run` be called soon, after input was looked at."""

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], int],
        schedule: Callable[[Callable[[], None]], object],
        arena_fd: int = -1,
        attempts: Mapping[str, int] | None = None,
    ) -> None:
        self.engine = engine
        self.read_only = False
        """Set while the disk is nearly full: submissions are refused before they would fail."""
        self._now = now
        self._schedule = schedule
        self._arena_fd = arena_fd
        self._peers: dict[Connection, _Peer] = {}
        self._inbox: deque[tuple[_Peer | None, int, Submission]] = deque()
        self._waiting: Counter[int] = Counter()
        self._counters = Counters(attempts)
        self._scheduled = False
        self._dues: dict[int, int] = {}
        """Numbers of dues that were submitted, and until when (ms) they are not again: one that
        makes `apply` fail is tried once in DUE_RETRY_MS, and keeps no other from its turn."""

    # --- connections --------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        self._peers[connection] = _Peer(connection)
        log = self.engine.log
        connection.send([Welcome(log.id, log.epoch, self.engine.state.applied)])

    def disconnect(self, connection: Connection) -> None:
        """What it submitted is still done; there is nobody to answer."""
        self._peers.pop(connection, None)
        self._look_for_lists()

    def receive(self, connection: Connection, frame: FromEdge) -> None:
        """Raises ValueError for a frame that makes no sense."""
        peer = self._peers[connection]
        if isinstance(frame, Submit):
            self._receive_submit(peer, frame)
        elif isinstance(frame, Watch):
            peer.presence.watch(frame.queue)
            self._look_for_lists()
            # at once: what this batch will bring is after `applied`
            connection.send([Watching(frame.request, self.engine.state.applied)])
        elif isinstance(frame, Unwatch):
            peer.presence.unwatch(frame.queue)
            self._look_for_lists()
        elif isinstance(frame, Count):
            if frame.bucket not in BUCKETS:
                raise ValueError(f"there is no bucket {frame.bucket!r}")
            found = self._counters.count(frame.bucket, frame.subject, self._now())
            connection.send([Counted(frame.request, found.limit, found.remaining, found.until)])
        elif isinstance(frame, Ask):
            connection.send([self._facts(frame.request)])

    def _look_for_lists(self) -> None:
        """The engine looks up in which lists an author is only while somebody watches one."""
        self.engine.lists_watched = any(
            peer.presence.watches_lists for peer in self._peers.values()
        )

    def _receive_submit(self, peer: _Peer, frame: Submit) -> None:
        actor = frame.actor
        refusal = ""
        if self.read_only:
            refusal = "read_only"
        elif (
            len(self._inbox) >= INBOX_MESSAGES
            or peer.waiting >= INBOX_MESSAGES_PER_EDGE
            or (actor != SERVER and self._waiting[actor] >= INBOX_MESSAGES_PER_ACCOUNT)
        ):
            refusal = "overloaded"
        if refusal:
            peer.connection.send([Rejection(frame.request, refusal, {})])
            return
        peer.waiting += 1
        self._enter(peer, frame.request, Submission(actor, frame.key, frame.message))

    def _enter(self, peer: _Peer | None, request: int, submission: Submission) -> None:
        self._waiting[submission.actor] += 1
        self._inbox.append((peer, request, submission))
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self.run)

    @property
    def waiting(self) -> int:
        """Submissions in the inbox."""
        return len(self._inbox)

    # --- a batch ------------------------------------------------------------------------------

    def run(self) -> None:
        """One batch from the inbox. Raises what `Engine.step` raises: then the process must end."""
        self._scheduled = False
        inbox = self._inbox
        taken = [inbox.popleft() for _ in range(min(len(inbox), BATCH_MESSAGES))]
        if not taken:
            return
        step = self.engine.step([submission for _, _, submission in taken])
        for (peer, request, submission), answer in zip(taken, step.answers, strict=True):
            self._waiting[submission.actor] -= 1
            if not self._waiting[submission.actor]:
                del self._waiting[submission.actor]
            if peer is not None:
                peer.waiting -= 1
                peer.out.append(_frame(request, answer))
            elif isinstance(submission.message, Due) and not _failed(answer):
                del self._dues[submission.message.number]
        self._wake(step.events)
        for peer in self._peers.values():
            if peer.out:
                peer.connection.send(peer.out)
                peer.out = []
        if inbox:
            self._scheduled = True
            self._schedule(self.run)

    def _wake(self, events: list[Event]) -> None:
        """Tell each edge of what those connected to it should see: once an event, whatever the
        number of accounts. After the answers, in the same write."""
        if not events:
            return
        number = self.engine.state.applied
        for peer in self._peers.values():
            presence = peer.presence
            if not presence:
                continue
            found = []
            for event in events:
                accounts = presence.accounts(event.kind, event.accounts)
                queues = presence.queues(event.queues)
                if accounts or queues:
                    found.append(
                        WireEvent(
                            event.number, event.kind, event.subject, accounts.serialize(), queues
                        )
                    )
            if found:
                peer.is_behind = peer.connection.slow
                if not peer.is_behind:
                    peer.out.append(Wake(peer.last_wake, number, tuple(found)))
                peer.last_wake = number

    # --- time ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """Four times a second: what is due is submitted."""
        now = self._now()
        for number in due_numbers(self.engine.state, now, DUE_PER_TICK + len(self._dues)):
            if self._dues.get(number, 0) <= now:
                self._dues[number] = now + DUE_RETRY_MS
                self._enter(None, 0, Submission(SERVER, due_key(number), Due(number=number)))

    def beat(self) -> None:
        """Once a second: edges hear that the engine lives, and that they have been told of all that
        was applied; the disk's free space is looked at."""
        found = os.statvfs(self.engine.log.path.parent)
        full = found.f_bavail * found.f_frsize < DISK_FREE_BYTES_MIN
        if full != self.read_only:
            self.read_only = full
            logger.warning("read-only: the disk is nearly full" if full else "writing again")
        number = self.engine.state.applied
        for peer in self._peers.values():
            if peer.connection.slow:
                continue
            if peer.is_behind:
                # it reads again, but nothing may come that shows it what it missed
                peer.connection.send([Wake(peer.last_wake, number, ())])
                peer.is_behind, peer.last_wake = False, number
            peer.connection.send([Beat(number)])

    def _facts(self, request: int) -> Facts:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Facts(
            request,
            self.engine.state.applied,
            self.engine.deliveries,
            self.engine.failures,
            len(self._inbox),
            used.ru_utime + used.ru_stime,
            (os.getpid(), self._arena_fd),
            self.engine.arena.kernel,
        )


def _failed(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.code == "internal"


def _frame(request: int, answer: Answer) -> Frame:
    if isinstance(answer, Accepted):
        return Acceptance(request, answer.number, answer.id, answer.repeated)
    return Rejection(request, answer.code, _plain(answer))


def _plain(refused: Refused) -> dict[str, object]:
    return {
        name: value if isinstance(value, int | str) else str(value)
        for name, value in refused.details.items()
    }
