"""No other site sends a form in our reader's name.

Two locks. The browser says where a form came from (Sec-Fetch-Site, else Origin): another site's is
refused. And each form carries a token that only our own pages know: an HMAC of the session's cookie
value, or, before there is a session, of a cookie that the log-in page sets.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from starlette.requests import HTTPConnection

from covey.edge.edge import Edge
from covey.errors import Refused

FIELD: Final = "csrf"
"""Name of the hidden field."""


def visitor() -> str:
    """A fresh value for the cookie of somebody who has no session yet."""
    return secrets.token_urlsafe(32)


def token(edge: Edge, session_value: str) -> str:
    """What a form shown to this session (the value of its cookie) carries: 64 hex digits."""
    return hmac.new(edge.secret, b"csrf\0" + session_value.encode(), hashlib.sha256).hexdigest()


def check(edge: Edge, request: HTTPConnection, session_value: str, token_sent: object) -> None:
    """Raises Refused("csrf") unless the form is one that we showed to this session."""
    if not session_value or not isinstance(token_sent, str) or not _from_here(edge, request):
        raise Refused("csrf")
    if not hmac.compare_digest(token(edge, session_value).encode(), token_sent.encode()):
        raise Refused("csrf")


def _from_here(edge: Edge, request: HTTPConnection) -> bool:
    """A client that says nothing (no browser of the last years) still has to know the token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    host = request.headers.get("host", "")
    return origin == edge.settings.public_url or origin.partition("://")[2] == host != ""
