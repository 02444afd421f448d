"""Push subscriptions in the state."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.histories import subscribe_push
from tests.state.plain_engine import PlainEngine

from covey.messages import SERVER, App, CloseAccount, Password, RevokeToken, Suspend, Token
from covey.state import push

HASHES = [bytes([n]) * 32 for n in range(3)]


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    engine = PlainEngine(tmp_path, accounts=2)
    engine.submit(
        SERVER,
        App(client_id="a", secret_hash=b"", name="A", redirect_uris=("a://b",), scopes="push"),
    )
    for hash_ in HASHES:
        engine.submit(SERVER, Token(token_hash=hash_, app=1, account=2, scopes="push"))
    return engine


def tokens(engine: PlainEngine) -> list[bytes]:
    rows = engine.state.execute("select token_hash from push_subscriptions order by number")
    return [hash_ for (hash_,) in rows]


def test_one_for_each_token(engine: PlainEngine) -> None:
    engine.submit(2, subscribe_push(HASHES[0]))
    engine.submit(2, subscribe_push(HASHES[1]))
    engine.submit(2, subscribe_push(HASHES[0], endpoint="https://other.example/"))
    assert tokens(engine) == [HASHES[1], HASHES[0]]
    engine.submit(2, RevokeToken(token_hash=HASHES[0]))
    assert tokens(engine) == [HASHES[1]]


@pytest.mark.parametrize(
    ("actor", "end"),
    [(2, CloseAccount()), (1, Suspend(account=2)), (2, Password(account=2, password_hash="x"))],
    ids=["closed", "suspended", "another password"],
)
def test_it_ends_with_all_tokens(engine: PlainEngine, actor: int, end: CloseAccount) -> None:
    for hash_ in HASHES:
        engine.submit(2, subscribe_push(hash_))
    assert tokens(engine) == HASHES
    engine.submit(actor, end)
    assert tokens(engine) == []


def test_how_many(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PUSH_SUBSCRIPTIONS_PER_ACCOUNT", 2)
    for hash_ in HASHES[:2]:
        engine.submit(2, subscribe_push(hash_))
    assert engine.refusal(2, subscribe_push(HASHES[2])) == "push_subscriptions_many"
    assert engine.refusal(2, subscribe_push(HASHES[1])) == ""
