"""What the made-up population says: small talk in many languages, from sentence patterns.

A language is a file in `talk/`: `weight` (its share of the accounts), `names` ("shown=ascii"),
`notes` for profiles, `[words]` to fill patterns with, and `[topics.…]`, each with `tags`, words it
is `about`, `posts` and `replies`. Beside these stand what fits any topic: `closings` of posts,
`replies`, `answers` to a reply, `last_words` after those.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Final

from msgspec import Struct, convert

LINKS: Final[dict[str, tuple[str, ...]]] = {
    "garden": ("https://seed-swap.example/spring", "https://allotments.example/plots?free=yes"),
    "cycling": ("https://quiet-routes.example/map", "https://rides.example/2026/canal"),
    "bread": ("https://slow-loaf.example/recipes/rye", "https://bakers.example/starter"),
    "code": ("https://notes.example/how-it-broke", "https://patches.example/first-issues"),
    "birds": ("https://garden-count.example/join", "https://nestbox.example/live#4"),
    "music": ("https://harbour-choir.example/tenors", "https://sessions.example/last-week"),
    "weather": ("https://school-station.example/now", "https://rain.example/gauge?year=2026"),
    "library": ("https://library.example/opening-hours", "https://repair-cafe.example/next"),
}
"""Names under .example belong to nobody, for good."""

_SLOT: Final = re.compile(r"\{(\w+)\}")
CLOSING_SHARE: Final = 0.3
TAG_SHARE: Final = 0.4
GENERAL_SHARE: Final = 0.35


class Topic(Struct, frozen=True):
    tags: tuple[str, ...]
    about: tuple[str, ...]
    posts: tuple[str, ...]
    replies: tuple[str, ...]
    warning: str = ""


class Language(Struct, frozen=True):
    """What can be said in one language."""

    code: str
    weight: int
    names: tuple[str, ...]
    notes: tuple[str, ...]
    closings: tuple[str, ...]
    replies: tuple[str, ...]
    answers: tuple[str, ...]
    last_words: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    topics: dict[str, Topic]
    spaces: bool = True
    """Whether a space stands between sentences."""

    def opening(self, chance: Random, topic: str, friend: str | None) -> str:
        """The text of a post that begins a conversation. `friend` is a name to mention."""
        patterns = self.topics[topic].posts
        if friend is None:
            patterns = tuple(p for p in patterns if "{friend}" not in p)
        text = self._filled(chance, chance.choice(patterns), topic, friend)
        if "https://" not in text and chance.random() < CLOSING_SHARE:
            text += self._gap + self._filled(chance, chance.choice(self.closings), topic, friend)
        if chance.random() < TAG_SHARE:
            text += f" #{chance.choice(self.topics[topic].tags)}"
        return text

    def reply(self, chance: Random, topic: str | None, to: str) -> str:
        """A first reply to a post of `to` on that topic; None: on nothing we know of."""
        patterns = self.replies
        if topic is not None and chance.random() > GENERAL_SHARE:
            patterns = self.topics[topic].replies
        return self._addressed(chance, patterns, topic or "garden", to)

    def answer(self, chance: Random, topic: str, to: str) -> str:
        """What the author says to a reply by `to`."""
        return self._addressed(chance, self.answers, topic, to)

    def last_word(self, chance: Random, topic: str, to: str) -> str:
        """What `to` is told at the end of a conversation."""
        return self._addressed(chance, self.last_words, topic, to)

    def note(self, chance: Random, topics: tuple[str, ...]) -> str:
        tags = " ".join(f"#{self.topics[topic].tags[0]}" for topic in topics)
        return f"{chance.choice(self.notes)} {tags}"

    def topic_of(self, text: str) -> str | None:
        """What a text is about, as far as its words tell."""
        lowered = text.lower()
        counts = {
            name: sum(word in lowered for word in topic.about)
            for name, topic in self.topics.items()
        }
        best = max(counts, key=lambda name: counts[name])
        return best if counts[best] else None

    @property
    def _gap(self) -> str:
        return " " if self.spaces else ""

    def _addressed(self, chance: Random, patterns: tuple[str, ...], topic: str, to: str) -> str:
        return f"@{to} {self._filled(chance, chance.choice(patterns), topic, None)}"

    def _filled(self, chance: Random, pattern: str, topic: str, friend: str | None) -> str:
        day = chance.choice(self.words["day"])  # a text means the same one wherever it says so

        def word(slot: re.Match[str]) -> str:
            name = slot[1]
            if name == "day":
                return day
            if name == "n":
                return str(chance.randint(2, 12))
            if name == "link":
                return chance.choice(LINKS[topic])
            if name == "friend":
                assert friend is not None
                return f"@{friend}"
            return chance.choice(self.words[name])

        text = _SLOT.sub(word, pattern)
        # not `capitalize`: that lowers the rest; Turkish i never stands first in its file
        return text[:1].upper() + text[1:] if not text.startswith("@") else text


@cache
def languages() -> dict[str, Language]:
    """By code, in the order of the codes."""
    found = {}
    for file in sorted(files(__package__).joinpath("talk").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            code = file.name.removesuffix(".toml")
            values: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
            found[code] = convert({"code": code, **values}, Language)
    return found
