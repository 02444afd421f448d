"""Who asks: a bearer token or a web session → account, app, scopes.

Looked up by SHA-256 (secrets have 256 random bits) and cached until any token or session of the
server changes, which the arena's header tells: a revoked token is refused at its next request, on
every edge.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Iterable
from typing import Final, Literal
from weakref import WeakKeyDictionary

from msgspec import Struct

from covey.edge.edge import Edge
from covey.errors import Refused
from covey.limits import SESSION_DAYS
from covey.messages import UseSession
from covey.settings import Settings

Kind = Literal["nobody", "app", "account", "session"]

SESSION_COOKIE: Final = "covey_session"
"""The cookie that holds a web session's secret."""

VISITOR_COOKIE: Final = "covey_visitor"
"""What CSRF tokens hang on before there is a session."""

DAY_MS: Final = 24 * 60 * 60 * 1000
SESSION_MS: Final = SESSION_DAYS * DAY_MS
CACHED_MAX: Final = 16_384

_SECRET_CHARACTERS_MAX: Final = 200
_AWAY: Final = ("pending", "suspended", "closed")

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


class _Known(Struct):
    """What a secret gives."""

    access: Access
    standing: str
    """Of its account; empty for an app on its own."""
    created: int
    used: int
    """Stamp; of a session."""

    @property
    def is_session(self) -> bool:
        return self.access.kind == "session"


class _Cache:
    """Of one edge: hash of a secret → what it gives."""

    def __init__(self) -> None:
        self.number = -1
        self.found: dict[bytes, _Known] = {}


_caches: WeakKeyDictionary[Edge, _Cache] = WeakKeyDictionary()


def token_access(edge: Edge, token: str) -> Access:
    """What a bearer token gives. Raises Refused: "token_invalid"; "account_pending" and the like,
    when its account is not there for others."""
    known = _look_up(edge, token, session=False)
    if known is None:
        raise Refused("token_invalid")
    if known.standing in _AWAY:
        raise Refused(f"account_{known.standing}")
    return known.access


def session_access(edge: Edge, cookie_value: str) -> Access | None:
    """What a web session's cookie gives; None when there is no such session, or not any more."""
    known = _look_up(edge, cookie_value, session=True) if cookie_value else None
    if known is None or known.created + SESSION_MS <= edge.now() or known.standing in _AWAY:
        return None
    return known.access


def note_use(edge: Edge, cookie_value: str) -> None:
    """The browser of this session is here. Its owner sees the day at `/settings/access`; so it is a
    message at most once a day, sent beside the answer: a reading waits for no engine."""
    known = _look_up(edge, cookie_value, session=True)
    now = edge.now()
    if known is None or known.used // DAY_MS >= now // DAY_MS or not edge.engine.ready.is_set():
        return
    known.used = now

    async def submit() -> None:
        with contextlib.suppress(Refused):  # it was closed meanwhile, or tomorrow is a day too
            message = UseSession(session_hash=secret_hash(cookie_value))
            await edge.submit(known.access.account, message)

    task = asyncio.create_task(submit())
    _noting.add(task)
    task.add_done_callback(_noting.discard)


_noting: Final[set[asyncio.Task[None]]] = set()
"""asyncio itself holds no task that nobody waits for."""


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
            if found is None or found.standing in _AWAY:
                return False
            self._until = found.created + SESSION_MS
            cache = _caches[edge]
            # what is not in the cache was read from a snapshot that may be older than the number
            known = cache.number == number and secret_hash(self._secret) in cache.found
            self._number = number if known else -1
        return not self._session or self._until > edge.now()


def _look_up(edge: Edge, secret: str, *, session: bool) -> _Known | None:
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
        return found if found.is_session == session else None
    with edge.snapshot() as snapshot:
        if session:
            row = snapshot.row(
                "select account, standing, sessions.created, used from sessions"
                " join accounts on number = account where session_hash = ?",
                (key,),
            )
            if row:
                found = _Known(Access(row[0], 0, frozenset(), "session"), *row[1:])
        else:
            row = snapshot.row(
                "select account, app, scopes, coalesce(standing, ''), tokens.created from tokens"
                " left join accounts on number = account where token_hash = ?",
                (key,),
            )
            if row:
                kind: Kind = "account" if row[0] else "app"
                access = Access(row[0], row[1], frozenset(row[2].split()), kind)
                found = _Known(access, row[3], row[4], 0)
        # a snapshot older than the number may hold what was revoked since
        if found and edge.arena is not None and snapshot.applied >= number:
            cache.found[key] = found
    return found
