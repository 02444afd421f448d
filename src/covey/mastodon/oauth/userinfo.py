"""Who the token's account is: for programs that only want people to log in."""

from __future__ import annotations

from covey.edge.images import avatar_url
from covey.mastodon.door import Answer, Call, as_json, operation


@operation("GET", "/oauth/userinfo", "profile")
async def userinfo(call: Call) -> Answer:
    with call.edge.snapshot() as snapshot:
        row = snapshot.account(call.account)
    assert row is not None
    return as_json(
        {
            "iss": call.public_url,
            "sub": f"{call.public_url}/@{row.name}",
            "name": row.shown_name,
            "preferred_username": row.name,
            "profile": f"{call.public_url}/@{row.name}",
            "picture": avatar_url(call.public_url, row),
        }
    )
