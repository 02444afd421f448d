"""Several processes read a small arena while it is written in a circle as fast as it goes.

Every id says whose it is and which round it is from, and who gets what in which round follows a
rule; so a reader notices each id that is foreign, torn, missing or out of order.

    python tests/delivery/test_arena_processes.py FD SECONDS        is one reader
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from covey.delivery.arena import Arena, ArenaReader, make_arena_file
from covey.delivery.layout import NEXT, RESERVED, Layout

if TYPE_CHECKING:
    from tests.delivery.conftest import Kernel

ACCOUNTS = 24
CHUNKS = 256  # ten for each account: every page of 200 ids runs into the end of the circle
OWNER_BITS = 20  # of an id; the round is above
READERS = 3


def gets(account: int, round_number: int) -> bool:
    return round_number * (account + 3) % 7 < 4


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.long)])
def test_no_id_is_foreign_torn_or_missing(kernel: "Kernel", seconds: int) -> None:
    told = hammer(Arena, seconds, kernel)
    print(f"\n{told}")
    assert told["reads"] > 1_000
    assert told["ids"] > told["reads"]
    assert told["wrong"] == 0


def test_it_would_be_noticed() -> None:
    """The planted fault, `reserved` stored after the chunks that it should announce, spoils some
    0.5 to 3% of the reads."""
    told = hammer(BoundStoredLate, seconds=3)
    print(f"\n{told}")
    assert told["wrong"] > 0


class BoundStoredLate(Arena):
    def deliver(self, *batch: object) -> None:
        shared = self.arrays
        late = memoryview(bytearray(shared.header)).cast("Q")
        self.arrays = shared._replace(header=late)
        super().deliver(*batch)
        self.arrays = shared
        for word in (RESERVED, NEXT):
            shared.header[word] = late[word]


def hammer(kind: type[Arena], seconds: float, kernel: "Kernel | None" = None) -> dict[str, int]:
    """Write, and let `READERS` processes read, for so long; what they found, in sum."""
    fd = make_arena_file(Layout(CHUNKS, ACCOUNTS).end, ACCOUNTS)
    try:
        arena = kind.from_fd(fd)
        if kernel:
            arena.use(*kernel)
        arena.reset(born=0, applied=0, generation=1)
        readers = [
            subprocess.Popen(
                [sys.executable, __file__, str(fd), str(seconds)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[fd],
                stdout=subprocess.PIPE,
            )
            for _ in range(READERS)
        ]
        batches = write_rounds(arena)
        while any(reader.poll() is None for reader in readers):
            next(batches)
        found = [json.loads(reader.communicate()[0]) for reader in readers]
    finally:
        os.close(fd)
    total = {what: sum(one[what] for one in found) for what in found[0]}
    return total | {"chunks_written": arena.arrays.header[NEXT]}


def write_rounds(arena: Arena) -> Iterator[None]:
    rng = random.Random(1)
    pattern = np.array([[gets(account, one) for account in range(ACCOUNTS)] for one in range(7)])
    newest = 0
    for batch in range(1 << 62):
        rounds = np.arange(newest + 1, newest + 1 + rng.choice((1, 4, 16, 64)), dtype=np.uint64)
        newest = int(rounds[-1])
        published = (newest + 1 << OWNER_BITS) - 1
        places, recipients = pattern[rounds % 7].nonzero()
        posts = rounds[places] << OWNER_BITS | recipients.astype(np.uint64)
        arena.begin()
        arena.deliver(posts, np.arange(len(posts) + 1), recipients.astype(np.uint32))
        if batch % 16 == 15:
            accounts = np.array([rng.randrange(ACCOUNTS)], np.uint32)
            arena.move_floors(accounts, np.array([published], np.uint64))
        arena.finish(published=published, applied=batch)
        if batch % 256 == 255:
            arena.reset(born=published, applied=batch, generation=1)
        yield


def read_all(reader: ArenaReader, seconds: float) -> dict[str, int]:
    """One reader's work."""
    reads = ids = wrong = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for account in range(ACCOUNTS):
            below = reader.published + 1
            posts, reach = reader.read(account, below, 200)
            rounds = range(below - 1 >> OWNER_BITS, (reach >> OWNER_BITS) - 1, -1)
            expected = [
                post
                for post in (one << OWNER_BITS | account for one in rounds if gets(account, one))
                if reach <= post < below
            ]
            reads += 1
            ids += len(posts)
            wrong += posts != expected
    return {"reads": reads, "ids": ids, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(read_all(ArenaReader.from_fd(int(sys.argv[1])), float(sys.argv[2]))))
