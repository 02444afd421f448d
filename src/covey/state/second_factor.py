"""The second factor of a log-in: a code that changes every 30 seconds (TOTP, RFC 6238).

The edge opens the sealed secret and compares codes; here is what must hold over all edges and every
restart: no session without a code, and no code for two. So the time step of the newest code stands
in the state, by the message that opens the session, and not in a counter that a restart forgets.
"""

from __future__ import annotations

from typing import Final

from covey.errors import Refused
from covey.limits import RECOVERY_CODES
from covey.messages import SERVER, Entry, OpenSession, TotpOff, TotpOn
from covey.state.rules import apply_of, check_of
from covey.state.state import Outcome, State

_SEALED_BYTES_MAX: Final = 200


@check_of(TotpOn)
def check_totp_on(state: State, actor: int, message: TotpOn, stamp: int) -> None:
    row = state.row("select kind from accounts where number = ?", (actor,))
    if row is None or row[0] != "person":
        raise Refused("not_found")
    if state.row("select 1 from second_factors where account = ?", (actor,)):
        raise Refused("second_factor_on")
    if not 0 < len(message.sealed) <= _SEALED_BYTES_MAX:
        raise Refused("parameter_malformed", name="sealed", why="it is no seal")
    if len(set(message.recovery_hashes)) != RECOVERY_CODES:
        raise Refused("parameter_malformed", name="recovery_hashes", why="not all of them")


@apply_of(TotpOn)
def apply_totp_on(state: State, entry: Entry, message: TotpOn, outcome: Outcome) -> None:
    state.execute(
        "insert into second_factors values (?, ?, ?, ?)",
        (entry.actor, message.sealed, message.step, entry.stamp),
    )
    for code_hash in message.recovery_hashes:
        state.execute("insert into recovery_codes values (?, ?)", (entry.actor, code_hash))


@check_of(TotpOff)
def check_totp_off(state: State, actor: int, message: TotpOff, stamp: int) -> None:
    if actor not in (SERVER, message.account):
        raise Refused("not_yours")
    if not state.row("select 1 from second_factors where account = ?", (message.account,)):
        raise Refused("not_found")


@apply_of(TotpOff)
def apply_totp_off(state: State, entry: Entry, message: TotpOff, outcome: Outcome) -> None:
    state.execute("delete from second_factors where account = ?", (message.account,))
    state.execute("delete from recovery_codes where account = ?", (message.account,))


# --- a log-in ---------------------------------------------------------------------------------


def check_second_factor(state: State, actor: int, message: OpenSession) -> None:
    """Raises Refused: "second_factor_needed", "code_used", "code_wrong" (a recovery code)."""
    factor = state.row("select step from second_factors where account = ?", (actor,))
    if factor is None:
        return
    if message.recovery_hash:
        if not state.row(
            "select 1 from recovery_codes where account = ? and code_hash = ?",
            (actor, message.recovery_hash),
        ):
            raise Refused("code_wrong")
    elif not message.step:
        raise Refused("second_factor_needed")
    elif message.step <= factor[0]:
        raise Refused("code_used")


def use_code(state: State, entry: Entry, message: OpenSession) -> None:
    """It opens no other session."""
    if message.step:
        state.execute(
            "update second_factors set step = ? where account = ?", (message.step, entry.actor)
        )
    if message.recovery_hash:
        state.execute(
            "delete from recovery_codes where account = ? and code_hash = ?",
            (entry.actor, message.recovery_hash),
        )
