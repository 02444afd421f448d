"""Keys: whose they are and how long they are remembered."""

from __future__ import annotations

import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.errors import Refused
from covey.keys import FOR_GOOD, client_key, due_key, edge_key, expiry
from covey.limits import KEY_CHARACTERS, KEY_CLIENT_MS, KEY_EDGE_MS

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200)


@given(st.uuids(version=4))
def test_a_random_uuid_is_remembered_for_good_however_it_is_written(value: uuid.UUID) -> None:
    expected = b"u" + value.bytes
    for text in (str(value), str(value).upper(), value.hex):
        assert client_key(text) == expected
    assert expiry(expected, 5) == FOR_GOOD


@given(st.one_of(st.uuids(version=1), st.uuids(version=3), st.uuids(version=5)))
def test_a_uuid_that_is_not_random_is_a_text(value: uuid.UUID) -> None:
    """It may be a hash of what is posted."""
    assert client_key(str(value)) == b"c" + str(value).encode()


@pytest.mark.parametrize(
    "text",
    [
        "good morning", "a", "~" * KEY_CHARACTERS, "9b2f7c2e5d3a4a6e8f102f3a4b5c6d7",
        "9b2f7c2e-5d3a-4a6e-8f10-2f3a4b5c6d7e-", "9b2f7c2e-5d3a4a6e8f102f3a4b5c6d7e",
        "{9b2f7c2e-5d3a-4a6e-8f10-2f3a4b5c6d7e}",
    ],
)  # fmt: skip
def test_any_other_text_is_remembered_for_an_hour(text: str) -> None:
    assert client_key(text) == b"c" + text.encode()
    assert expiry(client_key(text), 5) == 5 + KEY_CLIENT_MS


@pytest.mark.parametrize(
    "text", ["", " a", "a\n", "a\0", "ä", "\x7f", "a" * (KEY_CHARACTERS + 1), "a\tb", "１"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        client_key(text)
    assert caught.value.code == "key_malformed"
    assert str(KEY_CHARACTERS) in caught.value.sentence


@given(st.text())
def test_no_text_does_worse_than_a_refusal(text: str) -> None:
    with contextlib.suppress(Refused):
        assert client_key(text)[:1] in (b"u", b"c")


@given(printable, printable)
def test_two_texts_have_two_keys(one: str, other: str) -> None:
    if " " not in (one[0], other[0]) and one != other:
        assert client_key(one) != client_key(other) or client_key(one)[:1] == b"u"


def test_an_edge_makes_up_its_own() -> None:
    assert edge_key() != edge_key()
    assert len(edge_key()) == 17
    assert edge_key(b"r" * 16) == b"e" + b"r" * 16
    assert expiry(edge_key(), 5) == 5 + KEY_EDGE_MS


@given(st.integers(0, (1 << 63) - 1))
def test_what_is_due_is_known_by_its_number(number: int) -> None:
    key = due_key(number)
    assert key[:1] == b"d"
    assert int.from_bytes(key[1:], "big") == number
    assert expiry(key, 5) is None


def test_no_sort_of_key_is_another() -> None:
    keys = [client_key(str(uuid.UUID(int=0, version=4))), client_key("e"), edge_key(), due_key(1)]
    assert len({key[:1] for key in keys}) == 4


def test_a_key_of_no_sort_is_not_remembered() -> None:
    assert expiry(b"", 5) is None
    assert expiry(b"x123", 5) is None
