"""The arena: every home queue's hot end, in one piece of shared memory, written in a circle.

It is a cache. The merge of the followed accounts' outboxes defines a home; the arena answers for
the part of it that it still holds, and says how far that reaches. The engine writes (`Arena`),
any process reads (`ArenaReader`), and nobody locks. Where each byte lies: layout.py, and
docs/formats.md, section "Arena".
"""

import fcntl
import mmap
import os
import platform
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from covey.delivery.layout import (
    ACCESS,
    APPLIED,
    BORN,
    CAPACITY,
    CHUNK_WORDS,
    DIRTY,
    FILL_MASK,
    FILL_SHIFT,
    FIRST,
    GENERATION,
    HEAD_WORDS,
    MAGIC,
    MAGIC_AT,
    MAX_ACCOUNTS,
    NEXT,
    OWNER_MASK,
    PAGE_BYTES,
    PREVIOUS_SHIFT,
    PROFILES,
    PUBLISHED,
    RELATIONS,
    RESERVED,
    VERSION,
    VERSION_AT,
    WORD_BYTES,
    ArenaForeign,
    ArenaTooSmall,
    Layout,
)

if TYPE_CHECKING:
    from covey.delivery.kernels import Accounts, Deliver, Signed, Words

TRUSTED = platform.machine() in ("x86_64", "AMD64")
"""Whether other processes see this machine's stores in the order in which they were made."""


def make_arena_file(size_bytes: int, max_accounts: int) -> int:
    """Make an empty arena in memory that no folder names; its file descriptor.

    Sparse: a page costs memory once it is written. Its size can never change, so no process that
    maps it can be killed by SIGBUS. Raises ArenaTooSmall.
    """
    layout = Layout.fitting(size_bytes, max_accounts)
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("covey-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, layout.end)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
        os.ftruncate(fd, layout.end)
    with mmap.mmap(fd, layout.end) as memory:
        _initialise(memory, layout)
    return fd


class Arena:
    """The writer. There is one: the engine.

    A batch is `begin`, the commit of the state, `deliver` and `move_floors` as often as needed,
    `finish`. `stop` is called with the name of each arrow in the order of stores once it is
    passed (dirty, reserved, chunks, heads, floors, published, numbers, applied, clean; born and
    emptied in a reset): a crash test stops there.
    """

    def __init__(
        self, memory: mmap.mmap | bytearray, stop: Callable[[str], None] = lambda arrow: None
    ) -> None:
        """Raises ArenaForeign if `memory` is no arena."""
        from covey.delivery import kernels  # numpy: the supervisor and the edges go without

        self.memory = memory
        self._words = memoryview(memory).cast("Q")
        self._move_floors = kernels.move_floors
        self._deliver: Deliver = kernels.deliver
        self.kernel = "numpy"
        self.arrays = kernels.Memory.of(memoryview(memory), _layout_of(self._words))
        self.stop = stop

    @classmethod
    def from_fd(cls, fd: int) -> "Arena":
        return cls(mmap.mmap(fd, 0))

    @classmethod
    def in_memory(cls, size_bytes: int, max_accounts: int) -> "Arena":
        """One of its own, for tests and `covey verify`. Raises ArenaTooSmall."""
        layout = Layout.fitting(size_bytes, max_accounts)
        memory = mmap.mmap(-1, layout.end)
        _initialise(memory, layout)
        return cls(memory)

    def use(self, kernel: str, deliver: "Deliver") -> None:
        """From the next batch on, deliver by this one: it writes the same bytes."""
        self.kernel, self._deliver = kernel, deliver

    def is_complete(self, applied: int) -> bool:
        """Whether it holds what the state holds that was applied up to this log number."""
        return not self._words[DIRTY] and self._words[APPLIED] == applied

    def reset(self, *, born: int, applied: int, generation: int) -> None:
        """Empty it: from now on it holds every delivery of a post newer than `born`.

        `born` is the newest post's id, `applied` the state's log number, `generation` the state's.
        Chunks that were opened before count as nothing, so heads need no clearing. Floors stay.
        """
        words = self._words
        words[DIRTY] = 1
        # A reader that meets the new `first` must not meet the old `born`.
        words[BORN] = born
        self.stop("born")
        unused = max(words[NEXT], words[RESERVED])
        words[FIRST] = unused
        self.stop("emptied")
        words[RESERVED] = unused
        words[NEXT] = unused
        words[GENERATION] = generation
        words[PUBLISHED] = born
        # The batch that was cut off may have changed them and not come to say so.
        for place in (ACCESS, RELATIONS, PROFILES):
            words[place] = applied
        words[APPLIED] = applied
        words[DIRTY] = 0

    def begin(self) -> None:
        """Before the state's commit: from here to `finish`, a crash means an emptied arena."""
        self._words[DIRTY] = 1
        self.stop("dirty")

    def deliver(self, posts: "Words", offsets: "Signed", recipients: "Accounts") -> None:
        """Post `posts[i]` to the homes of `recipients[offsets[i]:offsets[i + 1]]`.

        uint64[n] ids, ascending and above all delivered before; int64[n + 1]; uint32[m], ascending
        within a post. Raises ArenaTooSmall (nothing is written) and ArenaWornOut.
        """
        assert self._words[DIRTY], "deliveries come between begin and finish"
        self._deliver(self.arrays, posts, offsets, recipients, self.stop)

    def move_floors(self, accounts: "Accounts", floors: "Words") -> None:
        """Believe nothing at or below `floors[i]` (uint64[k], post ids) for `accounts[i]`
        (uint32[k]). A floor never sinks. Raises ArenaTooSmall (nothing is written)."""
        assert self._words[DIRTY], "floors move between begin and finish"
        self._move_floors(self.arrays, accounts, floors)
        self.stop("floors")

    def finish(
        self,
        *,
        published: int,
        applied: int,
        access: int | None = None,
        relations: int | None = None,
        profiles: int | None = None,
    ) -> None:
        """Show the batch. `published` is the newest post's id, the others are log numbers; None
        leaves a number as it is."""
        words = self._words
        assert words[DIRTY], "a batch finishes that has begun"
        assert published >= words[PUBLISHED]
        assert applied >= words[APPLIED]
        words[PUBLISHED] = published
        self.stop("published")
        for place, number in ((ACCESS, access), (RELATIONS, relations), (PROFILES, profiles)):
            if number is not None:
                words[place] = number
        self.stop("numbers")
        words[APPLIED] = applied
        self.stop("applied")
        words[DIRTY] = 0
        self.stop("clean")


class _HasWords(Protocol):
    @property
    def words(self) -> memoryview: ...


class _Shared:
    """A word of the header, looked up anew each time."""

    def __init__(self, place: int) -> None:
        self.place = place

    def __get__(self, reader: _HasWords, kind: type) -> int:
        word: int = reader.words[self.place]
        return word


class ArenaReader:
    """Reads beside the writer, in any process, without a lock."""

    applied = _Shared(APPLIED)
    published = _Shared(PUBLISHED)
    generation = _Shared(GENERATION)
    born = _Shared(BORN)
    access = _Shared(ACCESS)
    relations = _Shared(RELATIONS)
    profiles = _Shared(PROFILES)

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        """Raises ArenaForeign if `memory` is no arena."""
        self.words = memoryview(memory).toreadonly().cast("Q")
        layout = _layout_of(self.words)
        self.capacity = layout.capacity
        self.max_accounts = layout.max_accounts
        self.trusted = TRUSTED
        self._heads_at = layout.heads_at // WORD_BYTES
        self._chunks_at = layout.chunks_at // WORD_BYTES

    @classmethod
    def from_fd(cls, fd: int) -> "ArenaReader":
        return cls(mmap.mmap(fd, 0, prot=mmap.PROT_READ))

    def read(self, account: int, below: int, limit: int, above: int = 0) -> tuple[list[int], int]:
        """The newest `limit` (at least 1) posts of a home with `above` < id < `below`, and `reach`.

        Ids come newest first. The arena answers for ids in [reach, below): what is older comes
        from the merge. Posts newer than `published` are left out, though not in that promise:
        compare `applied` with the snapshot before. Raises ArenaTooSmall.
        """
        if not 0 <= account < self.max_accounts:
            raise ArenaTooSmall(f"account {account}: the arena holds {self.max_accounts} accounts")
        if not self.trusted:
            return [], below
        words, capacity = self.words, self.capacity
        # Published before head: what is published by now, the head leads to.
        top = min(below, words[PUBLISHED] + 1)
        head = self._heads_at + account * HEAD_WORDS
        number, floor = words[head], words[head + 1]
        bottom = max(floor, words[BORN], above)
        if bottom + 1 >= top:
            return [], top

        # Copy chunks, newest first, as long as they are there and needed.
        owner = account & OWNER_MASK
        oldest_alive = max(words[FIRST], words[RESERVED] - capacity)
        copied: list[tuple[int, list[int]]] = []
        wanted = limit
        while wanted > 0 and number >= oldest_alive:
            at = self._chunks_at + number % capacity * CHUNK_WORDS
            chunk = words[at : at + CHUNK_WORDS].tolist()
            header = chunk[0]
            fill = header >> FILL_SHIFT & FILL_MASK
            previous = header >> PREVIOUS_SHIFT
            if header & OWNER_MASK != owner or not fill or previous >= number:
                break  # overwritten meanwhile
            ids = chunk[fill:0:-1]
            copied.append((number, ids))
            number = previous
            if ids[-1] <= bottom:
                break
            wanted -= fill if ids[0] < top else sum(post < top for post in ids)

        # Only now is it known which copies are good: what may have been written meanwhile lies
        # below `reserved`. Numbers descend, so the bad ones are the last. `first` before `born`:
        # see reset.
        first = words[FIRST]
        oldest_alive = max(first, words[RESERVED] - capacity)
        while copied and copied[-1][0] < oldest_alive:
            number = copied.pop()[0]
        bottom = max(bottom, words[BORN])

        posts = [post for _, ids in copied for post in ids if bottom < post < top][:limit]
        if len(posts) == limit:
            reach = posts[-1]
        elif number < first:  # nothing older was delivered since `born`
            reach = bottom + 1
        else:
            oldest = copied[-1][1][-1] if copied else top
            reach = max(oldest, bottom + 1)
        return posts, min(reach, top)


def _initialise(memory: mmap.mmap, layout: Layout) -> None:
    """Write the header of an arena into zeroed memory. It is dirty until its first `reset`."""
    words = memoryview(memory).cast("Q")
    words[VERSION_AT] = VERSION
    words[CAPACITY] = layout.capacity
    words[MAX_ACCOUNTS] = layout.max_accounts
    words[FIRST] = words[RESERVED] = words[NEXT] = 1  # number 0 is "none"
    words[DIRTY] = 1
    words[MAGIC_AT] = MAGIC
    words.release()


def _layout_of(words: memoryview) -> Layout:
    if len(words) * WORD_BYTES < PAGE_BYTES or words[MAGIC_AT] != MAGIC:
        raise ArenaForeign("this memory is no arena")
    if words[VERSION_AT] != VERSION:
        raise ArenaForeign(f"an arena of version {words[VERSION_AT]}, not {VERSION}")
    layout = Layout(words[CAPACITY], words[MAX_ACCOUNTS])
    if layout.end > len(words) * WORD_BYTES:
        raise ArenaForeign(f"an arena of {layout.end} bytes in {len(words) * WORD_BYTES}")
    return layout
