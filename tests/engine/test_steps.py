"""One batch: a poisoned message is answered alone, storage that fails is no answer, and the same
key gets the same answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.simulated import Server, compare_raw_homes
from tests.folders import scratch
from tests.histories import Submission, Teller, founding
from tests.oracle import Accepted, Oracle
from tests.state.comparing import compare
from tests.state.plain_engine import tables

from covey.errors import Fatal
from covey.keys import client_key, due_key, edge_key
from covey.limits import CLOCK_BACK_MS, KEY_CLIENT_MS, KEY_EDGE_MS
from covey.messages import SERVER, Due, Entry, Favourite, Follow, Message, Mute, Post
from covey.state.answers import Answers
from covey.state.rules import APPLIES, CHECKS
from covey.state.state import Outcome, State

POISON = "a secret that breaks it"


@pytest.fixture
def server() -> Iterator[Server]:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life")
        server.step(founding())
        yield server
        server.end()


def posting(*texts: str, actor: int = 1) -> list[Submission]:
    return [Submission(actor, Post(text=text), edge_key(text.encode())) for text in texts]


def poisoned(error: Exception, *, early: bool) -> Callable[[State, Entry, Message, Outcome], None]:
    """`apply` of posts, that fails at the one whose text says so, before or after its work."""
    apply_post = APPLIES[Post]

    def apply(state: State, entry: Entry, message: Post, outcome: Outcome) -> None:
        if not (early and message.text == POISON):
            apply_post(state, entry, message, outcome)
        if message.text == POISON:
            raise error

    return apply  # type: ignore[return-value]


# --- a poisoned message -----------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("place", range(5))
def test_a_poisoned_message_is_answered_alone(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: int,
    early: bool,
) -> None:
    oracle = Oracle()
    for submission in founding():
        oracle.submit(*submission, server.now)
    batch = [
        Submission(2, Follow(account=1), b"e1"),
        *posting("one"),
        Submission(3, Mute(account=1), b"e2"),
        *posting("two"),
    ]
    expected: list[Accepted | str] = [oracle.submit(*s, server.now) for s in batch]
    batch.insert(place, posting(POISON)[0])
    expected.insert(place, "internal")
    error = ZeroDivisionError("a mistake of ours")
    monkeypatch.setitem(APPLIES, Post, poisoned(error, early=early))
    with caplog.at_level(logging.ERROR):
        answers, events = server.step(batch)
    assert answers == expected
    assert server.engine.failures == 1
    compare(server.state, oracle)
    compare_raw_homes(server, oracle)
    assert [e for e in events if e.kind == "post"] == [e for e in oracle.events if e.kind == "post"]
    # logged with where it broke, and without what somebody wrote
    assert "actor 1, kind post" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert POISON not in caplog.text
    assert POISON.encode().hex() not in caplog.text
    # and once the mistake is mended, the same key is good
    monkeypatch.undo()
    assert server.step(posting(POISON))[0] == [
        oracle.submit(*posting(POISON)[0], server.now),
    ]
    compare(server.state, oracle)
    compare_raw_homes(server, oracle)


def test_a_check_that_breaks_is_answered_alone_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise KeyError("nothing here")

    monkeypatch.setitem(CHECKS, Follow, broken)
    answers, _ = server.step([*posting("one"), Submission(2, Follow(account=1), b"e1")])
    assert answers == [Accepted(6, server.state.last_id), "internal"]


def test_poisoned_messages_only(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(APPLIES, Post, poisoned(ValueError(), early=False))
    before = tables(server.state)
    for _ in range(3):
        answers, events = server.step(posting(POISON) * 3)
        assert (answers, events) == (["internal"] * 3, [])
    assert tables(server.state) == before
    assert server.log.last_number() == 5


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError, apsw.CorruptError])
def test_storage_that_fails_is_no_answer(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setitem(APPLIES, Post, poisoned(error("no"), early=False))
    with pytest.raises(error):
        server.step([*posting("one"), *posting(POISON)])
    monkeypatch.undo()
    server.crash()
    assert server.log.last_number() == server.state.applied == 5
    assert server.step(posting("one"))[0] == [Accepted(6, server.state.last_id)]


def test_an_append_that_fails_is_no_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_entries: object) -> int:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(server.log, "append", full)
    with pytest.raises(apsw.FullError):
        server.step(posting("one"))
    server.crash()
    assert server.log.last_number() == server.state.applied == 5


# --- starting again ---------------------------------------------------------------------------


def test_a_clock_that_went_back_far_is_refused(server: Server) -> None:
    server.step(posting("one"))
    server.now -= CLOCK_BACK_MS
    server.restart()
    server.now -= 1
    with pytest.raises(Fatal, match="clock"):
        server.restart()
    server.now += 1
    server._open(server.folder)


def test_stamps_and_ids_never_fall(server: Server) -> None:
    server.step(posting("one"))
    first = server.state.last_id
    server.now -= 1_000
    server.step(posting("two", "three"))
    entries = list(server.log.read())
    stamps = [entry.stamp for entry in entries]
    ids = [entry.id for entry in entries if isinstance(entry.message, Post)]
    assert stamps == sorted(stamps)
    assert ids == sorted(set(ids))
    assert ids[0] == first


def test_a_message_that_cant_be_replayed_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.log.append([Entry(6, server.now, 1, b"e", 1 << 40, Post(text=POISON))])
    monkeypatch.setitem(APPLIES, Post, poisoned(ValueError("a mistake"), early=True))
    with pytest.raises(Fatal, match=r"message 6 \(post\)"):
        server.restart()
    monkeypatch.undo()
    server._open(server.folder)
    assert server.state.applied == 6


# --- the same key, the same answer ------------------------------------------------------------

UUID = client_key("9b2f7c2e-5d3a-4a6e-8f10-2f3a4b5c6d7e")


@pytest.mark.parametrize(
    ("key", "remembered_ms"),
    [
        (UUID, 365 * 24 * 60 * 60 * 1000),
        (client_key("good morning"), KEY_CLIENT_MS - 1),
        (edge_key(bytes(16)), KEY_EDGE_MS - 1),
    ],
)
def test_the_same_key_gets_the_same_answer(server: Server, key: bytes, remembered_ms: int) -> None:
    post, other = Post(text="good morning"), Post(text="something else")
    ((first,), _) = server.step([Submission(1, post, key)])
    # in one batch, in another, with another text, after a start
    assert server.step([Submission(1, post, key), Submission(1, other, key)])[0] == [first] * 2
    server.now += remembered_ms
    server.restart()
    answers, events = server.step([Submission(1, other, key)])
    assert (answers, events) == ([first], [])
    assert server.log.last_number() == 6
    # it is the account's own
    ((other_answer,), _) = server.step([Submission(2, post, key)])
    assert other_answer == Accepted(7, server.state.last_id)
    server.now += 1
    ((again,), _) = server.step([Submission(1, post, key)])
    if key == UUID:
        assert again == first
    else:
        assert again == Accepted(8, server.state.last_id)


def test_one_key_twice_in_one_batch(server: Server) -> None:
    answers, events = server.step([Submission(1, Post(text="hello"), UUID)] * 5)
    assert answers == [Accepted(6, server.state.last_id)] * 5
    assert [event.kind for event in events] == ["post"]


def test_keys_of_one_hash_are_told_apart(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one batch, and over several: no message gets another one's answer."""
    monkeypatch.setattr(Answers, "hash_of", lambda answers, actor, key: 7)
    post = Post(text="hello")
    answers, _ = server.step([Submission(1, post, b"e1"), Submission(1, post, b"e2")])
    assert [answer.number for answer in answers] == [6, 7]
    answers, _ = server.step([Submission(1, post, b"e2"), Submission(2, post, b"e2")])
    assert [answer.number for answer in answers] == [7, 8]
    answers, _ = server.step([Submission(2, post, b"e2"), Submission(2, post, b"e3")])
    assert [answer.number for answer in answers] == [8, 9]


def test_a_refused_key_may_be_tried_again(server: Server) -> None:
    follow = Submission(1, Follow(account=1), UUID)
    assert server.step([follow, follow])[0] == ["self_follow"] * 2
    ((answer,), _) = server.step([Submission(1, Follow(account=2), UUID)])
    assert answer == Accepted(6, 0)


def test_a_due_is_done_once(server: Server) -> None:
    server.step([Submission(1, Mute(account=2, until=server.now + 1_000), b"e1")])
    due = Submission(SERVER, Due(number=6), due_key(6))
    assert server.step([due])[0] == ["not_yet_due"]
    server.now += 1_000
    assert server.step([due, due])[0] == [Accepted(7, 0), "due_gone"]


# --- small batches ----------------------------------------------------------------------------


def test_an_empty_batch_does_nothing(server: Server) -> None:
    before = tables(server.state)
    assert server.step([]) == ([], [])
    assert tables(server.state) == before
    assert server.arena.applied == 5


def test_a_batch_of_refusals_leaves_no_trace(server: Server) -> None:
    before = tables(server.state)
    answers, events = server.step(
        [
            Submission(1, Post(text=" "), b"e1"),
            Submission(1, Favourite(post=7), b"e2"),
            Submission(9, Post(text="who?"), b"e3"),
        ]
    )
    assert (answers, events) == (["text_empty", "not_found", "not_found"], [])
    assert tables(server.state) == before
    assert server.log.last_number() == 5


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 3))
def test_homes_do_not_depend_on_how_batches_are_cut(sizes: list[int], actor: int) -> None:
    with scratch() as folder:
        (folder / "life").mkdir()
        server = Server(folder / "life", 8)
        oracle = Oracle()
        Teller(oracle)
        batches = [founding()]
        batches.append([Submission(2, Follow(account=1 + actor % 2 * 2), b"ef")])
        for place, size in enumerate(sizes):
            batches.append(posting(*[f"{place} {n}" for n in range(size)], actor=1 + place % 3))
        for batch in batches:
            expected = [oracle.submit(*s, server.now) for s in batch]
            assert server.step(batch)[0] == expected
        compare_raw_homes(server, oracle)
        server.end()
