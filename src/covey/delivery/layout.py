"""Where each byte of an arena lies. docs/formats.md, section "Arena", says the same in prose.

    [header: one page of 64-bit words][heads: 16 bytes an account][chunks: 64 bytes each]

No numpy here: the supervisor that makes an arena, and the edges that read it, need none.
"""

from dataclasses import dataclass
from typing import Final

MAGIC: Final = int.from_bytes(b"COVEYHOM", "little")
VERSION: Final = 1

PAGE_BYTES: Final = 4096
WORD_BYTES: Final = 8
HEAD_WORDS: Final = 2  # newest chunk's number, floor
CHUNK_WORDS: Final = 8  # header, then 7 post ids: one cache line
CHUNK_IDS: Final = CHUNK_WORDS - 1

# The words of the header, by place. All are 64-bit, unsigned, little-endian.
MAGIC_AT: Final = 0
VERSION_AT: Final = 1
CAPACITY: Final = 2  # chunks in the circle
MAX_ACCOUNTS: Final = 3
GENERATION: Final = 4  # of the state file this arena belongs to
BORN: Final = 5  # post id: every delivery of a newer post is here, or was overwritten
FIRST: Final = 6  # number of the first chunk since it was last emptied: older ones are nothing
RESERVED: Final = 7  # chunks below this number may have been written; stored before they are
NEXT: Final = 8  # number of the next chunk; equals RESERVED between batches
PUBLISHED: Final = 9  # post id: the newest whose delivery is complete
APPLIED: Final = 10  # log number
DIRTY: Final = 11  # 1 from before the state's commit until all of a batch is here
ACCESS: Final = 12  # last log numbers that changed what edges cache
RELATIONS: Final = 13
PROFILES: Final = 14

# A chunk's header: number of the account's previous chunk | ids in it | low bits of its owner.
OWNER_BITS: Final = 17
FILL_BITS: Final = 3
OWNER_MASK: Final = (1 << OWNER_BITS) - 1
FILL_MASK: Final = (1 << FILL_BITS) - 1
FILL_SHIFT: Final = OWNER_BITS
PREVIOUS_SHIFT: Final = OWNER_BITS + FILL_BITS
LAST_NUMBER: Final = (1 << (64 - PREVIOUS_SHIFT)) - 1  # at a million a second: 203 days

# The circle is written a quarter at a time, and only chunks of this quarter and the one before are
# topped up in place. So what is topped up depends on no batch, its slot is not written anew in the
# same piece, and every delivery stays for at least half a circle.
QUARTERS: Final = 4


class ArenaError(ValueError):
    """What was asked of an arena cannot be."""


class ArenaTooSmall(ArenaError):
    """An account number beyond `max_accounts`, or memory that holds no circle at all."""


class ArenaForeign(ArenaError):
    """This memory is no arena, or one of another version."""


class ArenaWornOut(ArenaError):
    """Chunk numbers have reached `LAST_NUMBER`: the server needs a fresh arena, so a restart."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of heads and chunks, in bytes, for one capacity and number of accounts."""

    capacity: int
    max_accounts: int

    @property
    def heads_at(self) -> int:
        return PAGE_BYTES

    @property
    def chunks_at(self) -> int:
        heads = self.max_accounts * HEAD_WORDS * WORD_BYTES
        return PAGE_BYTES + -(-heads // PAGE_BYTES) * PAGE_BYTES

    @property
    def end(self) -> int:
        return self.chunks_at + self.capacity * CHUNK_WORDS * WORD_BYTES

    @classmethod
    def fitting(cls, size_bytes: int, max_accounts: int) -> "Layout":
        """The largest circle that fits beside the heads. Raises ArenaTooSmall if none does."""
        free = size_bytes - cls(0, max_accounts).chunks_at
        quarter = free // (QUARTERS * CHUNK_WORDS * WORD_BYTES)
        if quarter < 1:
            raise ArenaTooSmall(f"{size_bytes} bytes hold no chunks beside {max_accounts} heads")
        return cls(quarter * QUARTERS, max_accounts)
