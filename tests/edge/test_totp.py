"""Codes of a second factor, by the vectors of RFC 6238 and RFC 4226."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.edge.totp import (
    SKEW_STEPS,
    STEP_SECONDS,
    address,
    code_of,
    in_base32,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_at,
    step_of,
)
from covey.limits import RECOVERY_CODES

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1: eight digits, of which six are what people type."""
    step = step_at(seconds * 1000)
    assert code_of(SECRET, step, 8) == code
    assert code_of(SECRET, step) == code[2:]
    assert step_of(SECRET, code[2:], seconds * 1000) == step


@pytest.mark.parametrize(
    ("count", "code"),
    list(enumerate(
        ["755224", "287082", "359152", "969429", "338314",
         "254676", "287922", "162583", "399871", "520489"]
    )),
)  # fmt: skip
def test_the_vectors_of_rfc_4226(count: int, code: str) -> None:
    assert code_of(SECRET, count) == code


@given(st.integers(10**12, 10**13), st.integers(-4, 4))
def test_a_clock_may_be_a_step_off(now: int, off: int) -> None:
    step = step_at(now) + off
    near = {step_at(now) + n for n in range(-SKEW_STEPS, SKEW_STEPS + 1)}
    found = step_of(SECRET, code_of(SECRET, step), now)
    # two steps may have the same code by chance: any of those near will do
    assert (found in near and code_of(SECRET, found) == code_of(SECRET, step)) or (
        found == 0 and step not in near
    )


@given(st.text(max_size=10))
def test_any_text_is_no_code(text: str) -> None:
    now = 10**12
    codes = {code_of(SECRET, step_at(now) + n) for n in range(-SKEW_STEPS, SKEW_STEPS + 1)}
    assert bool(step_of(SECRET, text, now)) == (text in codes)


def test_what_an_app_scans() -> None:
    found = urlsplit(address(SECRET, "ada", "Our place & co"))
    assert (found.scheme, found.netloc) == ("otpauth", "totp")
    assert unquote(found.path) == "/Our place & co:ada"
    query = parse_qs(found.query)
    assert base64.b32decode(query["secret"][0]) == SECRET
    assert query["issuer"] == ["Our place & co"]
    assert "+" not in found.query  # apps show it as it stands
    assert STEP_SECONDS == 30  # what an app takes when it is not told


def test_the_secret_as_text() -> None:
    secret = new_secret()
    assert base64.b32decode(in_base32(secret).replace(" ", "")) == secret
    assert all(len(group) == 4 for group in in_base32(secret).split())


def test_recovery_codes() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    for code in codes:
        assert recovery_hash(code) == recovery_hash(f" {code.upper().replace('-', ' ')} ")
    assert len({recovery_hash(code) for code in codes}) == RECOVERY_CODES
