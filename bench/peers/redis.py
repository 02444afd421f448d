"""Redis: a list an account, one call of a Lua script a post.

The script reads who follows the author and pushes the post's id to the list of each, which is cut
to 800 when it is over 900. The followers lie in Redis as lists of the names of homes, so that the
script joins no strings. Three scripts:

- ids alone, and nothing durable: a kernel;
- the text too;
- as a microblog is built on Redis: the post as a hash, the author's own list, the public one, one a
  tag, a notification for who is mentioned, and the client's key, so that nothing comes twice.

The last two with `appendonly yes, appendfsync always`: what was answered is on disk. (The
append-only file holds every push.)
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.peers.daemons import Daemon, program, scratch
from bench.peers.work import IN_FLIGHT, Sent, Workload

_PUSH: Final = """
local id = ARGV[2]
local homes = redis.call('lrange', 'f' .. ARGV[1], 0, -1)
for i = 1, #homes do
    if redis.call('lpush', homes[i], id) > 900 then redis.call('ltrim', homes[i], 0, 799) end
end
return #homes
"""
_STORE: Final = "redis.call('set', 'p' .. ARGV[2], ARGV[3])" + _PUSH
_MICROBLOG: Final = (
    """
if not redis.call('set', 'k' .. ARGV[4], ARGV[2], 'nx') then return 0 end
redis.call('hset', 'p' .. ARGV[2], 'author', ARGV[1], 'text', ARGV[3])
redis.call('lpush', 'o' .. ARGV[1], ARGV[2])
if redis.call('lpush', 'public', ARGV[2]) > 900 then redis.call('ltrim', 'public', 0, 799) end
for i = 5, #ARGV do redis.call('lpush', ARGV[i], ARGV[2]) end
"""
    + _PUSH
)
SCRIPTS: Final = {"ids": _PUSH, "text": _STORE, "microblog": _MICROBLOG}


class Redis:
    def __init__(self, daemon: Daemon, link: socket.socket, script: str) -> None:
        self.cpu = daemon.cpu
        self._link = link
        self._script = script
        self._sha = self._ask("script", "load", SCRIPTS[script])

    def prepare(self, posts: list[Sent]) -> list[bytes]:
        return [_command("evalsha", self._sha, "0", *self._arguments(post)) for post in posts]

    def _arguments(self, post: Sent) -> list[str]:
        found = [str(post.author), str(post.id)]
        if self._script != "ids":
            found.append(post.said.text)
        if self._script == "microblog":
            found.append(os.urandom(16).hex())
            found += [f"n{account}" for account in post.said.mentioned]
            found += [f"t{tag.name}" for tag in post.said.tags]
        return found

    def run(self, prepared: list[bytes]) -> None:
        """As many as were answered are sent anew, in one write."""
        link = self._link
        sent = min(IN_FLIGHT, len(prepared))
        link.sendall(b"".join(prepared[:sent]))
        answered = 0
        while answered < len(prepared):
            data = link.recv(1 << 16)
            assert b"-" not in data, data  # every answer is an integer
            fresh = data.count(b"\n")
            answered += fresh
            if more := prepared[sent : sent + fresh]:
                link.sendall(b"".join(more))
                sent += len(more)

    def load(self, workload: Workload) -> None:
        for author, followers in workload.followers.items():
            for start in range(0, len(followers), 1_000):
                homes = [f"h{account}" for account in followers[start : start + 1_000]]
                self._ask("rpush", f"f{author}", *homes)

    def _ask(self, *words: str) -> str:
        self._link.sendall(_command(*words))
        data = b""
        while not data.endswith(b"\r\n") or (data.startswith(b"$") and data.count(b"\n") < 2):
            data += self._link.recv(1 << 16)
        assert not data.startswith(b"-"), data
        return data.rstrip().rpartition(b"\n")[2].decode()


@contextmanager
def redis(workload: Workload, script: str) -> Iterator[Redis]:
    """A server with the graph in it, and one of SCRIPTS. Raises Missing."""
    path = program("redis-server", "redis-server")
    with scratch("redis") as folder:
        at = folder / "socket"
        options = {
            "port": "0", "unixsocket": str(at), "dir": str(folder), "save": "",
            "appendonly": "no" if script == "ids" else "yes", "appendfsync": "always",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        daemon = Daemon([path, *words], folder, "redis")
        try:
            with daemon.until(lambda: _connect(str(at))) as link:
                found = Redis(daemon, link, script)
                found.load(workload)
                yield found
        finally:
            daemon.end()


def _connect(path: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    return link


def _command(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)
