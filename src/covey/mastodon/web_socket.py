"""Live, over one WebSocket: a client subscribes to as many streams as it likes, and leaves them.

A token proves who asks: in `Authorization`, in the address (`access_token`), or as the protocol it
offers, which browsers can set and want to see again. Cookies count for nothing here, so it does
not matter which page opened the socket.

Who said `covey=1`, or comes with a cursor (`since`), is told the cursor of each event, first of all
that of the beginning (`subscribed`), and our own events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from covey.edge.access import NOBODY, token_access
from covey.edge.edge import Edge
from covey.edge.rates import rates, subject_of
from covey.edge.requests import Parameters, all_of, header, parse_json, parse_query
from covey.errors import Refused
from covey.limits import SUBSCRIPTIONS_PER_SOCKET
from covey.live.hub import Stream
from covey.mastodon.door import Call, encode, refusal
from covey.mastodon.events import Told, told
from covey.mastodon.streams import Subscription, follow, subscription, watched, wish

logger: Final = logging.getLogger("covey.edge")

PATH: Final = "/api/v1/streaming"

# Of RFC 6455: the edge goes, or the client is too slow; it sent bytes, not text; its token is
# revoked; something is wrong here.
GOING_AWAY: Final = 1001
NO_TEXT: Final = 1003
NOT_ALLOWED: Final = 1008
TROUBLE: Final = 1011


class WebSocket(BaseRoute):
    """The route."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = scope["type"] == "websocket" and scope["path"].rstrip("/") == PATH
        return (Match.FULL if found else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        edge: Edge = scope["app"].state.edge
        call = Call(edge, scope, receive, send, ())
        protocol = all_of(scope, b"sec-websocket-protocol").partition(",")[0].strip()
        try:
            call.parameters = parse_query(scope["query_string"])
            address = subject_of(call.address)
            call.token = _token(call, protocol)
            try:
                call.access = token_access(edge, call.token) if call.token else NOBODY
            finally:  # what is refused counts, too
                rates(edge).count(call.account or address, edge.now())
            edge.hub.admit(call.account, address)
        except Refused as refused:
            await _refuse(send, refused)
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": protocol or None})
            await _Socket(call, address).run()
        except OSError:
            pass  # the client is gone
        finally:
            edge.hub.release(call.account, address)


def _token(call: Call, protocol: str) -> str:
    kind, _, token = header(call.scope, b"authorization").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return call.parameters.text("access_token") or protocol


async def _refuse(send: Send, refused: Refused) -> None:
    """No socket: an answer, in the API's shape."""
    answer = refusal(refused)
    headers = [(b"content-type", answer.kind), *answer.headers]
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": answer.body})


class _Socket:
    """An open connection. Each subscription has a stream of its own, and a task that follows it."""

    def __init__(self, call: Call, address: str) -> None:
        self._call = call
        self._address = address
        self._token = watched(call)
        self._is_closed = False
        """From here; what other streams still have is not sent."""
        self._followed: dict[object, tuple[Stream, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Until one of both ends it."""
        call = self._call
        try:
            if call.parameters.values("stream"):
                await self._act(call.parameters, "subscribe")
            while True:
                message = await call.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message["type"] == "websocket.receive":
                    if message.get("text") is None:
                        await self._close(NO_TEXT, "messages are text")
                        return
                    await self._receive(message["text"])
        finally:
            for stream, task in self._followed.values():
                task.cancel()
                await stream.close()

    async def _receive(self, text: str) -> None:
        if not text.strip():
            return  # a sign of life
        call = self._call
        try:
            rates(call.edge).count(call.account or self._address, call.edge.now())
            said, what = _parse(text)
        except Refused as refused:
            await self._say_refused(refused)
            return
        await self._act(said, what)

    async def _act(self, said: Parameters, what: str) -> None:
        try:
            # as a list, its first element is the name
            name = next(iter(said.texts("stream")), "")
            wanted = subscription(self._call, name, said)
            if what == "unsubscribe":
                await self._unsubscribe(wanted)
            elif wanted.key not in self._followed:
                await self._subscribe(wanted, said)
        except Refused as refused:
            await self._say_refused(refused)

    async def _subscribe(self, wanted: Subscription, said: Parameters) -> None:
        call = self._call
        if len(self._followed) >= SUBSCRIPTIONS_PER_SOCKET:
            raise Refused("too_many_streams", limit=SUBSCRIPTIONS_PER_SOCKET)
        if not self._is_good():
            raise Refused("token_invalid")
        how = wish(said, ours=call.parameters.boolean("covey"))
        stream = await follow(call, wanted, how, self._address, admitted=True)
        task = asyncio.create_task(self._follow(wanted, stream, how.ours))
        self._followed[wanted.key] = stream, task

    async def _unsubscribe(self, wanted: Subscription) -> None:
        found = self._followed.pop(wanted.key, None)
        if found is not None:
            stream, task = found
            task.cancel()
            await stream.close()

    async def _follow(self, wanted: Subscription, stream: Stream, ours: bool) -> None:
        code, why = GOING_AWAY, "the stream ended: come back with your cursor"
        try:
            if ours:
                begun = Told(stream.cursor, b"subscribed", b"")
                await self._say(begun.message(wanted.name, cursor=True))
            while events := await stream.take():
                if not self._is_good():
                    code, why = NOT_ALLOWED, "the token is not valid any more"
                    break
                for event in events:
                    # signs of life are the protocol's own pings
                    if event.kind == "heartbeat":
                        continue
                    if found := told(self._call, wanted, event, ours=ours):
                        await self._say(found.message(wanted.name, cursor=ours))
        except OSError:
            return  # the client is gone
        except Exception:
            logger.exception("stream %r failed", wanted.name)
            code, why = TROUBLE, "something went wrong in the server"
        await self._close(code, why)

    def _is_good(self) -> bool:
        return self._token is None or self._token.is_good()

    async def _close(self, code: int, why: str) -> None:
        """`run` hears of it, too. Only the first close is one."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(OSError):
            await self._call.send({"type": "websocket.close", "code": code, "reason": why})

    async def _say_refused(self, refused: Refused) -> None:
        said = {"error": refused.sentence, "status": refused.status, "code": refused.code}
        await self._say(encode(said).decode())

    async def _say(self, message: str) -> None:
        if not self._is_closed:
            await self._call.send({"type": "websocket.send", "text": message})


def _parse(text: str) -> tuple[Parameters, str]:
    """What a client says, and its type. Raises Refused("message_malformed")."""
    try:
        said = Parameters(parse_json(text.encode()))
        what = said.text("type")
    except Refused as refused:
        why = refused.details.get("why", refused.sentence)
        raise Refused("message_malformed", why=why) from None
    if what not in ("subscribe", "unsubscribe"):
        raise Refused("message_malformed", why="its type is subscribe or unsubscribe")
    return said, what
