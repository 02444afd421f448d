"""RabbitMQ: a durable classic queue an account, messages persistent and confirmed.

The queues of an author's followers are bound to its fanout exchange, so the broker gets each text
once. (Their names in a header, BCC, cost more: each queue gets that list too.) 256 posts are
published and not yet confirmed; fewer at large fan-outs, about 2,000 deliveries. Nobody consumes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from bench.common import free_port
from bench.peers.daemons import Daemon, program, scratch
from bench.peers.work import IN_FLIGHT, Sent, Workload

CHUNK_DELIVERIES: Final = 2_000
"""Published and waited for together: more would take minutes at the largest fan-out."""
_FRAME_BYTES: Final = 131_072
_METHOD, _HEADER, _BODY = 1, 2, 3
_START, _TUNE, _CONNECTED, _OPENED = (10, 10), (10, 30), (10, 41), (20, 11)
_BOUND, _CONFIRMING, _ACK = (50, 21), (85, 11), (60, 80)
_WITH_MODE: Final = 1 << 12


class RabbitMQ:
    def __init__(self, daemon: Daemon, link: socket.socket, workload: Workload) -> None:
        self.cpu = daemon.cpu
        self._link = link
        self._workload = workload
        self._buffer = bytearray()
        self._published = 0

    def start(self) -> None:
        """Raises OSError."""
        self._link.sendall(b"AMQP\0\0\x09\x01")
        self._wait(_START)
        self._send(
            10, 11, _table({}) + _short("PLAIN") + _long(b"\0guest\0guest") + _short("en_US")
        )
        self._wait(_TUNE)
        self._send(10, 31, struct.pack("!HIH", 1, _FRAME_BYTES, 0))
        self._send(10, 40, _short("/") + _short("") + b"\0")
        self._wait(_CONNECTED)
        self._send(20, 10, _short(""), channel=1)
        self._wait(_OPENED)
        self._send(85, 10, b"\0", channel=1)
        self._wait(_CONFIRMING)

    def declare(self, authors: Iterable[int]) -> int:
        """Their exchanges, the queues of their followers, and what binds them. → queues."""
        durable, without_answer = 1 << 1, 1 << 4
        bits = bytes([durable | without_answer])
        queues: set[int] = set()
        for author in authors:
            followers = self._workload.followers[author]
            exchange = _short(f"x{author}")
            body = b"\0\0" + exchange + _short("fanout") + bits + _table({})
            self._send(40, 10, body, channel=1)
            for account in followers:
                queue = b"\0\0" + _short(f"h{account}")
                if account not in queues:
                    self._send(50, 10, queue + bits + _table({}), channel=1)
                quiet = bytes([account != followers[-1]])
                self._send(50, 20, queue + exchange + _short("") + quiet + _table({}), channel=1)
                queues.add(account)
            self._wait(_BOUND)
        return len(queues)

    def prepare(self, posts: list[Sent]) -> list[bytes]:
        return [self._publish(post) for post in posts]

    def run(self, prepared: list[bytes]) -> None:
        first, last = self._published, self._published + len(prepared)
        sent = min(IN_FLIGHT, len(prepared))
        self._link.sendall(b"".join(prepared[:sent]))
        confirmed, single = first, set()
        while confirmed < last:
            for arguments in self._frames(_ACK):
                tag, multiple = struct.unpack("!QB", arguments)
                if multiple:
                    confirmed = max(confirmed, tag)
                else:
                    single.add(tag)
                while confirmed + 1 in single:
                    confirmed += 1
                    single.discard(confirmed)
            free = IN_FLIGHT - (first + sent - confirmed - len(single))
            if more := prepared[sent : sent + free]:
                self._link.sendall(b"".join(more))
                sent += len(more)
        self._published = last

    def _publish(self, post: Sent) -> bytes:
        text = f"{post.id} {post.said.text}".encode()
        properties = struct.pack("!HHQHB", 60, 0, len(text), _WITH_MODE, 2)  # 2: persistent
        method = struct.pack("!HHH", 60, 40, 0) + _short(f"x{post.author}") + _short("") + b"\0"
        return _frame(_METHOD, 1, method) + _frame(_HEADER, 1, properties) + _frame(_BODY, 1, text)

    def _send(self, kind: int, method: int, body: bytes, channel: int = 0) -> None:
        self._link.sendall(_frame(_METHOD, channel, struct.pack("!HH", kind, method) + body))

    def _wait(self, method: tuple[int, int]) -> None:
        while not list(self._frames(method)):
            pass

    def _frames(self, method: tuple[int, int]) -> Iterator[bytes]:
        """The arguments of each method of this kind that one read brought."""
        data = self._link.recv(1 << 18)
        if not data:
            raise ConnectionError("the broker closed")
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 8:
            kind, _, size = struct.unpack_from("!BHI", self._buffer, at)
            if len(self._buffer) - at < size + 8:
                break
            body = bytes(self._buffer[at + 7 : at + 7 + size])
            at += size + 8
            if kind == _METHOD:
                found = struct.unpack_from("!HH", body)
                if found in ((10, 50), (20, 40)):  # connection.close, channel.close
                    raise RuntimeError(body)
                if found == method:
                    yield body[4:]
        del self._buffer[:at]


@contextmanager
def rabbitmq(workload: Workload) -> Iterator[RabbitMQ]:
    """A broker without queues. Raises Missing."""
    # Debian's own script in PATH asks for root and changes the user
    path = program("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")
    epmd = program("epmd", "rabbitmq-server")
    with scratch("rabbitmq") as folder, ExitStack() as stack:
        port, names = free_port(), str(free_port())
        environment = {
            "ERL_EPMD_PORT": names, "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "peer@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "no-file"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }  # fmt: skip
        registry = Daemon([epmd, "-port", names, "-address", "127.0.0.1"], folder, "rabbitmq")
        stack.callback(registry.end)
        daemon = Daemon([path], folder, "rabbitmq", environment)
        stack.callback(daemon.end)
        found = daemon.until(lambda: _connect(daemon, port, workload))
        yield found


def _connect(daemon: Daemon, port: int, workload: Workload) -> RabbitMQ:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found = RabbitMQ(daemon, link, workload)
    found.start()
    return found


def _frame(kind: int, channel: int, body: bytes) -> bytes:
    return struct.pack("!BHI", kind, channel, len(body)) + body + b"\xce"


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _long(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def _table(fields: dict[str, bytes]) -> bytes:
    """Values with their type before them."""
    return _long(b"".join(_short(name) + value for name, value in fields.items()))
