"""The end of a token, by its app (RFC 7009)."""

from __future__ import annotations

from contextlib import suppress

from covey.edge.access import secret_hash
from covey.errors import Refused
from covey.mastodon.door import Answer, Call, as_json, operation
from covey.mastodon.oauth.apps import proved_app
from covey.mastodon.oauth.trouble import NO_STORE, OAuthError
from covey.messages import SERVER, RevokeToken


@operation("POST", "/oauth/revoke", needs="anyone")
async def revoke(call: Call) -> Answer:
    """A token that is not there is revoked already."""
    try:
        app = proved_app(call)
    except OAuthError as error:
        return error.answer()
    token_hash = secret_hash(call.parameters.text("token"))
    with call.edge.snapshot() as snapshot:
        row = snapshot.row("select app from tokens where token_hash = ?", (token_hash,))
    if row is not None and row[0] != app.number:
        return OAuthError("unauthorized_client", "This token is another app's.", 403).answer()
    if row is not None:
        with suppress(Refused):  # somebody else was quicker
            await call.edge.submit(SERVER, RevokeToken(token_hash=token_hash))
    answer = as_json({})
    answer.headers = list(NO_STORE)
    return answer
