"""What is sealed opens with its key and for its purpose, and else not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.seal import FILE, KEY_BYTES, Seal, SealBroken, load_seal

SEAL = Seal(bytes(KEY_BYTES))

secrets_ = st.binary(max_size=100)
purposes = st.text(max_size=20)


@given(purposes, secrets_)
def test_it_opens_for_its_purpose(purpose: str, secret: bytes) -> None:
    sealed = SEAL.close(purpose, secret)
    assert SEAL.open(purpose, sealed) == secret
    assert len(secret) < 4 or secret not in sealed
    assert SEAL.close(purpose, secret) != sealed


@given(purposes, purposes, secrets_)
def test_for_no_other(purpose: str, other: str, secret: bytes) -> None:
    if purpose != other:
        with pytest.raises(SealBroken):
            SEAL.open(other, SEAL.close(purpose, secret))


@given(secrets_, st.data())
def test_a_changed_byte_breaks_it(secret: bytes, data: st.DataObject) -> None:
    sealed = bytearray(SEAL.close("p", secret))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        SEAL.open("p", bytes(sealed))


@given(st.binary(max_size=60))
def test_any_bytes_are_no_seal(found: bytes) -> None:
    with pytest.raises(SealBroken):
        SEAL.open("p", found)


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / FILE).write_bytes(b"k" * KEY_BYTES)
    other = load_seal(tmp_path)
    sealed = other.close("p", b"secret")
    assert other.open("p", sealed) == b"secret"
    with pytest.raises(SealBroken):
        SEAL.open("p", sealed)
