"""Small acts by button: boost, favourite, delete, follow, mute, block, and the reading position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from covey.delivery.audience import visible
from covey.edge.requests import ID_MAX, Parameters, header, id_of
from covey.errors import Refused
from covey.messages import (
    AnyMessage,
    Block,
    Boost,
    Delete,
    Favourite,
    Follow,
    Mute,
    Read,
    Unblock,
    Unboost,
    Unfavourite,
    Unfollow,
    Unmute,
)
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.web.posts import inside
from covey.web.visit import Visit, local

POST_ACTS: Final[dict[str, Callable[[int], AnyMessage]]] = {
    "boost": lambda post: Boost(post=post),
    "unboost": lambda post: Unboost(post=post),
    "favourite": lambda post: Favourite(post=post),
    "unfavourite": lambda post: Unfavourite(post=post),
}
"""The last part of an address → what it submits about a post."""

ACCOUNT_ACTS: Final[dict[str, Callable[[int], AnyMessage]]] = {
    "follow": lambda account: Follow(account=account),
    "unfollow": lambda account: Unfollow(account=account),
    "mute": lambda account: Mute(account=account),
    "unmute": lambda account: Unmute(account=account),
    "block": lambda account: Block(account=account),
    "unblock": lambda account: Unblock(account=account),
}
"""The last part of an address → what it submits about an account."""


def account_at(visit: Visit, snapshot: Snapshot) -> AccountRow:
    """The account that the address names. Raises Refused("no_such_account")."""
    name = visit.path("name")
    account = snapshot.account_named(name) if name.isascii() else None
    if account is None or account.is_away:
        raise Refused("no_such_account", name=name[:50])
    return account


def post_at(visit: Visit, snapshot: Snapshot) -> PostRow:
    """The post that the address names, if it stands and the viewer may see it; of a boost, what it
    boosts. Raises Refused("no_such_post")."""
    post = snapshot.post(id_of(visit.path("id")) or 0)
    if post and post.boost_of and not post.deleted:
        post = snapshot.post(post.boost_of)
    if post is None or post.deleted or not visible(post, visit.relations(snapshot)):
        raise Refused("no_such_post")
    return post


async def act_on_post(visit: Visit, form: Parameters) -> Response:
    """Back to the post, on the page it was on; or, for a script, what the post looks like now."""
    make = POST_ACTS.get(visit.path("act"))
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


async def delete(visit: Visit, form: Parameters) -> Response:
    with visit.edge.snapshot() as snapshot:
        id_ = post_at(visit, snapshot).id
    await visit.edge.submit(visit.account, Delete(post=id_))
    return visit.redirect("/home?said=deleted")


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
