"""What the made-up population does, act by act: posts, replies, boosts, favourites."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Final

from msgspec import Struct

from covey.cli.population.people import Person
from covey.cli.population.talk import languages
from covey.messages import Visibility

REPLY_SHARE: Final = 0.42
FRIEND_SHARE: Final = 0.12
REMEMBERED: Final = 250
"""Posts that are still talked about."""
FAVOURITES_MAX: Final = 30
BOOSTS_MAX: Final = 6
ANOTHER_TEXT: Final = 6
"""Times to look for words that were not said before."""


class Say(Struct, frozen=True):
    """A post. Authors are places in the population; `reply_to` is the place of another act."""

    author: int
    text: str
    language: str
    reply_to: int | None = None
    visibility: Visibility = "public"
    warning: str = ""


class Boost(Struct, frozen=True):
    actor: int
    post: int
    """The place of a Say."""


class Favourite(Struct, frozen=True):
    actor: int
    post: int
    """The place of a Say."""


Act = Say | Boost | Favourite


class _Said(Struct):
    """A post that can be answered."""

    place: int
    author: int
    topic: str
    language: str
    visibility: Visibility
    depth: int
    to: int
    """Whom it replies to; its author, if nobody."""


class Life:
    """Makes acts, one at a time, each of them possible after those before it."""

    def __init__(
        self, chance: Random, people: list[Person], follows: list[tuple[int, int]]
    ) -> None:
        self._chance = chance
        self._people = people
        self._followers: dict[int, list[int]] = {place: [] for place in range(len(people))}
        self._following: dict[int, list[int]] = {place: [] for place in range(len(people))}
        for follower, followed in follows:
            self._followers[followed].append(follower)
            self._following[follower].append(followed)
        # who has followers has more to say
        self._talkative = [1 + len(self._followers[place]) ** 0.75 for place in range(len(people))]
        self._recent: deque[_Said] = deque(maxlen=REMEMBERED)
        self._texts: set[str] = set()
        self._count = 0

    def acts(self, posts: int) -> Iterator[Act]:
        """As many as it takes to have so many posts; the boosts and favourites of a post stand
        after it."""
        said = 0
        while said < posts:
            reply = self._recent and self._chance.random() < REPLY_SHARE
            made = self._reply() if reply else self._opening()
            if made is None:
                continue
            say, post = made
            yield self._counted(say)
            self._recent.append(post)
            said += 1
            for act in self._echo(post):
                yield self._counted(act)

    def _counted(self, act: Act) -> Act:
        self._count += 1
        return act

    def _opening(self) -> tuple[Say, _Said]:
        chance = self._chance
        author = chance.choices(range(len(self._people)), self._talkative)[0]
        person = self._people[author]
        language = languages()[person.language]
        topic = chance.choice(person.topics)
        text = ""
        for _ in range(ANOTHER_TEXT):
            text = language.opening(chance, topic, self._friend(author))
            if text not in self._texts:
                break
        self._texts.add(text)
        draw = chance.random()
        visibility: Visibility = "public"
        if draw < 0.05:
            visibility = "unlisted"
        elif draw < 0.08:
            visibility = "followers"
        warning = language.topics[topic].warning if chance.random() < 0.25 else ""
        say = Say(author, text, language.code, None, visibility, warning)
        return say, _Said(self._count, author, topic, language.code, visibility, 0, author)

    def _friend(self, author: int) -> str | None:
        """The name of one of the same language whom the author follows, now and then."""
        if self._chance.random() > FRIEND_SHARE or not self._following[author]:
            return None
        friend = self._people[self._chance.choice(self._following[author])]
        return friend.name if friend.language == self._people[author].language else None

    def _reply(self) -> tuple[Say, _Said] | None:
        """First a follower replies; then the author answers; then comes a last word."""
        chance = self._chance
        post = chance.choice(self._recent)
        language = languages()[post.language]
        if post.depth == 0:
            same = [
                place
                for place in chance.sample(self._followers[post.author], k=min(
                    12, len(self._followers[post.author])))
                if self._people[place].language == post.language
            ]  # fmt: skip
            if not same:
                return None
            author = chance.choice(same)
        elif post.depth <= 2:
            author = post.to
        else:
            return None
        to = self._people[post.author].name
        text = ""
        for _ in range(ANOTHER_TEXT):
            if post.depth == 0:
                text = language.reply(chance, post.topic, to)
            elif post.depth == 1:
                text = language.answer(chance, post.topic, to)
            else:
                text = language.last_word(chance, post.topic, to)
            if text not in self._texts:
                break
        else:
            return None
        self._texts.add(text)
        if post.depth:
            self._recent.remove(post)  # answered: nobody else joins in
        say = Say(author, text, post.language, post.place, post.visibility)
        return say, _Said(
            self._count, author, post.topic, post.language, post.visibility, post.depth + 1,
            post.author,
        )  # fmt: skip

    def _echo(self, post: _Said) -> Iterator[Act]:
        """Favourites, and for some posts boosts, by followers of the author."""
        chance = self._chance
        followers = self._followers[post.author]
        liked = min(int(chance.paretovariate(1.1)) - 1, FAVOURITES_MAX, len(followers))
        for place in chance.sample(followers, liked):
            yield Favourite(place, post.place)
        if post.depth == 0 and post.visibility == "public" and chance.random() < 0.2:
            boosted = min(int(chance.paretovariate(1.2)), BOOSTS_MAX, len(followers))
            for place in chance.sample(followers, boosted):
                yield Boost(place, post.place)
