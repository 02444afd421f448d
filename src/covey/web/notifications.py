"""The notifications queue as a page."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup
from msgspec import Struct
from starlette.responses import Response

from covey.edge import queues
from covey.edge.render import post_url
from covey.state.queries import AccountRow, Snapshot
from covey.web.position import behind
from covey.web.posts import articles
from covey.web.reading import cursor
from covey.web.times import age_tag
from covey.web.visit import Visit

SENTENCES: Final = {
    "mention": ("mentioned you", "reply"),
    "status": ("posted", "bell"),
    "boost": ("boosted your post", "boost"),
    "favourite": ("favourited your post", "star"),
    "follow": ("follows you", "person"),
    "follow_request": ("asks to follow you", "person"),
    "update": ("edited a post that you boosted", "pen"),
    "poll": ("a poll has ended", "poll"),
    "quote": ("quoted you", "quote"),
    "quoted_update": ("edited a post that you quoted", "pen"),
    "group_request": ("asks to join a group of yours", "people"),
    "group_invitation": ("invites you to a group", "people"),
    "group_accepted": ("took you into a group", "people"),
}
"""Kind → (what the sender did, icon)."""
_ELSE: Final = ("did something that this page has no words for", "bell")
_OWN_POLL: Final = "your poll has ended"

_REQUESTS_SHOWN: Final = 40


class _Shown(Struct):
    number: int
    kind: str
    icon: str
    sentence: str
    sender: AccountRow | None
    """None where nobody did it."""
    time: Markup
    unread: bool
    post: str
    """The whole post, where it is news."""
    excerpt: str
    """The first words of one's own post."""
    address: str


def notifications(visit: Visit, snapshot: Snapshot) -> Response:
    at, reader = cursor(visit), visit.relations(snapshot)
    page = queues.notifications(snapshot, reader, at)
    posts = [page.posts[row.post] for row in page.rows if row.post]
    senders = snapshot.accounts({row.sender for row in page.rows})
    authors = snapshot.accounts({post.account for post in posts})
    reached = snapshot.position(visit.account, "notifications")
    position = reached.position if reached else 0
    news = [post for post in posts if post.account != visit.account]
    whole = articles(snapshot, news, visit.account, visit.now)
    shown = []
    for row in page.rows:
        post = page.posts.get(row.post) if row.post else None
        sentence, icon = SENTENCES.get(row.kind, _ELSE)
        own = post is not None and post.account == visit.account
        nobody = own and row.kind == "poll"
        if nobody:
            sentence = _OWN_POLL
        excerpt = " ".join((post.warning or post.text).split())[:140] if post and own else ""
        shown.append(
            _Shown(
                row.number, row.kind, icon, sentence,
                None if nobody else senders.get(row.sender),
                age_tag(row.stamp, visit.now), row.number > position,
                whole.get(row.post, "") if post and not own else "",
                excerpt,
                post_url("", authors[post.account].name, post.id) if post
                else "/groups" if row.kind.startswith("group_") else "",
            )
        )  # fmt: skip
    top = at.max_id is None and not at.ascending
    return visit.page(
        snapshot, "notifications.html", notifications=shown,
        requests=_requests(visit, snapshot) if top else [],
        behind=behind(
            visit, snapshot, "notifications", page.newest, snapshot.applied, top=top,
        ),
        newer=f"/notifications?min_id={page.newest}" if page.rows and not top else "",
        older=f"/notifications?max_id={page.oldest}" if page.older else "",
    )  # fmt: skip


def _requests(visit: Visit, snapshot: Snapshot) -> list[AccountRow]:
    """Who asks to follow the viewer, the newest first."""
    rows = snapshot.rows(
        "select follower from follow_requests where followed = ? order by number desc limit ?",
        (visit.account, _REQUESTS_SHOWN),
    )
    known = snapshot.accounts([row[0] for row in rows])
    return [account for (number,) in rows if not (account := known[number]).is_away]
