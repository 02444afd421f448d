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
}
"""Kind → (what the sender did, icon)."""


class _Shown(Struct):
    number: int
    kind: str
    icon: str
    sentence: str
    sender: AccountRow
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
        sentence, icon = SENTENCES[row.kind]
        own = post is not None and post.account == visit.account
        excerpt = " ".join((post.warning or post.text).split())[:140] if post and own else ""
        shown.append(
            _Shown(
                row.number, row.kind, icon, sentence, senders[row.sender],
                age_tag(row.stamp, visit.now), row.number > position,
                whole[row.post] if post and not own else "",
                excerpt, post_url("", authors[post.account].name, post.id) if post else "",
            )
        )  # fmt: skip
    top = at.max_id is None and not at.ascending
    return visit.page(
        snapshot, "notifications.html", notifications=shown,
        behind=behind(
            visit, snapshot, "notifications", page.newest, snapshot.applied, top=top,
        ),
        newer=f"/notifications?min_id={page.newest}" if page.rows and not top else "",
        older=f"/notifications?max_id={page.oldest}" if page.older else "",
    )  # fmt: skip
