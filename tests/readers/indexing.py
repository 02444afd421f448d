"""The index of a folder brought up to date, as the worker does it, here and now."""

from __future__ import annotations

from pathlib import Path

from covey.log import Log
from covey.readers.cursors import FILE, Cursors
from covey.readers.following import Follower
from covey.readers.reader import Surroundings
from covey.readers.search.reader import Search
from covey.settings import Settings
from covey.state.queries import StateReader
from covey.state.state import state_path


def index(folder: Path) -> None:
    """All that stands in the log."""
    state = StateReader(state_path(folder))
    around = Surroundings(folder, Settings(), state, None, lambda: 0)  # type: ignore[arg-type]
    log = Log(folder / "log.db")
    cursors = Cursors(folder / FILE, log.id, log.last_number())
    reader = Search(around)
    follower = Follower(reader, around, log=log, cursors=cursors, applied=log.last_number)
    while follower.take():
        pass
    for file in (reader, cursors, log, state):
        file.close()
