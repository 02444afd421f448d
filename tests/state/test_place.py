"""Rules, announcements, settings, invitations."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.limits import ANNOUNCEMENTS, INVITES_PER_ACCOUNT, RULES
from covey.messages import (
    SERVER,
    Announce,
    Due,
    Invite,
    Post,
    Register,
    SetRules,
    Setting,
    Suspend,
)

CODE, OTHER = b"c" * 32, b"o" * 32


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=4)


def rows(engine: PlainEngine, sql: str) -> list[tuple[object, ...]]:
    return list(engine.state.execute(sql).fetchall())


def test_settings(engine: PlainEngine) -> None:
    assert engine.refusal(2, Setting(name="registrations", value="closed")) == "forbidden"
    assert engine.refusal(1, Setting(name="colour", value="red")) == "setting_unknown"
    assert engine.refusal(1, Setting(name="registrations", value="ajar")) == "setting_malformed"
    assert engine.refusal(1, Setting(name="registrations", value="open")) == "already_done"
    engine.submit(1, Setting(name="registrations", value="closed"))
    engine.submit(SERVER, Setting(name="registrations", value="approval"))
    assert rows(engine, "select name, value from settings") == [("registrations", "approval")]


def test_who_comes_in(engine: PlainEngine) -> None:
    def sign_up(invite: bytes = b"") -> str:
        return engine.refusal(SERVER, Register(name="zoe", signed_up=True, invite_hash=invite))

    engine.submit(2, Invite(code_hash=CODE))
    assert (sign_up(), sign_up(CODE), sign_up(OTHER)) == ("", "", "invite_unknown")
    engine.submit(1, Setting(name="registrations", value="invitation"))
    assert (sign_up(), sign_up(CODE)) == ("invitation_needed", "")
    engine.submit(1, Setting(name="registrations", value="closed"))
    assert (sign_up(), sign_up(CODE)) == ("registrations_closed", "registrations_closed")
    # an operator lets in whom it wants
    assert engine.refusal(SERVER, Register(name="zoe")) == ""


def test_an_invitation_is_used_up(engine: PlainEngine) -> None:
    engine.submit(1, Setting(name="registrations", value="approval"))
    engine.submit(2, Invite(code_hash=CODE, uses=2))
    for name in ("xena", "yann"):
        engine.submit(SERVER, Register(name=name, signed_up=True, invite_hash=CODE))
    zoe = Register(name="zoe", signed_up=True, invite_hash=CODE)
    assert engine.refusal(SERVER, zoe) == "invite_unknown"
    # who was invited needs no approval
    assert rows(engine, "select 1 from accounts where standing != 'active'") == []


def test_invitations_that_do_not_hold(engine: PlainEngine) -> None:
    soon = engine.now + 1_000
    engine.submit(2, Invite(code_hash=CODE, until=soon))
    engine.submit(3, Invite(code_hash=OTHER))
    assert engine.refusal(2, Invite(code_hash=OTHER)) == "already_done"
    assert engine.refusal(2, Invite(code_hash=OTHER, uses=0)) == "not_found"
    assert engine.refusal(2, Invite(code_hash=b"x", until=engine.now)) == "parameter_malformed"
    assert engine.refusal(2, Invite(code_hash=b"x", uses=1_001)) == "parameter_malformed"
    assert engine.refusal(2, Invite(code_hash=b"x", uses=-1)) == "parameter_malformed"
    engine.submit(1, Suspend(account=3))
    zoe = Register(name="zoe", signed_up=True, invite_hash=OTHER)
    assert engine.refusal(SERVER, zoe) == "invite_unknown"
    engine.now = soon
    zoe = Register(name="zoe", signed_up=True, invite_hash=CODE)
    assert engine.refusal(SERVER, zoe) == "invite_unknown"
    engine.submit(2, Invite(code_hash=b"n" * 32))
    assert rows(engine, "select code_hash from invites where account = 2") == [(b"n" * 32,)]
    engine.submit(2, Invite(code_hash=b"n" * 32, uses=0))
    assert rows(engine, "select 1 from invites where account = 2") == []


def test_many_invitations(engine: PlainEngine) -> None:
    for number in range(INVITES_PER_ACCOUNT):
        engine.submit(2, Invite(code_hash=bytes([number])))
    assert engine.refusal(2, Invite(code_hash=CODE)) == "invites_many"


def test_rules(engine: PlainEngine) -> None:
    assert engine.refusal(2, SetRules(rules=("Be kind",))) == "forbidden"
    assert engine.refusal(1, SetRules(rules=("x",) * (RULES + 1))) == "rules_many"
    assert engine.refusal(1, SetRules(rules=("x" * 501,))) == "text_long"
    assert engine.refusal(1, SetRules(rules=(" ",))) == "text_empty"
    engine.submit(1, SetRules(rules=("Be kind", "Be brief")))
    engine.submit(1, SetRules(rules=("Be brief",)))
    assert rows(engine, "select * from rules") == [(1, "Be brief")]


def test_announcements(engine: PlainEngine) -> None:
    assert engine.refusal(2, Announce(text="Hear")) == "forbidden"
    assert engine.refusal(1, Announce(text=" ")) == "text_empty"
    assert engine.refusal(1, Announce(text="x" * 2_001)) == "text_long"
    assert engine.refusal(1, Announce(announcement=7, text="Hear")) == "not_found"
    assert engine.refusal(1, Announce(text="Hear", until=engine.now)) == "parameter_malformed"
    soon, later = engine.now + 1_000, engine.now + 2_000
    first = engine.submit(1, Announce(text="Hear", until=soon))
    assert first.id == first.number
    changed = engine.submit(1, Announce(announcement=first.id, text="Hear!", until=later))
    engine.now = soon
    engine.submit(SERVER, Due(number=first.number))  # it was prolonged
    assert rows(engine, "select number, text from announcements") == [(first.id, "Hear!")]
    engine.now = later
    engine.submit(SERVER, Due(number=changed.number))
    assert rows(engine, "select * from announcements") == []
    second = engine.submit(1, Announce(text="Again"))
    engine.submit(1, Announce(announcement=second.id, text=""))
    assert rows(engine, "select * from announcements") == []
    for number in range(ANNOUNCEMENTS):
        engine.submit(1, Announce(text=f"No. {number}"))
    assert engine.refusal(1, Announce(text="Hear")) == "announcements_many"


# --- coming in --------------------------------------------------------------------------------


def test_new_people_start_read(engine: PlainEngine) -> None:
    """Whom they follow wrote before they came: that is no debt, whichever door they come by."""
    positions = "select account, queue, position, version from positions"
    assert engine.state.execute(positions).fetchall() == []
    last = engine.submit(1, Post(text="the first post")).id
    made = engine.submit(SERVER, Register(name="late")).id
    signed_up = engine.submit(SERVER, Register(name="later", signed_up=True)).id
    found = engine.state.execute(positions).fetchall()
    assert found == [(account, "home", last, 1) for account in (made, signed_up)]
