"""What one edge does for the media of the whole server: it sweeps away what no row names, and works
on films that take long. Both begin anew from state and folder after a crash, so nothing of it is
kept elsewhere."""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from typing import Final

from covey.edge.edge import Edge
from covey.errors import Refused
from covey.log import Log
from covey.media import films
from covey.state.queries import StateReader

logger: Final = logging.getLogger("covey.media")

SWEEP_SECONDS: Final = 60 * 60
LOOK_SECONDS: Final = 2
"""Between two looks for a film that waits."""


async def keep_media(edge: Edge) -> None:
    """Never returns."""
    await asyncio.gather(_sweep_for_ever(edge), _finish_for_ever(edge))


async def _sweep_for_ever(edge: Edge) -> None:
    while True:
        try:
            swept = await asyncio.to_thread(sweep, edge)
            if swept:
                logger.info("%d media files that nothing names were deleted", swept)
        except StateBehind:
            logger.info("the media folder is not swept before the state is whole")
        except Exception:
            logger.exception("the media folder could not be swept")
        await asyncio.sleep(SWEEP_SECONDS)


class StateBehind(Exception):
    """The state lacks messages that the log holds: it is being built, and names too little."""


def sweep(edge: Edge) -> int:
    """Delete files that no row names, and what is half-done. → how many files went. Raises
    StateBehind."""
    # connections of its own: this is another thread
    with (
        closing(Log(edge.media.folder.path.parent / "log.db")) as log,
        closing(StateReader(edge.reader.path)) as reader,
    ):
        last = log.last_number()

        def named(part: str) -> set[str]:
            with reader.snapshot() as snapshot:
                if snapshot.applied < last:
                    raise StateBehind
                return {
                    name
                    for column in ("file", "small")
                    for (name,) in snapshot.rows(
                        f"select {column} from media where {column} >= ? and {column} < ?",
                        (part, part + "g"),  # past every hex digit
                    )
                }

        return edge.media.folder.sweep(named)


async def _finish_for_ever(edge: Edge) -> None:
    tried: set[int] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not films.can_make():
            continue
        try:
            await finish(edge, tried)
        except Refused as refused:
            logger.warning("a film could not be finished: %s", refused)
        except Exception:
            logger.exception("films could not be worked on")


async def finish(edge: Edge, tried: set[int]) -> None:
    """Do the long work that waits. `tried`: numbers that are left alone from now on."""
    with edge.snapshot() as snapshot:
        rows = snapshot.rows(
            "select number, account, file from media where state = 'processing' order by number"
        )
    for number, account, file in rows:
        if number not in tried:
            tried.add(number)
            await edge.do(account, await edge.media.finish(number, file))
