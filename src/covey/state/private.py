"""What an account keeps about others: notes, endorsements, whom it wants suggested no more, domains
it blocks."""

from __future__ import annotations

import re
from typing import Final

from covey.errors import Refused
from covey.limits import (
    DISMISSED_SUGGESTIONS,
    DOMAIN_BLOCKS_PER_ACCOUNT,
    ENDORSEMENTS_PER_ACCOUNT,
    PRIVATE_NOTE_CHARACTERS,
)
from covey.messages import (
    BlockDomain,
    DismissSuggestion,
    Endorse,
    Entry,
    Note,
    UnblockDomain,
    Unendorse,
)
from covey.state.accounts import require_account
from covey.state.rules import apply_of, check_of
from covey.state.standing import require_there
from covey.state.state import Outcome, State
from covey.state.texts import check_text

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+")
"""In lower case, punycode where it has other letters: the edge writes it so."""


# --- notes ------------------------------------------------------------------------------------


@check_of(Note)
def check_note(state: State, actor: int, message: Note, stamp: int) -> None:
    require_account(state, message.account)
    check_text("The note", message.text, PRIVATE_NOTE_CHARACTERS)


@apply_of(Note)
def apply_note(state: State, entry: Entry, message: Note, outcome: Outcome) -> None:
    if message.text:
        state.execute(
            "insert or replace into notes values (?, ?, ?)",
            (entry.actor, message.account, message.text),
        )
    else:
        state.execute(
            "delete from notes where account = ? and target = ?", (entry.actor, message.account)
        )


# --- endorsements -----------------------------------------------------------------------------


def _endorses(state: State, account: int, target: int) -> bool:
    sql = "select 1 from endorsements where account = ? and target = ?"
    return state.row(sql, (account, target)) is not None


@check_of(Endorse)
def check_endorse(state: State, actor: int, message: Endorse, stamp: int) -> None:
    require_there(state, message.account)
    if not state.graph.followers.has(message.account, actor):
        raise Refused("endorsement_follow")
    if _endorses(state, actor, message.account):
        raise Refused("already_done")
    count = state.count("select count(*) from endorsements where account = ?", (actor,))
    if count >= ENDORSEMENTS_PER_ACCOUNT:
        raise Refused("endorsements_many", limit=ENDORSEMENTS_PER_ACCOUNT)


@apply_of(Endorse)
def apply_endorse(state: State, entry: Entry, message: Endorse, outcome: Outcome) -> None:
    """It ends with the follow (`follows.unfollow`)."""
    state.execute(
        "insert into endorsements values (?, ?, ?)", (entry.actor, message.account, entry.number)
    )


@check_of(Unendorse)
def check_unendorse(state: State, actor: int, message: Unendorse, stamp: int) -> None:
    if not _endorses(state, actor, message.account):
        raise Refused("already_done")


@apply_of(Unendorse)
def apply_unendorse(state: State, entry: Entry, message: Unendorse, outcome: Outcome) -> None:
    state.execute(
        "delete from endorsements where account = ? and target = ?", (entry.actor, message.account)
    )


# --- suggestions ------------------------------------------------------------------------------


@check_of(DismissSuggestion)
def check_dismiss_suggestion(
    state: State, actor: int, message: DismissSuggestion, stamp: int
) -> None:
    require_there(state, message.account)
    sql = "select 1 from dismissed_suggestions where account = ? and target = ?"
    if state.row(sql, (actor, message.account)):
        raise Refused("already_done")


@apply_of(DismissSuggestion)
def apply_dismiss_suggestion(
    state: State, entry: Entry, message: DismissSuggestion, outcome: Outcome
) -> None:
    """Of many the oldest is forgotten."""
    actor = entry.actor
    kept = "select count(*) from dismissed_suggestions where account = ?"
    if state.count(kept, (actor,)) >= DISMISSED_SUGGESTIONS:
        state.execute(
            "delete from dismissed_suggestions where account = ?1 and number ="
            " (select min(number) from dismissed_suggestions where account = ?1)",
            (actor,),
        )
    state.execute(
        "insert into dismissed_suggestions values (?, ?, ?)",
        (actor, message.account, entry.number),
    )


# --- domains ----------------------------------------------------------------------------------


def _blocks_domain(state: State, account: int, domain: str) -> bool:
    sql = "select 1 from domain_blocks where account = ? and domain = ?"
    return state.row(sql, (account, domain)) is not None


@check_of(BlockDomain)
def check_block_domain(state: State, actor: int, message: BlockDomain, stamp: int) -> None:
    if not _DOMAIN.fullmatch(message.domain):
        raise Refused("domain_malformed", domain=message.domain[:100])
    if _blocks_domain(state, actor, message.domain):
        raise Refused("already_done")
    count = state.count("select count(*) from domain_blocks where account = ?", (actor,))
    if count >= DOMAIN_BLOCKS_PER_ACCOUNT:
        raise Refused("domains_many", limit=DOMAIN_BLOCKS_PER_ACCOUNT)


@apply_of(BlockDomain)
def apply_block_domain(state: State, entry: Entry, message: BlockDomain, outcome: Outcome) -> None:
    state.execute(
        "insert into domain_blocks values (?, ?, ?)", (entry.actor, message.domain, entry.number)
    )


@check_of(UnblockDomain)
def check_unblock_domain(state: State, actor: int, message: UnblockDomain, stamp: int) -> None:
    if not _blocks_domain(state, actor, message.domain):
        raise Refused("already_done")


@apply_of(UnblockDomain)
def apply_unblock_domain(
    state: State, entry: Entry, message: UnblockDomain, outcome: Outcome
) -> None:
    state.execute(
        "delete from domain_blocks where account = ? and domain = ?",
        (entry.actor, message.domain),
    )
