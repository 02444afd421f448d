"""Who follows whom, and who set whom aside: one Roaring bitmap per account, in memory.

The only look-up beside presence on the path of a post. Loaded from the state at start, changed only
by `apply`; a batch that fails is undone, rows and graph alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, Generic, TypeVar

from pyroaring import BitMap

_EMPTY: Final = BitMap()

Target = TypeVar("Target", bound=Hashable)
"""An account or a group (their numbers), a tag (its name), …"""


class Relation(Generic[Target]):
    """One kind of edge, seen from its target: target → accounts. An empty bitmap is 106 bytes, so
    they are made on first use."""

    __slots__ = ("_journal", "_sets", "get")

    def __init__(self, journal: list[tuple[Relation[Any], Any, int, bool]]) -> None:
        self._sets: dict[Target, BitMap] = {}
        self._journal = journal
        self.get: Callable[[Target], BitMap | None] = self._sets.get
        """The accounts, not to be changed; None where there are none."""

    def __getitem__(self, target: Target) -> BitMap:
        """The accounts; not to be changed."""
        return self._sets.get(target, _EMPTY)

    def has(self, target: Target, account: int) -> bool:
        return account in self._sets.get(target, _EMPTY)

    def everybody(self) -> BitMap:
        """All accounts, of all targets."""
        return BitMap().union(*self._sets.values())

    def add(self, target: Target, account: int) -> None:
        accounts = self._sets.get(target)
        if accounts is None:
            accounts = self._sets[target] = BitMap()
        if account not in accounts:
            accounts.add(account)
            self._journal.append((self, target, account, True))

    def remove(self, target: Target, account: int) -> None:
        accounts = self._sets.get(target)
        if accounts is not None and account in accounts:
            self._drop(target, account)
            self._journal.append((self, target, account, False))

    def load(self, edges: Iterable[tuple[Target, int]]) -> None:
        """(target, account) pairs, best in order of the target."""
        current: Target | None = None
        accounts: list[int] = []
        for target, account in edges:
            if target != current:
                self._flush(current, accounts)
                current, accounts = target, []
            accounts.append(account)
        self._flush(current, accounts)

    def _flush(self, target: Target | None, accounts: list[int]) -> None:
        if target is not None and accounts:
            self._sets.setdefault(target, BitMap()).update(accounts)

    def _drop(self, target: Target, account: int) -> None:
        accounts = self._sets[target]
        accounts.discard(account)
        if not accounts:
            del self._sets[target]

    def undo(self, target: Target, account: int, added: bool) -> None:
        if added:
            self._drop(target, account)
        else:
            self._sets.setdefault(target, BitMap()).add(account)


class Graph:
    """All relations that audiences are computed from."""

    def __init__(self) -> None:
        self._journal: list[tuple[Relation[Any], Any, int, bool]] = []
        self.followers = Relation[int](self._journal)
        """account → who follows it."""
        self.boost_hiders = Relation[int](self._journal)
        """account → who follows it without its boosts."""
        self.watchers = Relation[int](self._journal)
        """account → who follows it and wants a notification of each post."""
        self.blocks = Relation[int](self._journal)
        """account → whom it blocks."""
        self.blockers = Relation[int](self._journal)
        """account → who blocks it."""
        self.muters = Relation[int](self._journal)
        """account → who mutes it."""
        self.hiders = Relation[int](self._journal)
        """account → who has it in an exclusive list, so not in home."""
        self.choosers = Relation[int](self._journal)
        """account → who follows it in some languages only."""
        self.takers = Relation[tuple[int, str]](self._journal)
        """(account, language) → who follows it in some languages, and in this one."""
        self.members = Relation[int](self._journal)
        """group → its members."""
        self.tag_followers = Relation[str](self._journal)
        """tag → who follows it."""
        self.open_groups = Relation[int](self._journal)
        """0 → groups whose posts everybody may see."""
        self.hidden = Relation[int](self._journal)
        """standing (SUSPENDED, LIMITED) → accounts: what they write nobody sees, or only those who
        follow them. Pending and closed ones stand with the suspended."""

    SUSPENDED: Final = 0
    LIMITED: Final = 1

    def aside(self, account: int) -> BitMap:
        """Who gets nothing of `account`: they block or mute it, or it blocks them."""
        found = [
            accounts
            for relation in (self.blockers, self.muters, self.blocks)
            if (accounts := relation.get(account))
        ]
        return BitMap().union(*found) if found else BitMap()

    def commit(self) -> None:
        """What was changed stays."""
        self._journal.clear()

    def rollback(self) -> None:
        """Undo all since the last commit."""
        for relation, target, account, added in reversed(self._journal):
            relation.undo(target, account, added)
        self._journal.clear()
