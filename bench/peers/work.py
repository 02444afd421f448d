"""The work that all are given: posts by authors of one set, and the clock around it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from bench.common import Population, name_of
from msgspec import Struct

from covey.edge.text import parse
from covey.messages import Link, Mention, Tag
from covey.settings import Settings

IN_FLIGHT: Final = 256
"""Posts that are sent and not yet answered; also posts in a transaction, where that is what makes
them durable together."""
FIRST_ID: Final = 1_767_225_600_000 << 16
_CHUNK_SECONDS: Final = 0.3
_SETTINGS: Final = Settings(public_url="http://localhost")

Prepared = TypeVar("Prepared")


class Text(Struct, frozen=True):
    """What is said, parsed as an edge does it. A bare `@user` is somebody, drawn once."""

    text: str
    mentions: tuple[Mention, ...]
    tags: tuple[Tag, ...]
    links: tuple[Link, ...]
    mentioned: tuple[int, ...]


class Sent(Struct, frozen=True):
    """A post."""

    id: int
    author: int
    said: Text


class Peer(Protocol[Prepared]):
    """What is measured. `prepare` is outside the clock; `run` returns once all are answered."""

    def prepare(self, posts: list[Sent]) -> Prepared: ...

    def run(self, prepared: Prepared) -> None: ...

    def cpu(self) -> float:
        """Seconds of user and system time so far, of all its processes but the client's."""


class Authors(Struct, frozen=True):
    """Those who post, drawn evenly."""

    name: str
    numbers: tuple[int, ...]


class Workload:
    """A graph, and posts without end."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.followers: dict[int, list[int]] = {}
        for follower, followed in population.follows:
            self.followers.setdefault(followed, []).append(follower)
        ranked = sorted(self.followers, key=lambda author: -len(self.followers[author]))
        self.sets = [
            Authors("all with a follower", tuple(sorted(ranked))),
            Authors("750 most followed", tuple(ranked[:750])),
            Authors("25 most followed", tuple(ranked[:25])),
        ]
        self._draw = random.Random(population.seed)
        self._newest = FIRST_ID
        self._texts = [self._parsed(text) for text in population.texts]

    def _parsed(self, text: str) -> Text:
        somebody = self._draw.randint(1, self.population.accounts)
        text = text.replace("\0", "").replace("@user", f"@{name_of(somebody)}")
        text, mentions, tags, links = parse(text, _SETTINGS)
        return Text(text, mentions, tags, links, (somebody,) if mentions else ())

    def fan_out(self, authors: Authors) -> float:
        return sum(len(self.followers[author]) for author in authors.numbers) / len(authors.numbers)

    def posts(self, authors: Authors, count: int) -> list[Sent]:
        found = []
        for author in self._draw.choices(authors.numbers, k=count):
            self._newest += 1
            found.append(Sent(self._newest, author, self._draw.choice(self._texts)))
        return found

    def with_few_followers(self, authors: Authors, wanted: int) -> Authors:
        """Those nearest the mean, until they have together `wanted` followers: for what can't hold
        all."""
        mean = self.fan_out(authors)
        chosen: list[int] = []
        reached: set[int] = set()
        for author in sorted(authors.numbers, key=lambda a: abs(len(self.followers[a]) - mean)):
            chosen.append(author)
            reached.update(self.followers[author])
            if len(reached) >= wanted:
                break
        return Authors(authors.name, tuple(chosen))

    def readers(self) -> Iterator[int]:
        """Accounts that follow somebody, drawn evenly, without end."""
        following = sorted(self.population.following)
        while True:
            yield self._draw.choice(following)


class Rate(Struct, frozen=True):
    """What came out, a second of wall time and of CPU. `cpu` and `client_cpu` in µs a post."""

    what: str
    fan_out: float
    posts: float
    deliveries: float
    cpu: float
    client_cpu: float


def measure(
    what: str, peer: Peer[Prepared], workload: Workload, authors: Authors, seconds: float,
    chunk_posts: int = 0,
) -> Rate:  # fmt: skip
    """Posts in ever larger chunks, or always as large, until the clock has run for `seconds`; the
    first is not counted."""
    size = chunk_posts or IN_FLIGHT
    peer.run(peer.prepare(workload.posts(authors, size)))
    wall = cpu = client = 0.0
    posts = deliveries = 0
    while wall < seconds:
        chunk = workload.posts(authors, size)
        prepared = peer.prepare(chunk)
        took, served, used = timed(lambda prepared=prepared: peer.run(prepared), peer.cpu)  # type: ignore[misc]
        wall, cpu, client = wall + took, cpu + served, client + used
        posts += len(chunk)
        deliveries += sum(len(workload.followers[post.author]) for post in chunk)
        if took < _CHUNK_SECONDS and not chunk_posts:
            size *= 2
    return Rate(
        what, deliveries / posts, posts / wall, deliveries / wall, cpu / posts * 1e6,
        client / posts * 1e6,
    )  # fmt: skip


def timed(work: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float, float]:
    """Seconds: wall, the peer's CPU, this process's CPU."""
    served, used, began = cpu(), time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - began, cpu() - served, time.process_time() - used
