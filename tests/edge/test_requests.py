"""Query, JSON, form and multipart, all into one tree."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.edge.requests import Parameters, Upload, id_of, parse_body, parse_query
from covey.errors import Refused
from covey.limits import FORM_FIELDS, NESTING

FORM = "application/x-www-form-urlencoded"


def tree(query: str) -> dict[str, Any]:
    return parse_query(query.encode()).tree


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a=1", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a%5B%5D=1", {"a": ["1"]}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a[b][]=1&a[b][]=2", {"a": {"b": ["1", "2"]}}),
        ("a[0][b]=1&a[1][b]=2", {"a": {"0": {"b": "1"}, "1": {"b": "2"}}}),
        ("a[][b]=1&a[][c]=2&a[][b]=3", {"a": [{"b": "1", "c": "2"}, {"b": "3"}]}),
        ("a[=1&b]=2&[c]=3", {"a[": "1", "b]": "2", "[c]": "3"}),
        ("a=b+c%2Bd&e=%E8%AA%9E", {"a": "b c+d", "e": "語"}),
        ("&&", {}),
    ],
)
def test_names_with_brackets(query: str, expected: dict[str, Any]) -> None:
    assert tree(query) == expected
    assert parse_body(query.encode(), FORM) == expected


def test_json_is_the_same() -> None:
    body = json.dumps({"a": [1, "2"], "b": {"c": True, "d": None}}).encode()
    assert parse_body(body, "application/json; charset=utf-8") == {
        "a": [1, "2"], "b": {"c": True, "d": None}
    }  # fmt: skip


def test_multipart_with_a_file() -> None:
    request = httpx.Request(
        "POST", "http://x", data={"a[b]": "é"}, files={"f": ("n.png", b"\x89\0")}
    )
    found = parse_body(request.read(), request.headers["content-type"])
    assert found == {"a": {"b": "é"}, "f": Upload("n.png", b"\x89\0")}


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"[", "application/json", "body_malformed"),
        (b"[]", "application/json", "body_malformed"),
        (b'"\\ud800"', "application/json", "body_malformed"),
        (b'{"a":"\xff"}', "application/json", "text_encoding"),
        (b'{"\\u0000":1}', "application/json", "text_character"),
        (b'{"a":' * (NESTING + 1) + b"1" + b"}" * (NESTING + 1), "application/json",
         "body_malformed"),
        (b"[" * 200_000, "application/json", "body_malformed"),
        (b"a=%C3", FORM, "text_encoding"),
        (b"a=%00", FORM, "text_character"),
        (b"a=1&" * (FORM_FIELDS + 1), FORM, "body_malformed"),
        (b"a" + b"[b]" * NESTING + b"=1", FORM, "body_malformed"),
        (b"a=1&a[b]=2", FORM, "parameter_malformed"),
        (b"a[b]=1&a[]=2", FORM, "parameter_malformed"),
        (b"a[]=1&a[b]=2", FORM, "parameter_malformed"),
        (b"a", "text/plain", "media_type"),
        (b"a", "", "media_type"),
        (b"a", "multipart/form-data", "body_malformed"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused(body: bytes, kind: str, code: str) -> None:
    with pytest.raises(Refused, match=f"^{code}: "):
        parse_body(body, kind)


def test_texts() -> None:
    said = Parameters({"a": "x", "n": 7, "t": True, "none": None, "many": ["x", "y"], "deep": {}})
    assert [said.text(name) for name in ("a", "n", "t", "none", "many", "not")] == [
        "x", "7", "true", "", "y", ""
    ]  # fmt: skip
    assert said.optional_text("none") is None
    with pytest.raises(Refused, match="parameter_malformed"):
        said.text("deep")
    with pytest.raises(Refused, match="parameter_missing"):
        said.required_text("not")


@pytest.mark.parametrize("word", ["true", "1", "on", "True", True, 1])
def test_yes(word: object) -> None:
    assert Parameters({"a": word}).boolean("a") is True


@pytest.mark.parametrize("word", ["false", "0", "off", "", False, 0])
def test_no(word: object) -> None:
    assert Parameters({"a": word}).boolean("a", True) is False


def test_numbers() -> None:
    said = Parameters({"a": "40", "b": 7, "low": "-1", "high": "100000", "word": "x", "part": 1.5})
    assert said.integer("a") == 40
    assert said.integer("b") == 7
    assert said.integer("not", 20) == 20
    assert said.integer("high", maximum=80) == 80
    for name in ("low", "word", "part"):
        with pytest.raises(Refused, match="parameter_malformed"):
            said.integer(name)


@pytest.mark.parametrize("word", ["", "x", "-1", "1.0", " 1", "٣", "²", "9" * 30, str(1 << 63)])
def test_what_is_no_id(word: str) -> None:
    assert id_of(word) is None


def test_lists() -> None:
    said = Parameters({"one": "1", "many": [1, "2"], "at": {"10": "b", "9": "a"}, "empty": ""})
    assert said.texts("one") == ["1"]
    assert said.texts("many") == ["1", "2"]
    assert said.texts("at") == ["a", "b"]
    assert said.texts("empty") == said.texts("not") == []
    with pytest.raises(Refused, match="parameter_malformed"):
        said.trees("many")


@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json",
                                                 "multipart/form-data; boundary=x"]))  # fmt: skip
def test_any_bytes_are_read_or_refused(body: bytes, kind: str) -> None:
    try:
        found = parse_body(body, kind)
    except Refused:
        return
    assert isinstance(found, dict)
