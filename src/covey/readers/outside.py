"""Requests to servers of other people, whose addresses strangers chose.

Nobody reaches by them what only this machine or its network can: https only, to a public address
only. The name is looked up once and the address that was judged is the one that is connected to, so
a name that answers differently the next time gains nothing. No redirect is followed, no proxy of
the environment is used. An answer is read up to its head.

It is asyncio's streams and ssl: one request on one connection needs no more, and an HTTP library
takes 15 MB of the worker and looks names up by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from covey.limits import ANSWER_HEAD_BYTES, HOST_REST_SECONDS, HOST_REST_SECONDS_MAX

if TYPE_CHECKING:
    import ssl

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[str, int], Awaitable[Streams]]

ADDRESSES_TRIED: Final = 4
"""Of a name that has many."""
HOSTS_KEPT: Final = 4_096
"""Of which it is known that they did not answer."""
INTERIM_ANSWERS: Final = 4
_PUBLIC: Final = ipaddress.ip_network("2000::/3")
_TUNNELS: Final = [ipaddress.ip_network(text) for text in ("2001::/32", "2002::/16")]
"""Teredo and 6to4: an IPv4 address stands in them, and may be a private one."""


class NotAllowed(Exception):
    """We do not go there: no https, or no public address. Trying again can't help."""


class Resting(Exception):
    """The host did not answer a moment ago; it is left alone for a while."""


class Answer(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    """Names in lower case; of those said twice the last."""


def is_public(address: str) -> bool:
    """Whether everybody's machines can reach it, and it is not one of some network of ours."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # outside of 2000::/3 lie mapped and translated IPv4 addresses, too
        return found in _PUBLIC and found.is_global and not any(found in one for one in _TUNNELS)
    return found.is_global and not found.is_multicast


async def connect_public(host: str, port: int) -> Streams:
    """By TLS, to a name whose addresses are all public. Raises NotAllowed, OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        if not is_public(address):
            raise NotAllowed(f"{host} is at {address}: no public address")
    failure: OSError = OSError(f"{host} has no address")
    for address in addresses[:ADDRESSES_TRIED]:
        try:
            return await asyncio.open_connection(
                address, port, limit=ANSWER_HEAD_BYTES, ssl=_trust(), server_hostname=host
            )
        except OSError as error:
            failure = error
    raise failure


@cache
def _trust() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


class Outside:
    """Of one reader. `connect` is another only in tests."""

    def __init__(self, now: Callable[[], int], connect: Connect = connect_public) -> None:
        self._now = now
        self._connect = connect
        self._rest: dict[str, tuple[int, int]] = {}
        """host → (how often in a row it did not answer, until when it is left alone)."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answer:
        """Raises NotAllowed; Resting; OSError, TimeoutError or EOFError when no answer came within
        `seconds`; ValueError for one that is no HTTP."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        if parts.scheme != "https" or not host or parts.username is not None:
            raise NotAllowed("only https, without name or password")
        failures, until = self._rest.get(host, (0, 0))
        if until > self._now():
            raise Resting(f"{host} did not answer {failures} times")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        said = {
            "Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close",
            "User-Agent": "Covey", **headers,
        }  # fmt: skip
        head = f"POST {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in said.items())
        if not head.isascii() or head.count("\n") != len(said) + 1:
            raise NotAllowed("a line of the request would not be one")
        try:
            async with asyncio.timeout(seconds):
                answer = await self._exchange(host, port, f"{head}\r\n".encode() + body)
        except (OSError, EOFError):
            self._leave_alone(host, failures + 1)
            raise
        self._rest.pop(host, None)
        return answer

    async def _exchange(self, host: str, port: int, request: bytes) -> Answer:
        reader, writer = await self._connect(host, port)
        try:
            writer.write(request)
            await writer.drain()
            for _ in range(INTERIM_ANSWERS):
                answer = _parse(await _head(reader))
                if answer.status >= 200:
                    return answer
            raise ValueError("nothing but interim answers")
        finally:
            # at once: whoever keeps the connection open keeps us no longer
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _leave_alone(self, host: str, failures: int) -> None:
        seconds = min(HOST_REST_SECONDS_MAX, HOST_REST_SECONDS << min(failures - 1, 20))
        self._rest.pop(host, None)
        self._rest[host] = (failures, self._now() + seconds * 1000)
        if len(self._rest) > HOSTS_KEPT:
            del self._rest[next(iter(self._rest))]


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError(f"the answer's head has more than {ANSWER_HEAD_BYTES} bytes") from None


def _parse(head: bytes) -> Answer:
    """Raises ValueError."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
        raise ValueError("the answer is no HTTP")
    pairs = (line.partition(":") for line in lines)
    return Answer(int(status), {name.strip().lower(): value.strip() for name, _, value in pairs})
