"""Threads: what is muted of them, and conversations, the threads of direct posts.

A thread is known by the post that began it. A row of `conversations` says that an account wrote
direct posts of a thread or is mentioned in some, and which of them is the last.
"""

from __future__ import annotations

from covey.delivery.audience import Candidate, Reach
from covey.errors import Refused
from covey.messages import DeleteConversation, Entry, MuteThread, UnmuteThread
from covey.state.accounts import require_account
from covey.state.candidates import standing
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State


def thread_of(state: State, post: int) -> int:
    """The post that began the thread of `post`; 0 where there is none."""
    return state.count("select thread from posts where id = ?", (post,))


# --- mute -------------------------------------------------------------------------------------


def mutes_thread(state: State, account: int, post: int) -> bool:
    """Whether the account wants no notifications of what belongs to the thread of `post`."""
    return (
        state.row(
            "select 1 from muted_threads where account = ?"
            " and thread = (select thread from posts where id = ?)",
            (account, post),
        )
        is not None
    )


@check_of(MuteThread)
def check_mute_thread(state: State, actor: int, message: MuteThread, stamp: int) -> None:
    require_account(state, actor)
    standing(state, message.post, actor)
    if mutes_thread(state, actor, message.post):
        raise Refused("already_done")


@apply_of(MuteThread)
def apply_mute_thread(state: State, entry: Entry, message: MuteThread, outcome: Outcome) -> None:
    state.execute(
        "insert into muted_threads values (?, ?)", (entry.actor, thread_of(state, message.post))
    )


@check_of(UnmuteThread)
def check_unmute_thread(state: State, actor: int, message: UnmuteThread, stamp: int) -> None:
    if not mutes_thread(state, actor, message.post):
        raise Refused("already_done")


@apply_of(UnmuteThread)
def apply_unmute_thread(
    state: State, entry: Entry, message: UnmuteThread, outcome: Outcome
) -> None:
    state.execute(
        "delete from muted_threads where account = ? and thread = ?",
        (entry.actor, thread_of(state, message.post)),
    )


# --- conversations ----------------------------------------------------------------------------


@check_of(DeleteConversation)
def check_delete_conversation(
    state: State, actor: int, message: DeleteConversation, stamp: int
) -> None:
    if not state.row(
        "select 1 from conversations where account = ? and thread = ?", (actor, message.thread)
    ):
        raise Refused("not_found")


@apply_of(DeleteConversation)
def apply_delete_conversation(
    state: State, entry: Entry, message: DeleteConversation, outcome: Outcome
) -> None:
    state.execute(
        "delete from conversations where account = ? and thread = ?",
        (entry.actor, message.thread),
    )


def talk(state: State, post: Candidate) -> None:
    """A new direct post is the last one of its thread, for its author and whom it mentions."""
    thread = thread_of(state, post.id)
    for account in _partakers(post):
        state.execute(
            "insert into conversations values (?, ?, ?) on conflict (account, thread) do update"
            " set last_post = excluded.last_post",
            (account, thread, post.id),
        )


def fall_silent(state: State, post: Candidate) -> None:
    """A direct post is gone: where it was the last one, that is the one before it, or there is no
    conversation any more."""
    thread = thread_of(state, post.id)
    for account in _partakers(post):
        before = state.row(
            f"select id from posts where thread = ?1 and visibility = {int(Reach.DIRECT)}"
            " and deleted = 0 and (account = ?2 or exists (select 1 from mentions"
            " where mentions.account = ?2 and mentions.post = posts.id)) order by id desc limit 1",
            (thread, account),
        )
        if before:
            state.execute(
                "update conversations set last_post = ? where account = ? and thread = ?",
                (before[0], account, thread),
            )
        else:
            state.execute(
                "delete from conversations where account = ? and thread = ?", (account, thread)
            )


def _partakers(post: Candidate) -> dict[int, None]:
    return dict.fromkeys((post.account, *post.mentioned))
