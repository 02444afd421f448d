"""The reader `search`: posts into the index as they come, change and go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from covey.log import Log
from covey.messages import CloseAccount, Delete, Due, Edit, Entry, Post
from covey.readers.reader import Job, Reader, Surroundings
from covey.readers.search.index import Index, marks_of, path_of, polls_of, said_by
from covey.state.queries import Snapshot

POSTS_PER_STEP: Final = 100
"""Of a closed account, taken out in one piece: a few ms."""


class Search(Reader):
    """The index says what the state says now: it does not matter how often it is told."""

    name = "search"
    kinds = (Post, Due, Edit, Delete, CloseAccount)
    from_the_beginning = True
    jobs_at_once = 1

    def __init__(self, around: Surroundings) -> None:
        log = Log(around.folder / "log.db")
        log.close()
        with around.state.snapshot() as snapshot:
            self._index = Index(path_of(around.folder), log.id, snapshot.applied)

    def start(self, cursor: int) -> int:
        return min(cursor, self._index.number)

    def handle(self, entries: Sequence[Entry], snapshot: Snapshot) -> list[Job]:
        changed: dict[int, None] = {}
        jobs = []
        for entry in entries:
            message = entry.message
            if isinstance(message, Edit | Delete):
                changed[message.post] = None
            elif isinstance(message, CloseAccount):
                jobs.append(Job(entry.number, f"account {entry.actor}"))
            elif entry.id:  # a post, or a draft whose time has come
                changed[entry.id] = None
        posts = snapshot.posts(changed)
        closed = {
            n
            for (n,) in snapshot.rows(
                "select number from accounts where standing = 'closed' and standing != 'active'"
            )
        }
        polls = polls_of(snapshot, changed)
        with self._index.batch(entries[-1].number):
            for id_ in changed:
                row = posts.get(id_)
                if row is None or row.deleted or row.boost_of:
                    self._index.drop(id_)
                elif row.account not in closed:
                    poll = polls.get(id_)
                    self._index.put(row, said_by(row, poll), marks_of(row, poll))
        return jobs

    async def perform(self, job: Job) -> None:
        """An account was closed: its posts go out of the index, whatever the state still holds."""
        account = int(job.target.removeprefix("account "))
        while found := self._index.of_account(account, POSTS_PER_STEP):
            with self._index.batch():
                for id_ in found:
                    self._index.drop(id_)
            await asyncio.sleep(0)

    def close(self) -> None:
        self._index.close()
