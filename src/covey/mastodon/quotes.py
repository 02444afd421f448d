"""Quotes in the API's shape: what a status quotes, who may quote it, and the author's word in it.

A quoted status is told of in whole once; what that quotes, by its id alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, get_args

from covey.delivery.audience import Reach, Relations, visible
from covey.errors import Refused
from covey.mastodon.door import Call, encode
from covey.messages import QuotePolicy
from covey.state.queries import PostRow, Snapshot

NO_QUOTE: Final = b',"quote":null'

POLICIES: Final[tuple[str, ...]] = get_args(QuotePolicy)
_AUTOMATIC: Final = {"public": ["public"], "followers": ["followers"], "nobody": []}
_APPROVAL: Final = {
    (policy, allowed): b',"quote_approval":%s' % encode(
        {
            "automatic": _AUTOMATIC[policy],
            "manual": [],
            "current_user": "automatic" if allowed else "denied",
        }
    )
    for policy in _AUTOMATIC
    for allowed in (False, True)
}  # fmt: skip


def approval(post: PostRow, reader: Relations) -> bytes:
    """`quote_approval` of a post (never a boost): who may quote it, and whether the reader may."""
    if post.visibility > Reach.UNLISTED:  # only its author
        return _APPROVAL["nobody", post.account == reader.account != 0]
    allowed = reader.account != 0 and (
        post.quotes == "public"
        or post.account == reader.account
        or (post.quotes == "followers" and post.account in reader.following)
    )
    return _APPROVAL[post.quotes, allowed]


def approval_of_own(post: PostRow) -> bytes:
    """The same, for its author."""
    return _APPROVAL[post.quotes if post.visibility <= Reach.UNLISTED else "nobody", True]


def quotes(
    snapshot: Snapshot,
    reader: Relations,
    posts: Sequence[PostRow],
    render: Callable[[list[PostRow]], list[bytes]] | None,
) -> dict[int, bytes]:
    """`quote` of those posts (never boosts) that quote. `render` makes statuses of what they quote;
    None: only its id is told."""
    quoting = [post for post in posts if post.quote_of]
    if not quoting:
        return {}
    originals = snapshot.posts({post.quote_of for post in quoting})
    states = {post.id: _state(post, originals, reader) for post in quoting}
    shown = {post.quote_of: None for post in quoting if states[post.id] in _SHOWN}
    statuses: Mapping[int, bytes] = {}
    if render is not None:
        rows = [originals[id_] for id_ in shown]
        statuses = dict(zip(shown, render(rows), strict=True))
    found = {}
    for post in quoting:
        state = states[post.id]
        if render is None:
            what = b'"quoted_status_id":"%d"' % post.quote_of
        else:
            what = b'"quoted_status":%s' % statuses.get(post.quote_of, b"null")
        if state not in _SHOWN:
            what = what.partition(b":")[0] + b":null"
        found[post.id] = b',"quote":{"state":"%s",%s}' % (state, what)
    return found


_SHOWN: Final = (b"accepted", b"blocked_account", b"muted_account")


def _state(post: PostRow, originals: Mapping[int, PostRow], reader: Relations) -> bytes:
    if post.quote_revoked:
        return b"revoked"
    original = originals.get(post.quote_of)
    if original is None or original.deleted:
        return b"deleted"
    if not visible(original, reader):
        return b"unauthorized"
    if original.account in reader.blocks:
        return b"blocked_account"
    if original.account in reader.aside:
        return b"muted_account"
    return b"accepted"


def policy_of(call: Call, default: str) -> QuotePolicy:
    """`quote_approval_policy`. Raises Refused("parameter_malformed")."""
    word = call.parameters.text("quote_approval_policy") or default
    if word not in POLICIES:
        why = f"it is one of: {', '.join(POLICIES)}"
        raise Refused("parameter_malformed", name="quote_approval_policy", why=why)
    return word  # type: ignore[return-value]
