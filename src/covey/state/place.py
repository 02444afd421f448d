"""The place itself: its rules, announcements, settings, and who may come in."""

from __future__ import annotations

import re
from typing import Final

from covey.errors import Refused
from covey.limits import (
    ANNOUNCEMENT_CHARACTERS,
    ANNOUNCEMENTS,
    INVITE_USES_MAX,
    INVITES_PER_ACCOUNT,
    MEDIA_QUOTA_BYTES,
    MEDIA_QUOTA_BYTES_MAX,
    REACTION_CHARACTERS,
    REACTIONS_PER_ANNOUNCEMENT,
    RULE_CHARACTERS,
    RULES,
    SETTING_CHARACTERS,
)
from covey.messages import (
    Announce,
    Entry,
    Invite,
    React,
    ReadAnnouncement,
    Register,
    SetRules,
    Setting,
    Unreact,
)
from covey.state.changes import changed
from covey.state.rules import apply_of, check_of
from covey.state.standing import is_away, require_role
from covey.state.state import EVERYBODY, Outcome, State
from covey.state.texts import check_text
from covey.state.time import due_of, schedule

SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "registrations": ("open", "approval", "invitation", "closed"),
}
"""name → its values, the first unless another was set."""
TEXTS: Final = ("extended_description", "privacy_policy", "terms_of_service")
"""Settings that are texts, empty unless one was set."""
NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "media_quota": (MEDIA_QUOTA_BYTES, MEDIA_QUOTA_BYTES_MAX),
}
"""name → (what it is unless it was set, the most that it can be)."""


def number_setting(state: State, name: str) -> int:
    row = state.row("select value from settings where name = ?", (name,))
    return int(row[0]) if row else NUMBERS[name][0]


def setting_of(state: State, name: str) -> str:
    row = state.row("select value from settings where name = ?", (name,))
    return row[0] if row else SETTINGS.get(name, ("",))[0]


@check_of(Setting)
def check_setting(state: State, actor: int, message: Setting, stamp: int) -> None:
    require_role(state, actor, "administrator")
    if message.name in NUMBERS:
        most = NUMBERS[message.name][1]
        # only ASCII digits: `int` reads other scripts' too
        if not re.fullmatch(r"[0-9]{1,18}", message.value) or int(message.value) > most:
            numbers = f"a whole number from 0 to {most}"
            raise Refused("setting_malformed", name=message.name, values=numbers)
        if number_setting(state, message.name) == int(message.value):
            raise Refused("already_done")
        return
    values = SETTINGS.get(message.name)
    if message.name in TEXTS:
        check_text("The text", message.value, SETTING_CHARACTERS)
    elif values is None:
        raise Refused("setting_unknown", name=message.name[:50])
    elif message.value not in values:
        raise Refused("setting_malformed", name=message.name, values=", ".join(values))
    if setting_of(state, message.name) == message.value:
        raise Refused("already_done")


@apply_of(Setting)
def apply_setting(state: State, entry: Entry, message: Setting, outcome: Outcome) -> None:
    state.execute(
        "insert or replace into settings values (?, ?, ?)",
        (message.name, message.value, entry.stamp),
    )


# --- coming in --------------------------------------------------------------------------------


def check_registration(state: State, message: Register, stamp: int) -> None:
    """Raises Refused: "registrations_closed", "invitation_needed", "invite_unknown"."""
    if not message.signed_up:
        return
    registrations = setting_of(state, "registrations")
    if registrations == "closed":
        raise Refused("registrations_closed")
    if not message.invite_hash:
        if registrations == "invitation":
            raise Refused("invitation_needed")
        return
    row = state.row(
        "select account, uses, until from invites where code_hash = ?", (message.invite_hash,)
    )
    if row is None:
        raise Refused("invite_unknown")
    host, uses, until = row
    if not uses or (until and until <= stamp) or is_away(state, host):
        raise Refused("invite_unknown")


def is_pending(state: State, message: Register) -> bool:
    """Whether the new account waits for approval: whoever was invited does not."""
    return (
        message.signed_up
        and not message.invite_hash
        and setting_of(state, "registrations") == "approval"
    )


def use_invite(state: State, message: Register) -> None:
    """It is good for one less."""
    if message.signed_up and message.invite_hash:
        state.execute(
            "update invites set uses = uses - 1 where code_hash = ?", (message.invite_hash,)
        )


@check_of(Invite)
def check_invite(state: State, actor: int, message: Invite, stamp: int) -> None:
    row = state.row("select account from invites where code_hash = ?", (message.code_hash,))
    if not message.uses:
        if row is None or row[0] != actor:
            raise Refused("not_found")
        return
    if row is not None:
        raise Refused("already_done")
    if not 0 < message.uses <= INVITE_USES_MAX:
        raise Refused("parameter_malformed", name="uses", why=f"it is 1 to {INVITE_USES_MAX}")
    if message.until and message.until <= stamp:
        raise Refused("parameter_malformed", name="until", why="that moment is past")
    standing = "select count(*) from invites where account = ? and uses > 0"
    if (
        state.count(f"{standing} and (until = 0 or until > ?)", (actor, stamp))
        >= INVITES_PER_ACCOUNT
    ):
        raise Refused("invites_many", limit=INVITES_PER_ACCOUNT)


@apply_of(Invite)
def apply_invite(state: State, entry: Entry, message: Invite, outcome: Outcome) -> None:
    """The actor's spent ones go by the way."""
    if not message.uses:
        state.execute("delete from invites where code_hash = ?", (message.code_hash,))
        return
    state.execute(
        "delete from invites where account = ? and (uses = 0 or (until != 0 and until <= ?))",
        (entry.actor, entry.stamp),
    )
    state.execute(
        "insert into invites values (?, ?, ?, ?)",
        (message.code_hash, entry.actor, message.uses, message.until),
    )


# --- rules and announcements ------------------------------------------------------------------


@check_of(SetRules)
def check_rules(state: State, actor: int, message: SetRules, stamp: int) -> None:
    require_role(state, actor, "administrator")
    if len(message.rules) > RULES:
        raise Refused("rules_many", limit=RULES, count=len(message.rules))
    for rule in message.rules:
        if not rule or rule.isspace():
            raise Refused("text_empty")
        check_text("A rule", rule, RULE_CHARACTERS)


@apply_of(SetRules)
def apply_rules(state: State, entry: Entry, message: SetRules, outcome: Outcome) -> None:
    """Numbered from 1."""
    state.execute("delete from rules")
    for number, rule in enumerate(message.rules, 1):
        state.execute("insert into rules values (?, ?)", (number, rule))


@check_of(Announce)
def check_announce(state: State, actor: int, message: Announce, stamp: int) -> None:
    require_role(state, actor, "administrator")
    if message.announcement:
        if not state.row("select 1 from announcements where number = ?", (message.announcement,)):
            raise Refused("not_found")
    elif not message.text or message.text.isspace():
        raise Refused("text_empty")
    elif state.count("select count(*) from announcements") >= ANNOUNCEMENTS:
        raise Refused("announcements_many", limit=ANNOUNCEMENTS)
    check_text("The announcement", message.text, ANNOUNCEMENT_CHARACTERS)
    if message.until and message.until <= stamp:
        raise Refused("parameter_malformed", name="until", why="that moment is past")


@apply_of(Announce)
def apply_announce(state: State, entry: Entry, message: Announce, outcome: Outcome) -> None:
    number = message.announcement or entry.id
    if not message.text or message.text.isspace():
        state.execute("delete from announcements where number = ?", (number,))
        changed(state, entry, outcome, "announcement.delete", number, EVERYBODY)
        return
    state.execute(
        "insert into announcements values (?, ?, ?, ?) on conflict (number) do update"
        " set text = excluded.text, until = excluded.until",
        (number, message.text, message.until, entry.stamp),
    )
    if message.until:
        schedule(state, entry, message.until, "end_announcement", 0, number)
    changed(state, entry, outcome, "announcement", number, EVERYBODY)


@due_of("end_announcement")
def due_end_announcement(
    state: State, entry: Entry, outcome: Outcome, at: int, account: int, number: int
) -> None:
    """Unless it was prolonged since."""
    state.execute("delete from announcements where number = ? and until = ?", (number, at))
    if state.connection.changes():
        changed(state, entry, outcome, "announcement.delete", number, EVERYBODY)


# --- what people do with announcements --------------------------------------------------------


def _require_announcement(state: State, number: int) -> None:
    """Raises Refused("not_found")."""
    if not state.row("select 1 from announcements where number = ?", (number,)):
        raise Refused("not_found")


def _forget_ended(state: State, table: str, account: int) -> None:
    """What the account did with announcements that are gone: few, and nobody else's."""
    state.execute(
        f"delete from {table} where account = ?"
        " and announcement not in (select number from announcements)",
        (account,),
    )


@check_of(ReadAnnouncement)
def check_read_announcement(
    state: State, actor: int, message: ReadAnnouncement, stamp: int
) -> None:
    _require_announcement(state, message.announcement)
    if state.row(
        "select 1 from announcement_reads where account = ? and announcement = ?",
        (actor, message.announcement),
    ):
        raise Refused("already_done")


@apply_of(ReadAnnouncement)
def apply_read_announcement(
    state: State, entry: Entry, message: ReadAnnouncement, outcome: Outcome
) -> None:
    _forget_ended(state, "announcement_reads", entry.actor)
    state.execute(
        "insert into announcement_reads values (?, ?)", (entry.actor, message.announcement)
    )


def _reacted(state: State, actor: int, message: React | Unreact) -> bool:
    return state.row(
        "select 1 from announcement_reactions where announcement = ? and name = ? and account = ?",
        (message.announcement, message.name, actor),
    ) is not None  # fmt: skip


@check_of(React)
def check_react(state: State, actor: int, message: React, stamp: int) -> None:
    _require_announcement(state, message.announcement)
    if not message.name or message.name.isspace():
        raise Refused("text_empty")
    check_text("A reaction", message.name, REACTION_CHARACTERS, lines=False)
    if _reacted(state, actor, message):
        raise Refused("already_done")
    others = "select count(distinct name) from announcement_reactions where announcement = ?"
    if (
        state.count(f"{others} and name != ?", (message.announcement, message.name))
        >= REACTIONS_PER_ANNOUNCEMENT
    ):
        raise Refused("reactions_many", limit=REACTIONS_PER_ANNOUNCEMENT)


@apply_of(React)
def apply_react(state: State, entry: Entry, message: React, outcome: Outcome) -> None:
    _forget_ended(state, "announcement_reactions", entry.actor)
    state.execute(
        "insert into announcement_reactions values (?, ?, ?, ?)",
        (message.announcement, message.name, entry.actor, entry.number),
    )


@check_of(Unreact)
def check_unreact(state: State, actor: int, message: Unreact, stamp: int) -> None:
    if not _reacted(state, actor, message):
        raise Refused("already_done")


@apply_of(Unreact)
def apply_unreact(state: State, entry: Entry, message: Unreact, outcome: Outcome) -> None:
    state.execute(
        "delete from announcement_reactions where announcement = ? and name = ? and account = ?",
        (message.announcement, message.name, entry.actor),
    )
