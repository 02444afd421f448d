"""Passwords."""

from __future__ import annotations

import asyncio

import pytest

from covey.edge import passwords
from covey.edge.passwords import hash_now, hash_password, verify, verify_now
from covey.errors import Refused


def test_argon2id_with_19_mib() -> None:
    made = hash_now("correct horse")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_now(made, "correct horse")
    assert not verify_now(made, "wrong horse")
    assert hash_now("correct horse") != made


def test_letters_composed_in_other_ways_are_the_same() -> None:
    assert verify_now(hash_now("pässword!"), "pa\u0308ssword!")


def test_nobody_has_no_password() -> None:
    assert not verify_now("", "anything")
    assert not verify_now("not a hash", "anything")
    assert not verify_now(hash_now("x" * 256), "x" * 100_000)


@pytest.mark.parametrize(("password", "code"), [("short", "password_short"),
                                                ("x" * 257, "password_long")])  # fmt: skip
def test_lengths(password: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        asyncio.run(hash_password(password))


def test_a_full_pool_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 2)
    made = hash_now("correct horse")

    async def many() -> list[object]:
        tries = (verify(made, "correct horse") for _ in range(5))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    answers = asyncio.run(many())
    assert answers.count(True) == 2
    assert sum(isinstance(a, Refused) and a.code == "overloaded" for a in answers) == 3
    assert asyncio.run(verify(made, "correct horse"))
