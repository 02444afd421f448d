"""Passwords: argon2id, in a bounded pool of threads, so that nobody's log-in holds up the rest."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from covey.errors import Refused
from covey.limits import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN

THREADS: Final = 2
"""Each takes 19 MiB and, at work, about 40 ms of a core."""
WAITING_MAX: Final = 64
"""Beyond so many an edge says that it is busy: some 2 s of waiting."""

T = TypeVar("T")

_hasher: Final = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
_pool: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
_waiting = 0
_nobodys: str = ""


def check_password(password: str) -> None:
    """Raises Refused("password_short" or "password_long")."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise Refused("password_short", limit=PASSWORD_CHARACTERS_MIN)
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise Refused("password_long", limit=PASSWORD_CHARACTERS_MAX)


def hash_now(password: str) -> str:
    """The PHC form of a password's hash, in this thread (commands). Raises as check_password."""
    check_password(password)
    return _hasher.hash(_normal(password))


def verify_now(password_hash: str, password: str) -> bool:
    """In this thread. Takes as long for no account, or one without a password, as for a wrong
    password: the time tells nobody which names there are."""
    wanted = password_hash or _hash_of_nobody()
    if len(password) > PASSWORD_CHARACTERS_MAX:
        password = ""
    try:
        _hasher.verify(wanted, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


async def hash_password(password: str) -> str:
    """Like hash_now, in the pool. Raises also Refused("overloaded")."""
    check_password(password)
    return await _run(hash_now, password)


async def verify(password_hash: str, password: str) -> bool:
    """Like verify_now, in the pool. Raises Refused("overloaded")."""
    return await _run(verify_now, password_hash, password)


async def _run(function: Callable[..., T], *values: str) -> T:
    global _waiting
    if _waiting >= WAITING_MAX:
        raise Refused("overloaded")
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, function, *values)
    finally:
        _waiting -= 1


def _hash_of_nobody() -> str:
    global _nobodys
    if not _nobodys:
        _nobodys = _hasher.hash(os.urandom(16).hex())
    return _nobodys


def _normal(password: str) -> str:
    # keyboards differ in how they compose letters
    return unicodedata.normalize("NFC", password)
