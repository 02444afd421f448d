"""The planted faults can still be planted, and planting them finds out what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.planted import FAULTS, ROOT, Fault, copy, found, look_for

AREAS = ("audience", "floor", "merge", "window", "unread")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_a_fault_replaces_stands_once(fault: Fault) -> None:
    assert fault.stands(ROOT) == 1
    assert fault.old != fault.new
    for test in fault.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text("utf-8")


def test_every_area_has_some() -> None:
    areas = [fault.area for fault in FAULTS]
    assert all(areas.count(area) >= 2 for area in AREAS)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.long
def test_a_fault_is_found_and_what_is_none_is_not(tmp_path: Path) -> None:
    checkout = copy(tmp_path)
    window = next(fault for fault in FAULTS if fault.name == "window-of-39")
    precedence = next(f for f in FAULTS if f.name == "notifications-the-last-kind-stands")
    assert look_for([window, precedence], checkout) == 0
    harmless = window._replace(new=window.old.replace("place <=", "place  <="))
    assert found(harmless, checkout) == ""
    assert look_for([window._replace(old="not there")], checkout) == 1
    assert (checkout / window.file).read_text() == (ROOT / window.file).read_text()
