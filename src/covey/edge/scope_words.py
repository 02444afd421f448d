"""What scopes mean, in plain words: for the page that asks, and the one that lists."""

from __future__ import annotations

from typing import Final

SEES: Final = {
    "accounts": "accounts, and your profile",
    "blocks": "whom you block",
    "bookmarks": "your bookmarks",
    "favourites": "your favourites",
    "filters": "your filters",
    "follows": "whom you follow",
    "lists": "your lists",
    "mutes": "whom you mute",
    "notifications": "your notifications",
    "search": "what it searches for",
    "statuses": "your home, private posts and messages to you",
}
"""`read:…` → what it sees."""
DOES: Final = {
    "accounts": "change your profile",
    "blocks": "block",
    "bookmarks": "bookmark",
    "conversations": "mute and delete conversations",
    "favourites": "favourite posts",
    "filters": "change your filters",
    "follows": "follow and unfollow",
    "lists": "change your lists",
    "media": "upload pictures",
    "mutes": "mute",
    "notifications": "clear your notifications",
    "reports": "report accounts and posts",
    "statuses": "post, edit and delete",
}
"""`write:…` → what it does."""


def may(scopes: list[str]) -> list[tuple[str, str]]:
    """A line for each group of scopes: what, and of what that consists."""
    found = []
    sees = [SEES[part] for part in _parts("read", scopes)]
    does = [DOES[part] for part in _parts("write", scopes)]
    if "read" in scopes:
        found.append(
            ("See all that you see", "Your home, private posts and messages to you, notifications,"
             " lists, bookmarks, filters, and whom you follow, mute and block.")
        )  # fmt: skip
    elif sees:
        found.append(("See some of what you see", _sentence(sees)))
    if "write" in scopes:
        found.append(
            ("Act as you", "Post, edit and delete, follow, block and mute, upload pictures,"
             " change your profile, lists and filters.")
        )  # fmt: skip
    elif does:
        found.append(("Act as you in some things", _sentence(does)))
    if "follow" in scopes and not {"read", "write"} <= {*scopes}:
        found.append(
            ("Change whom you follow", "Follow, mute and block for you, and see whom you do.")
        )
    if "profile" in scopes and "read" not in scopes:
        found.append(("Know who you are", "Your name and your picture."))
    if "push" in scopes:
        found.append(("Notify you", "It sends notifications to the device it runs on."))
    return found


def may_not(scopes: list[str]) -> list[str]:
    found = ["Learn your password, or change it"]
    if not any(scope.startswith(("write", "follow")) for scope in scopes):
        found.append("Post, follow or change anything")
    if not any(scope.startswith("read") for scope in scopes):
        found.append("Read your home, messages or notifications")
    return found


def _parts(kind: str, scopes: list[str]) -> list[str]:
    return [part for scope in scopes if (part := scope.partition(f"{kind}:")[2])]


def _sentence(parts: list[str]) -> str:
    """ "a", "b", "c" → "A, b and c." """
    text = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return f"{text[0].upper()}{text[1:]}."
