"""Read limits: so many requests in a window, per account, or per address when nobody is logged in,
counted by each edge process for itself."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct
from starlette.types import Scope

from covey.edge.edge import Edge
from covey.edge.requests import all_of
from covey.errors import Refused
from covey.limits import READ_WINDOW_SECONDS, READS_PER_WINDOW
from covey.settings import Settings

SUBJECTS_MAX: Final = 100_000
"""Counted apart in one window; who comes later shares one count."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Rate(Struct, frozen=True):
    """How a subject stands."""

    limit: int
    remaining: int
    reset: str
    """When the window ends: ISO 8601."""


class Rates:
    """Of one edge."""

    def __init__(self, limit: int = READS_PER_WINDOW) -> None:
        self.limit = limit
        self._window = -1
        self._ends_ms = 0
        self._reset = ""
        self._counts: dict[int | str, int] = {}

    def count(self, subject: int | str, now: int) -> Rate:
        """Count one request of an account's number or an address, at `now` (ms). Raises
        Refused("too_many_requests")."""
        length_ms = READ_WINDOW_SECONDS * 1000
        window = now // length_ms
        if window != self._window:
            self._window, self._ends_ms = window, (window + 1) * length_ms
            self._counts.clear()
            at = datetime.fromtimestamp(self._ends_ms / 1000, UTC)
            self._reset = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        if subject not in self._counts and len(self._counts) >= SUBJECTS_MAX:
            subject = ""
        used = self._counts.get(subject, 0)
        if used >= self.limit:
            raise Refused("too_many_requests", at=self._reset, until=self._ends_ms)
        self._counts[subject] = used + 1
        return Rate(self.limit, self.limit - used - 1, self._reset)


_rates: WeakKeyDictionary[Edge, Rates] = WeakKeyDictionary()


def rates(edge: Edge) -> Rates:
    found = _rates.get(edge)
    if found is None:
        found = _rates[edge] = Rates()
    return found


_networks: dict[tuple[str, ...], tuple[_Network, ...]] = {}


def client_address(scope: Scope, settings: Settings) -> str:
    """Whose request it is. X-Forwarded-For counts only from trusted proxies, and of it the last
    address that is not one of them: what stands before that, anybody can write."""
    client = scope.get("client")
    address = client[0] if client else ""
    if not settings.trusted_proxies:
        return address
    trusted = _networks.get(settings.trusted_proxies)
    if trusted is None:
        trusted = tuple(ipaddress.ip_network(n, strict=False) for n in settings.trusted_proxies)
        _networks[settings.trusted_proxies] = trusted
    forwarded = all_of(scope, b"x-forwarded-for").split(",")
    while _is_in(address, trusted) and forwarded:
        nearer = forwarded.pop().strip()
        if not _is_address(nearer):
            break
        address = nearer
    return address


@lru_cache(maxsize=4096)
def subject_of(address: str) -> str:
    """What is counted as one: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(address: str, networks: tuple[_Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
