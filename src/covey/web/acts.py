"""Small acts by button: on posts and accounts, and the reading position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from covey.edge.known import known_named
from covey.edge.requests import ID_MAX, Parameters, header, id_of
from covey.edge.shown import is_shown, load_originals
from covey.errors import Refused
from covey.messages import (
    AcceptFollow,
    AnyMessage,
    Block,
    Bookmark,
    Boost,
    Delete,
    Favourite,
    Follow,
    JoinGroup,
    LeaveGroup,
    Mute,
    MuteThread,
    Pin,
    Read,
    RejectFollow,
    RemoveFromGroup,
    Unblock,
    Unbookmark,
    Unboost,
    Unfavourite,
    Unfollow,
    Unmute,
    UnmuteThread,
    Unpin,
    Vote,
)
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.web.forms import kept
from covey.web.posts import inside
from covey.web.visit import Visit, local

POST_ACTS: Final[dict[str, Callable[[int], AnyMessage]]] = {
    "boost": lambda post: Boost(post=post),
    "unboost": lambda post: Unboost(post=post),
    "favourite": lambda post: Favourite(post=post),
    "unfavourite": lambda post: Unfavourite(post=post),
    "bookmark": lambda post: Bookmark(post=post),
    "unbookmark": lambda post: Unbookmark(post=post),
    "pin": lambda post: Pin(post=post),
    "unpin": lambda post: Unpin(post=post),
    "quiet": lambda post: MuteThread(post=post),
    "unquiet": lambda post: UnmuteThread(post=post),
}
"""The last part of an address → what it submits about a post."""

ACCOUNT_ACTS: Final[dict[str, Callable[[int], AnyMessage]]] = {
    "follow": lambda account: Follow(account=account),
    "unfollow": lambda account: Unfollow(account=account),
    "mute": lambda account: Mute(account=account),
    "unmute": lambda account: Unmute(account=account),
    "block": lambda account: Block(account=account),
    "unblock": lambda account: Unblock(account=account),
    "accept": lambda account: AcceptFollow(account=account),
    "reject": lambda account: RejectFollow(account=account),
    "join": lambda account: JoinGroup(group=account),
    "leave": lambda account: LeaveGroup(group=account),
}
"""The last part of an address → what it submits about an account."""


def account_at(visit: Visit, snapshot: Snapshot) -> AccountRow:
    """The account that the address names. Raises Refused("no_such_account")."""
    return account_called(visit, snapshot, visit.path("name"))


def account_called(visit: Visit, snapshot: Snapshot, name: str) -> AccountRow:
    """Raises Refused("no_such_account") for who is not there, and for a secret group that the
    viewer knows nothing of."""
    account = known_named(snapshot, name, visit.account)
    if account is None or account.is_away:
        raise Refused("no_such_account", name=name[:50])
    return account


def post_at(visit: Visit, snapshot: Snapshot) -> PostRow:
    """The post that the address names, if it stands and the viewer may see it; of a boost, what it
    boosts. Raises Refused("no_such_post")."""
    post = snapshot.post(id_of(visit.path("id")) or 0)
    if post and post.boost_of and not post.deleted:
        post = snapshot.post(post.boost_of)
    originals: dict[int, PostRow] = {}
    if post:
        load_originals(snapshot.posts, [post], originals)
    if post is None or not is_shown(post, originals, visit.relations(snapshot)):
        raise Refused("no_such_post")
    return post


async def act_on_post(visit: Visit, form: Parameters) -> Response:
    """Back to the post, on the page it was on; or, for a script, what the post looks like now."""
    act = visit.path("act")
    make = _vote(form) if act == "vote" else POST_ACTS.get(act)
    if make is None:
        raise Refused("no_such_page")
    with visit.edge.snapshot() as snapshot:
        id_ = post_at(visit, snapshot).id
    await visit.edge.do(visit.account, make(id_))
    if header(visit.scope, b"x-fragment"):
        with visit.edge.snapshot() as snapshot:
            post = post_at(visit, snapshot)
            return visit.fragment(inside(snapshot, post, visit.account, visit.now))
    shown = id_of(visit.path("id")) or id_
    return visit.redirect(f"{local(form.text('back'))}#p{shown}")


def _vote(form: Parameters) -> Callable[[int], AnyMessage]:
    """All boxes of a page belong to one form: those of the post carry its id."""

    def make(post: int) -> AnyMessage:
        choices = [id_of(text) for text in form.texts(f"vote{post}")]
        return Vote(post=post, choices=tuple(-1 if place is None else place for place in choices))

    return make


async def delete(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        id_ = post_at(visit, snapshot).id
    await visit.edge.submit(visit.account, Delete(post=id_))
    return visit.redirect("/home?said=deleted")


def groups_of(visit: Visit, snapshot: Snapshot, post: PostRow) -> list[AccountRow]:
    """The groups that the viewer may take the post out of."""
    if not post.groups or not visit.account:
        return []
    standing = snapshot.rows(
        'select "group", role from group_posts left join memberships using ("group")'
        " where post = ? and now = 1 and account = ?",
        (post.id, visit.account),
    )
    may = [
        group
        for group, role in standing
        if role in ("moderator", "owner") or post.account == visit.account
    ]
    return list(snapshot.accounts(may).values())


async def take_out(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        post = post_at(visit, snapshot)
        group = account_called(visit, snapshot, kept(form, "group"))
    await visit.edge.do(visit.account, RemoveFromGroup(group=group.number, post=post.id))
    return visit.redirect(f"/@{group.name}?said=taken-out")


async def act_on_account(visit: Visit, form: Parameters) -> Response:
    make = ACCOUNT_ACTS.get(visit.path("act"))
    if make is None:
        raise Refused("no_such_page")
    with visit.edge.snapshot() as snapshot:
        account = account_at(visit, snapshot)
    await visit.edge.do(visit.account, make(account.number))
    return visit.redirect(local(form.text("back"), f"/@{account.name}"))


async def mark_home_read(visit: Visit, form: Parameters) -> Response:
    return await _mark_read(visit, form, "home")


async def mark_notifications_read(visit: Visit, form: Parameters) -> Response:
    return await _mark_read(visit, form, "notifications")


async def _mark_read(visit: Visit, form: Parameters, queue: str) -> Response:
    position = form.integer("position", default=-1, maximum=ID_MAX)
    if position < 0:
        raise Refused("parameter_missing", name="position")
    await visit.edge.submit(visit.account, Read(queue=queue, position=position))
    return visit.redirect(local(form.text("back"), f"/{queue}"))


async def mark_read(visit: Visit, form: Parameters) -> Response:
    """Any queue that has a position."""
    return await _mark_read(visit, form, visit.path("queue"))
