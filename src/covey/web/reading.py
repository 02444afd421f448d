"""Pages that show a queue of posts: home, public, a tag, a profile, a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.responses import Response

from covey.delivery.audience import Relations
from covey.edge import home as homes
from covey.edge import queues
from covey.edge.cursor import Cursor, Page
from covey.edge.requests import Parameters
from covey.edge.text import tag_name
from covey.errors import Refused
from covey.messages import FollowTag, UnfollowTag
from covey.state.queries import AccountRow, PostRow, Snapshot
from covey.web import writing
from covey.web.acts import account_at, groups_of, post_at
from covey.web.position import behind
from covey.web.posts import show
from covey.web.visit import Visit, local


class Links(Struct, frozen=True):
    """To the pages beside this one; empty where there is none."""

    newer: str
    older: str


def cursor(visit: Visit) -> Cursor:
    """Of the address. Raises Refused."""
    query = visit.query
    given = {name: query.id(name) for name in ("max_id", "min_id") if query.text(name).strip()}
    return Cursor(**given)


def links(page: Page[Any], at: Cursor, path: str) -> Links:
    if not page.rows:
        # above the newest or below the oldest: only back
        return Links(path if at.max_id is not None else "", path if at.ascending else "")
    moved = at.max_id is not None or at.ascending
    return Links(
        f"{path}?min_id={page.newest}" if moved else "",
        f"{path}?max_id={page.oldest}" if page.older else "",
    )


def posts(visit: Visit, snapshot: Snapshot, page: Page[PostRow]) -> str:
    return show(snapshot, page.rows, visit.account, visit.now, originals=page.posts)


def stream(
    visit: Visit, snapshot: Snapshot, page: Page[PostRow], at: Cursor, **context: Any
) -> Response:
    """A queue of posts, with the ways to its neighbours."""
    found = links(page, at, visit.scope["path"])
    return visit.page(
        snapshot, "stream.html",
        **{
            "posts": posts(visit, snapshot, page), "newer": found.newer, "older": found.older,
            "form": None, "behind": None, "live": "", "queue": "", "nothing": "", "cursor": "",
            "buttons": [], "crumb": "",
            **context,
        },
    )  # fmt: skip


def live(visit: Visit, snapshot: Snapshot, at: Cursor, queue: str) -> dict[str, Any]:
    """What a page at the top of its queue needs to go on living: from the snapshot on."""
    if at.max_id is not None or at.ascending:
        return {}
    return {"live": f"/live/{queue}", "cursor": visit.edge.hub.cursor_at(snapshot)}


# --- the pages --------------------------------------------------------------------------------


def front(visit: Visit, snapshot: Snapshot) -> Response:
    """What this place is, and what everybody posts."""
    if visit.account:
        return visit.redirect("/home")
    page = queues.public(snapshot, visit.relations(snapshot), Cursor())
    people = snapshot.row("select count(*) from accounts")
    return visit.page(
        snapshot, "landing.html", people=people[0] if people else 0,
        posts=posts(visit, snapshot, page), older=links(page, Cursor(), "/public").older,
        **live(visit, snapshot, Cursor(), "public"),
    )  # fmt: skip


def home(visit: Visit, snapshot: Snapshot) -> Response:
    at, edge = cursor(visit), visit.edge
    page = homes.page(snapshot, edge.arena, visit.relations(snapshot), at)
    viewer = _viewer(visit, snapshot)
    top = at.max_id is None and not at.ascending
    return stream(
        visit, snapshot, page, at, title="Home", queue="home",
        form=writing.blank(visit, snapshot, viewer) if top else None,
        behind=behind(
            visit, snapshot, "home", page.newest, snapshot.last_id, top=top,
        ),
        **live(visit, snapshot, at, "home"),
    )  # fmt: skip


def public(visit: Visit, snapshot: Snapshot) -> Response:
    at = cursor(visit)
    page = queues.public(snapshot, visit.relations(snapshot), at)
    return stream(
        visit, snapshot, page, at, title="Public", nothing="Nobody has posted yet.",
        **live(visit, snapshot, at, "public"),
    )  # fmt: skip


def tag(visit: Visit, snapshot: Snapshot) -> Response:
    written = visit.path("tag")
    name = tag_name(written)
    if not name:
        raise Refused("no_such_page")
    if name != written:
        query = visit.scope["query_string"].decode("latin-1")
        return visit.redirect(f"/tags/{quote(name, safe='')}" + (f"?{query}" if query else ""))
    at, reader = cursor(visit), visit.relations(snapshot)
    page = queues.tag(snapshot, reader, name, at)
    path = f"/tags/{quote(name, safe='')}"
    follows = name in reader.tags
    place = behind(
        visit, snapshot, f"tag/{name}", page.newest, snapshot.last_id,
        top=at.max_id is None and not at.ascending, page=path,
    ) if follows else None  # fmt: skip
    button = ("unfollow", "Unfollow", "") if follows else ("follow", "Follow", "main")
    return stream(
        visit, snapshot, page, at, title=f"#{name}", nothing=f"No public post has #{name}.",
        behind=place,
        buttons=[(f"{path}/{button[0]}", *button[1:])] if visit.account else [],
    )  # fmt: skip


async def follow_tag(visit: Visit, form: Parameters) -> Response:
    return await _tag_act(visit, FollowTag)


async def unfollow_tag(visit: Visit, form: Parameters) -> Response:
    return await _tag_act(visit, UnfollowTag)


async def _tag_act(visit: Visit, make: type[FollowTag | UnfollowTag]) -> Response:
    name = tag_name(visit.path("tag"))
    if not name:
        raise Refused("no_such_page")
    await visit.edge.do(visit.account, make(name=name))
    return visit.redirect(f"/tags/{quote(name, safe='')}")


def bookmarks(visit: Visit, snapshot: Snapshot) -> Response:
    at = cursor(visit)
    page = queues.bookmarks(snapshot, visit.relations(snapshot), at)
    found = links(page, at, "/bookmarks")
    rows = [post for _, post in page.rows]
    return stream(
        visit, snapshot, Page(rows, posts=page.posts), at, title="Bookmarks",
        nothing="Bookmark a post by the menu below it, and it will be here. Nobody else sees it.",
        newer=found.newer, older=found.older,
    )  # fmt: skip


def _people(
    visit: Visit, snapshot: Snapshot, verb: str, nothing: Callable[[AccountRow], str],
    read: Callable[[Snapshot, int, Cursor, Relations], Page[tuple[int, int]]],
) -> Response:  # fmt: skip
    account, at = account_at(visit, snapshot), cursor(visit)
    page = read(snapshot, account.number, at, visit.relations(snapshot))
    known = snapshot.accounts([row[1] for row in page.rows])
    path = f"/@{account.name}/{verb}"
    moved = at.max_id is not None or at.ascending
    return visit.page(
        snapshot, "people.html", account=account, title=verb.capitalize(),
        people=[known[number] for _, number in page.rows if number in known],
        nothing=nothing(account),
        newer=f"{path}?{urlencode({'min_id': page.newest})}" if page.rows and moved else "",
        older=f"{path}?{urlencode({'max_id': page.oldest})}" if page.older else "",
    )  # fmt: skip


def followers(visit: Visit, snapshot: Snapshot) -> Response:
    return _people(
        visit, snapshot, "followers", lambda a: f"{a.shown_name} has no followers yet",
        queues.followers,
    )  # fmt: skip


def following(visit: Visit, snapshot: Snapshot) -> Response:
    return _people(
        visit, snapshot, "following", lambda a: f"{a.shown_name} follows nobody yet",
        queues.following,
    )  # fmt: skip


def thread(visit: Visit, snapshot: Snapshot) -> Response:
    """A post, what it answers, and what answers it."""
    post = post_at(visit, snapshot)
    author = snapshot.account(post.account)
    assert author
    address = f"/@{author.name}/{post.id}"
    if visit.scope["path"] != address:
        return visit.redirect(address)
    reader = visit.relations(snapshot)
    above, below = queues.thread(snapshot, reader, post)
    viewer = snapshot.account(visit.account) if visit.account else None
    form = writing.reply(visit, snapshot, viewer, post) if viewer else None
    takeouts = groups_of(visit, snapshot, post)
    depths = _depths(post, below)

    def shown(rows: list[PostRow]) -> str:
        return show(snapshot, rows, visit.account, visit.now, depths=depths)

    return visit.page(
        snapshot, "thread.html", title=f"{author.shown_name}: {_excerpt(post)}",
        before=shown(above), post=shown([post]), after=shown(below), form=form,
        takeouts=takeouts,
        more=len(below) < post.replies_count,
    )  # fmt: skip


def _depths(post: PostRow, below: list[PostRow]) -> dict[int, int]:
    """How deep each reply stands under the post."""
    depths = {post.id: -1}
    for row in below:
        depths[row.id] = depths.get(row.reply_to, -1) + 1
    del depths[post.id]
    return depths


def _excerpt(post: PostRow) -> str:
    """A few words for a title; of a post with a warning only that."""
    words = " ".join((post.warning or post.text).split())
    return words if len(words) <= 60 else words[:59].rstrip() + "…"


def delete_page(visit: Visit, snapshot: Snapshot) -> Response:
    """Are you sure?"""
    post = post_at(visit, snapshot)
    if post.account != visit.account:
        raise Refused("no_such_post")
    return visit.page(
        snapshot, "delete.html", post=show(snapshot, [post], visit.account, visit.now),
        address=f"/@{_viewer(visit, snapshot).name}/{post.id}", back=local(visit.here),
    )  # fmt: skip


def _viewer(visit: Visit, snapshot: Snapshot) -> AccountRow:
    viewer = snapshot.account(visit.account)
    if viewer is None:
        raise Refused("log_in_needed")
    return viewer
