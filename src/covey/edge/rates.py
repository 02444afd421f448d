"""Limits of requests: so many in a window, per account, or per network when nobody is logged in.

Each edge counts all requests for itself and allows its share, the limit divided by the edges: a
read never asks the engine. The engine counts writes once more, exactly: there they go anyway.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final
from weakref import WeakKeyDictionary

from msgspec import Struct
from starlette.types import Scope

from covey.clock import iso
from covey.edge.edge import Edge
from covey.edge.requests import all_of
from covey.engine.frames import Counted
from covey.errors import Refused
from covey.limits import READ_WINDOW_SECONDS
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
    """Of one edge. `limit`: requests in a window; None: they are not counted."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._window = -1
        self._ends_ms = 0
        self._reset = ""
        self._counts: dict[int | str, int] = {}

    def count(self, subject: int | str, now: int) -> Rate | None:
        """Count one request of an account's number or an address, at `now` (ms). Raises
        Refused("too_many_requests")."""
        limit = self.limit
        if limit is None:
            return None
        length_ms = READ_WINDOW_SECONDS * 1000
        window = now // length_ms
        if window != self._window:
            self._window, self._ends_ms = window, (window + 1) * length_ms
            self._counts.clear()
            self._reset = iso(self._ends_ms)
        if subject not in self._counts and len(self._counts) >= SUBJECTS_MAX:
            subject = ""
        used = self._counts.get(subject, 0)
        if used >= limit:
            raise Refused("too_many_requests", at=self._reset, until=self._ends_ms, limit=limit)
        self._counts[subject] = used + 1
        return Rate(limit, limit - used - 1, self._reset)


_rates: WeakKeyDictionary[Edge, Rates] = WeakKeyDictionary()


def rates(edge: Edge) -> Rates:
    found = _rates.get(edge)
    if found is None:
        found = _rates[edge] = Rates(share(edge.settings, edge.settings.limit_reads))
    return found


def share(settings: Settings, limit: int) -> int | None:
    """What one edge allows of a limit that is for all of them; None: nothing is counted."""
    return -(-limit // max(1, settings.edges)) if settings.are_counted else None


async def count_write(edge: Edge, subject: int | str) -> Rate | None:
    """Count one request that may change something, at the engine; `rates` counted it already.
    Raises Refused("too_many_requests")."""
    return rate_of(await edge.count("write", str(subject)))


def rate_of(counted: Counted | None) -> Rate | None:
    if counted is None:
        return None
    return Rate(counted.limit, counted.remaining, iso(counted.until))


def least(*found: Rate | None) -> Rate | None:
    """Of all limits that a request counts in, the one a client will come up against first: its
    figures are what it is told, as Mastodon does."""
    return min((rate for rate in found if rate), key=lambda rate: rate.remaining, default=None)


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
