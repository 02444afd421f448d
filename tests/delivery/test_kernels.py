"""Each kernel writes the bytes that the definition asks for, however deliveries are batched."""

from collections.abc import Callable
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delivery.conftest import Kernel

from covey.delivery import kernels
from covey.delivery.arena import Arena
from covey.delivery.layout import (
    CHUNK_IDS,
    CHUNK_WORDS,
    FILL_MASK,
    FILL_SHIFT,
    FIRST,
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

Post = tuple[int, list[int]]  # id, recipients ascending

# On both sides of the halves of the kernel's sort, and two that differ above the owner bits only.
ACCOUNTS = [0, 1, 2, 0xFFFF, 0x10000, 0x10001, 1 << 17, (1 << 17) + 2]
MAX_ACCOUNTS = max(ACCOUNTS) + 1

audiences = st.lists(st.sets(st.sampled_from(ACCOUNTS)), max_size=60)
cuts = st.lists(st.integers(0, 60), max_size=6).map(sorted)
capacities = st.sampled_from([4, 8, 12, 64])


def define(memory: kernels.Memory, posts: list[Post]) -> None:
    """What delivery means, one at a time."""
    header, capacity = memory.header, memory.capacity
    chunks = memory.chunks.view(np.uint64)
    quarter_chunks = capacity // QUARTERS
    for post, recipients in posts:
        for account in recipients:
            number = int(memory.newest[account])
            following = header[NEXT]
            at = number % capacity * CHUNK_WORDS
            fill = int(chunks[at]) >> FILL_SHIFT & FILL_MASK
            is_young = number // quarter_chunks >= following // quarter_chunks - 1
            if number >= header[FIRST] and is_young and fill < CHUNK_IDS:
                chunks[at + 1 + fill] = post
                chunks[at] += np.uint64(1 << FILL_SHIFT)
            else:
                at = following % capacity * CHUNK_WORDS
                chunks[at + 1] = post
                chunks[at] = number << PREVIOUS_SHIFT | 1 << FILL_SHIFT | account & OWNER_MASK
                memory.newest[account] = following
                header[NEXT] = header[RESERVED] = following + 1


def deliver(
    kernel: Kernel,
    memory: kernels.Memory,
    posts: list[Post],
    stop: Callable[[str], None] = lambda arrow: None,
) -> None:
    """Through the kernel, as one batch."""
    ids = np.array([post for post, _ in posts], np.uint64)
    offsets = np.cumsum([0] + [len(recipients) for _, recipients in posts])
    everyone = [account for _, recipients in posts for account in recipients]
    kernel.deliver(memory, ids, offsets, np.array(everyone, np.uint32), stop)


def arena_of(capacity: int, max_accounts: int = MAX_ACCOUNTS) -> Arena:
    arena = Arena.in_memory(Layout(capacity, max_accounts).end, max_accounts)
    assert arena.arrays.capacity == capacity
    return arena


def numbered(audiences: list[set[int]]) -> list[Post]:
    return [(post, sorted(recipients)) for post, recipients in enumerate(audiences, 1)]


def same(one: Arena, other: Arena) -> bool:
    return np.array_equal(
        np.frombuffer(one.memory, np.uint64), np.frombuffer(other.memory, np.uint64)
    )


@given(audiences, cuts, capacities, st.sampled_from([1, 3, 1 << 15]), st.integers(0, 60))
def test_the_same_bytes_however_cut(
    kernel: Kernel,
    audiences: list[set[int]],
    cuts: list[int],
    capacity: int,
    piece: int,
    emptied_at: int,
) -> None:
    posts = numbered(audiences)
    defined, whole, cut = (arena_of(capacity) for _ in range(3))
    for life in (posts[:emptied_at], posts[emptied_at:]):
        for arena in (defined, whole, cut):
            arena.reset(born=life[0][0] - 1 if life else 0, applied=0, generation=1)
        define(defined.arrays, life)
        deliver(kernel, whole.arrays, life)
        with mock.patch.object(kernels, "PIECE_DELIVERIES", piece):
            for start, end in pairwise([0, *cuts, len(life)]):
                deliver(kernel, cut.arrays, life[start:end])
        assert same(whole, defined)
        assert same(cut, defined)


def test_the_same_bytes_for_many_deliveries(kernel: Kernel) -> None:
    """Enough to be cut into pieces by itself, several times around the circle."""
    rng = np.random.default_rng(1)
    accounts = 70_000
    posts = [(post, np.unique(rng.zipf(1.3, 2_000) % accounts).tolist()) for post in range(1, 121)]
    defined, whole = arena_of(4_000, accounts), arena_of(4_000, accounts)
    define(defined.arrays, posts)
    deliver(kernel, whole.arrays, posts)
    assert whole.arrays.header[NEXT] > 3 * 4_000
    assert same(whole, defined)


def test_order_of_stores(kernel: Kernel) -> None:
    """At each arrow, what comes after it is still as it was; but the compiled kernel announces a
    chunk for each delivery, and stores chunks and heads in one go."""
    memory = arena_of(64, max_accounts=4).arrays
    seen: list[tuple[str, int, bool, bool]] = []

    def look(arrow: str) -> None:
        nonlocal chunks, newest
        announced = memory.header[RESERVED] - memory.header[NEXT]
        written = not np.array_equal(chunks, memory.chunks)
        shown = not np.array_equal(newest, memory.newest)
        seen.append((arrow, announced, written, shown))
        chunks, newest = memory.chunks.copy(), memory.newest.copy()

    chunks, newest = memory.chunks.copy(), memory.newest.copy()
    deliver(kernel, memory, numbered([{0, 1}]), look)
    deliver(kernel, memory, numbered([{1, 2}]), look)
    at_once = kernel.name == "numba"
    bound = 2 if at_once else 1
    assert seen == [
        ("reserved", 2, False, False),
        ("chunks", 2, True, at_once),
        ("heads", 0, False, not at_once),
        ("reserved", bound, False, False),
        ("chunks", bound, True, at_once),
        ("heads", 0, False, not at_once),
    ]


def test_nothing_is_written_for_an_account_without_a_head(kernel: Kernel) -> None:
    arena, untouched = arena_of(8, max_accounts=4), arena_of(8, max_accounts=4)
    with pytest.raises(ArenaTooSmall, match="account 4: the arena holds 4 accounts"):
        deliver(kernel, arena.arrays, numbered([{0}, {3, 4}]))
    with pytest.raises(ArenaTooSmall, match="account 4: the arena holds 4 accounts"):
        kernels.move_floors(arena.arrays, np.array([0, 4], np.uint32), np.array([9, 9], np.uint64))
    assert same(arena, untouched)


def test_chunk_numbers_end(kernel: Kernel) -> None:
    arena = arena_of(8, max_accounts=4)
    arena.arrays.header[NEXT] = arena.arrays.header[RESERVED] = LAST_NUMBER - 1
    define(arena.arrays, [(1, [0])])
    with pytest.raises(ArenaWornOut, match="restart the server"):
        deliver(kernel, arena.arrays, numbered([{0}]))


@given(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.integers(0, 2**63)), max_size=20))
def test_floors_never_sink(moves: list[tuple[int, int]]) -> None:
    memory = arena_of(4).arrays
    for part in (moves, moves[:3]):
        accounts = np.array([account for account, _ in part], np.uint32)
        kernels.move_floors(memory, accounts, np.array([floor for _, floor in part], np.uint64))
    for account in ACCOUNTS:
        highest = max((floor for mover, floor in moves if mover == account), default=0)
        assert memory.floors[account] == highest


@settings(deadline=None)
@given(audiences, capacities, st.lists(st.booleans(), max_size=60))
def test_one_kernel_goes_on_where_the_other_stopped(
    kernel: Kernel, audiences: list[set[int]], capacity: int, choices: list[bool]
) -> None:
    defined, mixed = arena_of(capacity), arena_of(capacity)
    reference = Kernel("numpy", kernels.deliver)
    for post, choice in zip(numbered(audiences), choices, strict=False):
        define(defined.arrays, [post])
        deliver(kernel if choice else reference, mixed.arrays, [post])
    assert same(mixed, defined)
