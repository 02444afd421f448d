"""The population goes on at a human pace while the demo runs:
`python -m covey.cli.population.living FOLDER`. It ends when its standard input is closed.

Every few seconds somebody posts, replies, boosts or favourites. What a person writes who is logged
in does not go unheard: somebody answers, somebody likes it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct

from covey.cli.demo_folder import LOG_INS, DemoFolder
from covey.cli.population.people import Person, make_follows, make_people
from covey.cli.population.talk import Language, languages
from covey.cli.submitting import submit
from covey.edge.text import parse
from covey.engine.client import EngineClient, Submitter, connect
from covey.errors import Refused
from covey.messages import AnyMessage, Boost, Favourite, Follow, Post, Visibility
from covey.settings import Settings
from covey.state.queries import PostRow, StateReader
from covey.state.state import state_path

PACE_SECONDS: Final = (2.0, 7.0)
LOOK_SECONDS: Final = 1.0
RECENT_POSTS: Final = 60
"""Of everybody's public posts: what is still talked about."""


def main() -> None:
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor; it ends us
    asyncio.run(live(folder))


async def live(folder: Path) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), os._exit, 0)
    demo = DemoFolder(folder)
    client = EngineClient()
    link = asyncio.create_task(connect(client, folder))
    await client.ready.wait()
    chance = Random(demo.seed)  # noqa: S311
    people = make_people(chance)
    living = Living(client, StateReader(state_path(folder)), people, make_follows(chance, people))
    await living.run()
    link.cancel()


class Heard(Struct, frozen=True):
    """A post, as somebody answers it."""

    id: int
    author: int
    name: str
    language: Language
    topic: str | None
    visibility: Visibility
    reply_account: int
    mentioned: tuple[int, ...]


class Living:
    """Acts through the engine like any edge; reads what is new from the state."""

    def __init__(
        self,
        engine: Submitter,
        state: StateReader,
        people: list[Person],
        follows: list[tuple[int, int]],
        chance: Random | None = None,
    ) -> None:
        self._engine = engine
        self._state = state
        self._chance = chance or Random()  # noqa: S311 - small talk
        with state.snapshot() as snapshot:
            numbers = dict(snapshot.execute("select name, number from accounts").fetchall())
            self._seen = snapshot.last_id
        self._newest_account = max(numbers.values(), default=0)
        self._people: dict[int, Person] = {
            numbers[person.name]: person
            for person in people
            if person.name in numbers and person.name not in LOG_INS
        }
        """Whose part we play, by account number: never that of somebody who may be logged in."""
        self._followers: dict[int, list[int]] = {}
        for follower, followed in follows:
            one, other = numbers.get(people[follower].name), numbers.get(people[followed].name)
            if one in self._people and other is not None:
                self._followers.setdefault(other, []).append(one)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For good."""
        self.later(0, self._look_for_good())
        while True:
            await asyncio.sleep(self._chance.uniform(*PACE_SECONDS))
            await self.act()

    async def _look_for_good(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def later(self, seconds: float, deed: Awaitable[None]) -> None:
        """Do it after that time, beside everything else."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            await deed

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- of their own accord ------------------------------------------------------------------

    async def act(self) -> None:
        """Somebody does something."""
        chance = self._chance
        draw = chance.random()
        post = None if draw < 0.5 else self._something_recent()
        if post is None:
            author = chance.choice(list(self._people))
            person = self._people[author]
            language = languages()[person.language]
            text = language.opening(chance, chance.choice(person.topics), None)
            await self._say(author, text, language.code)
            return
        actor = chance.choice(self._listeners(post))
        if draw < 0.7:
            await self._reply(actor, post)
        elif draw < 0.9:
            await self._do(actor, Favourite(post=post.id))
        else:
            await self._do(actor, Boost(post=post.id))

    def _something_recent(self) -> Heard | None:
        """A public post of the population that began a conversation lately."""
        with self._state.snapshot() as snapshot:
            rows = snapshot.execute(
                "select id from posts where visibility = 0 and boost_of = 0 and deleted = 0"
                " and (reply_to = 0 or reply_account = account) order by id desc limit ?",
                (RECENT_POSTS,),
            ).fetchall()
            posts = snapshot.posts([row[0] for row in rows])
        found = [post for post in posts.values() if post.account in self._people]
        return self._heard(self._chance.choice(found)) if found else None

    # --- when a person does something ---------------------------------------------------------

    def look(self) -> None:
        """See what people wrote, and who came, since the last look; somebody will react."""
        with self._state.snapshot() as snapshot:
            rows = snapshot.execute(
                "select id, account from posts where id > ? and boost_of = 0 and deleted = 0"
                " order by id limit 500",
                (self._seen,),
            ).fetchall()
            written = [row[0] for row in rows if row[1] not in self._people]
            posts = list(snapshot.posts(written).values())
            newcomers = snapshot.execute(
                "select number from accounts where number > ?", (self._newest_account,)
            ).fetchall()
        for (account,) in newcomers:
            self._newest_account = max(self._newest_account, account)
            self._welcome(account)
        if rows:
            self._seen = rows[-1][0]
        for post in posts:
            self._react(self._heard(post))

    def _welcome(self, account: int) -> None:
        for follower in self._chance.sample(list(self._people), min(3, len(self._people))):
            self._followers.setdefault(account, []).append(follower)
            self.later(self._chance.uniform(4, 25), self._do(follower, Follow(account=account)))

    def _react(self, post: Heard) -> None:
        chance = self._chance
        asked = [account for account in post.mentioned if account in self._people]
        if post.reply_account in self._people and post.reply_account not in asked:
            asked.append(post.reply_account)
        for account in asked[:3]:
            if chance.random() < 0.85:
                self.later(chance.uniform(3, 10), self._reply(account, post))
        if post.visibility == "direct":
            return
        listeners = [account for account in self._listeners(post) if account not in asked]
        chance.shuffle(listeners)
        if not asked and listeners and chance.random() < 0.8:
            self.later(chance.uniform(4, 12), self._reply(listeners[0], post))
        if len(listeners) > 1 and chance.random() < 0.25:
            self.later(chance.uniform(10, 25), self._reply(listeners[1], post))
        for account in listeners[: chance.randint(1, 4)]:
            self.later(chance.uniform(2, 15), self._do(account, Favourite(post=post.id)))
        if post.visibility == "public" and len(listeners) > 2 and chance.random() < 0.3:
            self.later(chance.uniform(5, 20), self._do(listeners[2], Boost(post=post.id)))

    def _listeners(self, post: Heard) -> list[int]:
        """Who may react: followers of the same language, else followers, else anybody of it."""
        followers = [one for one in self._followers.get(post.author, []) if one != post.author]
        same = [one for one in followers if self._people[one].language == post.language.code]
        anybody = [
            one
            for one, person in self._people.items()
            if person.language == post.language.code and one != post.author
        ]
        return same or followers or anybody

    def _heard(self, post: PostRow) -> Heard:
        with self._state.snapshot() as snapshot:
            author = snapshot.account(post.account)
        assert author
        language, topic = _understood(post)
        return Heard(
            post.id, post.account, author.name, language, topic,
            ("public", "unlisted", "followers", "direct")[post.visibility],
            post.reply_account, post.mentioned,
        )  # fmt: skip

    # --- deeds --------------------------------------------------------------------------------

    async def _reply(self, actor: int, post: Heard) -> None:
        text = post.language.reply(self._chance, post.topic, post.name)
        if post.reply_account == actor:
            text = post.language.answer(self._chance, post.topic or "garden", post.name)
        await self._say(actor, text, post.language.code, post)

    async def _say(self, actor: int, text: str, language: str, parent: Heard | None = None) -> None:
        text, mentions, tags, links = parse(text, Settings())
        message = Post(
            text=text, mentions=mentions, tags=tags, links=links, language=language,
            reply_to=parent.id if parent else 0,
            visibility=parent.visibility if parent else "public",
        )  # fmt: skip
        await self._do(actor, message)

    async def _do(self, actor: int, message: AnyMessage) -> None:
        """Whatever is refused (it was done before, somebody blocks somebody) is let be."""
        with suppress(Refused):
            await submit(self._engine, actor, message)


def _understood(post: PostRow) -> tuple[Language, str | None]:
    """(language, topic) of a post: by its language if we speak it and by its words; somebody's
    language may be set to another than they write."""
    spoken = languages()
    first = spoken.get(post.language.partition("-")[0])
    for language in ([first] if first else []) + [spoken["en"], *spoken.values()]:
        topic = language.topic_of(post.text)
        if topic:
            return language, topic
    return first or spoken["en"], None


if __name__ == "__main__":
    main()
