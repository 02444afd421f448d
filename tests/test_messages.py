"""The codec: every kind goes round, defaults cost nothing, and old bytes stay readable."""

from __future__ import annotations

import contextlib
import types
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.entries import entries

from covey.limits import ROWS_PER_MESSAGE
from covey.messages import (
    ID_TIME_BITS,
    KINDS,
    AnyMessage,
    Field,
    Follow,
    Link,
    Mention,
    Message,
    Mute,
    Post,
    Register,
    Tag,
    decode,
    encode,
    from_fields,
    id_at,
    kind_of,
    next_id,
)

ints = st.integers(0, (1 << 63) - 1)
texts = st.text(max_size=20)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value a field of this type can have."""
    if hint is int:
        return ints
    if hint is str:
        return texts
    if hint is bytes:
        return st.binary(max_size=32)
    if hint is bool:
        return st.booleans()
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    if typing.get_origin(hint) is types.UnionType:
        (item, nothing) = typing.get_args(hint)
        assert nothing is type(None)
        return st.none() | values_of(item)
    if typing.get_origin(hint) is tuple:
        (item, _) = typing.get_args(hint)
        return st.lists(values_of(item), max_size=3).map(tuple)
    return messages_of(hint)


def messages_of(kind: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    names = kind.__struct_fields__  # type: ignore[attr-defined]
    return st.builds(kind, **{name: values_of(hints[name]) for name in names})


any_message = st.one_of([messages_of(kind) for kind in KINDS.values()])


@given(any_message)
def test_every_kind_goes_round(message: AnyMessage) -> None:
    assert decode(encode(message)) == message
    assert type(decode(encode(message))) is type(message)


def test_all_kinds_are_known_by_their_tags() -> None:
    assert set(KINDS.values()) == set(typing.get_args(AnyMessage))
    for tag, kind in KINDS.items():
        assert issubclass(kind, Message)
        assert tag == tag.lower()
        assert kind.__struct_config__.frozen
        assert kind.__struct_config__.omit_defaults


@given(any_message)
def test_defaults_are_left_out(message: AnyMessage) -> None:
    written = msgspec.msgpack.decode(encode(message))
    assert written.pop("kind") == kind_of(message)
    defaults = {
        field.name: field.default
        for field in msgspec.structs.fields(message)
        if field.default is not msgspec.NODEFAULT
    }
    for name in message.__struct_fields__:
        value = getattr(message, name)
        is_default = name in defaults and value == defaults[name]
        assert (name in written) != is_default


def test_a_short_post_is_short() -> None:
    assert len(encode(Post(text="hi"))) == len(b"\x82\xa4kind\xa4post\xa4text\xa2hi")


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_bytes_with_required_fields_only_decode(kind: type[Message]) -> None:
    """As a first version of the kind would have written them."""
    written: dict[str, Any] = {"kind": str(kind.__struct_config__.tag)}
    sample = next(e.message for e in entries() if isinstance(e.message, kind))
    for field in msgspec.structs.fields(kind):
        if field.required:
            written[field.encode_name] = getattr(sample, field.name)
    message = decode(msgspec.msgpack.encode(written))
    assert isinstance(message, kind)
    for field in msgspec.structs.fields(kind):
        if not field.required:
            assert getattr(message, field.name) == field.default


@given(any_message, texts)
def test_a_field_of_a_newer_version_is_passed_over(message: AnyMessage, value: str) -> None:
    """So that one step back is possible, until new kinds are allowed."""
    written = msgspec.msgpack.decode(encode(message))
    assert decode(msgspec.msgpack.encode({**written, "later": value})) == message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        encode(Post(text="hello"))[:-1],
        msgspec.msgpack.encode({"kind": "later", "text": "x"}),
        msgspec.msgpack.encode({"text": "x"}),
        msgspec.msgpack.encode({"kind": "post"}),
        msgspec.msgpack.encode({"kind": "post", "text": 1}),
        msgspec.msgpack.encode({"kind": "post", "text": "x", "visibility": "secret"}),
        msgspec.msgpack.encode(["post", "x"]),
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_decode_error(body: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError):
        decode(body)


def test_messages_can_be_told_apart_and_kept() -> None:
    assert Follow(account=1) != Mute(account=1)
    assert Follow(account=1) == Follow(account=1)
    assert len({Follow(account=1), Follow(account=1), Follow(account=2)}) == 2
    with pytest.raises(AttributeError):
        Follow(account=1).account = 2  # type: ignore[misc]


# --- from plain values ------------------------------------------------------------------------


def test_from_fields() -> None:
    found = from_fields("register", {"name": "ann", "role": "moderator"})
    assert found == Register(name="ann", role="moderator")
    # a command line has only texts
    assert from_fields("follow", {"account": "7", "boosts": "false"}) == Follow(
        account=7, boosts=False
    )
    facets = {"mentions": [[0, 2, "b"]], "tags": [[3, 5, "c"]], "links": [(6, 7, "d")]}
    assert from_fields("post", {"text": "@b #c d", **facets}) == Post(
        text="@b #c d",
        mentions=(Mention(0, 2, "b"),),
        tags=(Tag(3, 5, "c"),),
        links=(Link(6, 7, "d"),),
    )
    profile = from_fields("profile", {"fields": [["site", "x"]]})
    assert profile.fields == (Field("site", "x"),)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("later", {}),
        ("post", {}),
        ("post", {"text": None}),
        ("follow", {"account": "seven"}),
        ("register", {"name": "ann", "role": "king"}),
    ],
)
def test_from_fields_says_what_is_wrong(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        from_fields(kind, fields)


# --- post ids ---------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1 << 46), min_size=1, max_size=50))
def test_ids_rise_whatever_the_stamps_do(stamps: list[int]) -> None:
    last, ids = 0, []
    for stamp in stamps:
        last = next_id(stamp, last)
        ids.append(last)
        assert last >= id_at(stamp)
    assert ids == sorted(set(ids))
    assert all(id_ < 1 << 63 for id_ in ids)


@given(st.integers(1, 1 << 46), st.integers(0, 1_000))
def test_an_id_carries_its_time(stamp: int, before: int) -> None:
    last = next_id(stamp - 1, 0)
    for _ in range(before % 5):
        last = next_id(stamp - 1, last)
    id_ = next_id(stamp, last)
    assert id_ >> ID_TIME_BITS == stamp
    assert id_at(stamp) <= id_ < id_at(stamp + 1)
    assert last < id_at(stamp)


def test_more_posts_than_fit_into_a_millisecond_borrow_from_the_next() -> None:
    last = 0
    for _ in range((1 << ID_TIME_BITS) + ROWS_PER_MESSAGE):
        last = next_id(7, last)
    assert last == id_at(7) + (1 << ID_TIME_BITS) + ROWS_PER_MESSAGE - 1
    assert next_id(8, last) == last + 1
