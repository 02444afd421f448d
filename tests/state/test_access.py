"""Rows of access: what a code became, what an app had, which browsers are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.histories import Submission
from tests.state.plain_engine import PlainEngine

from covey.limits import GRANT_MS, RECOVERY_CODES, ROWS_PER_MESSAGE
from covey.messages import (
    SERVER,
    App,
    CloseSession,
    Due,
    Grant,
    OpenSession,
    Password,
    RevokeApp,
    RevokeToken,
    Token,
    TotpOff,
    TotpOn,
    UseSession,
)

BACK = "https://app.example/back"
HASHES = [bytes([n]) * 32 for n in range(20)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[PlainEngine]:
    made = PlainEngine(tmp_path, accounts=2)
    for client in ("one", "two"):
        made.submit(
            SERVER,
            App(
                client_id=client, secret_hash=b"", name="App", redirect_uris=(BACK,), scopes="read"
            ),
        )
    yield made
    made.close()


def rows(engine: PlainEngine, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in engine.state.execute(sql)]


def token(hash_: bytes, app: int = 1, account: int = 1, **more: object) -> Token:
    return Token(token_hash=hash_, app=app, account=account, scopes="read", **more)  # type: ignore[arg-type]


def test_a_code_remembers_what_it_became_and_is_forgotten(engine: PlainEngine) -> None:
    engine.submit(1, Grant(code_hash=HASHES[0], app=1, scopes="read", redirect_uri=BACK))
    engine.submit(SERVER, token(HASHES[1], code_hash=HASHES[0]))
    assert rows(engine, "select code_hash, token_hash from grants") == [(HASHES[0], HASHES[1])]
    again = token(HASHES[2], code_hash=HASHES[0])
    assert engine.refusal(SERVER, again) == "grant_unknown"
    engine.submit(SERVER, RevokeToken(token_hash=HASHES[1]))
    assert engine.refusal(SERVER, again) == "grant_unknown"
    engine.now += GRANT_MS
    many = [OpenSession(session_hash=n.to_bytes(32, "big")) for n in range(600)]
    engine.together([Submission(1, message, b"") for message in many])  # it goes by the way
    assert rows(engine, "select * from grants") == []


def test_an_app_is_revoked_for_one_account(engine: PlainEngine) -> None:
    engine.submit(SERVER, token(HASHES[0]))
    engine.submit(SERVER, token(HASHES[1]))
    engine.submit(SERVER, token(HASHES[2], app=2))
    engine.submit(SERVER, token(HASHES[3], account=2))
    engine.submit(SERVER, token(HASHES[4], app=0, name="own"))
    engine.submit(SERVER, token(HASHES[5], account=0))
    engine.submit(1, Grant(code_hash=HASHES[6], app=1, scopes="read", redirect_uri=BACK))
    engine.submit(1, RevokeApp(app=1))
    left = rows(engine, "select token_hash from tokens order by token_hash")
    assert left == [(HASHES[n],) for n in (2, 3, 4, 5)]
    assert rows(engine, "select * from grants") == []
    assert engine.refusal(1, RevokeApp(app=1)) == "not_found"


def test_an_app_with_very_many_tokens_goes_by_and_by(engine: PlainEngine) -> None:
    """No message changes more rows than ROWS_PER_MESSAGE."""
    count = 2 * ROWS_PER_MESSAGE + 7
    many = [token(n.to_bytes(32, "big")) for n in range(count)]
    engine.together([Submission(SERVER, message, b"") for message in many])
    engine.submit(SERVER, token(HASHES[9], app=2))
    engine.submit(1, RevokeApp(app=1))
    left, steps = count, 0
    while due := rows(engine, "select number from dues"):
        now = rows(engine, "select count(*) from tokens where app = 1")[0][0]
        assert isinstance(now, int)
        assert left - now <= ROWS_PER_MESSAGE
        left, steps = now, steps + 1
        engine.submit(SERVER, Due(number=due[0][0]))  # type: ignore[arg-type]
    assert steps > 1
    assert rows(engine, "select token_hash from tokens") == [(HASHES[9],)]


def test_a_new_password_ends_personal_tokens_too(engine: PlainEngine) -> None:
    engine.submit(SERVER, token(HASHES[0], app=0, name="bot"))
    engine.submit(1, Password(account=1, password_hash="new"))
    assert rows(engine, "select * from tokens") == []


def test_use_of_a_session_changes_nobodys_access(engine: PlainEngine) -> None:
    """Every edge would look up everybody anew."""
    engine.submit(1, OpenSession(session_hash=HASHES[0]))
    assert engine.outcome.access
    opened = engine.state.execute("select used from sessions").fetchall()[0][0]
    engine.now += 1_000
    engine.submit(1, UseSession(session_hash=HASHES[0]))
    assert rows(engine, "select used, created from sessions") == [(opened + 1_000, opened)]
    assert not engine.outcome.access


def test_all_other_sessions_end(engine: PlainEngine) -> None:
    for n in range(4):
        engine.submit(1, OpenSession(session_hash=HASHES[n]))
    engine.submit(2, OpenSession(session_hash=HASHES[4]))
    engine.submit(1, CloseSession(session_hash=HASHES[2], others=True))
    left = rows(engine, "select session_hash from sessions order by session_hash")
    assert left == [(HASHES[2],), (HASHES[4],)]


def test_a_second_factor_off_and_on_again_is_a_new_one(engine: PlainEngine) -> None:
    codes = [tuple(bytes([n]) * 32 for n in range(at, at + RECOVERY_CODES)) for at in (0, 50)]
    engine.submit(1, TotpOn(sealed=b"first", step=100, recovery_hashes=codes[0]))
    engine.submit(1, OpenSession(session_hash=HASHES[0], step=101))
    engine.submit(1, TotpOff(account=1))
    assert rows(engine, "select * from recovery_codes") == []
    engine.submit(1, TotpOn(sealed=b"second", step=7, recovery_hashes=codes[1]))
    assert rows(engine, "select sealed, step from second_factors") == [(b"second", 7)]
    old = OpenSession(session_hash=HASHES[1], recovery_hash=codes[0][0])
    assert engine.refusal(1, old) == "code_wrong"
    engine.submit(1, OpenSession(session_hash=HASHES[1], recovery_hash=codes[1][0]))
    assert rows(engine, "select count(*) from recovery_codes") == [(RECOVERY_CODES - 1,)]
    # a recovery code leaves the step where it was
    assert rows(engine, "select step from second_factors") == [(7,)]
