"""`kill -9` on engine, edge, worker and supervisor in turn, under load."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.crash.kills import run, told

SEED = 20261125


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    life = run(tmp_path, SEED, 30)
    print(f"seed {SEED}:", told(life, 30, 0))
    assert life.sent_again  # else no kill met an act under way
    assert life.resumed >= 30


@pytest.mark.long
@pytest.mark.parametrize("edges", [1, 2])
def test_nothing_is_lost_and_nothing_comes_twice_at_length(tmp_path: Path, edges: int) -> None:
    life = run(tmp_path, SEED + edges, 100, edges=edges)
    print(f"seed {SEED + edges}:", told(life, 100, 0))
