"""An edge's side: what was not answered is sent again under the same key and done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.live.beside import Beside, beside, run

from covey.engine import client as client_module
from covey.engine.client import EngineClient, connect
from covey.engine.folder import SOCKET, short_path
from covey.engine.frames import Acceptance, FromEngine, Splitter, Submit, Welcome, from_edge, pack
from covey.errors import Refused
from covey.keys import edge_key
from covey.messages import SERVER, Post, Read, Register

ANN = Register(name="ann")


def scene(play: Callable[[Beside], Awaitable[None]]) -> None:
    with beside() as made:
        run(lambda: play(made))


def lose_answers(made: Beside) -> Callable[[], None]:
    """Answers get lost until what is returned is called."""
    receive = made.client.receive

    def lossy(frame: FromEngine) -> None:
        if not isinstance(frame, Acceptance):
            receive(frame)

    made.client.receive = lossy  # type: ignore[method-assign]

    def stop() -> None:
        made.client.receive = receive  # type: ignore[method-assign]

    return stop


@pytest.mark.parametrize("crash", [False, True])
def test_a_submission_whose_answer_was_lost_is_not_done_twice(crash: bool) -> None:
    async def play(made: Beside) -> None:
        made.connect()
        stop = lose_answers(made)
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        await made.settle()
        assert made.server.log.last_number() == 1
        assert not asked.done()
        made.crash() if crash else made.disconnect()
        stop()
        made.connect()
        await made.settle()
        answer = await asked
        assert (answer.number, answer.id, answer.repeated) == (1, 1, True)
        assert made.server.log.last_number() == 1

    scene(play)


def test_a_submission_that_never_arrived_is_sent_again() -> None:
    async def play(made: Beside) -> None:
        made.connect()
        made.dispatcher.receive = lambda *_: None  # type: ignore[method-assign]
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        await made.settle()
        made.crash()
        made.connect()
        await made.settle()
        answer = await asked
        assert (answer.number, answer.repeated) == (1, False)

    scene(play)


def test_a_submission_made_while_the_engine_is_away_waits_for_it() -> None:
    async def play(made: Beside) -> None:
        asked = [
            asyncio.create_task(made.client.submit(SERVER, Register(name=name), edge_key()))
            for name in ("ann", "bob")
        ]
        await made.settle()
        assert not any(task.done() for task in asked)
        made.connect()
        await made.settle()
        assert [(await task).id for task in asked] == [1, 2]  # in their order

    scene(play)


def test_who_waits_too_long_is_told_that_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SUBMIT_SECONDS", 0.01)

    async def play(made: Beside) -> None:
        made.connect()
        stop = lose_answers(made)
        key = edge_key()
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, key))
        await made.settle()
        with pytest.raises(Refused, match="unanswered") as refused:
            await asked
        assert refused.value.status == 503
        assert not made.client._requests
        # it was done; the same key says so
        stop()
        monkeypatch.undo()
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, key))
        await made.settle()
        assert (await asked).repeated

    scene(play)


def test_who_stops_waiting_leaves_nothing_behind() -> None:
    async def play(made: Beside) -> None:
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        await made.settle()
        asked.cancel()
        await made.settle()
        assert not made.client._requests
        made.connect()
        await made.settle()
        assert made.server.log.last_number() == 0

    scene(play)


def test_refusals_carry_what_they_name() -> None:
    async def play(made: Beside) -> None:
        made.connect()
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        again = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        await made.settle()
        assert (await asked).id == 1
        with pytest.raises(Refused, match="“ann” is taken"):
            await again

    scene(play)


def test_what_can_not_be_packed_is_not_kept() -> None:
    """It would break every connection from then on."""

    async def play(made: Beside) -> None:
        made.connect()
        with pytest.raises(OverflowError):
            await made.client.submit(1, Read(queue="home", position=1 << 70), edge_key())
        assert not made.client._requests
        made.disconnect()
        made.connect()
        asked = asyncio.create_task(made.client.submit(SERVER, ANN, edge_key()))
        await made.settle()
        assert (await asked).id == 1

    scene(play)


# --- the socket -------------------------------------------------------------------------------


def test_it_connects_again_for_good(tmp_path: Path) -> None:
    """To a socket that comes and goes, and to one that sends nonsense."""

    async def main() -> None:
        client = EngineClient()
        link = asyncio.create_task(connect(client, tmp_path))
        visits = 0
        seen: list[bytes] = []

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal visits
            visits += 1
            writer.write(pack(Welcome("log", 1, visits)))
            splitter = Splitter()
            while data := await reader.read(65536):
                for body in splitter.feed(data):
                    frame = from_edge.decode(body)
                    assert isinstance(frame, Submit)
                    seen.append(frame.key)
                    if visits == 1:
                        writer.close()  # gone before it answers
                        return
                    if visits == 2:
                        writer.write(b"\xff" * 64)  # no frame
                    else:
                        writer.write(pack(Acceptance(frame.request, 7, 8, False)))
            writer.close()

        server = await asyncio.start_unix_server(visit, tmp_path / SOCKET)
        key = edge_key()
        answer = await client.submit(1, Post(text="Hello"), key)
        assert (answer.number, answer.id) == (7, 8)
        assert seen == [key] * 3
        assert client.applied == 3
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
        server.close()
        while client.ready.is_set():
            await asyncio.sleep(0)

    run(main)


def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    """A Unix socket's address holds 107 bytes."""

    async def main() -> None:
        folder = tmp_path / ("long" * 40)
        folder.mkdir()
        client = EngineClient()
        link = asyncio.create_task(connect(client, folder))

        async def visit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(pack(Welcome("log", 1, 5)))

        with short_path(folder, SOCKET) as path:
            server = await asyncio.start_unix_server(visit, path)
        await client.ready.wait()
        assert client.applied == 5
        link.cancel()
        server.close()

    run(main)
