"""The door: from a request to the operation that answers it, and back.

One route for the whole API, before Starlette's layers. An operation is found by walking its path's
words, so the number of operations costs nothing; it is given a `Call` and returns an `Answer`.
Refusals, the rate limit, the token, its scope and the headers of every answer are here and nowhere
else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from covey.edge.access import NOBODY, Access, token_access
from covey.edge.compress import send_whole
from covey.edge.edge import Edge
from covey.edge.rates import Rate, client_address, count_write, least, rate_of, rates, subject_of
from covey.edge.requests import Parameters, header, id_of, parse_query, read_parameters
from covey.errors import Refused

logger: Final = logging.getLogger("covey.edge")

Needs = Literal["anyone", "token", "account"]
Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json; charset=utf-8"
RETRY_AFTER_SECONDS: Final = 2
"""What is told to whom comes to a busy server."""

encode: Final = msgspec.json.Encoder().encode


class Answer(Struct):
    """What goes back: bytes of JSON unless it says otherwise."""

    body: bytes
    status: int = 200
    headers: Headers = []
    kind: bytes = JSON


EMPTY_LIST: Final = Answer(b"[]")
EMPTY_TREE: Final = Answer(b"{}")


class Call:
    """One request, as an operation sees it."""

    __slots__ = (
        "access", "edge", "is_answered", "parameters", "rate", "receive", "scope", "send", "token",
        "words",
    )  # fmt: skip

    def __init__(
        self, edge: Edge, scope: Scope, receive: Receive, send: Send, words: tuple[str, ...]
    ) -> None:
        self.edge = edge
        self.scope = scope
        self.receive = receive
        self.send = send
        self.words = words
        """What stands in the path where the operation has `*`."""
        self.token = ""
        self.access: Access = NOBODY
        """What the token gives."""
        self.parameters = Parameters({})
        self.rate: Rate | None = None
        """Of the limits that this request counts in, how the one with the least left stands."""
        self.is_answered = False
        """Set by an operation that sends its answer itself, before it begins."""

    @property
    def account(self) -> int:
        """Who asks; 0: nobody, or an app on its own."""
        return self.access.account

    @property
    def id(self) -> int:
        """The id in the path. Raises Refused("not_found") when it can't be one."""
        found = id_of(self.words[0])
        if found is None:
            raise Refused("not_found")
        return found

    @property
    def public_url(self) -> str:
        return self.edge.settings.public_url

    @property
    def address(self) -> str:
        return client_address(self.scope, self.edge.settings)

    async def count(self, bucket: str, subject: str) -> None:
        """See Edge.count; the client is told how it stands."""
        self.rate = least(self.rate, rate_of(await self.edge.count(bucket, subject)))


Handler = Callable[[Call], Awaitable[Answer | None]]


class Operation(Struct, frozen=True):
    """What an address does. `answers` returns None when it has sent its answer itself."""

    method: str
    path: str
    scope: str
    """Of OAuth, or several of which one will do; empty: none is needed."""
    needs: Needs
    answers: Handler
    token_in_query: bool
    open_to_pages: bool
    """Scripts of pages from anywhere may call it (CORS)."""
    reads: bool
    """Query and body are read before it is called."""


OPERATIONS: Final[list[Operation]] = []


def operation(
    method: str,
    path: str,
    scope: str = "",
    *,
    needs: Needs = "account",
    token_in_query: bool = False,
    open_to_pages: bool = True,
    reads: bool = True,
) -> Callable[[Handler], Handler]:
    """The decorated function answers `method` at `path`, where `*` stands for one word."""

    def register(function: Handler) -> Handler:
        OPERATIONS.append(
            Operation(method, path, scope, needs, function, token_in_query, open_to_pages, reads)
        )
        return function

    return register


class _Node:
    """A word of a path: what can follow it, and what stands there."""

    __slots__ = ("any", "operations", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.operations: dict[str, Operation] = {}

    def grow(self, words: list[str], operation: Operation) -> None:
        node = self
        for word in words:
            if word == "*":
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.words.setdefault(word, _Node())
        assert operation.method not in node.operations, f"two answer {operation.path}"
        node.operations[operation.method] = operation

    def find(self, path: str) -> tuple[_Node | None, tuple[str, ...]]:
        node, taken = self, ()
        for word in path.strip("/").split("/"):
            below = node.words.get(word)
            if below is None:
                below = node.any
                if below is None or not word:
                    return None, ()
                taken = (*taken, word)  # type: ignore[assignment]
            node = below
        return (node, taken) if node.operations else (None, ())


class Door(BaseRoute):
    """All operations, and all of `/api/`: what is not there is answered in the API's shape."""

    def __init__(self, operations: list[Operation]) -> None:
        self._root = _Node()
        for one in operations:
            self._root.grow(one.path.strip("/").split("/"), one)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        if path.startswith("/api/"):
            return Match.FULL, {}
        node, _ = self._root.find(path)
        return (Match.FULL if node else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        edge: Edge = scope["app"].state.edge
        node, words = self._root.find(scope["path"])
        method: str = scope["method"]
        found = node.operations.get("GET" if method == "HEAD" else method) if node else None
        call = Call(edge, scope, receive, send, words)
        try:
            try:
                if found is not None:
                    call.access = _access(call, found)
            finally:  # what is refused or not there counts, too
                subject = call.account or subject_of(call.address)
                call.rate = rates(edge).count(subject, edge.now())
                if found is not None and found.method != "GET":
                    call.rate = least(call.rate, await count_write(edge, subject))
            if found is None:
                answer: Answer | None = _no_operation(node, method)
            else:
                if found.reads:
                    call.parameters = await read_parameters(scope, receive)
                answer = await found.answers(call)
        except Refused as refused:
            answer = refusal(refused)
            limit, at = refused.details.get("limit"), refused.details.get("at")
            if refused.code == "too_many_requests" and isinstance(limit, int):
                call.rate = Rate(limit, 0, str(at))
        except Exception:
            logger.exception("%s %r failed", method, scope["path"])
            answer = refusal(Refused("internal"))
        if answer is None or call.is_answered:
            return
        headers: Headers = [
            (b"content-type", answer.kind),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            *answer.headers,
        ]
        if call.account:
            headers.append((b"cache-control", b"private, no-store"))
        if found is None or found.open_to_pages:
            headers += OPEN_TO_PAGES
        if rate := call.rate:
            headers += [
                (b"x-ratelimit-limit", str(rate.limit).encode()),
                (b"x-ratelimit-remaining", str(rate.remaining).encode()),
                (b"x-ratelimit-reset", rate.reset.encode()),
            ]
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send_whole(scope, send, start, answer.body)


OPEN_TO_PAGES: Final[Headers] = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id,"
        b" Mastodon-Async-Refresh",
    ),
]


def _no_operation(node: _Node | None, method: str) -> Answer:
    if method == "OPTIONS":
        methods = ", ".join(node.operations) if node else "GET"
        headers = [
            (b"access-control-allow-methods", methods.encode()),
            (
                b"access-control-allow-headers",
                b"Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
            ),
            (b"access-control-max-age", b"86400"),
        ]
        return Answer(b"", 200, headers)
    if node:
        answer = refusal(Refused("method_not_allowed", method=method[:20]))
        answer.headers = [(b"allow", ", ".join(node.operations).encode())]
        return answer
    return refusal(Refused("not_found"))


def _access(call: Call, found: Operation) -> Access:
    """Raises Refused: token_missing, token_invalid, scope_missing, account_needed."""
    call.token = token = _token(call.scope, found.token_in_query)
    if not token:
        if found.needs != "anyone":
            raise Refused("token_missing")
        return NOBODY
    try:
        access = token_access(call.edge, token)
    except Refused:
        if found.needs == "anyone" and not found.scope:
            return NOBODY  # nothing here depends on who asks
        raise
    if found.scope and not any(map(access.allows, found.scope.split())):
        raise Refused("scope_missing", scope=found.scope.replace(" ", " or "))
    if found.needs == "account" and not access.account:
        raise Refused("account_needed")
    return access


def _token(scope: Scope, in_query: bool) -> str:
    kind, _, token = header(scope, b"authorization").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    if in_query and scope["query_string"]:
        return parse_query(scope["query_string"]).text("access_token")
    return ""


def refusal(refused: Refused, **more: object) -> Answer:
    """The API's shape: what is wrong in `error`, and its code for programs."""
    body = {"error": refused.sentence, "code": refused.code, **more}
    headers: Headers = []
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="Covey"'))
    elif refused.status in (429, 503):
        headers.append((b"retry-after", str(_wait_seconds(refused)).encode()))
    return Answer(encode(body), refused.status, headers)


def _wait_seconds(refused: Refused) -> int:
    until = refused.details.get("until")
    if not isinstance(until, int):
        return RETRY_AFTER_SECONDS
    return max(1, -(-(until - int(time.time() * 1000)) // 1000))


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(encode(value), status)
