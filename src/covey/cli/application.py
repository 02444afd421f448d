"""The doors, side by side on one address: the Mastodon API and the pages."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from covey import mastodon, web
from covey.edge import images, media
from covey.edge.compress import Compress
from covey.edge.edge import Edge


def application(edge: Edge) -> ASGIApp:
    """An ASGI application for this edge."""
    doors = mastodon.routes()
    pages = Starlette(
        # the pages' last route answers for all that no door knows
        routes=[*images.routes(), *media.routes(), *web.routes()],
        middleware=[Middleware(Compress)],
    )
    pages.state.edge = edge

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette's layers each wrap `send`: four calls more for every event of every stream.
        for door in doors:
            if door.matches(scope)[0] is Match.FULL:
                scope["app"] = pages
                await door.handle(scope, receive, send)
                return
        await pages(scope, receive, send)

    return answer
