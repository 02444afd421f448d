"""Who asks: a bearer token or a web session → account, app, scopes.

Looked up by SHA-256 (secrets have 256 random bits) and cached until any token or session of the
server changes, which the arena's header tells: a revoked token is refused at its next request, on
every edge.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Final, Literal
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.edge.edge import Edge
from covey.errors import Refused
from covey.limits import SESSION_DAYS
from covey.settings import Settings

Kind = Literal["nobody", "app", "account", "session"]

SESSION_COOKIE: Final = "covey_session"
"""The cookie that holds a web session's secret."""

VISITOR_COOKIE: Final = "covey_visitor"
"""What CSRF tokens hang on before there is a session."""

SESSION_MS: Final = SESSION_DAYS * 24 * 60 * 60 * 1000
CACHED_MAX: Final = 16_384

_SECRET_CHARACTERS_MAX: Final = 200

FOLLOW_SCOPES: Final = frozenset(
    ["read:blocks", "write:blocks", "read:follows", "write:follows", "read:mutes", "write:mutes"]
)
"""What the old scope `follow` means."""

_READ: Final = (
    "accounts blocks bookmarks favourites filters follows lists mutes notifications search statuses"
)
_WRITE: Final = (
    "accounts blocks bookmarks conversations favourites filters follows lists media mutes"
    " notifications reports statuses"
)
SCOPES: Final = (
    "profile", "read", "write", "follow", "push",
    *(f"read:{part}" for part in _READ.split()),
    *(f"write:{part}" for part in _WRITE.split()),
)  # fmt: skip
"""All that an app can ask for, widest first."""


class Access(Struct, frozen=True):
    """Who asks, and what it may."""

    account: int
    """0: nobody, or an app on its own."""
    app: int
    scopes: frozenset[str]
    kind: Kind

    def allows(self, scope: str) -> bool:
        """Scopes are nested: `read` holds `read:accounts`. A web session may all."""
        scopes = self.scopes
        return (
            self.kind == "session"
            or scope in scopes
            or scope.partition(":")[0] in scopes
            or (scope in FOLLOW_SCOPES and "follow" in scopes)
        )


NOBODY: Final = Access(0, 0, frozenset(), "nobody")


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def cookie_name(settings: Settings, name: str) -> str:
    """What a cookie is called. By https it belongs to this very host: no neighbour under the same
    domain, and nobody on the wire, can put one of theirs in its place."""
    return f"__Host-{name}" if settings.secure else name


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def parse_scopes(text: str, default: str = "read") -> str:
    """The scopes of a request, each once, in their order. Raises Refused("scope_unknown")."""
    scopes = dict.fromkeys(text.replace(",", " ").split()) or dict.fromkeys(default.split())
    for scope in scopes:
        if scope not in SCOPES:
            raise Refused("scope_unknown", scope=scope[:50])
    return " ".join(scopes)


def within(asked: Iterable[str], granted: Iterable[str]) -> bool:
    """Does each asked scope lie in the granted ones?"""
    held = Access(0, 0, frozenset(granted), "app")
    return all(held.allows(scope) for scope in asked)


class _Cache:
    """Of one edge: hash of a secret → what it gives, and when the session was opened (stamp)."""

    def __init__(self) -> None:
        self.number = -1
        self.found: dict[bytes, tuple[Access, int]] = {}


_caches: WeakKeyDictionary[Edge, _Cache] = WeakKeyDictionary()


def token_access(edge: Edge, token: str) -> Access:
    """What a bearer token gives. Raises Refused("token_invalid")."""
    found = _look_up(edge, token, session=False)
    if found is None:
        raise Refused("token_invalid")
    return found[0]


def session_access(edge: Edge, cookie_value: str) -> Access | None:
    """What a web session's cookie gives; None when there is no such session, or not any more."""
    found = _look_up(edge, cookie_value, session=True) if cookie_value else None
    if found is None or found[1] + SESSION_MS <= edge.now():
        return None
    return found[0]


class Watched:
    """A token or session that is asked about again and again, as at each event of a stream: it is
    looked up only when any of the server's changed. Hashing it each time was a tenth of an event's
    cost."""

    __slots__ = ("_edge", "_number", "_secret", "_session", "_until")

    def __init__(self, edge: Edge, secret: str, *, session: bool = False) -> None:
        self._edge = edge
        self._secret = secret
        self._session = session
        self._number = -1
        """Of the arena's header: up to it the secret is known to be good."""
        self._until = 0
        """Stamp at which a session ends."""

    def is_good(self) -> bool:
        """Whether it still gives what it gave."""
        edge = self._edge
        number = edge.arena.access if edge.arena is not None else -1
        if number != self._number or number < 0:
            found = _look_up(edge, self._secret, session=self._session)
            if found is None:
                return False
            self._until = found[1] + SESSION_MS
            cache = _caches[edge]
            # what is not in the cache was read from a snapshot that may be older than the number
            known = cache.number == number and secret_hash(self._secret) in cache.found
            self._number = number if known else -1
        return not self._session or self._until > edge.now()


def _look_up(edge: Edge, secret: str, *, session: bool) -> tuple[Access, int] | None:
    if len(secret) > _SECRET_CHARACTERS_MAX:
        return None
    key = secret_hash(secret)
    cache = _caches.get(edge)
    if cache is None:
        cache = _caches[edge] = _Cache()
    number = edge.arena.access if edge.arena is not None else -1
    if number != cache.number or len(cache.found) >= CACHED_MAX:
        cache.found.clear()
        cache.number = number
    found = cache.found.get(key)
    if found is not None:
        return found if (found[0].kind == "session") == session else None
    with edge.snapshot() as snapshot:
        if session:
            row = snapshot.row(
                "select account, created from sessions where session_hash = ?", (key,)
            )
            found = (Access(row[0], 0, frozenset(), "session"), row[1]) if row else None
        else:
            row = snapshot.row(
                "select account, app, scopes, created from tokens where token_hash = ?", (key,)
            )
            if row:
                kind: Kind = "account" if row[0] else "app"
                found = (Access(row[0], row[1], frozenset(row[2].split()), kind), row[3])
        # a snapshot older than the number may hold what was revoked since
        if found and edge.arena is not None and snapshot.applied >= number:
            cache.found[key] = found
    return found
