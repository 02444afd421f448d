"""Servers of others: started in a scratch folder, by a user that may do nothing else, and ended by
pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from bench.common import cpu_seconds

START_SECONDS: Final = 120.0
Found = TypeVar("Found")


class Missing(Exception):
    """The program isn't here, or doesn't start; says which, or what it said."""


def program(name: str, package: str, *folders: str) -> str:
    """Its path; `folders` are looked at first. Raises Missing with the package to install."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        raise Missing(f"{name} isn't installed: apt-get install {package}")
    return found


@contextmanager
def scratch(user: str) -> Iterator[Path]:
    """A folder that `user` may write in, if we may say so; else ours. It goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="covey-peers-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder


class Daemon:
    """One server's tree of processes. What it says is in `folder/said`."""

    def __init__(
        self, command: list[str], folder: Path, user: str, environment: dict[str, str] | None = None
    ) -> None:
        self.said = folder / "said"
        options = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)}
                | (environment or {}),
                start_new_session=True, **options,  # type: ignore[call-overload]
            )  # fmt: skip

    def until(self, attempt: Callable[[], Found]) -> Found:
        """What `attempt` gives once it raises no OSError. Raises Missing."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                return attempt()
            time.sleep(0.05)
        raise Missing(f"{self.process.args!r} doesn't start: {self.said.read_text()[-2_000:]}")

    def tree(self) -> list[int]:
        """Process ids, parents first."""
        found = [self.process.pid]
        for pid in found:
            for listed in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    found += [int(word) for word in listed.read_text().split()]
        return found

    def cpu(self) -> float:
        used = 0.0
        for pid in self.tree():
            with suppress(OSError):
                used += cpu_seconds(pid)
        return used

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """`how` to the first; what is left of its tree after that is killed."""
        first, *others = self.tree()
        if self.process.poll() is None:
            os.kill(first, how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
