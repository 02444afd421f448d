"""The made-up population: the same from the same seed, legal, heavy-tailed, and it makes sense."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from random import Random

import pytest

from covey.cli.demo_folder import LOG_INS
from covey.cli.population import Population, population
from covey.cli.population.acts import Boost, Favourite, Say
from covey.cli.population.people import AUTHOR, KEEPER, READER
from covey.cli.population.settling import post_of
from covey.cli.population.talk import LINKS, Language, languages
from covey.limits import NAME_CHARACTERS, POST_CHARACTERS
from covey.state.accounts import RESERVED, look_key
from covey.state.texts import check_facets, check_language, check_text, counted


@cache
def made() -> Population:
    return population(1)


def says() -> dict[int, Say]:
    return {place: act for place, act in enumerate(made().acts) if isinstance(act, Say)}


def test_the_seed_says_it_all() -> None:
    assert population(7, 60, 80) == population(7, 60, 80)
    assert population(7, 60, 80) != population(8, 60, 80)


def test_as_many_as_promised() -> None:
    assert len(made().people) == 1_000
    assert len(says()) == 5_000
    assert 50 < len(made().follows) / 1_000 < 70
    assert len(set(made().follows)) == len(made().follows)
    assert all(follower != followed for follower, followed in made().follows)


def test_names_are_legal_and_no_two_look_alike() -> None:
    names = [person.name for person in made().people]
    assert all(re.fullmatch(rf"[a-z0-9_]{{1,{NAME_CHARACTERS}}}", name) for name in names)
    assert not RESERVED & set(names)
    assert len({look_key(name) for name in names}) == len(names)


def test_popularity_is_heavy_tailed() -> None:
    followers = Counter(followed for _, followed in made().follows)
    counts = sorted((followers[place] for place in range(1_000)), reverse=True)
    assert counts[0] > 10 * counts[500] > 0
    assert sum(counts[:100]) > 0.3 * sum(counts)


def test_the_three_log_ins() -> None:
    people, follows = made().people, made().follows
    assert tuple(person.name for person in people[:3]) == LOG_INS
    assert Counter(follower for follower, _ in follows)[READER] >= 300
    assert Counter(followed for _, followed in follows)[AUTHOR] >= 600
    assert [place for place, person in enumerate(people) if person.role == "administrator"] == [
        KEEPER
    ]


def test_many_languages_and_scripts() -> None:
    spoken = Counter(say.language for say in says().values())
    assert len(spoken) >= 12
    assert all(count > 50 for count in spoken.values())
    text = "".join(say.text for say in says().values())
    for script in ("а-я", "ء-ي", "ऀ-ॿ", "ぁ-ん", "가-힣", "一-龥"):
        assert re.search(f"[{script}]", text), script


def test_there_is_some_of_everything() -> None:
    posts = [post_of(say, 0) for say in says().values()]
    for what in ("mentions", "tags", "links"):
        assert sum(bool(getattr(post, what)) for post in posts) > 150, what
    assert sum(say.reply_to is not None for say in says().values()) > 1_000
    assert {say.visibility for say in says().values()} == {"public", "unlisted", "followers"}
    assert any(say.warning for say in says().values())
    assert sum(isinstance(act, Boost) for act in made().acts) > 500
    assert sum(isinstance(act, Favourite) for act in made().acts) > 5_000


def test_nobody_says_the_same_twice() -> None:
    texts = Counter(say.text for say in says().values())
    assert sum(count - 1 for count in texts.values()) < 100


def test_every_post_is_one_that_may_be() -> None:
    names = {person.name for person in made().people}
    for say in says().values():
        post = post_of(say, 0)
        assert counted(post.text, post.links) + len(post.warning) <= POST_CHARACTERS
        check_text("Text", post.text, POST_CHARACTERS)
        check_language(post.language)
        check_facets(post.text, post.mentions, post.tags, post.links)
        assert all(mention.name in names for mention in post.mentions)
        assert not re.search(r"[{}]", post.text)


def test_a_reply_answers_who_was_there_before() -> None:
    for place, say in says().items():
        if say.reply_to is None:
            continue
        parent = says()[say.reply_to]
        assert say.reply_to < place
        assert say.author != parent.author
        assert say.language == parent.language
        assert say.text.startswith(f"@{made().people[parent.author].name} ")
        assert say.visibility == parent.visibility


def test_who_likes_or_boosts_follows_the_author() -> None:
    follows = set(made().follows)
    done = set()
    for act in made().acts:
        if not isinstance(act, Say):
            said = says()[act.post]
            assert (act.actor, said.author) in follows
            assert said.visibility == "public" or isinstance(act, Favourite)
            assert (type(act), act.actor, act.post) not in done
            done.add((type(act), act.actor, act.post))


@pytest.mark.parametrize("language", languages().values(), ids=lambda language: language.code)
def test_every_pattern_can_be_filled(language: Language) -> None:
    """Each slot has words, and every list is used by something."""
    assert set(language.topics) == set(LINKS)
    patterns = [
        *language.closings, *language.replies, *language.answers, *language.last_words,
        *(p for topic in language.topics.values() for p in (*topic.posts, *topic.replies)),
    ]  # fmt: skip
    slots = {slot for pattern in patterns for slot in re.findall(r"\{(\w*)\}", pattern)}
    assert slots - {"n", "link", "friend"} == set(language.words)
    assert all(len(words) > 1 for words in language.words.values())


def test_a_topic_is_known_by_its_words() -> None:
    english = languages()["en"]
    assert english.topic_of("My sourdough loaf is flat, what did I do to the dough?") == "bread"
    assert english.topic_of("A heron!") == "birds"
    assert english.topic_of("Hm.") is None
    assert languages()["ja"].topic_of("今日は図書館で小説を読みました") == "library"


def test_the_same_day_all_through_a_text() -> None:
    german = languages()["de"]
    for seed in range(50):
        text = german.opening(Random(seed), "code", None)
        if "ausgeliefert" in text:
            first, second = re.findall(r"am (\w+tag|Mittwoch)", text)[:2]
            assert first == second
