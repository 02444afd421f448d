"""Time passes as messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.state.plain_engine import PlainEngine

from covey.messages import SERVER, Due, Mute, Unmute
from covey.state.time import due_numbers, next_due


@pytest.fixture
def engine(tmp_path: Path) -> PlainEngine:
    return PlainEngine(tmp_path, accounts=3)


def test_what_is_due_comes_in_order(engine: PlainEngine) -> None:
    state, now = engine.state, engine.now
    assert next_due(state) is None
    late = engine.submit(1, Mute(account=2, until=now + 20)).number
    early = engine.submit(2, Mute(account=1, until=now + 10)).number
    also = engine.submit(3, Mute(account=1, until=now + 10)).number
    engine.submit(3, Mute(account=2))
    assert next_due(state) == now + 10
    assert due_numbers(state, now + 9, 10) == []
    assert due_numbers(state, now + 10, 10) == [early, also]
    assert due_numbers(state, now + 99, 10) == [early, also, late]
    assert due_numbers(state, now + 99, 2) == [early, also]
    engine.now += 10
    engine.submit(SERVER, Due(number=early))
    assert due_numbers(state, now + 99, 10) == [also, late]
    assert not state.graph.muters.has(1, 2)
    assert state.graph.muters.has(1, 3)
    assert engine.refusal(SERVER, Due(number=early)) == "due_gone"


@pytest.mark.parametrize(
    ("again", "is_muted"),
    [
        (Mute(account=2, until=0), True),
        (Mute(account=2, until=1_000), True),
        (Mute(account=2, until=10, notifications=False), False),
        (Unmute(account=2), False),
    ],
)
def test_an_old_end_does_not_end_a_new_mute(
    engine: PlainEngine, again: Mute | Unmute, is_muted: bool
) -> None:
    start = engine.now
    due = engine.submit(1, Mute(account=2, until=start + 10)).number
    if isinstance(again, Mute) and again.until:
        again = Mute(account=2, until=start + again.until, notifications=again.notifications)
    engine.submit(1, again)
    engine.now += 10
    engine.submit(SERVER, Due(number=due))
    assert engine.state.graph.muters.has(2, 1) == is_muted
    # whoever hears the muted one again has a page that is merged
    assert (1 in engine.outcome.floors) == (not is_muted and isinstance(again, Mute))
