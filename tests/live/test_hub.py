"""Streams: their limits, gaps and ends; and the moments at which an event could come twice or not
at all."""

from __future__ import annotations

import asyncio

import pytest
from tests.histories import Submission, founding
from tests.live.beside import Beside, beside, run, waiting

from covey.engine.frames import FromEngine, Wake
from covey.errors import Refused
from covey.limits import CATCH_UP_EVENTS, CHANGES_MS, STREAM_BUFFER_EVENTS, STREAMS_PER_ACCOUNT
from covey.live import hub as hub_module
from covey.live.hub import TAKEN_EVENTS, Stream
from covey.messages import (
    SERVER,
    Block,
    Delete,
    Follow,
    Mention,
    Post,
    Read,
    RevokeQuote,
    Suspend,
)

HOME = ("home", "notifications")


class Scene:
    """Account 1 follows 2; both are there."""

    def __init__(self, beside: Beside) -> None:
        self.beside = beside
        self.hub = beside.hub
        self._keys = 0

    @property
    def epoch(self) -> int:
        return self.beside.client.epoch

    async def begin(self) -> None:
        await self.beside.submit(founding(3))
        await self.say(1, Follow(account=2))
        self.beside.connect()
        await self.beside.settle()

    async def say(self, actor: int, *messages: object) -> list[int]:
        """A batch. → ids of its posts."""
        before = self.beside.server.state.last_id
        batch = []
        for message in messages:
            self._keys += 1
            key = b"e" + self._keys.to_bytes(16, "big")
            batch.append(Submission(actor, message, key))  # type: ignore[arg-type]
        await self.beside.submit(batch)
        with self.beside.server.reader.snapshot() as snapshot:
            found = snapshot.rows("select id from posts where id > ? order by id", (before,))
        return [row[0] for row in found]

    async def posts(self, count: int, actor: int = 2) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            size = min(200, count - len(found))  # the inbox takes 256 of one account
            found += await self.say(actor, *[Post(text=f"Number {n}") for n in range(size)])
        return found


def posts_of(stream: Stream) -> list[int]:
    return [event.subject for event in waiting(stream) if event.kind == "post"]


def kinds_of(stream: Stream) -> list[str]:
    return [event.kind for event in waiting(stream)]


def scene(play) -> None:  # type: ignore[no-untyped-def]
    with beside() as made:

        async def main() -> None:
            scene = Scene(made)
            await scene.begin()
            await play(scene)

        run(main)


async def drain(stream: Stream) -> list[str]:
    """Iterate it to its end."""
    return [event.kind async for event in stream]


# --- slow readers -----------------------------------------------------------------------------


def test_a_slow_reader_is_cut_off_and_resumes_with_nothing_lost() -> None:
    async def play(scene: Scene) -> None:
        slow = await scene.hub.open(account=1, queues=HOME)
        others = [await scene.hub.open(account=1, queues=HOME) for _ in range(3)]
        got: list[int] = []
        posted: list[int] = []
        others_got: list[list[int]] = [[] for _ in others]
        while len(posted) < STREAM_BUFFER_EVENTS + CATCH_UP_EVENTS:
            posted += await scene.posts(200)
            for stream, theirs in zip(others, others_got, strict=True):
                theirs += posts_of(stream)
        assert all(theirs == posted for theirs in others_got)
        assert len(slow._events) == STREAM_BUFFER_EVENTS
        assert scene.hub.count == len(others), "its place is free before it reads again"
        cursor = ""
        resumed = 0
        while True:
            async for event in slow:  # it ends by itself
                got.append(event.subject)
                cursor = event.cursor
                if event.subject == posted[-1]:
                    break
            await slow.close()
            if got[-1] == posted[-1]:
                break
            resumed += 1
            slow = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        assert got == posted
        assert resumed

    scene(play)


def test_a_reader_far_behind_comes_further_each_time_though_more_comes_all_the_while() -> None:
    """What it missed fills its buffer, and the next live event is one too many."""

    async def play(scene: Scene) -> None:
        stream = await scene.hub.open(account=1, queues=HOME)
        (first,) = await scene.posts(1)
        ((cursor, _),) = [(e.cursor, e.subject) for e in waiting(stream)]
        await stream.close()
        posted = await scene.posts(CATCH_UP_EVENTS)
        stream = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        posted += await scene.posts(1)
        got = [(event.subject, event.cursor) async for event in stream]
        assert [subject for subject, _ in got] == posted[:CATCH_UP_EVENTS]
        again = await scene.hub.open(account=1, queues=HOME, cursor=got[-1][1])
        assert posts_of(again) == posted[CATCH_UP_EVENTS:]
        assert first not in posted

    scene(play)


def test_what_waits_is_taken_together() -> None:
    async def play(scene: Scene) -> None:
        stream = await scene.hub.open(account=1, queues=HOME)
        posted = await scene.posts(TAKEN_EVENTS + 2)
        taken = [await stream.take(), await stream.take()]
        assert [len(events) for events in taken] == [TAKEN_EVENTS, 2]
        assert [event.subject for events in taken for event in events] == posted
        waiting = asyncio.ensure_future(stream.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        (last,) = await scene.posts(1)
        assert [event.subject for event in await waiting] == [last]
        await scene.posts(1)
        stream.end()
        assert [len(await stream.take()) for _ in range(2)] == [1, 0]

    scene(play)


# --- gaps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordinal", [0, 8])
@pytest.mark.parametrize("number", [0, 1, 10**6])
def test_a_cursor_of_another_epoch_is_a_gap(ordinal: int, number: int) -> None:
    async def play(scene: Scene) -> None:
        cursor = f"7.{number}.{ordinal}"
        stream = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        (gap,) = waiting(stream)
        assert gap.kind == "gap"
        # and from its cursor on all is well
        (post,) = await scene.posts(1)
        assert posts_of(stream) == [post]
        again = await scene.hub.open(account=1, queues=HOME, cursor=gap.cursor)
        assert posts_of(again) == [post]

    scene(play)


@pytest.mark.parametrize("ordinal", [0, 8])
def test_a_cursor_from_the_future_is_a_gap(ordinal: int) -> None:
    async def play(scene: Scene) -> None:
        cursor = f"{scene.epoch}.1000000.{ordinal}"
        stream = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        assert kinds_of(stream) == ["gap"]
        (post,) = await scene.posts(1)
        assert posts_of(stream) == [post]

    scene(play)


def test_more_than_a_catch_up_brings_is_a_gap() -> None:
    async def play(scene: Scene) -> None:
        number = scene.beside.server.state.applied
        cursor = f"{scene.epoch}.{number}.8"
        posted = await scene.posts(CATCH_UP_EVENTS)
        stream = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        assert posts_of(stream) == posted
        await scene.posts(1)
        stream = await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        assert kinds_of(stream) == ["gap"]

    scene(play)


def test_what_is_older_than_changes_are_kept_is_a_gap() -> None:
    async def play(scene: Scene) -> None:
        epoch, number = scene.epoch, scene.beside.server.state.applied
        posted = await scene.posts(2)
        await scene.say(2, Delete(post=posted[0]))
        await scene.say(2, Delete(post=posted[1]))
        old = f"{epoch}.{number}.8"
        stream = await scene.hub.open(account=1, queues=HOME, cursor=old)
        assert kinds_of(stream) == ["post", "post", "delete", "delete"]
        scene.beside.server.now += CHANGES_MS + 1
        stream = await scene.hub.open(account=1, queues=HOME, cursor=old)
        assert kinds_of(stream) == ["gap"]

    scene(play)


def test_a_quiet_stream_has_no_gap_when_the_engine_comes_back_after_weeks() -> None:
    """Nothing came to it, but beats said that it saw all."""

    async def play(scene: Scene) -> None:
        stream = await scene.hub.open(account=1, queues=HOME)
        for _ in range(2):
            (post,) = await scene.posts(1, actor=3)
            await scene.say(3, Delete(post=post))
            scene.beside.server.now += 2 * CHANGES_MS
            scene.beside.beat()
        scene.beside.crash()
        scene.beside.connect()
        await scene.beside.settle()
        (post,) = await scene.posts(1)
        assert posts_of(stream) == [post]

    scene(play)


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1.2", "1.2.3.4", "1.-2.0", "1.2.", "1.2.\u0663", "1." + "9" * 20 + ".0"]
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    async def play(scene: Scene) -> None:
        with pytest.raises(Refused, match="parameter_malformed"):
            await scene.hub.open(account=1, queues=HOME, cursor=cursor)
        assert scene.hub.count == 0

    scene(play)


# --- limits -----------------------------------------------------------------------------------


def test_too_many_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "STREAMS_PER_EDGE", STREAMS_PER_ACCOUNT + 2)

    async def play(scene: Scene) -> None:
        streams = [await scene.hub.open(account=1, queues=HOME) for _ in range(STREAMS_PER_ACCOUNT)]
        with pytest.raises(Refused, match="too_many_streams"):
            await scene.hub.open(account=1, queues=HOME)
        await scene.hub.open(account=2, queues=HOME)
        await scene.hub.open(queues=("public",))
        with pytest.raises(Refused, match="too_many_streams"):
            await scene.hub.open(queues=("public",))
        await streams[0].close()
        await streams[0].close()  # once more does nothing
        assert scene.hub.count == STREAMS_PER_ACCOUNT + 1
        await scene.hub.open(account=1, queues=HOME)

    scene(play)


def test_a_heartbeat_when_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_SECONDS", 0.01)

    async def play(scene: Scene) -> None:
        stream = await scene.hub.open(account=1, queues=HOME)
        kinds = []
        async for event in stream:
            kinds.append(event.kind)
            if len(kinds) == 3:
                break
        assert kinds == ["heartbeat"] * 3

    scene(play)


def test_a_stop_ends_all_streams_after_what_they_hold() -> None:
    async def play(scene: Scene) -> None:
        streams = [await scene.hub.open(account=1, queues=HOME) for _ in range(3)]
        waiting_one = asyncio.create_task(drain(streams[2]))
        await scene.posts(2)
        scene.hub.stop()
        assert await drain(streams[0]) == ["post", "post"]
        assert await waiting_one == ["post", "post"]
        with pytest.raises(Refused):
            await scene.hub.open(account=1, queues=HOME)

    scene(play)


def test_a_stream_that_is_being_opened_ends_with_a_stop_too() -> None:
    async def play(scene: Scene) -> None:
        scene.beside.disconnect()
        opening = asyncio.create_task(scene.hub.open(account=1, queues=HOME))
        await scene.beside.settle()
        scene.hub.stop()
        scene.beside.connect()
        await scene.beside.settle()
        assert await drain(await opening) == []

    scene(play)


# --- just then --------------------------------------------------------------------------------


def test_a_wake_that_comes_after_its_snapshot_was_read() -> None:
    """The state is committed before edges are woken: a stream opened in between has it already."""

    async def play(scene: Scene) -> None:
        held: list[FromEngine] = []
        receive = scene.beside.client.receive
        scene.beside.client.receive = (  # type: ignore[method-assign]
            lambda frame: held.append(frame) if isinstance(frame, Wake) else receive(frame)
        )
        first = await scene.hub.open(account=1, queues=HOME)
        posted = await scene.posts(3)
        assert held
        second = await scene.hub.open(account=1, queues=HOME, cursor=f"{scene.epoch}.1.8")
        for frame in held:
            receive(frame)
        assert posts_of(first) == posted
        assert posts_of(second) == posted

    scene(play)


def test_the_engine_dies_between_its_commit_and_the_wake() -> None:
    async def play(scene: Scene) -> None:
        stream = await scene.hub.open(account=1, queues=HOME)
        scene.beside.dispatcher._wake = lambda events: None  # type: ignore[method-assign]
        posted = await scene.posts(3)
        assert posts_of(stream) == []
        scene.beside.crash()
        posted += await scene.posts(2)
        scene.beside.connect()
        await scene.beside.settle()
        posted += await scene.posts(1)
        assert posts_of(stream) == posted

    scene(play)


def test_a_stream_opened_while_the_engine_is_away() -> None:
    async def play(scene: Scene) -> None:
        scene.beside.disconnect()
        opening = asyncio.create_task(
            scene.hub.open(account=1, queues=HOME, cursor=f"{scene.epoch}.1.8")
        )
        await scene.beside.settle()
        posted = await scene.posts(2)
        scene.beside.connect()
        await scene.beside.settle()
        stream = await opening
        posted += await scene.posts(2)
        assert posts_of(stream) == posted

    scene(play)


def test_the_engine_goes_while_a_stream_is_half_opened() -> None:
    """Its first queue was watched on the old connection, its second on the new one."""

    async def play(scene: Scene) -> None:
        watch, went = scene.beside.client.watch, []

        async def watch_and_go(queue: str) -> int:
            number = await watch(queue)
            if not went:
                went.append(queue)
                scene.beside.disconnect()
                scene.beside.connect()
                scene.hub._watching.cancel()  # type: ignore[union-attr]
                scene.hub._watching = asyncio.create_task(later())
            return number

        async def later() -> None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await scene.hub._watch_again()

        scene.beside.client.watch = watch_and_go  # type: ignore[method-assign]
        stream = await scene.hub.open(account=1, queues=HOME)
        posted = await scene.posts(2)
        posted += await scene.posts(1)
        assert posts_of(stream) == posted

    scene(play)


def test_many_streams_are_caught_up_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what comes meanwhile comes once."""
    monkeypatch.setattr(hub_module, "CATCH_UP_STREAMS", 2)

    async def play(scene: Scene) -> None:
        streams = [await scene.hub.open(account=1, queues=HOME) for _ in range(9)]
        scene.beside.crash()
        posted = await scene.posts(3)
        scene.beside.connect()
        while scene.hub._catching is None:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        held = [stream for stream in streams if stream.number == hub_module._HELD]
        assert 0 < len(held) < len(streams)
        scene.beside.disconnect()  # once more, in the middle
        scene.beside.connect()
        posted += await scene.posts(1)
        await scene.beside.settle()
        await scene.beside.settle()
        posted += await scene.posts(1)
        for stream in streams:
            assert posts_of(stream) == posted

    scene(play)


# --- what is shown ----------------------------------------------------------------------------


def test_a_shared_queue_leaves_out_live_what_it_leaves_out_later() -> None:
    """Posts of whom the reader set aside, and posts that mention somebody it blocks."""

    async def play(scene: Scene) -> None:
        await scene.say(1, Block(account=3))
        live = await scene.hub.open(account=1, queues=("public",))
        stranger = await scene.hub.open(queues=("public",))
        cursor = f"{scene.epoch}.{scene.beside.server.state.applied}.8"
        (aside,) = await scene.say(3, Post(text="Mine"))
        (mentions,) = await scene.say(2, Post(text="@cyd", mentions=(Mention(0, 4, "cyd"),)))
        (plain,) = await scene.say(2, Post(text="Hello"))
        later = await scene.hub.open(account=1, queues=("public",), cursor=cursor)
        assert posts_of(live) == posts_of(later) == [plain]
        assert posts_of(stranger) == [aside, mentions, plain]

    scene(play)


def test_a_reading_position_is_told_to_the_other_streams_of_the_account() -> None:
    async def play(scene: Scene) -> None:
        mine = await scene.hub.open(account=1, queues=HOME)
        others = await scene.hub.open(account=2, queues=HOME)
        (post,) = await scene.posts(1)
        waiting(mine)
        waiting(others)
        await scene.say(1, Read(queue="home", position=post))
        assert kinds_of(mine) == ["read"]
        assert kinds_of(others) == []

    scene(play)


def test_a_cursor_between_two_events_of_one_message() -> None:
    """A post that mentions its reader is two events, and a connection may be cut between them."""

    async def play(scene: Scene) -> None:
        whole = await scene.hub.open(account=1, queues=HOME)
        await scene.say(2, Post(text="@ann hello", mentions=(Mention(0, 4, "ann"),)))
        events = waiting(whole)
        assert [event.kind for event in events] == ["post", "notification"]
        for place, event in enumerate(events, 1):
            resumed = await scene.hub.open(account=1, queues=HOME, cursor=event.cursor)
            assert waiting(resumed) == events[place:]

    scene(play)


# --- what a shared queue shows ----------------------------------------------------------------


def test_a_quote_of_what_its_reader_may_not_see_does_not_come_live() -> None:
    """As the queue of everybody leaves it out, live or caught up."""

    async def play(scene: Scene) -> None:
        await scene.say(3, Block(account=1))
        (hidden,) = await scene.say(3, Post(text="Not for everybody"))
        blocked, other = [
            await scene.hub.open(account=account, queues=("public",)) for account in (1, 2)
        ]
        cursor = f"{scene.epoch}.0.8"
        (quote,) = await scene.say(2, Post(text="Look", quote_of=hidden))
        assert posts_of(blocked) == []
        assert posts_of(other) == [quote]
        for account, told in ((1, []), (2, [hidden, quote])):
            resumed = await scene.hub.open(account=account, queues=("public",), cursor=cursor)
            assert posts_of(resumed) == told

    scene(play)


def test_what_becomes_of_a_suspended_accounts_post_is_told_to_nobody_who_follows_it() -> None:
    """Its quote is revoked by who is quoted; caught up, the event was not there."""

    async def play(scene: Scene) -> None:
        (quoted,) = await scene.say(1, Post(text="Quote me"))
        (quote,) = await scene.say(2, Post(text="Look", quote_of=quoted))
        await scene.say(SERVER, Suspend(account=2))
        live = await scene.hub.open(account=1, queues=HOME)
        cursor = f"{scene.epoch}.{scene.beside.server.state.applied}.8"
        await scene.say(1, RevokeQuote(post=quote))
        assert kinds_of(live) == []
        assert kinds_of(await scene.hub.open(account=1, queues=HOME, cursor=cursor)) == []

    scene(play)
