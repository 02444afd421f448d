"""A sample of accounts: what their queues show, and what the oracle says that they must.

The rest of `covey verify` compares the server's code with itself: a state with one that the same
`apply` makes, an arena with the merge. A rule that both have wrong is found here, where the log is
told to a model that shares no code with them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from covey.cli.progress import progress
from covey.delivery.arena import ArenaReader
from covey.delivery.audience import Relations
from covey.edge import by_name, queues
from covey.edge.cursor import Cursor
from covey.edge.unread import unread
from covey.limits import UNREAD_MAX
from covey.log import Log
from covey.oracle import Model
from covey.state.queries import Snapshot, StateReader

NEWEST: Final = 200
"""Entries of a queue that are compared."""
QUEUES_EACH: Final = 5
"""Lists, groups, tags and conversations of an account that are looked at, of each the newest."""


class Sampled(Struct):
    """What was looked at, and the differences: "account 7, home: post 12 is missing"."""

    accounts: int = 0
    queues: int = 0
    entries: int = 0
    wrong: list[str] = []
    in_pieces: bool = False
    """Whether notifications were left out: some act told more people than one message may."""


def told_to_oracle(log: Log, until: int) -> Model:
    """The model of what the log up to message `until` says."""
    oracle = Model()
    with progress("messages told to the oracle", until) as advance:
        for entry in log.read(until=until):
            oracle.replay(entry)
            if entry.number % 1_000 == 0:
                advance(1_000)
    return oracle


def check_sample(oracle: Model, path: Path, arena: ArenaReader, size: int) -> Sampled:
    """`size` people, drawn by the log's last number: as it grows, others are looked at. `path` is
    a state and `arena` its homes, both at the oracle's number."""
    found = Sampled(in_pieces=oracle.in_pieces)
    people = [account for account in oracle.accounts if account not in oracle.groups]
    chance = random.Random(oracle.number)  # noqa: S311
    drawn = sorted(chance.sample(people, min(size, len(people))))
    state = StateReader(path)
    with progress("accounts held against the oracle", len(drawn)) as advance:
        for account in drawn:
            for queue in _queues(oracle, account):
                if queue == "notifications" and oracle.in_pieces:
                    continue
                right = oracle.queue(queue, account) or []
                position = oracle.positions.get((account, queue), 0)
                try:
                    with state.snapshot() as snapshot:
                        reader = snapshot.relations(account)
                        differences = list(
                            _differences(snapshot, arena, reader, queue, right, position)
                        )
                except Exception as error:
                    # damaged rows may break what reads them in any way
                    differences = [f"can't be read: {error!r}"]
                found.wrong += [f"account {account}, {queue}: {words}" for words in differences]
                found.queues += 1
                found.entries += len(right[:NEWEST])
            found.accounts += 1
            advance(1)
    state.close()
    return found


def _queues(oracle: Model, account: int) -> list[str]:
    """Names of the account's."""
    newest = -QUEUES_EACH
    lists = [number for number, one in oracle.lists.items() if one.owner == account]
    groups = [group for group in oracle.groups if oracle.is_member(group, account)]
    tags = [tag for whose, tag in oracle.followed_tags if whose == account]
    threads = [thread for whose, thread in oracle.conversations if whose == account]
    return [
        "home",
        "notifications",
        *(f"list/{number}" for number in lists[newest:]),
        *(f"group/{group}" for group in groups[newest:]),
        *(f"tag/{tag}" for tag in tags[newest:]),
        *(f"conversation/{thread}" for thread in threads[newest:]),
    ]


def _differences(
    snapshot: Snapshot,
    arena: ArenaReader,
    reader: Relations,
    queue: str,
    right: list[int],
    right_position: int,
) -> Iterator[str]:
    """`right`: the oracle's, newest first, and up to where it is read."""
    for way in (arena, None) if queue == "home" else (None,):
        held = _newest(snapshot, way, reader, queue)
        if held != right[:NEWEST]:
            words = " without the arena" if queue == "home" and way is None else ""
            yield f"{difference(held, right[:NEWEST])}{words}"
    row = snapshot.position(reader.account, queue)
    position = row.position if row else 0
    if position != right_position:
        yield f"it is read up to {position}, not {right_position}"
    count = unread(snapshot, arena, reader, queue).count
    right_count = min(len([place for place in right if place > right_position]), UNREAD_MAX)
    if count != right_count:
        yield f"{count} are unread, not {right_count}"


def _newest(
    snapshot: Snapshot, arena: ArenaReader | None, reader: Relations, queue: str
) -> list[int]:
    """Positions, newest first."""
    if queue == "notifications":
        page = queues.notifications(snapshot, reader, Cursor(limit=NEWEST))
        return [row.number for row in page.rows]
    posts = by_name.posts(snapshot, arena, reader, queue, Cursor(limit=NEWEST))
    return [row.id for row in posts.rows]


def difference(held: Sequence[int], right: Sequence[int]) -> str:
    """What is wrong with a queue's positions, in words."""
    missing, foreign = set(right) - set(held), set(held) - set(right)
    found = []
    if missing:
        found.append(f"{max(missing)} is missing ({len(missing)} are)")
    if foreign:
        found.append(f"{max(foreign)} does not belong ({len(foreign)} do not)")
    return "; ".join(found) or "the same in another order, or twice"
