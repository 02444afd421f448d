"""Deliveries into an arena's memory: the compiled kernel, the extra `fast`.

The definition in kernels.py, one delivery after the other, made into machine code by numba. It
writes the bytes that the numpy kernel writes, so the one can follow the other between any two
batches: the engine starts with numpy and goes over when this one is ready (`compile_kernel` takes
about two seconds, half a second when it finds its code where it left it).

The order of the stores is that of kernels.py for each delivery by itself: id, fence, header; and
chunk, fence, head. `reserved` is stored before, as if every delivery would open a chunk.
"""

from pathlib import Path
from typing import Any, Final

import numba
from numba import types
from numba.extending import intrinsic

from covey.delivery import kernels
from covey.delivery.kernels import Accounts, Memory, Signed, Stop, Words
from covey.delivery.layout import (
    CHUNK_IDS,
    CHUNK_WORDS,
    FILL_MASK,
    FILL_SHIFT,
    FIRST,
    NEXT,
    OWNER_MASK,
    PREVIOUS_SHIFT,
    QUARTERS,
    RESERVED,
)

_READ_INT64: Final = types.Array(types.int64, 1, "C", readonly=True)
_READ_UINT32: Final = types.Array(types.uint32, 1, "C", readonly=True)
_SIGNATURE: Final = types.int64(
    types.int64[:], types.int64[::1], types.int64, types.int64,
    _READ_INT64, _READ_INT64, _READ_UINT32,
)  # fmt: skip


def compile_kernel(cache: Path) -> kernels.Deliver:
    """The compiled kernel, in the place of `kernels.deliver`. Its machine code is kept in `cache`.

    Whoever can write there can run code here. Raises OSError when `cache` can't be written, and
    numba's errors.
    """
    cache.mkdir(mode=0o700, exist_ok=True)
    numba.config.CACHE_DIR = str(cache)
    loop = numba.njit(_SIGNATURE, cache=True)(_make_loop())

    def deliver(
        memory: Memory, posts: Words, offsets: Signed, recipients: Accounts, stop: Stop
    ) -> None:
        kernels.check_batch(memory, posts, offsets, recipients)
        header = memory.header
        following = header[NEXT]
        header[RESERVED] = following + len(recipients)
        stop("reserved")
        unused = loop(
            memory.newest, memory.chunks, following, header[FIRST],
            posts.view("int64"), offsets, recipients,
        )  # fmt: skip
        stop("chunks")
        header[RESERVED] = header[NEXT] = unused
        stop("heads")

    return deliver


@intrinsic  # type: ignore[untyped-decorator]
def _fence(_context: Any) -> Any:
    """What was stored before it is seen before what is stored after it.

    No instruction on x86-64; there it keeps the compiler from changing their order.
    """

    def generate(_context: Any, builder: Any, _signature: Any, _arguments: Any) -> None:
        builder.fence("release")

    return types.void(), generate


def _make_loop() -> Any:
    # Variables of a closure are in the key of numba's cache, a module's are not: code that was
    # compiled for another layout is not taken for this one's.
    chunk_words, chunk_ids, quarters = CHUNK_WORDS, CHUNK_IDS, QUARTERS
    fill_shift, fill_mask = FILL_SHIFT, FILL_MASK
    previous_shift, owner_mask = PREVIOUS_SHIFT, OWNER_MASK

    def loop(
        newest: Signed, chunks: Signed, following: int, first: int,
        posts: Signed, offsets: Signed, recipients: Accounts,
    ) -> int:  # fmt: skip
        """The number of the next chunk after it."""
        capacity = len(chunks) // chunk_words
        quarter_chunks = capacity // quarters
        quarter = following // quarter_chunks
        slot = following % capacity
        round_start = following - slot  # number of the chunk in slot 0
        quarter_end = (quarter + 1) * quarter_chunks
        oldest_open = max(first, (quarter - 1) * quarter_chunks)
        for place in range(len(posts)):
            post = posts[place]
            for recipient in recipients[offsets[place] : offsets[place + 1]]:
                account = types.int64(recipient)
                number = newest[account]
                if number >= oldest_open:
                    old = number - round_start
                    if old < 0:
                        old += capacity
                    at = old * chunk_words
                    header = chunks[at]
                    fill = header >> fill_shift & fill_mask
                    if fill < chunk_ids:
                        chunks[at + 1 + fill] = post
                        _fence()
                        chunks[at] = header + (1 << fill_shift)
                        continue
                at = slot * chunk_words
                chunks[at] = number << previous_shift | 1 << fill_shift | account & owner_mask
                chunks[at + 1] = post
                _fence()
                newest[account] = following
                following += 1
                slot += 1
                if following == quarter_end:
                    quarter_end += quarter_chunks
                    oldest_open = max(first, following - quarter_chunks)
                    if slot == capacity:
                        slot = 0
                        round_start = following
        return following

    return loop
