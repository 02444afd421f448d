"""The inbox: fair, bounded, never idle and never stalled; answers; wakes; time."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import pytest
from tests.engine.simulated import Server
from tests.folders import scratch
from tests.histories import founding

from covey.engine import dispatcher as dispatcher_module
from covey.engine.dispatcher import Dispatcher
from covey.engine.frames import (
    Acceptance,
    Ask,
    Beat,
    Count,
    Counted,
    Facts,
    Frame,
    Rejection,
    Submit,
    Unwatch,
    Wake,
    Watch,
    Watching,
    Welcome,
)
from covey.limits import (
    BATCH_MESSAGES,
    DUE_RETRY_MS,
    INBOX_MESSAGES,
    INBOX_MESSAGES_PER_ACCOUNT,
    INBOX_MESSAGES_PER_EDGE,
    LOG_IN_ATTEMPTS,
)
from covey.messages import SERVER, AnyMessage, Due, Entry, Follow, Mute, Post, Register
from covey.state.rules import APPLIES
from covey.state.state import Outcome, State

MINUTE_MS = 60_000


class Edge:
    """A connection that keeps what it is sent."""

    def __init__(self) -> None:
        self.slow = False
        self.sent: list[Frame] = []

    def send(self, frames: list[Frame]) -> None:
        self.sent += frames

    def answers(self) -> dict[int, Frame]:
        return {f.request: f for f in self.sent if isinstance(f, Acceptance | Rejection)}

    def of(self, kind: type) -> list[Frame]:
        return [frame for frame in self.sent if isinstance(frame, kind)]


class Desk:
    """A dispatcher, told when to go on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.batches: list[Callable[[], None]] = []
        self.sizes: list[int] = []
        step = server.engine.step
        server.engine.step = lambda taken: self.sizes.append(len(taken)) or step(taken)  # type: ignore
        self.dispatcher = Dispatcher(
            server.engine, now=lambda: server.now, schedule=self.batches.append
        )
        self._request = 0
        self.first = self.edge()
        for actor, message, key in founding(5):
            self.submit(self.first, actor, message, key)
        self.run()
        self.sizes.clear()

    def edge(self) -> Edge:
        edge = Edge()
        self.dispatcher.connect(edge)
        return edge

    def submit(self, edge: Edge, actor: int, message: AnyMessage, key: bytes = b"") -> int:
        """→ the request's number."""
        self._request += 1
        key = key or b"e" + self._request.to_bytes(16, "big")
        self.dispatcher.receive(edge, Submit(self._request, actor, key, message))
        return self._request

    def posts(self, edge: Edge, actor: int, count: int) -> list[int]:
        return [self.submit(edge, actor, Post(text=f"Number {n}")) for n in range(count)]

    def turn(self) -> None:
        """One batch, as a turn of the loop does it."""
        self.batches.pop(0)()

    def run(self) -> None:
        while self.batches:
            self.turn()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life")
        yield Desk(server)
        server.end()


def refusals(edge: Edge) -> list[int]:
    found = edge.of(Rejection)
    assert {frame.code for frame in found} <= {"overloaded"}
    return [frame.request for frame in found]


# --- batches ----------------------------------------------------------------------------------


def test_what_comes_in_meanwhile_is_the_next_batch(desk: Desk) -> None:
    desk.posts(desk.first, 1, 3)
    assert len(desk.batches) == 1
    desk.turn()
    assert not desk.batches
    desk.posts(desk.first, 1, 2)
    desk.run()
    assert desk.sizes == [3, 2]


def test_answers_name_their_requests(desk: Desk) -> None:
    other = desk.edge()
    mine = desk.posts(desk.first, 1, 2)
    theirs = [desk.submit(other, 2, Post(text=" ")), *desk.posts(other, 2, 1)]
    desk.run()
    assert set(mine) <= set(desk.first.answers())
    assert list(other.answers()) == theirs
    refused, accepted = other.answers().values()
    assert isinstance(refused, Rejection)
    assert refused.code == "text_empty"
    assert isinstance(accepted, Acceptance)
    assert accepted.number == desk.server.log.last_number()


def test_the_same_key_gets_the_same_answer(desk: Desk) -> None:
    key = b"u" + bytes(16)
    desk.submit(desk.first, 1, Post(text="Once"), key)
    desk.submit(desk.edge(), 1, Post(text="Once"), key)
    desk.run()
    again = desk.submit(desk.first, 1, Post(text="Once"), key)
    desk.run()
    number = desk.server.log.last_number()
    assert desk.first.answers()[again] == Acceptance(again, number, desk.server.state.last_id, True)


def test_a_loop_that_is_never_idle_does_not_let_a_batch_wait(desk: Desk) -> None:
    """Edges that submit more than fits, before every turn of the loop: each turn makes a whole
    batch, and nothing waits for more turns than the inbox is long."""
    edges = [desk.edge() for _ in range(4)]
    waiting_turns = -(-INBOX_MESSAGES // BATCH_MESSAGES)
    since: dict[int, int] = {}
    waited = []
    answered: set[int] = set()
    for turn in range(3 * waiting_turns):
        for place, edge in enumerate(edges):
            # many accounts each, there or not: what is refused by `check` takes its turn too
            for actor in range(INBOX_MESSAGES_PER_EDGE // INBOX_MESSAGES_PER_ACCOUNT):
                if turn == 0 or actor < 4:
                    for request in desk.posts(edge, 100 * place + actor + 1, 64):
                        since[request] = turn
        assert len(desk.batches) == 1
        desk.turn()
        for edge in edges:
            for request in edge.answers():
                if request not in answered:
                    answered.add(request)
                    waited.append(turn - since[request])
            edge.sent.clear()
    assert set(desk.sizes) == {BATCH_MESSAGES}
    assert max(waited) <= waiting_turns
    desk.run()
    assert desk.dispatcher.waiting == 0


def test_nothing_acknowledged_is_lost_in_an_overload(desk: Desk) -> None:
    edges = [desk.edge() for _ in range(3)]
    acknowledged: set[int] = set()
    for _ in range(5):
        for actor, edge in enumerate(edges, 1):
            desk.posts(edge, actor, 2 * INBOX_MESSAGES_PER_ACCOUNT)
        desk.turn()
    desk.run()
    for edge in edges:
        assert refusals(edge)
        acknowledged |= {frame.number for frame in edge.of(Acceptance)}
    entries = [e.number for e in desk.server.log.read() if isinstance(e.message, Post)]
    assert acknowledged == set(entries)


# --- limits -----------------------------------------------------------------------------------


def test_an_account_has_a_share_of_the_inbox(desk: Desk) -> None:
    requests = desk.posts(desk.first, 1, INBOX_MESSAGES_PER_ACCOUNT + 3)
    other = desk.submit(desk.first, 2, Post(text="Still taken"))
    again = desk.submit(desk.edge(), 1, Post(text="From elsewhere, but too many"))
    assert refusals(desk.first) == requests[-3:]
    desk.run()
    assert isinstance(desk.first.answers()[other], Acceptance)
    assert again not in desk.first.answers()
    # and has it again
    desk.first.sent.clear()
    desk.posts(desk.first, 1, 1)
    desk.run()
    assert not refusals(desk.first)


def test_an_edge_has_a_share_of_the_inbox(desk: Desk) -> None:
    for actor in range(1000, 1000 + INBOX_MESSAGES_PER_EDGE // 64):
        desk.posts(desk.first, actor, 64)
    too_many = desk.submit(desk.first, 1, Post(text="Refused"))
    assert refusals(desk.first) == [too_many]
    other = desk.edge()
    desk.posts(other, 1, 1)
    assert not refusals(other)
    assert desk.dispatcher.waiting < INBOX_MESSAGES


def test_the_server_too_is_limited_by_edge(desk: Desk) -> None:
    for n in range(INBOX_MESSAGES_PER_EDGE + 1):
        desk.submit(desk.first, SERVER, Register(name=f"name{n}"))
    assert len(refusals(desk.first)) == 1


def test_the_inbox_is_bounded(desk: Desk) -> None:
    for _ in range(3):
        edge = desk.edge()
        for actor in range(1000, 1000 + INBOX_MESSAGES_PER_EDGE // 64):
            desk.posts(edge, actor, 64)
    assert desk.dispatcher.waiting <= INBOX_MESSAGES
    assert refusals(edge)


def test_an_edge_that_is_gone_gives_its_share_back(desk: Desk) -> None:
    """What it submitted is done; nobody is answered; its accounts may submit elsewhere."""
    desk.posts(desk.first, 1, INBOX_MESSAGES_PER_ACCOUNT)
    desk.dispatcher.disconnect(desk.first)
    before = len(desk.first.sent)
    desk.run()
    assert len(desk.first.sent) == before
    assert len([e for e in desk.server.log.read() if isinstance(e.message, Post)]) == (
        INBOX_MESSAGES_PER_ACCOUNT
    )
    other = desk.edge()
    desk.posts(other, 1, 1)
    desk.run()
    assert not refusals(other)
    assert not desk.dispatcher._waiting


def test_a_full_disk_is_said_before_it_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    real = os.statvfs

    class Full:
        f_bavail, f_frsize = 10, 4096

    monkeypatch.setattr(dispatcher_module.os, "statvfs", lambda _path: Full)
    desk.dispatcher.beat()
    request = desk.submit(desk.first, 1, Post(text="Refused"))
    assert desk.first.answers()[request] == Rejection(request, "read_only", {})
    assert "read-only" in caplog.text
    monkeypatch.setattr(dispatcher_module.os, "statvfs", real)
    desk.dispatcher.beat()
    request = desk.submit(desk.first, 1, Post(text="Taken"))
    desk.run()
    assert isinstance(desk.first.answers()[request], Acceptance)


def test_attempts_are_counted_for_all_edges_together(desk: Desk) -> None:
    for n in range(LOG_IN_ATTEMPTS):
        edge = desk.edge()
        desk.dispatcher.receive(edge, Count(n, "log_in", "ann"))
        ((limit, remaining),) = [(frame.limit, frame.remaining) for frame in edge.of(Counted)]
        assert (limit, remaining) == (LOG_IN_ATTEMPTS, LOG_IN_ATTEMPTS - n - 1)
    edge = desk.edge()
    desk.dispatcher.receive(edge, Count(1, "log_in", "ann"))
    ((remaining, until),) = [(frame.remaining, frame.until) for frame in edge.of(Counted)]
    assert remaining == -1
    assert until > desk.server.now
    desk.server.now = until
    desk.dispatcher.receive(edge, Count(2, "log_in", "ann"))
    assert edge.of(Counted)[-1].remaining == LOG_IN_ATTEMPTS - 1


@pytest.mark.parametrize(
    "frame", [Count(1, "nonsense", "x"), Watch(1, "nonsense"), Watch(1, "home/x"), Unwatch("tag/")]
)
def test_frames_that_make_no_sense(desk: Desk, frame: Frame) -> None:
    with pytest.raises(ValueError):
        desk.dispatcher.receive(desk.first, frame)  # type: ignore[arg-type]


# --- wakes ------------------------------------------------------------------------------------


def test_who_watches_is_woken_once_an_event(desk: Desk) -> None:
    one, none = desk.edge(), desk.edge()
    for follower in (2, 3, 4):
        desk.submit(desk.first, follower, Follow(account=1))
    desk.run()
    for queue in ("home/2", "home/3", "public"):
        desk.dispatcher.receive(one, Watch(7, queue))
    assert one.of(Watching)[-1] == Watching(7, desk.server.state.applied)
    (request,) = desk.posts(desk.first, 1, 1)
    desk.run()
    (wake,) = one.of(Wake)
    assert wake.previous == 0
    assert wake.number == desk.server.state.applied
    (event,) = wake.events
    from pyroaring import BitMap

    assert list(BitMap.deserialize(event.accounts)) == [2, 3]
    assert event.queues == ("public",)
    assert not none.of(Wake)
    # the answer comes before what it woke
    assert request in desk.first.answers()
    desk.dispatcher.receive(one, Unwatch("home/2"))
    desk.posts(desk.first, 1, 1)
    desk.run()
    assert one.of(Wake)[-1].previous == wake.number


def test_a_slow_edge_is_not_woken_and_learns_of_it(desk: Desk) -> None:
    edge = desk.edge()
    desk.dispatcher.receive(edge, Watch(1, "public"))
    desk.posts(desk.first, 1, 1)
    desk.run()
    edge.slow = True
    desk.posts(desk.first, 1, 1)
    desk.run()
    desk.dispatcher.beat()
    # a beat would say that it was told of all
    assert [type(frame) for frame in edge.sent] == [Welcome, Watching, Wake]
    edge.slow = False
    desk.dispatcher.beat()
    wake, beat = edge.sent[3:]
    assert isinstance(wake, Wake)
    assert isinstance(beat, Beat)
    assert wake.previous != edge.sent[2].number  # type: ignore[attr-defined]
    assert wake.events == ()
    # once is enough
    desk.dispatcher.beat()
    desk.posts(desk.first, 1, 1)
    desk.run()
    assert edge.of(Wake)[-1].previous == wake.number


def test_facts(desk: Desk) -> None:
    desk.dispatcher.receive(desk.first, Ask(5))
    (facts,) = desk.first.of(Facts)
    assert facts.request == 5
    assert facts.applied == desk.server.state.applied
    assert facts.arena[0] == os.getpid()


# --- time -------------------------------------------------------------------------------------


def muted(desk: Desk) -> list[tuple[int, int]]:
    return desk.server.state.execute("select account, target from mutes").fetchall()


def test_a_mute_ends_when_its_time_has_come(desk: Desk) -> None:
    until = desk.server.now + 30 * MINUTE_MS
    desk.submit(desk.first, 1, Mute(account=2, until=until))
    desk.submit(desk.first, 1, Mute(account=3))
    desk.run()
    desk.server.now = until - 1
    desk.dispatcher.tick()
    desk.run()
    assert muted(desk) == [(1, 2), (1, 3)]
    desk.server.now = until
    desk.dispatcher.tick()
    desk.dispatcher.tick()  # it is on its way: not twice
    desk.run()
    assert muted(desk) == [(1, 3)]
    dues = [entry for entry in desk.server.log.read() if isinstance(entry.message, Due)]
    assert [entry.actor for entry in dues] == [SERVER]
    desk.dispatcher.tick()
    assert not desk.batches


def test_what_fell_due_while_the_engine_was_away_happens_when_it_is_back(desk: Desk) -> None:
    until = desk.server.now + 30 * MINUTE_MS
    desk.submit(desk.first, 1, Mute(account=2, until=until))
    desk.run()
    desk.server.now = until + MINUTE_MS
    desk.server.crash()
    again = Desk.__new__(Desk)
    again.server, again.batches = desk.server, []
    again.dispatcher = Dispatcher(
        desk.server.engine, now=lambda: desk.server.now, schedule=again.batches.append
    )
    again.dispatcher.tick()
    again.run()
    assert muted(desk) == []


def test_a_due_that_was_prolonged_changes_nothing(desk: Desk) -> None:
    until = desk.server.now + 30 * MINUTE_MS
    desk.submit(desk.first, 1, Mute(account=2, until=until))
    desk.run()
    desk.submit(desk.first, 1, Mute(account=2, until=until + 30 * MINUTE_MS))
    desk.run()
    desk.server.now = until
    desk.dispatcher.tick()
    desk.run()
    assert muted(desk) == [(1, 2)]
    desk.server.now = until + 30 * MINUTE_MS
    desk.dispatcher.tick()
    desk.run()
    assert muted(desk) == []


def test_a_due_that_always_fails_does_not_keep_others_from_their_turn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = desk.server.now + 30 * MINUTE_MS
    for target in (2, 3):
        desk.submit(desk.first, 1, Mute(account=target, until=until))
    desk.run()
    apply, tried = APPLIES[Due], []

    def failing(state: State, entry: Entry, message: Due, outcome: Outcome) -> None:
        tried.append(message.number)
        if message.number == first:
            raise ValueError("it always fails")
        apply(state, entry, message, outcome)

    first = desk.server.state.count("select min(number) from dues")
    monkeypatch.setitem(APPLIES, Due, failing)
    monkeypatch.setattr(dispatcher_module, "DUE_PER_TICK", 1)
    desk.server.now = until
    for _ in range(4):
        desk.dispatcher.tick()
        desk.run()
    assert tried.count(first) == 1
    assert muted(desk) == [(1, 2)]
    desk.server.now += DUE_RETRY_MS
    desk.dispatcher.tick()
    desk.run()
    assert tried.count(first) == 2
