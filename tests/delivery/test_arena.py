"""What a reader is told is true at every moment, and is as much as was promised."""

import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.delivery.test_arena_processes import BoundStoredLate

from covey.delivery import arena as arena_module
from covey.delivery.arena import Arena, ArenaReader, make_arena_file
from covey.delivery.layout import (
    CHUNK_IDS,
    DIRTY,
    NEXT,
    RESERVED,
    ArenaForeign,
    ArenaTooSmall,
    Layout,
)

ACCOUNTS = [0, 1, 2, 1 << 17]  # the first and the last differ above the owner bits only
MAX_ACCOUNTS = max(ACCOUNTS) + 1

Audiences = list[set[int]]


def arena_of(capacity: int, max_accounts: int = MAX_ACCOUNTS) -> Arena:
    return Arena.in_memory(Layout(capacity, max_accounts).end, max_accounts)


def deliver(arena: Arena, posts: list[tuple[int, set[int]]]) -> None:
    offsets = np.cumsum([0] + [len(recipients) for _, recipients in posts])
    everyone = [account for _, recipients in posts for account in sorted(recipients)]
    ids = np.array([post for post, _ in posts], np.uint64)
    arena.deliver(ids, offsets, np.array(everyone, np.uint32))


@dataclass
class Delivery:
    post: int
    following: int
    """The next chunk's number when it was delivered, or earlier."""


class ArenaBesideModel(RuleBasedStateMachine):
    """An arena beside plain lists, read at every arrow of the order of stores."""

    @initialize(capacity=st.sampled_from([4, 8, 16, 64]))
    def make(self, capacity: int) -> None:
        self.arena = arena_of(capacity)
        self.arena.stop = lambda arrow: self.everyone_is_told_the_truth()
        self.reader = ArenaReader(self.arena.memory)
        self.homes: dict[int, list[Delivery]] = {account: [] for account in ACCOUNTS}
        self.floors = dict.fromkeys(ACCOUNTS, 0)
        self.newest = self.applied = self.generation = 0
        self.empty()

    @rule()
    def empty(self) -> None:
        self.generation += 1
        self.born = self.newest
        self.arena.reset(born=self.born, applied=self.applied, generation=self.generation)
        for home in self.homes.values():
            home.clear()
        assert self.reader.generation == self.generation
        assert self.reader.born == self.born

    @rule(batch=st.lists(st.lists(st.sets(st.sampled_from(ACCOUNTS)), max_size=12), max_size=3))
    def deliver(self, batch: list[Audiences]) -> None:
        """A batch whose posts come to the arena in several calls."""
        self.arena.begin()
        for audiences in batch:
            following = self.arena.arrays.header[NEXT]
            posts = []
            for recipients in audiences:
                self.newest += 1
                posts.append((self.newest, recipients))
                for account in recipients:
                    self.homes[account].append(Delivery(self.newest, following))
            deliver(self.arena, posts)
        self.finish()

    @rule(accounts=st.sets(st.sampled_from(ACCOUNTS)), back=st.integers(0, 5))
    def move_floors(self, accounts: set[int], back: int) -> None:
        floor = max(0, self.newest - back)
        self.arena.begin()
        for account in accounts:
            self.floors[account] = max(self.floors[account], floor)
        self.arena.move_floors(
            np.array(sorted(accounts), np.uint32), np.full(len(accounts), floor, np.uint64)
        )
        self.finish()

    def finish(self) -> None:
        self.applied += 1
        assert not self.arena.is_complete(self.applied)
        self.arena.finish(published=self.newest, applied=self.applied)
        assert self.arena.is_complete(self.applied)
        assert not self.arena.is_complete(self.applied + 1)

    @invariant()
    def everyone_is_told_the_truth(self) -> None:
        for account in ACCOUNTS:
            self.look(account, below=1 << 63, limit=1_000, above=0)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        below=st.integers(0, 60),
        limit=st.integers(1, 20),
        above=st.integers(0, 60),
    )
    def look(self, account: int, below: int, limit: int, above: int) -> None:
        posts, reach = self.reader.read(account, below, limit, above)

        top = min(below, self.reader.published + 1)
        bottom = min(max(self.floors[account], self.born, above), max(top - 1, 0))
        home = self.homes[account]
        # True: what it says lies between reach and top is all that does.
        assert min(bottom + 1, top) <= reach <= top
        assert posts == [d.post for d in reversed(home) if reach <= d.post < top]
        # Enough: every delivery stays for half a circle.
        now = self.arena.arrays.header[NEXT]
        kept = [d for d in home if now - d.following <= self.reader.capacity // 2]
        assert len(posts) >= min(limit, len([d for d in kept if bottom < d.post < top]))
        if len(posts) < limit and kept == home:
            assert reach == min(bottom + 1, top)


TestArenaBesideModel = ArenaBesideModel.TestCase
TestArenaBesideModel.settings = settings(max_examples=150, stateful_step_count=30)


# One reader and one writer whose steps interleave as the test says.

HOMES = {1: [post for post in range(1, 41) if post % 3], 2: list(range(2, 41, 2))}
MORE = range(41, 41 + 8 * CHUNK_IDS)  # for account 2: every chunk there was is overwritten
ARROWS = 25  # of that batch, and some more
LOOKS = 60  # at words, in one read, and some more


class Stopped(Exception):
    pass


def stop_after(arrows: int) -> Callable[[str], None]:
    def stop(arrow: str) -> None:
        nonlocal arrows
        arrows -= 1
        if arrows <= 0:
            raise Stopped

    return stop


class Interrupted:
    """The words of an arena; before the n-th look at them, something happens."""

    def __init__(self, words: memoryview, looks: int, happen: Callable[[], None]) -> None:
        self.words, self.looks, self.happen = words, looks, happen

    def __getitem__(self, place: int | slice) -> "int | array[int]":
        if isinstance(place, slice):  # a copy is made word by word
            return array("Q", [self[at] for at in range(place.start, place.stop)])
        if self.looks == 0:
            self.happen()
        self.looks -= 1
        return self.words[place]


def batch(arena: Arena) -> None:
    arena.begin()
    deliver(arena, [(post, {2}) for post in MORE])
    arena.finish(published=MORE[-1], applied=2)


def small_batch(arena: Arena) -> None:
    arena.begin()
    deliver(arena, [(post, {2}) for post in MORE[:9]])
    arena.finish(published=MORE[8], applied=2)


def emptied(arena: Arena) -> None:
    arena.reset(born=40, applied=1, generation=2)
    small_batch(arena)


def count_untrue_reads(kind: type[Arena], happen: Callable[[Arena], None]) -> int:
    """Of reads that are interrupted at each of their looks, by a writer that comes to each of its
    arrows."""
    arena = arena_of(8, max_accounts=3)
    arena.reset(born=0, applied=0, generation=1)
    arena.begin()
    deliver(arena, [(p, {a for a, home in HOMES.items() if p in home}) for p in range(1, 41)])
    arena.finish(published=40, applied=1)
    before = bytes(arena.memory)
    questions = [
        # account, below, true answers
        (1, 41, [HOMES[1]]),
        (2, 41, [HOMES[2]]),
        (2, 1 << 40, [HOMES[2], HOMES[2] + list(MORE[:9]), HOMES[2] + list(MORE)]),
    ]

    untrue = 0
    for arrows, looks, (account, below, homes) in product(range(ARROWS), range(LOOKS), questions):
        arena = kind(bytearray(before))
        arena.stop = stop_after(arrows)

        def write(arena: Arena = arena) -> None:
            with suppress(Stopped):
                happen(arena)

        reader = ArenaReader(arena.memory)
        reader.words = Interrupted(reader.words, looks, write)
        posts, reach = reader.read(account, below, 100)
        untrue += posts not in [[p for p in reversed(home) if p >= reach] for home in homes]
    return untrue


@pytest.mark.parametrize("happen", [batch, small_batch, emptied])
def test_a_read_is_true_wherever_the_writer_comes_between(happen: Callable[[Arena], None]) -> None:
    assert count_untrue_reads(Arena, happen) == 0


def test_a_late_bound_would_be_noticed() -> None:
    assert count_untrue_reads(BoundStoredLate, batch) > 0


def test_a_full_circle_can_be_read() -> None:
    arena = arena_of(8)
    reader = ArenaReader(arena.memory)
    arena.reset(born=100, applied=0, generation=1)
    arena.begin()
    full = range(101, 101 + 8 * CHUNK_IDS)
    deliver(arena, [(post, {0}) for post in full])
    arena.finish(published=full[-1], applied=1)
    assert reader.read(0, 1_000, 1_000) == (list(reversed(full)), 101)
    for below in full:
        assert reader.read(0, below + 1, 3)[0] == [
            p for p in range(below, below - 3, -1) if p > 100
        ]
    arena.begin()
    deliver(arena, [(full[-1] + 1, {0})])
    arena.finish(published=full[-1] + 1, applied=2)
    assert reader.read(0, 1_000, 1_000) == (list(range(full[-1] + 1, 107, -1)), 108)


# The life of a file.


def test_a_crash_at_any_arrow_leaves_an_arena_to_be_emptied() -> None:
    for arrows in range(1, ARROWS):
        fd = make_arena_file(Layout(8, MAX_ACCOUNTS).end, MAX_ACCOUNTS)
        arena = Arena.from_fd(fd)
        arena.reset(born=0, applied=0, generation=1)
        arena.stop = stop_after(arrows)
        finished = False
        with suppress(Stopped):
            batch(arena)
            finished = True

        arena, reader = Arena.from_fd(fd), ArenaReader.from_fd(fd)
        os.close(fd)
        clean = reader.words[DIRTY] == 0
        assert arena.is_complete(2) == clean
        assert clean or not finished
        if not clean:
            arena.reset(born=MORE[-1], applied=2, generation=1)
            assert reader.read(2, 97, 20) == ([], 97)
            arena.begin()
            deliver(arena, [(97, {1, 2}), (98, {2})])
            arena.finish(published=98, applied=3)
            assert reader.read(2, 99, 20) == ([98, 97], 97)
            assert reader.read(1, 99, 20) == ([97], 97)
            assert reader.read(0, 99, 20) == ([], 97)


def test_a_crash_among_the_heads() -> None:
    """A head that was stored already leads to nothing once the arena is emptied."""
    arena = arena_of(64)
    arena.reset(born=0, applied=0, generation=1)
    arena.stop = stop_after(3)
    with suppress(Stopped):
        batch(arena)
    header, newest = arena.arrays.header, arena.arrays.newest
    assert header[NEXT] < header[RESERVED]
    newest[2] = header[RESERVED] - 1

    arena = Arena(arena.memory)
    arena.reset(born=MORE[-1], applied=2, generation=1)
    assert ArenaReader(arena.memory).read(2, MORE[-1] + 1, 20, above=40) == ([], MORE[-1] + 1)
    arena.begin()
    deliver(arena, [(1_000, {1, 2})])
    arena.finish(published=1_000, applied=3)
    assert ArenaReader(arena.memory).read(2, 1_001, 20) == ([1_000], MORE[-1] + 1)


def test_a_new_file_is_emptied_before_its_first_use() -> None:
    arena = arena_of(8)
    assert not arena.is_complete(0)
    arena.reset(born=0, applied=0, generation=1)
    assert arena.is_complete(0)


def test_the_numbers_that_edges_compare() -> None:
    arena = arena_of(8)
    reader = ArenaReader(arena.memory)
    arena.reset(born=5, applied=7, generation=3)
    arena.begin()
    arena.finish(published=6, applied=8, access=8, profiles=7)
    arena.begin()
    arena.finish(published=6, applied=9, relations=9)
    assert (reader.applied, reader.published, reader.born, reader.generation) == (9, 6, 5, 3)
    assert (reader.access, reader.relations, reader.profiles) == (8, 9, 7)


def test_a_file_keeps_its_size() -> None:
    """Cut short under a reader, it would kill the reader with SIGBUS."""
    fd = make_arena_file(1 << 20, 100)
    try:
        size = os.fstat(fd).st_size
        assert (1 << 20) - 4096 < size <= 1 << 20
        for other in (0, size * 2):
            with pytest.raises(PermissionError):
                os.ftruncate(fd, other)
        assert os.fstat(fd).st_blocks * 512 <= 4096, "only the header takes memory"
    finally:
        os.close(fd)


def test_memory_that_is_no_arena() -> None:
    arena = arena_of(8)
    for memory in (bytearray(8), bytearray(1 << 20), bytearray(arena.memory)[:-64]):
        for kind in (Arena, ArenaReader):
            with pytest.raises(ArenaForeign):
                kind(memory)
    newer = bytearray(arena.memory)
    newer[8] += 1
    with pytest.raises(ArenaForeign, match="version 2, not 1"):
        ArenaReader(newer)


def test_too_small() -> None:
    with pytest.raises(ArenaTooSmall, match="hold no chunks beside 100000 heads"):
        make_arena_file(1 << 20, 100_000)
    with pytest.raises(ArenaTooSmall, match=f"the arena holds {MAX_ACCOUNTS} accounts"):
        ArenaReader(arena_of(8).memory).read(MAX_ACCOUNTS, 10, 20)


def test_elsewhere_readers_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena_module, "TRUSTED", False)
    arena = arena_of(8)
    arena.reset(born=0, applied=0, generation=1)
    batch(arena)
    reader = ArenaReader(arena.memory)
    assert not reader.trusted
    assert reader.read(2, 60, 20) == ([], 60)


def test_supervisor_and_edges_go_without_numpy() -> None:
    script = """
import sys
from covey.delivery.arena import ArenaReader, make_arena_file
ArenaReader.from_fd(make_arena_file(1 << 20, 100)).read(1, 10, 20)
sys.exit("numpy" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
