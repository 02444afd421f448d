"""The doors, side by side on one address: the Mastodon API and the pages."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware

from covey import mastodon, web
from covey.edge import images
from covey.edge.compress import Compress
from covey.edge.edge import Edge


def application(edge: Edge) -> Starlette:
    """An ASGI application for this edge. The pages come last: they answer for what nobody knows."""
    app = Starlette(
        routes=[*mastodon.routes(), *images.routes(), *web.routes()],
        middleware=[Middleware(Compress)],
    )
    app.state.edge = edge
    return app
