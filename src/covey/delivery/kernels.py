"""Deliveries into an arena's memory: the numpy kernel, the reference for any compiled one.

What the bytes must be is defined one delivery at a time, so it does not depend on how deliveries
are cut into batches (tests/delivery/test_kernels.py holds the definition as a plain loop):

    deliver post P to account A, `next` being the number of the next chunk:
        C = A's newest chunk
        if C was opened since the arena was emptied, is not full, and lies in the quarter of the
        circle that is being written or in the one before:   put P into C
        otherwise:   chunk `next` = {previous: C, ids: P};  A's newest = next;  next += 1

The order of the stores is what makes the arena readable without locks: `reserved` before any
chunk, ids before the headers that count them, chunks before the heads that lead to them. numpy
makes its stores in program order, 8 bytes at a time where they are aligned; x86-64 shows them to
other processes in that order.
"""

from collections.abc import Buffer, Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from covey.delivery.layout import (
    CHUNK_IDS,
    CHUNK_WORDS,
    FILL_MASK,
    FILL_SHIFT,
    FIRST,
    HEAD_WORDS,
    LAST_NUMBER,
    NEXT,
    OWNER_MASK,
    PREVIOUS_SHIFT,
    QUARTERS,
    RESERVED,
    ArenaTooSmall,
    ArenaWornOut,
    Layout,
)

Posts: TypeAlias = npt.NDArray[np.uint64]
Accounts: TypeAlias = npt.NDArray[np.uint32]
Numbers: TypeAlias = npt.NDArray[np.int64]

PIECE_DELIVERIES: Final = 1 << 16  # at once: their scratch, some 3 MB, stays in the cache
