"""The made-up accounts, and who of them follows whom."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from random import Random
from typing import Final

from msgspec import Struct

from covey.cli.demo_folder import LOG_INS
from covey.cli.population.talk import languages
from covey.messages import Role
from covey.state.accounts import look_key

ACCOUNTS: Final = 1_000
FOLLOWING_MEDIAN: Final = 42
"""Of a log-normal distribution with SIGMA: its mean is near 60."""
FOLLOWING_SIGMA: Final = 0.85
FOLLOWING_MAX: Final = 400
POPULARITY: Final = 0.85
"""Exponent of the power law by which accounts are followed."""
NEARBY_SHARE: Final = 0.6
"""Of those somebody follows, how many speak the same language."""
READER_FOLLOWS: Final = 320
AUTHOR_FOLLOWERS: Final = 600
READER, AUTHOR, KEEPER = range(3)
"""The places of the three log-ins."""

_SECOND_NAMES: Final = (
    "acorn", "alder", "amble", "anvil", "apron", "arbour", "aster", "atlas", "banjo", "barley",
    "basil", "beacon", "bellows", "birch", "bramble", "brook", "byway", "candle", "canopy",
    "cello", "chalk", "cinder", "clover", "comet", "compass", "copper", "crumbs", "damson",
    "delta", "dune", "ember", "fable", "fennel", "fern", "ferry", "fiddle", "finch", "flint",
    "foxglove", "gable", "ginger", "glade", "grove", "harbour", "hatch", "heath", "heron",
    "hollow", "hops", "hush", "juniper", "kestrel", "kettle", "lantern", "larch", "lark",
    "ledger", "lichen", "loom", "lupin", "maple", "marsh", "meadow", "mellow", "moss", "nettle",
    "nook", "nutmeg", "oats", "orchard", "otter", "paddle", "pebble", "pepper", "plover", "plum",
    "poppy", "quarry", "quill", "raven", "reed", "rook", "rowan", "rudder", "saddle", "sage",
    "sorrel", "sparrow", "spoke", "starter", "tansy", "teasel", "thistle", "thyme", "tiller",
    "tulip", "umber", "vellum", "walnut", "weft", "willow", "yarrow", "yeast",
)  # fmt: skip
_SIGNS: Final = {
    "garden": "🌱", "cycling": "🚲", "bread": "🍞", "code": "🧮", "birds": "🪶", "music": "🎻",
    "weather": "🌦️", "library": "📚",
}  # fmt: skip


class Person(Struct, frozen=True):
    """One account. People are known by their place in the population, from 0."""

    name: str
    display_name: str
    note: str
    language: str
    topics: tuple[str, ...]
    """What it likes to talk about."""
    role: Role = "member"


def log_in_people() -> list[Person]:
    """The three that somebody can log in to: a reader who follows many, an author with many
    followers, an administrator."""
    reader, author, keeper = LOG_INS
    return [
        Person(reader, "The Reader", "Follows a lot of people, reads all of it. Log in as me!",
               "en", ("birds", "library")),
        Person(author, "The Author", "Many follow me, I can't say why. Log in as me!",
               "en", ("bread", "weather")),
        Person(keeper, "The Keeper", "Keeps this server running. Log in as me!",
               "en", ("code", "garden"), "administrator"),
    ]  # fmt: skip


def make_people(chance: Random, accounts: int = ACCOUNTS) -> list[Person]:
    """The whole population, the three log-ins first. No two names are alike."""
    spoken = languages()
    weights = [language.weight for language in spoken.values()]
    people = log_in_people()
    taken = {look_key(person.name) for person in people}
    while len(people) < accounts:
        language = chance.choices(list(spoken.values()), weights)[0]
        shown, _, given = chance.choice(language.names).partition("=")
        name = given
        if chance.random() < 0.9 or look_key(name) in taken:
            name = f"{given}_{chance.choice(_SECOND_NAMES)}"
        if look_key(name) in taken:
            continue
        taken.add(look_key(name))
        topics = tuple(chance.sample(sorted(language.topics), chance.choice((1, 2, 2, 3))))
        display_name = f"{shown} {_SIGNS[topics[0]]}" if chance.random() < 0.4 else shown
        people.append(
            Person(name, display_name, language.note(chance, topics), language.code, topics)
        )
    return people


def make_follows(chance: Random, people: list[Person]) -> list[tuple[int, int]]:
    """(follower, followed), each pair once, in the order in which people came to know each other.

    How many somebody follows is log-normal; whom, by a power law of popularity, more often
    somebody of the same language.
    """
    weights = [1 / (1 + rank) ** POPULARITY for rank in range(len(people))]
    chance.shuffle(weights)
    everybody = _Draw(list(range(len(people))), weights)
    nearby = {}
    for code in {person.language for person in people}:
        places = [place for place, person in enumerate(people) if person.language == code]
        nearby[code] = _Draw(places, [weights[place] for place in places])
    follows = []
    for place, person in enumerate(people):
        wanted = int(chance.lognormvariate(0, FOLLOWING_SIGMA) * FOLLOWING_MEDIAN)
        wanted = min(max(wanted, 3), FOLLOWING_MAX)
        if place == READER:
            wanted = READER_FOLLOWS
        wanted = min(wanted, len(people) // 2)
        near = nearby[person.language].some(chance, int(wanted * NEARBY_SHARE), {place})
        far = everybody.some(chance, wanted - len(near), near | {place})
        follows += [(place, followed) for followed in sorted(near | far)]
    fans = {follower for follower, followed in follows if followed == AUTHOR}
    others = [place for place in range(len(people)) if place not in fans and place != AUTHOR]
    missing = min(max(0, AUTHOR_FOLLOWERS - len(fans)), len(others))
    follows += [(place, AUTHOR) for place in chance.sample(others, missing)]
    chance.shuffle(follows)
    return follows


class _Draw:
    """Draws from places by weight."""

    def __init__(self, places: list[int], weights: list[float]) -> None:
        self._places = places
        self._sums = list(accumulate(weights))

    def some(self, chance: Random, count: int, but: set[int]) -> set[int]:
        """`count` different ones, or fewer where it gets hard to find another."""
        found: set[int] = set()
        for _ in range(8 * count):
            if len(found) == count:
                break
            at = bisect(self._sums, chance.random() * self._sums[-1])
            place = self._places[min(at, len(self._places) - 1)]
            if place not in but:
                found.add(place)
        return found
