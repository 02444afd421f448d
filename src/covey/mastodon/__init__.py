"""The Mastodon client API. docs/mastodon-api.md says what of it is there."""

from __future__ import annotations

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """Before Starlette's layers: one route for all of it, and one for the socket; the `Edge` is at
    `app.state.edge`."""
    from covey.mastodon import (  # noqa: F401 - each registers its operations
        accounts,
        announcements,
        conversations,
        discovery,
        filters,
        instance,
        lists,
        markers,
        nothing_yet,
        notifications,
        oauth,
        place,
        policies,
        push,
        relations,
        reports,
        scheduled,
        search,
        statuses,
        streaming,
        tags,
        timelines,
    )
    from covey.mastodon.door import OPERATIONS, Door
    from covey.mastodon.web_socket import WebSocket

    return [Door(OPERATIONS), WebSocket()]
