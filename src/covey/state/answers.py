"""Which message was accepted under which key: a submission that comes again gets its answer.

Keys are random, and a row at a random place of a table of millions costs a page each: the page is
read, written to the write-ahead file and written to the table, 4 KiB three times for a message of
200 bytes. So the newest keys are kept in memory, in SLICES by their hash, and one slice after the
other is *settled*: what is still remembered of it goes into the table in one go, side by side. Each
slice has its turn every SLICES * SETTLE_EVERY messages; a key that is remembered for minutes mostly
is never written.

What is settled depends on the numbers and stamps of the log alone, so a rebuild has the same rows;
and what is not, the log's end tells.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import apsw

from covey.keys import expiry
from covey.limits import KEY_CLIENT_MS
from covey.log import Log

SLICES: Final = 256
SETTLE_EVERY: Final = 256
"""Messages. So 65,536 keys are in memory at most (10 MB; half of it as a rule), and
some 256 are settled at once. To find them again at a start takes 0.2 s of CPU."""

_INT64: Final = struct.Struct("<q")


class Answers:
    """By hash: of two keys that share one (64 bits), the newer is remembered. The log has keys
    whole: who finds a number there looks whether it was this key's."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._salt = b""
        self._slices: list[dict[int, tuple[int, int]]] = [{} for _ in range(SLICES)]
        """hash → (number, expires)."""
        self._journal: list[tuple[int, int | None, Any]] = []
        """To undo since the last commit: (slice, hash, what was remembered before or None), or
        (slice, None, the slice before it was settled)."""

    def load(self, log: Log, applied: int) -> None:
        """What is not settled when `applied` is the last message applied."""
        # of whoever chooses keys nobody knows the log's id: they can't be aimed at one slice
        self._salt = log.id.encode()
        for number, stamp, _, actor, key, *_ in log.rows(
            max(0, applied - SLICES * SETTLE_EVERY), until=applied
        ):
            expires = expiry(key, stamp)
            if expires is None:
                continue
            hash_ = self.hash_of(actor, key)
            turn = applied // SETTLE_EVERY
            last_turn = turn - (turn - _slice_of(hash_)) % SLICES
            if number > last_turn * SETTLE_EVERY:
                self._slices[_slice_of(hash_)][hash_] = number, expires

    def hash_of(self, actor: int, key: bytes) -> int:
        """64 bits, signed."""
        digest = blake2b(self._salt + _INT64.pack(actor) + key, digest_size=_INT64.size).digest()
        return int(_INT64.unpack(digest)[0])

    def find(self, hashes: Sequence[int], stamp: int) -> dict[int, int]:
        """Hash → number, of those (at least one) that are remembered at `stamp`."""
        found = dict(
            self._connection.execute(
                "select hash, number from answers"
                " where hash in carray(?) and (expires = 0 or expires > ?)",
                (apsw.carray(array("q", hashes)), stamp),
            )
        )
        for hash_ in hashes:
            recent = self._slices[_slice_of(hash_)].get(hash_)
            if recent and (not recent[1] or recent[1] > stamp):
                found[hash_] = recent[0]
        return found

    def remember(self, hash_: int, number: int, expires: int) -> None:
        """`expires`: stamp; 0: never."""
        place = _slice_of(hash_)
        slice_ = self._slices[place]
        self._journal.append((place, hash_, slice_.get(hash_)))
        slice_[hash_] = number, expires

    def settle(self, number: int, stamp: int) -> None:
        """After each message: perhaps it is the turn of a slice."""
        if number % SETTLE_EVERY:
            return
        place = number // SETTLE_EVERY % SLICES
        slice_ = self._slices[place]
        self._journal.append((place, None, slice_))
        self._slices[place] = {}
        self._connection.executemany(
            "insert or replace into answers values (?, ?, ?, ?)",
            [
                (hash_, number, expires, stamp + KEY_CLIENT_MS if expires else 0)
                for hash_, (number, expires) in sorted(slice_.items())
                if not expires or expires > stamp
            ],
        )

    def commit(self) -> None:
        self._journal.clear()

    def rollback(self) -> None:
        for place, hash_, before in reversed(self._journal):
            if hash_ is None:
                self._slices[place] = before
            elif before is None:
                del self._slices[place][hash_]
            else:
                self._slices[place][hash_] = before
        self._journal.clear()


def _slice_of(hash_: int) -> int:
    """Hashes of one slice are neighbours in the table."""
    return (hash_ + (1 << 63)) * SLICES >> 64
