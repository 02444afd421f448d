"""OAuth 2: apps, the page on which a person allows one, tokens, and their end."""

from covey.mastodon.oauth import (
    apps,
    authorize,
    consent,
    discovery,
    frame,
    revocation,
    tokens,
    trouble,
    userinfo,
)
from covey.mastodon.oauth.tokens import issue

__all__ = [
    "apps",
    "authorize",
    "consent",
    "discovery",
    "frame",
    "issue",
    "revocation",
    "tokens",
    "trouble",
    "userinfo",
]
