"""One picture in a process of its own: `python -m covey.media.worker`, started by an edge.

A decoder is a million lines that read what strangers send. Here it may crash, or ask for more
memory or time than there is: the edge only hears that there is no answer. The process ends with the
edge, holds one of MEDIA_WORKERS locks while it works (so that all edges together decode that many
at a time), and knows no secret.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from covey.engine.folder import end_with
from covey.limits import MEDIA_WORKER_BYTES, MEDIA_WORKER_SECONDS

FILE_BYTES = 256 << 20
"""Of what is written: a PNG may be larger than what it was made from."""


class Orders(Struct, frozen=True):
    """What it is told, as a JSON object on its command line."""

    folder: str
    """Of the job: `upload` lies there, `file` and `small` will."""
    lock: str
    use: str


class Refusal(Struct, frozen=True):
    """Its answer when the picture can't be shown."""

    why: str


def limit_this_process(memory: int, seconds: int) -> None:
    """Bytes of address space, seconds of CPU; no core file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    end_with(sys.stdin.fileno())
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    limit_this_process(MEDIA_WORKER_BYTES, MEDIA_WORKER_SECONDS)
    turn = os.open(orders.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(turn, fcntl.LOCK_EX)
    # not before its turn: who waits is small
    from covey.media.pictures import Made, Unreadable, make

    folder = Path(orders.folder)
    answer: Made | Refusal
    try:
        answer = make(folder / "upload", folder, orders.use)  # type: ignore[arg-type]
    except Unreadable as error:
        answer = Refusal(str(error))
    except MemoryError:
        answer = Refusal("it needs more memory than one picture may have")
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
