"""Who is connected, at one edge: Roaring bitmaps of accounts, and the names of shared queues.

One wake carries an event once, with the bitmap of the accounts it concerns, whatever their number.
"""

from __future__ import annotations

from typing import Final

from pyroaring import BitMap

_TOLD: Final[dict[str, tuple[str, ...]]] = {
    "post": ("home",),
    "notification": ("notifications",),
    "conversation": ("direct",),
    "filters_changed": ("home",),
    "announcement": ("home",),
    "announcement.delete": ("home",),
}
"""Kind of an event → the own queues that carry it, the first one first."""

OWN: Final = ("home", "notifications", "direct")
"""The queues of which every account has one."""


def told(kind: str) -> tuple[str, ...]:
    """The own queues of an account that carry events of this kind."""
    return _TOLD.get(kind, ("home", "notifications"))


class Presence:
    """The queues that an edge watches."""

    def __init__(self) -> None:
        self.own = {queue: BitMap() for queue in OWN}
        """Name of an own queue → the accounts of which it is watched."""
        self.shared: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.shared or any(self.own.values()))

    def watch(self, queue: str) -> None:
        """Raises ValueError for a queue there can't be."""
        accounts, number = self._find(queue)
        if accounts is None:
            self.shared.add(queue)
        else:
            accounts.add(number)

    def unwatch(self, queue: str) -> None:
        """Raises ValueError for a queue there can't be."""
        accounts, number = self._find(queue)
        if accounts is None:
            self.shared.discard(queue)
        else:
            accounts.discard(number)

    def _find(self, queue: str) -> tuple[BitMap | None, int]:
        name, _, rest = queue.partition("/")
        if name in self.own:
            return self.own[name], int(rest)
        if queue == "public" or (name == "tag" and rest):
            return None, 0
        if name in ("group", "list") and int(rest) > 0:
            return None, 0
        raise ValueError(f"there is no queue {queue!r}")

    @property
    def watches_lists(self) -> bool:
        return any(queue.startswith("list/") for queue in self.shared)

    def accounts(self, kind: str, accounts: BitMap) -> BitMap:
        """Those of `accounts` that are connected and told of events of this kind."""
        first, *others = told(kind)
        watching = self.own[first]
        for queue in others:
            watching = watching | self.own[queue]
        return accounts & watching

    def queues(self, queues: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `queues` that are watched; "tag/" stands for every tag."""
        if not self.shared:
            return ()
        found = [queue for queue in queues if queue in self.shared]
        if "tag/" in queues:
            found += [queue for queue in self.shared if queue.startswith("tag/")]
        return tuple(found)
