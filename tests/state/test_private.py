"""Notes, endorsements, domains."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey import limits
from covey.messages import (
    BlockDomain,
    Endorse,
    Follow,
    Note,
    Suspend,
    UnblockDomain,
    Unendorse,
    Unfollow,
)


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=4)


def test_notes(engine: PlainEngine) -> None:
    assert engine.refusal(2, Note(account=99, text="x")) == "not_found"
    assert engine.refusal(2, Note(account=3, text="x" * 2_001)) == "text_long"
    engine.submit(2, Note(account=3, text="met at the lake"))
    engine.submit(2, Note(account=3, text="met at the sea"))
    assert engine.state.execute("select * from notes").fetchall() == [(2, 3, "met at the sea")]
    engine.submit(2, Note(account=3, text=""))
    assert engine.state.execute("select * from notes").fetchall() == []


def test_endorsements(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.refusal(2, Endorse(account=3)) == "endorsement_follow"
    assert engine.refusal(2, Endorse(account=99)) == "not_found"
    assert engine.refusal(2, Unendorse(account=3)) == "already_done"
    for account in (3, 4):
        engine.submit(2, Follow(account=account))
        engine.submit(2, Endorse(account=account))
    assert engine.refusal(2, Endorse(account=3)) == "already_done"
    engine.submit(2, Unendorse(account=3))
    assert engine.state.execute("select target from endorsements").fetchall() == [(4,)]
    engine.submit(2, Unfollow(account=4))
    assert engine.state.execute("select target from endorsements").fetchall() == []
    engine.submit(1, Suspend(account=4))
    assert engine.refusal(2, Endorse(account=4)) == "not_found"
    monkeypatch.setattr("covey.state.private.ENDORSEMENTS_PER_ACCOUNT", 0)
    assert engine.refusal(2, Endorse(account=3)) == "endorsements_many"


def test_domains(engine: PlainEngine) -> None:
    for wrong in ("", "example", "Example.org", "exa mple.org", "-a.org", "x" * 64 + ".org",
                  "a." * 130 + "org", "example.org\n", "bücher.example"):  # fmt: skip
        assert engine.refusal(2, BlockDomain(domain=wrong)) == "domain_malformed"
    engine.submit(2, BlockDomain(domain="xn--bcher-kva.example"))
    assert engine.refusal(2, BlockDomain(domain="xn--bcher-kva.example")) == "already_done"
    assert engine.refusal(3, UnblockDomain(domain="xn--bcher-kva.example")) == "already_done"
    engine.submit(2, UnblockDomain(domain="xn--bcher-kva.example"))
    assert engine.state.execute("select * from domain_blocks").fetchall() == []
    for number in range(limits.DOMAIN_BLOCKS_PER_ACCOUNT):
        engine.submit(2, BlockDomain(domain=f"d{number}.example"))
    assert engine.refusal(2, BlockDomain(domain="one.more")) == "domains_many"
