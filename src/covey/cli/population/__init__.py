"""The made-up population of `covey demo`: accounts, follows and acts out of a seed.

Pure: the same seed gives the same population on every machine, and nothing is sent anywhere.
`settling` submits it to an engine, `living` goes on at a human pace.
"""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct

from covey.cli.population.acts import Act, Life
from covey.cli.population.people import ACCOUNTS, Person, make_follows, make_people

POSTS: Final = 5_000


class Population(Struct, frozen=True):
    people: list[Person]
    follows: list[tuple[int, int]]
    """(follower, followed), places in `people`."""
    acts: list[Act]


def population(seed: int, accounts: int = ACCOUNTS, posts: int = POSTS) -> Population:
    """So many people, their follows, and acts with so many posts."""
    chance = Random(seed)  # noqa: S311 - a population needs no secrets
    people = make_people(chance, accounts)
    follows = make_follows(chance, people)
    return Population(people, follows, list(Life(chance, people, follows).acts(posts)))
