"""`covey demo`: its folder, the population moving in and going on, and the whole of it once."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from random import Random
from typing import Any

import click
import httpx
import pytest
from tests.cli.running import error
from tests.server import HANG_SECONDS, eventually, is_running

from covey.cli.demo_folder import LOG_INS, MARK, DemoFolder, default_folder
from covey.cli.population import population
from covey.cli.population.acts import Say
from covey.cli.population.living import Living
from covey.cli.population.people import READER
from covey.cli.population.settling import STORY_DAYS, Settling, StoryClock, engine_by
from covey.edge.passwords import verify_now
from covey.engine.attach import attach
from covey.keys import edge_key
from covey.messages import SERVER, Post, Register
from covey.state.queries import Snapshot, StateReader
from covey.state.state import state_path

# --- the folder -------------------------------------------------------------------------------


def test_a_new_folder_and_again(tmp_path: Path) -> None:
    demo = DemoFolder(tmp_path / "deep" / "demo")
    assert demo.path.stat().st_mode & 0o777 == 0o700
    assert (demo.path / MARK).stat().st_mode & 0o777 == 0o600
    assert tuple(demo.passwords) == LOG_INS
    assert len(set(demo.passwords.values())) == 3
    assert not demo.settled
    demo.settle()
    again = DemoFolder(demo.path)
    assert again.settled
    assert again.passwords == demo.passwords


def test_what_is_no_demos_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ann")
    with pytest.raises(click.ClickException, match="no demo's folder"):
        DemoFolder(tmp_path)
    assert "no demo's folder" in error("demo", "--data", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_same_folder_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/covey-demo")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_folder() == Path("/home/ann/.local/share/covey-demo")


# --- the population ---------------------------------------------------------------------------

MADE = population(3, accounts=80, posts=120)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFolder:
    """Settled by a small population; broken off once, and gone on with."""
    made = DemoFolder(tmp_path_factory.mktemp("demo") / "data")

    async def settle() -> None:
        async with engine_by(clock := StoryClock(made.made), made.path) as engine:
            broken = asyncio.create_task(Settling(engine, made, MADE, clock).run())
            while engine.applied < 300 and not broken.done():
                await asyncio.sleep(0.001)
            broken.cancel()
            await asyncio.wait([broken])
        async with engine_by(clock := StoryClock(made.made), made.path) as engine:
            await Settling(engine, made, MADE, clock).run()

    asyncio.run(settle())
    made.settle()
    return made


@pytest.fixture
def state(demo: DemoFolder) -> Iterator[StateReader]:
    reader = StateReader(state_path(demo.path))
    yield reader
    reader.close()


def count(snapshot: Snapshot, sql: str) -> int:
    row = snapshot.row(sql)
    assert row is not None
    return int(row[0])


def test_all_are_there_once(demo: DemoFolder, state: StateReader) -> None:
    acts = [type(act).__name__ for act in MADE.acts]
    with state.snapshot() as snapshot:
        assert count(snapshot, "select count(*) from accounts where number <= 80") == 80
        assert count(snapshot, "select count(*) from follows") >= len(MADE.follows)
        assert count(snapshot, "select count(*) from posts where boost_of = 0") >= 120
        assert count(snapshot, "select count(*) from posts where boost_of != 0") >= acts.count(
            "Boost"
        )
        assert count(snapshot, "select count(*) from favourites") >= acts.count("Favourite")
        texts = snapshot.execute(
            "select text, count(*) from posts where boost_of = 0 group by text"
        )
        said = [act.text for act in MADE.acts if isinstance(act, Say)]
        assert {text: n for text, n in texts if text in said} == {
            text: said.count(text) for text in said
        }
        author = snapshot.account_named(MADE.people[5].name)
        assert author is not None
        assert author.note == MADE.people[5].note
        assert author.facets[1][0].name == MADE.people[5].note.rpartition("#")[2].casefold()


def test_they_lived_for_two_weeks(demo: DemoFolder, state: StateReader) -> None:
    day = 86_400_000
    with state.snapshot() as snapshot:
        stamps = [row[0] for row in snapshot.rows("select stamp from posts order by id")]
    assert demo.made - STORY_DAYS * day <= stamps[0] < demo.made - (STORY_DAYS - 1) * day
    assert demo.made - day / 2 < stamps[-1] <= demo.made


def test_the_storys_clock_ends_now_never_goes_back_and_is_faster_by_night() -> None:
    end = 1_800_000_000_000
    clock = StoryClock(end)
    seen = [clock()]
    for step in range(1001):
        clock.reach(step / 1000)
        seen.append(clock())
    assert seen == sorted(seen)
    assert abs(seen[0] - (end - STORY_DAYS * 86_400_000)) < 2
    assert abs(seen[-1] - end) < 2
    clock.reach(0.5)
    assert clock() == seen[-1]
    hours = [stamp // 3_600_000 % 24 for stamp in seen]
    by_night, by_day = (
        sum(hour in part for hour in hours) for part in (range(1, 6), range(13, 18))
    )
    assert by_night < by_day / 3


def test_three_can_log_in_and_no_other(demo: DemoFolder, state: StateReader) -> None:
    with state.snapshot() as snapshot:
        found = dict(
            snapshot.execute(
                "select name, password_hash from accounts where password_hash != ''"
            ).fetchall()
        )
        keeper = snapshot.account_named("keeper")
    assert tuple(found) == LOG_INS
    assert all(verify_now(found[name], demo.passwords[name]) for name in LOG_INS)
    assert keeper is not None
    assert keeper.role == "administrator"


def test_the_reader_has_something_left_to_read(state: StateReader) -> None:
    with state.snapshot() as snapshot:
        position = count(snapshot, "select position from positions where account = 1")
        assert 0 < position < snapshot.last_id


class AtOnce(Living):
    """What is to be done later is kept, and done when the test says so."""

    deeds: list[Coroutine[Any, Any, None]]

    def later(self, seconds: float, deed: Coroutine[Any, Any, None]) -> None:  # type: ignore[override]
        assert seconds < 30
        self.deeds.append(deed)

    async def do_all(self) -> int:
        deeds, self.deeds = self.deeds, []
        for deed in deeds:
            await deed
        return len(deeds)


def test_life_goes_on(demo: DemoFolder, state: StateReader) -> None:
    async def live() -> None:
        async with attach(demo.path) as engine:
            living = AtOnce(engine, state, MADE.people, MADE.follows, Random(1))
            living.deeds = []
            with state.snapshot() as snapshot:
                before = snapshot.applied
            for _ in range(40):
                await living.act()
            living.look()  # what they do themselves surprises nobody
            assert await living.do_all() == 0
            with state.snapshot() as snapshot:
                assert snapshot.applied >= before + 20

            # the reader asks somebody something, and is answered
            friend = MADE.people[10].name
            with state.snapshot() as snapshot:
                other = snapshot.account_named(friend)
            assert other is not None
            asked = await engine.submit(
                READER + 1, Post(text="Good morning, how is the bread?", language="en"), edge_key()
            )
            living.look()
            assert await living.do_all() >= 1
            replied = await engine.submit(
                other.number, Post(text="Hello", language="en"), edge_key()
            )
            again = await engine.submit(
                READER + 1, Post(text="Oh!", language="en", reply_to=replied.id), edge_key()
            )
            living.look()
            await living.do_all()
            with state.snapshot() as snapshot:
                heard = snapshot.posts([asked.id, again.id])
                told = count(
                    snapshot, f"select count(*) from notifications where post = {asked.id}"
                )
            assert heard[asked.id].favourites_count + heard[asked.id].replies_count >= 1
            assert told >= 1

            # somebody new is welcome
            new = await engine.submit(SERVER, Register(name="newcomer"), edge_key())
            living.look()
            assert await living.do_all() == 3
            with state.snapshot() as snapshot:
                assert snapshot.accounts([new.id])[new.id].followers_count == 3

    asyncio.run(live())


def test_three_are_never_played(demo: DemoFolder, state: StateReader) -> None:
    before = {}
    with state.snapshot() as snapshot:
        for number, account in snapshot.accounts([1, 2, 3]).items():
            before[number] = (account.posts_count, account.following_count)

    async def live() -> None:
        async with attach(demo.path) as engine:
            living = AtOnce(engine, state, MADE.people, MADE.follows, Random(2))
            for _ in range(60):
                await living.act()

    asyncio.run(live())
    with state.snapshot() as snapshot:
        for number, account in snapshot.accounts([1, 2, 3]).items():
            assert before[number] == (account.posts_count, account.following_count)


# --- the whole of it --------------------------------------------------------------------------


def processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in command and is_running(int(entry.name)):
            found.append(command)
    return found


def log_in(address: str, name: str, password: str) -> None:
    with httpx.Client(base_url=address, follow_redirects=True) as browser:
        page = browser.get("/login").text
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
        browser.post("/login", data={**hidden, "name": name, "password": password})
        assert f"/@{name}" in browser.get("/home").text


@pytest.mark.long
def test_all_of_it(tmp_path: Path) -> None:
    folder, said = tmp_path / "demo", tmp_path / "said"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def start() -> tuple[subprocess.Popen[bytes], str, str]:
            """→ the process, its address, all it said until it answered."""
            with said.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "covey", "demo", "--data", folder, "--port", str(port)],
                    stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
                    env={**os.environ, "PYTHONPATH": "src"},
                )  # fmt: skip
            eventually(
                lambda: "Ctrl-C" in said.read_text() or process.poll() is not None,
                "it answers",
                300,
            )
            text = said.read_text()
            assert process.poll() is None, text
            address = re.search(r"Covey answers at (\S+)", text)
            assert address is not None
            return process, address[1], text

        process, address, text = start()
        assert f"Port {port} is taken" in text
        log_ins = re.findall(r"^  (\w+) +(\S+) +", text, re.MULTILINE)
        assert tuple(name for name, _ in log_ins) == LOG_INS
        page = httpx.get(f"{address}/public")
        assert page.status_code == 200
        first = len(httpx.get(f"{address}/api/v1/timelines/public?limit=40").json())
        assert first == 40
        for name, password in log_ins:
            log_in(address, name, password)
        newest = httpx.get(f"{address}/api/v1/timelines/public?limit=1").json()[0]["id"]

        def goes_on() -> bool:
            now = httpx.get(f"{address}/api/v1/timelines/public?limit=1").json()[0]["id"]
            return int(now) > int(newest)

        eventually(goes_on, "somebody posts", 120)
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_SECONDS) == 0
        assert not processes_of(folder)

        process, address, text = start()
        assert "moves in" not in text
        assert re.findall(r"^  (\w+) +(\S+) +", text, re.MULTILINE) == log_ins
        assert httpx.get(f"{address}/@author").status_code == 200
        os.kill(process.pid, signal.SIGKILL)
        process.wait(HANG_SECONDS)
        eventually(lambda: not processes_of(folder), "nothing remains")
