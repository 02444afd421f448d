"""Keeping the state's write-ahead file short without stalling a batch.

Automatic checkpoints stalled a batch for 178 ms; PASSIVE ones alone let the file grow to 1.5 GB in
8 s. So: past WAL_FRAMES_PASSIVE frames a helper connection runs PASSIVE in a thread, and when fewer
than WAL_FRAMES_RESTART frames remain the engine runs RESTART between two batches.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Final

import apsw

from covey.database import BUSY_TIMEOUT_MS, open_database, rows
from covey.limits import WAL_FRAMES_PASSIVE, WAL_FRAMES_RESTART
from covey.state.state import State

RESTART_WAIT_MS: Final = 20
"""Readers' snapshots last a few ms; one that lasts longer is not waited for."""


class Checkpointer:
    """Call `after_batch` after each batch."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._helper = open_database(state.path, mode="write", pragmas={"wal_autocheckpoint": 0})
        self._frames = 0
        self._remaining: int | None = None
        self._thread: threading.Thread | None = None
        state.connection.set_wal_hook(self._committed)

    def _committed(self, _connection: apsw.Connection, _name: str, frames: int) -> int:
        self._frames = frames
        return apsw.SQLITE_OK

    @property
    def frames(self) -> int:
        """In the write-ahead file now."""
        return self._frames

    def after_batch(self) -> None:
        if self._frames < WAL_FRAMES_PASSIVE or (self._thread and self._thread.is_alive()):
            return
        if self._remaining is not None and self._remaining < WAL_FRAMES_RESTART:
            self._remaining = None
            if self._restart():
                return
        self._thread = threading.Thread(target=self._passive, name="checkpoint", daemon=True)
        self._thread.start()

    def _passive(self) -> None:
        # busy, or the engine is closing: the next batch tries again
        with contextlib.suppress(apsw.BusyError, apsw.ConnectionClosedError):
            _, log, done = rows(self._helper, "pragma wal_checkpoint(passive)")[0]
            self._remaining = log - done

    def _restart(self) -> bool:
        connection = self._state.connection
        connection.set_busy_timeout(RESTART_WAIT_MS)
        try:
            busy, _, _ = rows(connection, "pragma wal_checkpoint(restart)")[0]
        except apsw.BusyError:
            return False
        finally:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return not busy

    def close(self) -> None:
        if self._thread:
            self._thread.join()
        self._helper.close()
