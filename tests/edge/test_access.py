"""Tokens and sessions → who asks, and what it may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.web.site import Site, site

from covey.edge.access import (
    SESSION_MS,
    Access,
    Watched,
    new_secret,
    parse_scopes,
    secret_hash,
    session_access,
    token_access,
    within,
)
from covey.errors import Refused
from covey.messages import SERVER, App, CloseSession, Password, RevokeToken, Token


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    with site() as running:
        running.register("ada")
        message = App(
            client_id="x", secret_hash=b"", name="x", redirect_uris=("https://x.example/",),
            scopes="read",
        )  # fmt: skip
        running.submit(SERVER, message)
        yield running


def make_token(here: Site, account: int = 1, scopes: str = "read write:statuses") -> str:
    secret = new_secret()
    message = Token(token_hash=secret_hash(secret), app=1, account=account, scopes=scopes)
    here.submit(SERVER, message)
    return secret


def look_up(here: Site, token: str) -> Access:
    async def ask() -> Access:
        return token_access(here.edge, token)

    return here.run(ask())


def look_up_session(here: Site, value: str) -> Access | None:
    async def ask() -> Access | None:
        return session_access(here.edge, value)

    return here.run(ask())


def test_a_token_gives_its_account_and_scopes(here: Site) -> None:
    access = look_up(here, make_token(here))
    assert (access.account, access.app, access.kind) == (1, 1, "account")
    assert access.allows("read:accounts")
    assert access.allows("write:statuses")
    assert not access.allows("write:accounts")
    assert not access.allows("push")
    assert look_up(here, make_token(here, 0)).kind == "app"


def test_a_revoked_token_is_refused_at_once(here: Site) -> None:
    token, other = make_token(here), make_token(here)
    look_up(here, token)
    here.submit(SERVER, RevokeToken(token_hash=secret_hash(token)))
    with pytest.raises(Refused, match="token_invalid"):
        look_up(here, token)
    look_up(here, other)


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 10_000])
def test_what_is_no_token(here: Site, token: str) -> None:
    with pytest.raises(Refused, match="token_invalid"):
        look_up(here, token)


def test_a_session_ends(here: Site) -> None:
    value = here.sessions["ada"]
    access = look_up_session(here, value)
    assert access is not None
    assert (access.account, access.kind) == (1, "session")
    assert access.allows("anything")
    here.skew_ms = SESSION_MS
    assert look_up_session(here, value) is None
    here.skew_ms = 0
    assert look_up_session(here, value) is not None
    here.submit("ada", CloseSession(session_hash=secret_hash(value)))
    assert look_up_session(here, value) is None
    assert look_up_session(here, "") is None


def test_a_token_is_no_session_and_a_session_no_token(here: Site) -> None:
    here.register("bea")
    token, session = make_token(here), here.sessions["bea"]
    for _ in range(2):
        look_up(here, token)
        look_up_session(here, session)
        assert look_up_session(here, token) is None
        with pytest.raises(Refused, match="token_invalid"):
            look_up(here, session)


def test_a_new_password_ends_all_tokens(here: Site) -> None:
    number = here.register("carl")
    token = make_token(here, number)
    look_up(here, token)
    here.submit("carl", Password(account=number, password_hash="x"))
    with pytest.raises(Refused, match="token_invalid"):
        look_up(here, token)


def test_scopes() -> None:
    assert parse_scopes("") == "read"
    assert parse_scopes("write  read,push read") == "write read push"
    with pytest.raises(Refused, match="scope_unknown"):
        parse_scopes("read everything")
    assert within(["read:accounts", "follow"], ["read", "follow"])
    assert within(["write:mutes"], ["follow"])
    assert not within(["read"], ["read:accounts"])
    assert not within(["write:statuses"], ["follow", "read"])


def is_good(here: Site, watched: Watched) -> bool:
    async def ask() -> bool:
        return watched.is_good()

    return here.run(ask())


def test_a_watched_token_is_good_until_it_is_revoked(here: Site) -> None:
    """Its answer is kept only as long as no token of the server changes."""
    token, other = make_token(here), make_token(here)
    watched = Watched(here.edge, token)
    for _ in range(2):
        assert is_good(here, watched)
    here.submit(SERVER, RevokeToken(token_hash=secret_hash(other)))
    assert is_good(here, watched)
    here.submit(SERVER, RevokeToken(token_hash=secret_hash(token)))
    for _ in range(2):
        assert not is_good(here, watched)


def test_a_watched_session_ends_with_its_days(here: Site) -> None:
    here.register("watched")
    watched = Watched(here.edge, here.sessions["watched"], session=True)
    assert is_good(here, watched)
    before = here.skew_ms
    here.skew_ms += SESSION_MS + 60_000
    try:
        assert not is_good(here, watched)
    finally:
        here.skew_ms = before
