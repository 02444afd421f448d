"""What an account and another are to each other, the acts that change it, and the lists of whom an
account follows not yet, blocks, mutes, endorses."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from covey.edge.cursor import Page
from covey.errors import Refused
from covey.mastodon.accounts import account_of, owner_of, people, people_cursor
from covey.mastodon.door import EMPTY_TREE, Answer, Call, as_json, encode, operation
from covey.mastodon.entities import entities
from covey.mastodon.pages import cursor_of, ids_of, listed, numbered
from covey.mastodon.times import iso
from covey.messages import (
    AcceptFollow,
    AcceptMember,
    AnyMessage,
    Block,
    BlockDomain,
    Endorse,
    Follow,
    JoinGroup,
    LeaveGroup,
    Mute,
    Note,
    RejectFollow,
    RemoveFollower,
    RemoveMember,
    Unblock,
    UnblockDomain,
    Unendorse,
    Unfollow,
    Unmute,
)
from covey.state.queries import Snapshot

PAGE_DOMAINS = 100
PAGE_DOMAINS_MAX = 200


def relationship(snapshot: Snapshot, account: int, target: int) -> dict[str, Any]:
    """What `account` and `target` are to each other. Who is a member of a group follows it."""

    def there(table: str, one: int, other: int, columns: str = "1") -> Any:
        first, second = (
            ("follower", "followed") if table.startswith("follow") else ("account", "target")
        )
        return snapshot.row(
            f"select {columns} from {table} where {first} = ? and {second} = ?", (one, other)
        )

    options = "boosts, notify, languages"
    follow = there("follows", account, target, options)
    asked = there("follow_requests", account, target, options)
    boosts, notify, languages = follow or asked or (0, 0, "")
    group = snapshot.row(
        'select role from memberships where "group" = ? and account = ?', (target, account)
    )
    joined = group is not None and group[0] in ("member", "moderator", "owner")
    mute = there("mutes", account, target, "notifications, until")
    note = there("notes", account, target, "text")
    return {
        "id": str(target),
        "following": follow is not None or joined,
        "showing_reblogs": bool(boosts) or joined,
        "notifying": bool(notify),
        "languages": languages.split(",") if languages else None,
        "followed_by": there("follows", target, account) is not None,
        "blocking": there("blocks", account, target) is not None,
        "blocked_by": there("blocks", target, account) is not None,
        "muting": mute is not None,
        "muting_notifications": bool(mute and mute[0]),
        "muting_expires_at": iso(mute[1]) if mute and mute[1] else None,
        "requested": asked is not None or group == ("asked",),
        "requested_by": there("follow_requests", target, account) is not None,
        "domain_blocking": False,  # all accounts are of this server
        "endorsed": there("endorsements", account, target) is not None,
        "note": note[0] if note else "",
    }


@operation("GET", "/api/v1/accounts/relationships", "read:follows")
async def relationships(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        wanted = ids_of(call)
        found = []
        for id_ in wanted:
            with suppress(Refused):
                account_of(call, snapshot, id_)
                found.append(relationship(snapshot, call.account, id_))
    return as_json(found)


# --- acts -------------------------------------------------------------------------------------


async def _relate(call: Call, message: AnyMessage) -> Answer:
    with call.edge.snapshot() as snapshot:
        account_of(call, snapshot, call.id)  # a secret group is there for those who know of it
    await call.edge.do(call.account, message)
    return _related(call)


def _related(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        return as_json(relationship(snapshot, call.account, call.id))


def _is_group(call: Call) -> bool:
    with call.edge.snapshot() as snapshot:
        return account_of(call, snapshot, call.id).kind == "group"


@operation("POST", "/api/v1/accounts/*/follow", "write:follows")
async def follow(call: Call) -> Answer:
    """What is not said of an account that is followed, or asked, already stays as it is. To follow
    a group is to join it, or to ask to."""
    if _is_group(call):
        return await _relate(call, JoinGroup(group=call.id))
    with call.edge.snapshot() as snapshot:
        before = relationship(snapshot, call.account, call.id)
    parameters = call.parameters
    new = not (before["following"] or before["requested"])
    chosen = parameters.texts("languages") if "languages" in parameters else before["languages"]
    message = Follow(
        account=call.id,
        boosts=parameters.boolean("reblogs", before["showing_reblogs"] or new),
        notify=parameters.boolean("notify", before["notifying"]),
        languages=tuple(dict.fromkeys(word for word in chosen or () if word)),
    )
    return await _relate(call, message)


@operation("POST", "/api/v1/accounts/*/unfollow", "write:follows")
async def unfollow(call: Call) -> Answer:
    if _is_group(call):
        return await _relate(call, LeaveGroup(group=call.id))
    return await _relate(call, Unfollow(account=call.id))


@operation("POST", "/api/v1/accounts/*/remove_from_followers", "write:follows")
async def remove_from_followers(call: Call) -> Answer:
    return await _relate(call, RemoveFollower(account=call.id))


@operation("POST", "/api/v1/accounts/*/block", "write:blocks")
async def block(call: Call) -> Answer:
    return await _relate(call, Block(account=call.id))


@operation("POST", "/api/v1/accounts/*/unblock", "write:blocks")
async def unblock(call: Call) -> Answer:
    return await _relate(call, Unblock(account=call.id))


@operation("POST", "/api/v1/accounts/*/mute", "write:mutes")
async def mute(call: Call) -> Answer:
    """`duration` in seconds; 0: until it is ended."""
    parameters = call.parameters
    seconds = parameters.integer("duration", 0, 0, 100 * 365 * 24 * 60 * 60)
    until = call.edge.now() + seconds * 1000 if seconds else 0
    notifications = parameters.boolean("notifications", True)
    return await _relate(call, Mute(account=call.id, notifications=notifications, until=until))


@operation("POST", "/api/v1/accounts/*/unmute", "write:mutes")
async def unmute(call: Call) -> Answer:
    return await _relate(call, Unmute(account=call.id))


@operation("POST", "/api/v1/accounts/*/note", "write:accounts")
async def note(call: Call) -> Answer:
    """`comment`, for oneself alone; empty: none."""
    return await _relate(call, Note(account=call.id, text=call.parameters.text("comment")))


async def _endorse(call: Call) -> Answer:
    return await _relate(call, Endorse(account=call.id))


async def _unendorse(call: Call) -> Answer:
    return await _relate(call, Unendorse(account=call.id))


for _act, _name in (
    (_endorse, "endorse"), (_endorse, "pin"), (_unendorse, "unendorse"), (_unendorse, "unpin")
):  # fmt: skip
    operation("POST", f"/api/v1/accounts/*/{_name}", "write:accounts")(_act)


# --- whom it asked, blocks, mutes, endorses ---------------------------------------------------
# A page's cursor is the number of what put an account there.


def _page(call: Call, snapshot: Snapshot, select: str, account: int) -> Page[tuple[int, int]]:
    return numbered(snapshot, people_cursor(call), select, "number", (account,))


@operation("GET", "/api/v1/blocks", "read:blocks")
async def blocks(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        select = "select number, target from blocks where account = ?"
        return people(call, snapshot, _page(call, snapshot, select, call.account))


@operation("GET", "/api/v1/mutes", "read:mutes")
async def mutes(call: Call) -> Answer:
    """Each says when it ends, in `mute_expires_at`."""
    with call.edge.snapshot() as snapshot:
        select = "select number, target, until from mutes where account = ?"
        page = numbered(snapshot, people_cursor(call), select, "number", (call.account,))
        accounts = entities(call.edge).accounts(snapshot, [row[1] for row in page.rows])
        items = [
            b'%s,"mute_expires_at":%s}' % (one[:-1], encode(iso(row[2]) if row[2] else None))
            for one, row in zip(accounts, page.rows, strict=True)
        ]
        return listed(call, items, page.newest, page.oldest, page.older)


def _endorsed(call: Call, account: int) -> Answer:
    with call.edge.snapshot() as snapshot:
        owner_of(call, snapshot, account)
        select = (
            "select endorsements.number, target from endorsements join accounts a"
            " on a.number = target where account = ? and standing in ('active', 'limited')"
        )
        page = numbered(snapshot, people_cursor(call), select, "endorsements.number", (account,))
        return people(call, snapshot, page)


@operation("GET", "/api/v1/endorsements", "read:accounts")
async def endorsements(call: Call) -> Answer:
    return _endorsed(call, call.account)


@operation("GET", "/api/v1/accounts/*/endorsements", "read:accounts", needs="anyone")
async def endorsements_of(call: Call) -> Answer:
    return _endorsed(call, call.id)


# --- requests ---------------------------------------------------------------------------------


_ASKED: Final = (
    'm."group" in (select "group" from memberships'
    " where account = ?1 and role in ('moderator', 'owner')) and m.role = 'asked'"
)
"""Memberships `m` of those who ask to join a group that account ?1 moderates."""


@operation("GET", "/api/v1/follow_requests", "read:follows")
async def follow_requests(call: Call) -> Answer:
    """Of who asks to follow the account, and who asks to join a group that it moderates."""
    with call.edge.snapshot() as snapshot:
        select = (
            "select asked, account from (select number as asked, follower as account from"
            " follow_requests where followed = ?1 union all"
            f" select number, account from memberships m where {_ASKED})"
            " join accounts a on a.number = account"
            " where standing in ('active', 'limited')"
        )
        page = numbered(snapshot, people_cursor(call), select, "asked", (call.account,))
        return people(call, snapshot, page)


def _wishes(call: Call, account: int) -> tuple[bool, list[int]]:
    """(whether it asks to follow whoever calls, the groups moderated by them that it asks to
    join)."""
    with call.edge.snapshot() as snapshot:
        follows = snapshot.row(
            "select 1 from follow_requests where follower = ? and followed = ?",
            (account, call.account),
        )
        groups = snapshot.rows(
            f'select "group" from memberships m where account = ?2 and {_ASKED} order by 1',
            (call.account, account),
        )
    return follows is not None, [group for (group,) in groups]


@operation("POST", "/api/v1/follow_requests/*/authorize", "write:follows")
async def authorize(call: Call) -> Answer:
    follows, groups = _wishes(call, call.id)
    for group in groups:
        await call.edge.submit(call.account, AcceptMember(group=group, account=call.id))
    if groups and not follows:
        return _related(call)
    return await _relate(call, AcceptFollow(account=call.id))


@operation("POST", "/api/v1/follow_requests/*/reject", "write:follows")
async def reject(call: Call) -> Answer:
    follows, groups = _wishes(call, call.id)
    for group in groups:
        await call.edge.submit(call.account, RemoveMember(group=group, account=call.id))
    if groups and not follows:
        return _related(call)
    return await _relate(call, RejectFollow(account=call.id))


# --- domains ----------------------------------------------------------------------------------


@operation("GET", "/api/v1/domain_blocks", "read:blocks")
async def domain_blocks(call: Call) -> Answer:
    cursor = cursor_of(call, PAGE_DOMAINS, PAGE_DOMAINS_MAX)
    with call.edge.snapshot() as snapshot:
        select = "select number, domain from domain_blocks where account = ?"
        page = numbered(snapshot, cursor, select, "number", (call.account,))
        items = [encode(domain) for _, domain in page.rows]
        return listed(call, items, page.newest, page.oldest, page.older)


def _domain(call: Call) -> str:
    """As it is kept: lower case, punycode. Raises Refused."""
    word = call.parameters.required_text("domain").strip().lower()
    try:
        return word.encode("idna").decode()
    except UnicodeError:
        raise Refused("domain_malformed", domain=word[:100]) from None


@operation("POST", "/api/v1/domain_blocks", "write:blocks")
async def block_domain(call: Call) -> Answer:
    await call.edge.do(call.account, BlockDomain(domain=_domain(call)))
    return EMPTY_TREE


@operation("DELETE", "/api/v1/domain_blocks", "write:blocks")
async def unblock_domain(call: Call) -> Answer:
    await call.edge.do(call.account, UnblockDomain(domain=_domain(call)))
    return EMPTY_TREE
