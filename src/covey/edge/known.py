"""Whom a reader knows of: a secret group acts like an unknown name to all but those it knows."""

from __future__ import annotations

from covey.state.queries import AccountRow, Snapshot


def is_known(snapshot: Snapshot, account: AccountRow, reader: int) -> bool:
    """To the account `reader`, or to a stranger (0)."""
    if account.standing == "pending":
        return False
    return account.kind != "group" or not snapshot.row(
        "select 1 from groups where number = ? and \"join\" = 'secret' and not exists"
        ' (select 1 from memberships where "group" = groups.number and account = ?)',
        (account.number, reader),
    )


def known_named(snapshot: Snapshot, name: str, reader: int) -> AccountRow | None:
    """The account with this name, in whatever case; None where there is none that `reader` knows
    of."""
    account = snapshot.account_named(name) if name.isascii() else None
    return account if account and is_known(snapshot, account, reader) else None
