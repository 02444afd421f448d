"""The doors, side by side on one address: the Mastodon API and the pages."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware

from covey import mastodon, web
from covey.edge import images, media
from covey.edge.compress import Compress
from covey.edge.edge import Edge


def application(edge: Edge) -> Starlette:
    """An ASGI application for this edge."""
    app = Starlette(
        # the pages' last route answers for all that no door knows
        routes=[*mastodon.routes(), *images.routes(), *media.routes(), *web.routes()],
        middleware=[Middleware(Compress)],
    )
    app.state.edge = edge
    return app
