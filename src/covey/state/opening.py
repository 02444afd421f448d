"""The state for those who are started beside the engine, and may be there before it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import apsw

from covey.database import WrongDatabase
from covey.log import Log
from covey.state.queries import StateReader
from covey.state.state import state_path

POLL_SECONDS: Final = 0.02


async def open_state(folder: Path) -> tuple[StateReader, int]:
    """The state, and the epoch of its log, as soon as the engine has made them: at once where there
    were some before. An engine that can't use what lies there says so, and the server ends."""
    while True:
        try:
            reader = StateReader(state_path(folder))
            with reader.snapshot():
                pass
            log = Log(folder / "log.db")
            log.close()
            return reader, log.epoch
        except (apsw.Error, WrongDatabase):
            await asyncio.sleep(POLL_SECONDS)
