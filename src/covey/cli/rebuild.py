"""`covey rebuild`: the state anew from the log, beside the old one, then in its place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from covey.cli.building import build
from covey.cli.options import data_option, existing
from covey.cli.progress import progress
from covey.database import sync_folder
from covey.engine.folder import folder_lock
from covey.log import Log
from covey.state.state import state_path


@click.command()
@data_option
def rebuild(data: Path) -> None:
    """Build the state anew from the log.

    The server must not run. The new state is made beside the old one, which stays as it is until
    the new one is whole; home queues are made when the server starts. Needed when the state is
    damaged or lost, never otherwise: the state is a cache, the log is the truth.

    \b
    Example:
      covey rebuild --data /var/lib/covey
    """
    existing(data)
    began = time.monotonic()
    with folder_lock(data):
        entries, posts = rebuild_folder(data)
    seconds = time.monotonic() - began
    click.echo(
        f"{entries:,} messages applied, {posts:,} posts among them, in {seconds:.1f} s"
        f" ({posts / seconds:,.0f} posts/s)"
    )


def rebuild_folder(data: Path) -> tuple[int, int]:
    """Replace the state of a folder whose lock the caller holds. → (messages, posts and boosts).

    Raises LogDamaged, or Fatal for a message that can't be applied; the old state then stays.
    """
    path = state_path(data)
    new = path.with_suffix(".new")
    _remove(new)
    log = Log(data / "log.db", write=True)
    try:
        last = log.last_number()
        with progress("messages applied", last) as advance:
            state = build(log, new, last, advance=advance)
        posts = state.count("select count(*) from posts")
        state.close()
    except BaseException:
        _remove(new)
        raise
    finally:
        log.close()
    # The old one's write-ahead file would be taken for the new one's: it goes first.
    _remove(path)
    os.rename(new, path)
    sync_folder(data)
    return last, posts


def _remove(path: Path) -> None:
    for name in (f"{path.name}-wal", f"{path.name}-shm", path.name):
        path.with_name(name).unlink(missing_ok=True)
