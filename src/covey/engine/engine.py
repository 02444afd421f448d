"""The seven steps: check, order, apply, append, show, answer, wake; a batch at a time.

No threads, no sockets, no clock of its own: whoever holds an `Engine` hands in the log, the state,
the arena and the time, and calls `step`. The server does so from its event loop; tests and the
simulator from theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from pyroaring import BitMap

from covey.database import STORAGE_ERRORS
from covey.delivery.arena import Arena
from covey.delivery.audience import DIRECT, PUBLIC, Candidate, audience
from covey.engine.answers import Accepted as Accepted
from covey.engine.answers import Answer as Answer
from covey.errors import Fatal, Refused
from covey.keys import expiry
from covey.limits import BATCH_MESSAGES, CLOCK_BACK_MS
from covey.log import Log
from covey.messages import (
    Announce,
    AnyMessage,
    App,
    Boost,
    CreateGroup,
    CreateList,
    Due,
    Entry,
    Post,
    Register,
    SetFilter,
    encode,
    kind_of,
    next_id,
)
from covey.state.all import apply, check
from covey.state.candidates import FROZEN, candidate_of
from covey.state.drafts import posts_now
from covey.state.state import EVERYBODY, Outcome, State

logger: Final = logging.getLogger("covey.engine")


class Submission(Struct, frozen=True):
    """What an edge asks for."""

    actor: int
    key: bytes
    message: AnyMessage


class Event(Struct, frozen=True):
    """Something that connected readers are told of.

    `kind` is "post" (subject: post id), "notification" (0), "conversation" (post id: a direct post
    came, or became another, or went), or one of `Outcome.changes`; `accounts` are those whose own
    queues it concerns (`live.presence.told` says which); `queues` are the shared queues it stands
    in: "public", "tag/NAME", "group/NUMBER" and, while lists are watched, "list/NUMBER" of all that
    its author is in."""

    number: int
    kind: str
    subject: int
    accounts: BitMap
    queues: tuple[str, ...] = ()


class Step(Struct, frozen=True):
    """What a batch came to: an answer a submission, in their order, and the events."""

    answers: list[Answer]
    events: list[Event]


class _Batch:
    """What is known of a batch between its steps."""

    def __init__(self, size: int) -> None:
        self.answers: list[Answer | None] = [None] * size
        self.entries: list[Entry] = []
        self.outcome = Outcome()
        self.ids: list[int] = []
        self.readers: list[BitMap] = []
        """Who gets each of `ids`: the audience at the message's place in the batch."""
        self.events: list[Event] = []


def _no_arrow(_name: str) -> None:
    pass


class Engine:
    """One writer for one log.

    `now` gives milliseconds since 1970. `arrow` is called with the name of each arrow between two
    steps, so that a test can stop at any of them.
    """

    def __init__(
        self,
        *,
        log: Log,
        state: State,
        arena: Arena,
        now: Callable[[], int],
        arrow: Callable[[str], None] = _no_arrow,
    ) -> None:
        self.log = log
        self.state = state
        self.arena = arena
        self.now = now
        self._arrow = arrow
        self.deliveries = 0
        """Ids put into homes since the start."""
        self.failures = 0
        """Messages answered `internal`."""
        self.lists_watched = False
        """Whether events name the lists that authors are in."""

    # --- start --------------------------------------------------------------------------------

    def recover(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Bring the state to the log's end and the arena to the state's. → messages applied.

        Raises StateAhead when the state is not of this log, LogDamaged for a damaged entry, Fatal
        when the clock is behind the last stamp.
        """
        state, log = self.state, self.log
        state.check_against(log)
        state.load_graph()
        first, last = state.applied, log.last_number()
        tail: list[Entry] = []
        # the newest that was applied is looked at too: the next one will stand on it
        for entry in log.read(after=max(0, first - 1)):
            if entry.number == first:
                continue
            tail.append(entry)
            if len(tail) == BATCH_MESSAGES:
                self._replay(tail)
                tail = []
                if progress:
                    progress(state.applied - first, last - first)
        if tail:
            self._replay(tail)
        if state.stamp - self.now() > CLOCK_BACK_MS:
            raise Fatal(
                f"the clock stands {(state.stamp - self.now()) // 1000} s before the last message:"
                " set it right, or start once with --accept-clock"
            )
        if not self.arena.is_complete(state.applied):
            self.arena.reset(born=state.last_id, applied=state.applied, generation=1)
        return state.applied - first

    def _replay(self, entries: Sequence[Entry]) -> None:
        """Apply what the log already holds. Nothing is delivered: the arena is emptied after."""
        state, outcome = self.state, Outcome()
        state.begin()
        for entry in entries:
            try:
                apply(state, entry, outcome)
            except STORAGE_ERRORS:
                raise
            except Exception as error:
                raise Fatal(
                    f"message {entry.number} ({kind_of(entry.message)}) can't be applied: {error!r}"
                ) from error
        row = self.log.row(entries[-1].number)
        state.commit(row[-1] if row else 0)

    # --- the steps ----------------------------------------------------------------------------

    def step(self, submissions: Sequence[Submission]) -> Step:
        """Run a batch. When this returns, all that was accepted is durable and visible.

        A message that makes `apply` fail is answered `internal`, alone. Raises apsw.Error or Fatal
        when the storage fails: then the engine must stop and start again from what is on disk.
        """
        try:
            batch = self._prepare(submissions)
        except STORAGE_ERRORS:
            raise
        except Exception as error:
            self.state.rollback()
            if len(submissions) == 1:
                return Step([self._failed(submissions[0], error)], [])
            steps = [self.step([submission]) for submission in submissions]
            return Step(
                [answer for step in steps for answer in step.answers],
                [event for step in steps for event in step.events],
            )
        if batch.entries:
            self._commit(batch)
        else:
            self.state.rollback()
        self._arrow("answer")
        return Step(batch.answers, batch.events)  # type: ignore[arg-type]

    def _failed(self, submission: Submission, error: Exception) -> Refused:
        self.failures += 1
        # not its body: that holds what people write in confidence, and hashes of passwords
        logger.error(
            "a message could not be applied: actor %d, kind %s, %d bytes",
            submission.actor,
            kind_of(submission.message),
            len(encode(submission.message)),
            exc_info=error,
        )
        return Refused("internal")

    def _prepare(self, submissions: Sequence[Submission]) -> _Batch:
        """Steps 1 to 3: check, order, apply. Rows that nobody sees yet."""
        state = self.state
        batch = _Batch(len(submissions))
        if not submissions:
            return batch
        # within a run the clock handed in does not fall; over a restart the last stamp holds
        stamp = max(self.now(), state.stamp)
        state.begin()
        hash_of = state.answers.hash_of
        hashes = [hash_of(submission.actor, submission.key) for submission in submissions]
        before = state.answers.find(hashes, stamp)
        for place, submission in enumerate(submissions):
            actor, key, message = submission.actor, submission.key, submission.message
            hash_ = hashes[place]
            if hash_ in before:
                repeated = self._accepted_before(batch, before[hash_], actor, key)
                if repeated:
                    batch.answers[place] = repeated
                    continue
            try:
                check(state, actor, message, stamp)
            except Refused as refused:
                batch.answers[place] = refused
                continue
            number = state.applied + 1
            entry = Entry(number, stamp, actor, key, self._new_id(message, stamp), message)
            apply(state, entry, batch.outcome)
            self._arrow("apply")
            self._address(batch)
            batch.entries.append(entry)
            batch.answers[place] = Accepted(number, entry.id)
            if expiry(key, stamp) is not None:
                before[hash_] = number
        return batch

    def _accepted_before(
        self, batch: _Batch, number: int, actor: int, key: bytes
    ) -> Accepted | None:
        """The answer to message `number`, if this was its key and not one of the same hash."""
        first = batch.entries[0].number if batch.entries else number + 1
        if number >= first:
            entry = batch.entries[number - first]
            found = entry.actor, entry.key, entry.id
        else:
            row = self.log.row(number)
            assert row, f"the log holds message {number}, whose key the state remembers"
            found = row[3:6]
        return Accepted(number, found[2], repeated=True) if found[:2] == (actor, key) else None

    def _new_id(self, message: AnyMessage, stamp: int) -> int:
        kind = type(message)
        if (
            kind is Post
            or kind is Boost
            or (isinstance(message, Due) and posts_now(self.state, message.number, stamp))
        ):
            return next_id(stamp, self.state.last_id)
        if kind is Register or kind is CreateGroup:
            return self.state.accounts + 1
        if kind is App:
            return self.state.apps + 1
        if kind is CreateList or kind is SetFilter or kind is Announce:
            return self.state.applied + 1
        return 0

    def _address(self, batch: _Batch) -> None:
        """Whom the message just applied concerns, by the relations at its place."""
        graph, outcome = self.state.graph, batch.outcome
        for number, post in outcome.posted:
            readers = audience(graph, post)
            batch.ids.append(post.id)
            batch.readers.append(readers)
            queues = _shared_queues(post) + self._lists_with(post)
            batch.events.append(Event(number, "post", post.id, readers, queues))
            if post.visibility == DIRECT:
                batch.events.append(_conversation(number, post))
        for number, account in outcome.notifications:
            batch.events.append(Event(number, "notification", 0, BitMap([account])))
        for number, kind, subject, account in outcome.changes:
            readers = BitMap([account])
            queues = ()
            if account == EVERYBODY:
                readers = BitMap(range(1, self.state.accounts + 1))
            if kind in ("delete", "edit"):
                row = self.state.row(f"select {FROZEN} from posts where id = ?", (subject,))
                post = candidate_of(row)  # type: ignore[arg-type]
                readers, queues = self._who_had(post)
                if post.visibility == DIRECT:
                    batch.events.append(_conversation(number, post))
            batch.events.append(Event(number, kind, subject, readers, queues))
        outcome.posted.clear()
        outcome.notifications.clear()
        outcome.changes.clear()

    def _who_had(self, post: Candidate) -> tuple[BitMap, tuple[str, ...]]:
        """Who is told that the post is gone, or is another."""
        readers = audience(self.state.graph, post) | BitMap(post.mentioned)
        readers.add(post.account)
        queues = (*_group_queues(post), *self._lists_with(post))
        if post.visibility == PUBLIC:
            # which tags it has now is another matter: whoever watches a tag is told
            queues += ("public", "tag/")
        return readers, queues

    def _lists_with(self, post: Candidate) -> tuple[str, ...]:
        """The lists that the author is in; which of them show the post, edges find out."""
        if not self.lists_watched or post.visibility == DIRECT:
            return ()
        rows = self.state.execute(
            "select list from list_members where account = ? order by list", (post.account,)
        )
        return tuple(f"list/{number}" for (number,) in rows)

    def _commit(self, batch: _Batch) -> None:
        """Steps 4 and 5: append, show."""
        state, arena, outcome = self.state, self.arena, batch.outcome
        self._arrow("append")
        checksum = self.log.append(batch.entries)
        self._arrow("appended")
        arena.begin()
        self._arrow("commit")
        state.commit(checksum)
        self._arrow("committed")
        if batch.ids:
            offsets = np.zeros(len(batch.ids) + 1, np.int64)
            np.cumsum([len(readers) for readers in batch.readers], out=offsets[1:])
            accounts_of_each = [readers.to_array() for readers in batch.readers]
            recipients = np.frombuffer(b"".join(accounts_of_each), np.uint32)
            arena.deliver(np.array(batch.ids, np.uint64), offsets, recipients)
            self.deliveries += len(recipients)
        for readers, floor in outcome.wide_floors:
            accounts = np.frombuffer(readers.to_array(), np.uint32)
            arena.move_floors(accounts, np.full(len(accounts), floor, np.uint64))
        if outcome.floors:
            arena.move_floors(
                np.array(list(outcome.floors.keys()), np.uint32),
                np.array(list(outcome.floors.values()), np.uint64),
            )
        arena.finish(
            published=state.last_id,
            applied=state.applied,
            access=outcome.access or None,
            relations=outcome.relations or None,
            profiles=outcome.profiles or None,
        )

    def close(self) -> None:
        self.state.close()
        self.log.close()


def _conversation(number: int, post: Candidate) -> Event:
    """What is said to those who take part in it; edges look whether each may see it."""
    return Event(number, "conversation", post.id, BitMap((post.account, *post.mentioned)))


def _shared_queues(post: Candidate) -> tuple[str, ...]:
    """The queues of everybody and of groups that the post stands in. Replies to others stand in
    public not."""
    queues = _group_queues(post)
    if post.visibility == PUBLIC and not post.boost_of:
        if not post.reply_to or post.reply_account == post.account:
            queues += ("public",)
        if post.tags:
            queues += tuple([f"tag/{tag}" for tag in post.tags])
    return queues


def _group_queues(post: Candidate) -> tuple[str, ...]:
    return tuple([f"group/{group}" for group in post.groups]) if post.groups else ()
