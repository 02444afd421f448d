"""Who follows whom, and who set whom aside: one Roaring bitmap per account, in memory.

The only look-up beside presence on the path of a post. Loaded from the state at start, changed only
by `apply`; a batch that fails is undone, rows and graph alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyroaring import BitMap

_EMPTY: Final = BitMap()


class Relation:
    """One kind of edge, seen from its target: target → accounts. An empty bitmap is 106 bytes, so
    they are made on first use."""

    __slots__ = ("_journal", "_sets")

    def __init__(self, journal: list[tuple[Relation, int, int, bool]]) -> None:
        self._sets: dict[int, BitMap] = {}
        self._journal = journal

    def __getitem__(self, target: int) -> BitMap:
        """The accounts; not to be changed."""
        return self._sets.get(target, _EMPTY)

    def has(self, target: int, account: int) -> bool:
        return account in self._sets.get(target, _EMPTY)

    def add(self, target: int, account: int) -> None:
        accounts = self._sets.get(target)
        if accounts is None:
            accounts = self._sets[target] = BitMap()
        if account not in accounts:
            accounts.add(account)
            self._journal.append((self, target, account, True))

    def remove(self, target: int, account: int) -> None:
        accounts = self._sets.get(target)
        if accounts is not None and account in accounts:
            self._drop(target, account)
            self._journal.append((self, target, account, False))

    def load(self, edges: Iterable[tuple[int, int]]) -> None:
        """(target, account) pairs, best in order of the target."""
        current = -1
        accounts: list[int] = []
        for target, account in edges:
            if target != current:
                self._flush(current, accounts)
                current, accounts = target, []
            accounts.append(account)
        self._flush(current, accounts)

    def _flush(self, target: int, accounts: list[int]) -> None:
        if accounts:
            self._sets.setdefault(target, BitMap()).update(accounts)

    def _drop(self, target: int, account: int) -> None:
        accounts = self._sets[target]
        accounts.discard(account)
        if not accounts:
            del self._sets[target]

    def undo(self, target: int, account: int, added: bool) -> None:
        if added:
            self._drop(target, account)
        else:
            self._sets.setdefault(target, BitMap()).add(account)


class Graph:
    """All relations that audiences are computed from."""

    def __init__(self) -> None:
        self._journal: list[tuple[Relation, int, int, bool]] = []
        self.followers = Relation(self._journal)
        """account → who follows it."""
        self.boost_hiders = Relation(self._journal)
        """account → who follows it without its boosts."""
        self.watchers = Relation(self._journal)
        """account → who follows it and wants a notification of each post."""
        self.blocks = Relation(self._journal)
        """account → whom it blocks."""
        self.blockers = Relation(self._journal)
        """account → who blocks it."""
        self.muters = Relation(self._journal)
        """account → who mutes it."""

    def aside(self, account: int) -> BitMap:
        """Who gets nothing of `account`: they block or mute it, or it blocks them."""
        return self.blockers[account] | self.muters[account] | self.blocks[account]

    def commit(self) -> None:
        """What was changed stays."""
        self._journal.clear()

    def rollback(self) -> None:
        """Undo all since the last commit."""
        for relation, target, account, added in reversed(self._journal):
            relation.undo(target, account, added)
        self._journal.clear()
