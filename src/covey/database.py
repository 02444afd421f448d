"""Opening SQLite the way Covey needs it: each pragma by itself, and its value looked at.

(apsw runs a script only as far as its rows are read: a list of pragmas in one string silently
stops at the first.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import apsw

BUSY_TIMEOUT_MS: Final = 5_000

STORAGE_ERRORS: Final = (
    apsw.FullError,
    apsw.IOError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.ProtocolError,
)
"""The disk's, or the file's; never the doing of what was to be written."""

_ALWAYS: Final[dict[str, int | str]] = {"secure_delete": 1, "trusted_schema": 0}


class WrongDatabase(Exception):
    """The file is not what it should be: another program's, or of a newer version."""


def open_database(
    path: Path,
    *,
    mode: Literal["create", "write", "read"],
    synchronous: Literal["FULL", "NORMAL", "OFF"] = "NORMAL",
    pragmas: Mapping[str, int | str] | None = None,
    vfs: str | None = None,
) -> apsw.Connection:
    """Open `path`, in WAL mode, with mode 0600.

    Raises apsw.Error when it can't be opened, `WrongDatabase` when a pragma does not take.
    """
    flags = {
        "create": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
        "write": apsw.SQLITE_OPEN_READWRITE,
        "read": apsw.SQLITE_OPEN_READONLY,
    }[mode]
    if mode == "create" and vfs is None and not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=256)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    wanted: dict[str, int | str] = {}
    if mode != "read":
        numbers = {"OFF": 0, "NORMAL": 1, "FULL": 2}
        wanted = {**_ALWAYS, "journal_mode": "wal", "synchronous": numbers[synchronous]}
    for name, value in {**wanted, **(pragmas or {})}.items():
        set_pragma(connection, name, value)
    return connection


def rows(connection: apsw.Connection, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
    """All rows, for statements whose few rows are wanted at once."""
    execute: Callable[..., Any] = connection.execute
    found: list[Any] = execute(sql, values).fetchall()
    return found


def set_pragma(connection: apsw.Connection, name: str, value: int | str) -> None:
    """Set it, read it back. Raises WrongDatabase when it did not take."""
    connection.execute(f"pragma {name} = {value}").fetchall()
    found = connection.execute(f"pragma {name}").fetchall()
    if found and found[0][0] != value:
        raise WrongDatabase(f"pragma {name} is {found[0][0]!r}, not {value!r}")


def mark(connection: apsw.Connection, application_id: int, version: int) -> None:
    """Say whose file this is, and of what version."""
    set_pragma(connection, "application_id", application_id)
    set_pragma(connection, "user_version", version)


def marks(connection: apsw.Connection) -> tuple[int, int]:
    """(application id, version)."""
    return (
        rows(connection, "pragma application_id")[0][0],
        rows(connection, "pragma user_version")[0][0],
    )


def check_marks(connection: apsw.Connection, application_id: int, version: int) -> None:
    """Raises WrongDatabase for another program's file and for a newer version's."""
    found_id, found_version = marks(connection)
    if found_id != application_id:
        raise WrongDatabase(f"{connection.filename} is not a file of this kind")
    if found_version > version:
        raise WrongDatabase(
            f"{connection.filename} was written by a newer Covey (format {found_version}; this"
            f" one knows {version}): use that one"
        )


def sync_folder(folder: Path) -> None:
    """A new file's name is only safe once its folder is synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
