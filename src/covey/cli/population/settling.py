"""The population moves in: `python -m covey.cli.population.settling FOLDER`, a process of its own
because the supervisor that comes after it has no use for what is imported here.

It lived for STORY_DAYS before somebody looks: the engine here is given a clock that stands so far
back and comes up to ours with what is submitted.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import uvloop

from covey.cli.demo_folder import DemoFolder
from covey.cli.population import Population, population
from covey.cli.population.acts import Act, Boost, Say
from covey.cli.population.people import READER, Person
from covey.cli.progress import progress
from covey.cli.submitting import in_flight, submit
from covey.delivery.arena import Arena, make_arena_file
from covey.edge.passwords import hash_now
from covey.edge.text import parse
from covey.engine.attach import arena_bytes, make_folder
from covey.engine.client import EngineClient, Submitter, connect
from covey.engine.engine import Engine
from covey.engine.folder import folder_lock
from covey.engine.server import Server
from covey.errors import Refused
from covey.limits import ACCOUNTS_MAX
from covey.log import Log
from covey.messages import SERVER, AnyMessage, Favourite, Follow, Post, Profile, Read, Register
from covey.messages import Boost as BoostMessage
from covey.settings import Settings
from covey.state.state import State, state_path

AT_ONCE: Final = 256
ACTS_AT_ONCE: Final = 8
"""What comes to the engine together has one stamp: a post or two, and who likes them."""
STORY_DAYS: Final = 14
_DAY_MS: Final = 86_400_000
_QUIET_HOUR: Final = 3
"""Of the day (UTC), when fewest are awake."""
_QUIET: Final = 0.8
"""Then so much less is said than on average."""
UNREAD_POSTS: Final = 400
"""The reader's home stands so many posts of everybody's behind the newest one."""


def main() -> None:
    demo = DemoFolder(Path(sys.argv[1]))
    try:
        uvloop.run(settle(demo))
    except KeyboardInterrupt:
        sys.exit(130)
    demo.settle()


async def settle(demo: DemoFolder) -> None:
    """Submit the whole population, many messages at a time. When it was broken off before, it goes
    on: each message has the same key again."""
    made = population(demo.seed)
    clock = StoryClock(demo.made)
    async with engine_by(clock, demo.path) as engine:
        await Settling(engine, demo, made, clock).run()


class StoryClock:
    """Goes from STORY_DAYS before `end` (ms since 1970) to it, faster by night than by day."""

    def __init__(self, end: int) -> None:
        self._start = end - STORY_DAYS * _DAY_MS
        quiet = (_QUIET_HOUR / 24 - self._start / _DAY_MS) % 1
        self._quiet = quiet
        for _ in range(50):  # what is added below to begin at 0 moves the quiet hour, too
            self._quiet = quiet - _QUIET / (2 * math.pi) * math.sin(2 * math.pi * self._quiet)
        self._share = 0.0
        self.least = 0
        """It shows no earlier time: the last stamp, when moving in was broken off."""

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        days = self._share * STORY_DAYS
        # from one quiet hour to the next the sines add up to nothing
        wave = math.sin(2 * math.pi * (days - self._quiet)) + math.sin(2 * math.pi * self._quiet)
        story = self._start + int((days + _QUIET / (2 * math.pi) * wave) * _DAY_MS)
        return max(story, self.least)

    def reach(self, share: float) -> None:
        """Such a share of all that was said was said by now; it never goes back."""
        self._share = max(self._share, share)


@asynccontextmanager
async def engine_by(clock: StoryClock, folder: Path) -> AsyncIterator[EngineClient]:
    """An engine in this process whose stamps are the clock's, at its socket, and a client of it."""
    make_folder(folder)
    with folder_lock(folder):
        log, state = Log(folder / "log.db", write=True), State(state_path(folder))
        clock.least = state.stamp
        arena = Arena.from_fd(make_arena_file(arena_bytes(), ACCOUNTS_MAX))
        engine = Engine(log=log, state=state, arena=arena, now=clock)
        engine.recover()
        server, client = Server(engine, folder, now=clock), EngineClient()
        running = asyncio.create_task(server.run())
        link = asyncio.create_task(connect(client, folder))
        try:
            await client.ready.wait()
            yield client
        finally:
            link.cancel()
            with suppress(asyncio.CancelledError):
                await link
            server.stop()
            await running
            engine.close()


class Settling:
    def __init__(
        self, engine: Submitter, demo: DemoFolder, made: Population, clock: StoryClock
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._demo = demo
        self._made = made
        self._accounts: list[int] = [0] * len(made.people)
        """Account number by place."""

    async def run(self) -> None:
        made = self._made
        places = list(range(len(made.people)))
        with progress("accounts", len(places)) as advance:

            async def arrive(place: int) -> None:
                await self._arrive(place, made.people[place])
                advance(1)

            # The first are there before the rest, so that their numbers are low and known.
            await in_flight(1, places[:3], arrive)
            await in_flight(AT_ONCE, places[3:], arrive)
        with progress("follows", len(made.follows)) as advance:

            async def follow(pair: tuple[int, int]) -> None:
                await self._once(pair[0], Follow(account=self._accounts[pair[1]]))
                advance(1)

            await in_flight(AT_ONCE, made.follows, follow)
        with progress("posts, boosts, favourites", len(made.acts)) as advance:
            ids = [asyncio.get_running_loop().create_future() for _ in made.acts]

            async def act(numbered: tuple[int, Act]) -> None:
                place, what = numbered
                self._clock.reach((place + 1) / len(made.acts))
                ids[place].set_result(await self._act(place, what, ids))
                advance(1)

            # An act waits only for acts before it, and those were begun before it.
            await in_flight(ACTS_AT_ONCE, enumerate(made.acts), act)
        says = [place for place, what in enumerate(made.acts) if isinstance(what, Say)]
        position = await ids[says[-UNREAD_POSTS:][0]]
        await self._once(READER, Read(queue="home", position=position))

    async def _arrive(self, place: int, person: Person) -> None:
        password = self._demo.passwords.get(person.name)
        register = Register(
            name=person.name, display_name=person.display_name, language=person.language,
            role=person.role, password_hash=hash_now(password) if password else "",
        )  # fmt: skip
        accepted = await submit(self._engine, SERVER, register, self._key(f"account {place}"))
        self._accounts[place] = accepted.id
        text, mentions, tags, links = parse(person.note, Settings())
        profile = Profile(
            display_name=person.display_name, note=text, note_mentions=mentions, note_tags=tags,
            note_links=links, discoverable=True, indexable=True, language=person.language,
        )  # fmt: skip
        await self._once(place, profile)

    async def _act(self, place: int, act: Act, ids: list[asyncio.Future[int]]) -> int:
        """→ the id of a post, else 0."""
        if isinstance(act, Say):
            parent = 0 if act.reply_to is None else await ids[act.reply_to]
            accepted = await submit(
                self._engine, self._accounts[act.author], post_of(act, parent),
                self._key(f"act {place}"),
            )  # fmt: skip
            return accepted.id
        post = await ids[act.post]
        message = BoostMessage(post=post) if isinstance(act, Boost) else Favourite(post=post)
        await self._once(act.actor, message)
        return 0

    async def _once(self, place: int, message: AnyMessage) -> None:
        try:
            await submit(self._engine, self._accounts[place], message)
        except Refused as refused:
            if refused.code != "already_done":
                raise

    def _key(self, what: str) -> bytes:
        """Remembered for good, so that nothing is there twice however often this is run."""
        named = f"demo {self._demo.seed} {what}".encode()
        return b"u" + hashlib.sha256(named).digest()[:16]


def post_of(say: Say, parent: int) -> Post:
    text, mentions, tags, links = parse(say.text, Settings())
    return Post(
        text=text, mentions=mentions, tags=tags, links=links, language=say.language,
        warning=say.warning, sensitive=bool(say.warning), visibility=say.visibility,
        reply_to=parent,
    )  # fmt: skip


if __name__ == "__main__":
    main()
