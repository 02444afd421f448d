"""Deliveries into an arena's memory: the numpy kernel, the reference for any compiled one.

What the bytes must be is defined one delivery at a time, so it does not depend on how deliveries
are cut into batches (tests/delivery/test_kernels.py holds the definition as a plain loop):

    deliver post P to account A, `next` being the number of the next chunk:
        C = A's newest chunk
        if C was opened since the arena was last emptied, is not full, and lies in the quarter of
        the circle that is being written or in the one before:   put P into C
        otherwise:   chunk `next` = {previous: C, ids: P};   A's newest = next;   next += 1

The order of the stores is what makes the arena readable without locks: `reserved` before any
chunk, ids before the headers that count them, chunks before the heads that lead to them. numpy
makes the stores of one call after those of the call before, whole where they are aligned, and
x86-64 shows them to other processes in that order.
"""

from collections.abc import Callable
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

Words: TypeAlias = npt.NDArray[np.uint64]
Accounts: TypeAlias = npt.NDArray[np.uint32]
Signed: TypeAlias = npt.NDArray[np.int64]  # numpy indexes with these without a copy
Stop: TypeAlias = Callable[[str], None]
Deliver: TypeAlias = Callable[["Memory", Words, Signed, Accounts, Stop], None]

PIECE_DELIVERIES: Final = 1 << 15
"""Handled at once, so that their scratch (100 to 200 bytes each) stays in the processor's cache:
12 M/s on a power-law graph of a million, against 7 with a million at once."""


class Memory(NamedTuple):
    """An arena's memory as arrays that share it."""

    header: memoryview  # words
    newest: Signed  # of each account: its newest chunk's number
    floors: Words  # of each account: post id
    chunks: Signed  # words, CHUNK_WORDS a chunk; ids and headers are the same bits either way
    capacity: int  # chunks

    @classmethod
    def of(cls, memory: memoryview, layout: Layout) -> "Memory":
        heads = np.frombuffer(memory, np.uint64, layout.max_accounts * HEAD_WORDS, layout.heads_at)
        chunks = np.frombuffer(memory, np.int64, layout.capacity * CHUNK_WORDS, layout.chunks_at)
        header = memory[: layout.heads_at].cast("Q")
        return cls(header, heads[0::2].view(np.int64), heads[1::2], chunks, layout.capacity)


def deliver(
    memory: Memory, posts: Words, offsets: Signed, recipients: Accounts, stop: Stop
) -> None:
    """Post `posts[i]` to `recipients[offsets[i]:offsets[i + 1]]`, in that order.

    Ids ascend, and so do the recipients of one post. `stop` is called with the name of each arrow
    of the order of stores, once it is passed. Raises ArenaTooSmall, with nothing written, for a
    recipient without a head, and ArenaWornOut when there are no chunk numbers left.
    """
    check_batch(memory, posts, offsets, recipients)
    ids = posts.view(np.int64).repeat(offsets[1:] - offsets[:-1])
    start = 0
    while start < len(ids):
        end = start + PIECE_DELIVERIES
        start += _deliver_piece(memory, ids[start:end], recipients[start:end], stop)


def check_batch(memory: Memory, posts: Words, offsets: Signed, recipients: Accounts) -> None:
    """Raises what `deliver` raises."""
    assert len(offsets) == len(posts) + 1
    assert offsets[0] == 0
    assert offsets[-1] == len(recipients)
    _check_heads(memory, recipients)
    if memory.header[NEXT] + len(recipients) > LAST_NUMBER:
        raise ArenaWornOut(f"chunk numbers end at {LAST_NUMBER}: restart the server")


def _check_heads(memory: Memory, accounts: Accounts) -> None:
    if len(accounts) and (last := int(accounts.max())) >= len(memory.newest):
        raise ArenaTooSmall(f"account {last}: the arena holds {len(memory.newest)} accounts")


def move_floors(memory: Memory, accounts: Accounts, floors: Words) -> None:
    """Raise the floor of `accounts[i]` to `floors[i]`; a floor never sinks.

    Raises ArenaTooSmall, with nothing written, for an account without a head.
    """
    _check_heads(memory, accounts)
    np.maximum.at(memory.floors, accounts, floors)


def _deliver_piece(memory: Memory, ids: Signed, recipients: Accounts, stop: Stop) -> int:
    """Deliver the first of these deliveries, as many as fit into this quarter; how many."""
    header, newest, chunks = memory.header, memory.newest, memory.chunks
    following = header[NEXT]
    quarter_chunks = memory.capacity // QUARTERS
    quarter = following // quarter_chunks
    oldest_open = max(header[FIRST], (quarter - 1) * quarter_chunks)

    # Runs: the deliveries of one account, in order.
    order = _stable_order(recipients)
    accounts = recipients[order]
    is_bound = np.empty(len(ids) + 1, np.bool_)
    is_bound[0] = is_bound[-1] = True
    np.not_equal(accounts[1:], accounts[:-1], out=is_bound[1:-1])
    bounds = is_bound.nonzero()[0]
    run_lengths = bounds[1:] - bounds[:-1]
    owners = accounts[bounds[:-1]].astype(np.int64)

    # What of each run still goes into the account's newest chunk, and how many chunks it opens.
    heads = newest[owners]
    old_slots = heads % memory.capacity * CHUNK_WORDS
    old_headers = chunks[old_slots]
    old_fills = old_headers >> FILL_SHIFT & FILL_MASK
    room = (CHUNK_IDS - old_fills) * (heads >= oldest_open)
    into_old = np.minimum(room, run_lengths)
    over = run_lengths - into_old
    opened = (over + (CHUNK_IDS - 1)) // CHUNK_IDS
    opened_until = opened.cumsum()
    opened_in_all = int(opened_until[-1])

    # Segments: of each run, its part in the old chunk (it may be empty), then its new chunks.
    last_segments = opened_until + np.arange(len(owners))
    old_segments = last_segments - opened
    is_old = np.zeros(len(owners) + opened_in_all, np.bool_)
    is_old[old_segments] = True
    new_segments = (~is_old).nonzero()[0]
    fills = np.empty(len(is_old), np.int64)
    fills.fill(CHUNK_IDS)
    fills[last_segments] = over - (opened - 1) * CHUNK_IDS
    fills[old_segments] = into_old
    segment_starts = fills.cumsum() - fills

    # New chunks are numbered in the order of the deliveries that open them.
    openings = order[segment_starts[new_segments]]
    left = (quarter + 1) * quarter_chunks - following
    if opened_in_all >= left:
        # With the chunk that fills the quarter, others grow too old to be topped up: stop there.
        fitting = int(np.partition(openings, left - 1)[left - 1]) + 1
        if fitting < len(ids):
            return _deliver_piece(memory, ids[:fitting], recipients[:fitting], stop)
    unused = following + opened_in_all
    numbers = np.empty(len(is_old), np.int64)
    numbers[old_segments] = heads
    numbers[new_segments[openings.argsort()]] = np.arange(following, unused)

    slots = numbers % memory.capacity * CHUNK_WORDS
    places = slots + 1 - segment_starts
    places[old_segments] += CHUNK_IDS - room
    places = places.repeat(fills)
    places += np.arange(len(ids))
    sorted_ids = ids[order]
    topped = into_old.nonzero()[0]
    topped_headers = old_headers[topped] + (into_old[topped] << FILL_SHIFT)
    new_headers = (
        numbers[new_segments - 1] << PREVIOUS_SHIFT
        | fills[new_segments] << FILL_SHIFT
        | owners.repeat(opened) & OWNER_MASK
    )
    openers = opened.nonzero()[0]

    header[RESERVED] = unused
    stop("reserved")
    chunks[places] = sorted_ids
    chunks[old_slots[topped]] = topped_headers
    chunks[slots[new_segments]] = new_headers
    stop("chunks")
    newest[owners[openers]] = numbers[last_segments[openers]]
    header[NEXT] = unused
    stop("heads")
    return len(ids)


def _stable_order(accounts: Accounts) -> Signed:
    """The order that sorts by account and leaves each account's deliveries in order.

    A radix sort by halves: numpy has one for 16 bits, 4 times as fast as its sort of 64-bit keys.
    """
    halves = accounts.view(np.uint16).reshape(-1, 2)
    order = np.argsort(halves[:, 0], kind="stable")
    high = halves[:, 1]
    if high.any():
        order = order[np.argsort(high[order], kind="stable")]
    return order
