"""Read limits, and whose request it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covey.edge import rates as rates_module
from covey.edge.rates import Rate, Rates, client_address, least, share, subject_of
from covey.errors import Refused
from covey.limits import READ_WINDOW_SECONDS
from covey.settings import Settings

WINDOW_MS = READ_WINDOW_SECONDS * 1000


def left(rates: Rates, subject: int | str, now: int) -> int:
    rate = rates.count(subject, now)
    assert rate is not None
    return rate.remaining


def test_so_many_in_a_window() -> None:
    rates = Rates(limit=3)
    assert [left(rates, 1, 5) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(Refused, match="too_many_requests") as refused:
        rates.count(1, 6)
    assert refused.value.details["until"] == WINDOW_MS
    assert left(rates, "1.2.3.4", 6) == 2
    assert rates.count(1, WINDOW_MS) == Rate(3, 2, "1970-01-01T00:10:00.000Z")


def test_no_more_subjects_than_memory_is_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates_module, "SUBJECTS_MAX", 2)
    rates = Rates(limit=2)
    for subject in ("a", "b", "c"):
        rates.count(subject, 0)
    rates.count("d", 0)
    with pytest.raises(Refused):
        rates.count("e", 0)
    assert left(rates, "a", 0) == 0


def scope(client: str, forwarded: str = "") -> dict[str, Any]:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return {"type": "http", "client": (client, 1), "headers": headers}


PROXIED = Settings(trusted_proxies=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    ("client", "forwarded", "settings", "address"),
    [
        ("9.9.9.9", "1.1.1.1", Settings(), "9.9.9.9"),
        ("9.9.9.9", "1.1.1.1", PROXIED, "9.9.9.9"),
        ("10.0.0.1", "1.1.1.1", PROXIED, "1.1.1.1"),
        ("::1", "1.1.1.1", PROXIED, "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", PROXIED, "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.2.3.4", PROXIED, "1.1.1.1"),
        ("10.0.0.1", "nonsense", PROXIED, "10.0.0.1"),
        ("10.0.0.1", "", PROXIED, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.9", PROXIED, "10.0.0.9"),
    ],
)
def test_whose_request_it_is(client: str, forwarded: str, settings: Settings, address: str) -> None:
    assert client_address(scope(client, forwarded), settings) == address


def test_what_counts_as_one() -> None:
    assert subject_of("1.2.3.4") == subject_of("::ffff:1.2.3.4") == "1.2.3.4"
    assert subject_of("2001:db8::1") == subject_of("2001:db8::ffff") == "2001:db8::/64"
    assert subject_of("") == ""


@given(st.integers(1, 100_000), st.integers(1, 64))
def test_the_edges_together_allow_the_limit(limit: int, edges: int) -> None:
    one = share(Settings(edges=edges), limit)
    assert one is not None
    assert limit <= one * edges < limit + edges


def test_off_counts_nothing() -> None:
    rates = Rates(share(Settings(limits="off"), 1))
    assert [rates.count(1, 0) for _ in range(3)] == [None] * 3


def test_a_client_is_told_of_the_limit_that_it_meets_first() -> None:
    reads, writes = Rate(3_000, 2_000, "a"), Rate(300, 299, "b")
    assert least(reads, writes) == writes
    assert least(Rate(3_000, 5, "a"), writes) == Rate(3_000, 5, "a")
    assert least(None, reads) == reads
    assert least(None, None) is None
