"""The doors, side by side on one address: the Mastodon API and the pages."""

from __future__ import annotations

from starlette.applications import Starlette

from covey import mastodon, web
from covey.edge.edge import Edge


def application(edge: Edge) -> Starlette:
    """An ASGI application for this edge."""
    app = Starlette(routes=[*mastodon.routes(), *web.routes()])
    app.state.edge = edge
    return app
