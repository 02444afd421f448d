"""The data folder of a demo: a server's, with a file that says so and holds the passwords."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Final

import click

MARK: Final = "demo.json"
LOG_INS: Final = ("reader", "author", "keeper")
"""The accounts that somebody can log in to."""
SEED: Final = 1
_WORDS: Final = (
    "amber", "basket", "beacon", "bobbin", "brook", "button", "candle", "cedar", "cloud", "copper",
    "daisy", "ember", "fennel", "ferry", "garden", "ginger", "harbour", "hazel", "heron", "honey",
    "ivory", "jasper", "kettle", "lantern", "lemon", "linen", "maple", "marble", "meadow", "mitten",
    "nutmeg", "olive", "orchard", "otter", "pebble", "pepper", "plum", "quilt", "ribbon", "river",
    "saffron", "silver", "spruce", "thimble", "thistle", "tulip", "velvet", "violet", "walnut",
    "willow",
)  # fmt: skip


def default_folder() -> Path:
    """`covey-demo` among the data of this user's programs."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "covey-demo"


class DemoFolder:
    """Opens the demo in `path`, or makes a new one in an empty or missing folder.

    Raises click.ClickException for a folder that holds something else: what a demo writes has no
    business among anybody's data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        mark = path / MARK
        if mark.exists():
            self._facts: dict[str, Any] = json.loads(mark.read_text("utf-8"))
            return
        if path.is_dir() and any(path.iterdir()):
            raise click.ClickException(
                f"{path} is no demo's folder: it holds something else. Name another with --data"
            )
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = {name: _password() for name in LOG_INS}
        made = time.time_ns() // 1_000_000
        self._facts = {"seed": SEED, "made": made, "passwords": passwords, "settled": False}
        self._save()

    @property
    def seed(self) -> int:
        return int(self._facts["seed"])

    @property
    def made(self) -> int:
        """When, in milliseconds since 1970."""
        return int(self._facts["made"])

    @property
    def passwords(self) -> dict[str, str]:
        """By account name; the same as long as the folder is there."""
        return dict(self._facts["passwords"])

    @property
    def settled(self) -> bool:
        """Whether the whole population is there."""
        return bool(self._facts["settled"])

    def settle(self) -> None:
        """It is, from now on."""
        self._facts["settled"] = True
        self._save()

    def _save(self) -> None:
        new = self.path / f"{MARK}.new"
        descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._facts, file, indent=2)
        os.replace(new, self.path / MARK)


def _password() -> str:
    """Easy to type from a screen; some 28 bits, for a demo."""
    return "-".join([*(secrets.choice(_WORDS) for _ in range(4)), str(secrets.randbelow(90) + 10)])
