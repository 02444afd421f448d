"""The frame of the pages that a person sees on the way to an app: no script, one style sheet, and
nothing from elsewhere. It looks like the other pages, and stands alone: nobody can put it into a
frame of theirs and have its button pressed (clickjacking)."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import Final

from covey.edge.images import avatar_url
from covey.mastodon.door import Answer, Call
from covey.mastodon.oauth.trouble import NO_STORE
from covey.state.queries import AccountRow

_STYLE: Final = Path(__file__).with_name("page.css").read_text("utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers apply it to the redirect back to the app, too.
_HEADERS: Final = [
    (
        b"content-security-policy",
        f"default-src 'none'; img-src 'self'; style-src 'sha256-{_STYLE_HASH}';"
        " frame-ancestors 'none'; base-uri 'none'".encode(),
    ),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    *NO_STORE,
]


def framed(call: Call, title: str, body: str, status: int = 200) -> Answer:
    """`body` is HTML."""
    place = escape(call.edge.settings.title)
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · {place}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>{place}</header>
<main>
{body}
</main>
</body>
</html>
"""
    return Answer(html.encode(), status, list(_HEADERS), b"text/html; charset=utf-8")


def face(account: AccountRow) -> str:
    """The picture of an account, as HTML."""
    return f'<img src="{escape(avatar_url("", account))}" alt="" width="44" height="44">'
