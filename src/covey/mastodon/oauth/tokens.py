"""Tokens: what a code, or an app on its own, gets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from contextlib import suppress
from typing import Final

from covey.edge.access import new_secret, secret_hash
from covey.edge.edge import Edge
from covey.edge.rates import subject_of
from covey.errors import Refused
from covey.mastodon.door import Answer, Call, as_json, operation
from covey.mastodon.oauth.apps import AppRow, proved_app, scopes_for
from covey.mastodon.oauth.trouble import NO_STORE, OAuthError
from covey.messages import SERVER, RevokeToken, Token

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@operation("POST", "/oauth/token", needs="anyone")
async def token(call: Call) -> Answer:
    parameters = call.parameters
    try:
        kind = parameters.text("grant_type")
        if not kind:
            raise OAuthError("invalid_request", "The parameter grant_type is missing.")
        if kind not in ("client_credentials", "authorization_code"):
            raise OAuthError(
                "unsupported_grant_type", "Only authorization_code and client_credentials work."
            )
        app = proved_app(call)
        if kind == "authorization_code":
            return await _redeem(call, app)
        scopes = scopes_for(parameters, app)
        await call.count("app_token", subject_of(call.address))
        return await issue(call.edge, app.number, 0, scopes)
    except OAuthError as error:
        return error.answer()


async def _redeem(call: Call, app: AppRow) -> Answer:
    """A code becomes a token. Raises OAuthError."""
    parameters = call.parameters
    code_hash = secret_hash(parameters.text("code"))
    with call.edge.snapshot() as snapshot:
        grant = snapshot.row(
            "select account, scopes, redirect_uri, challenge from grants"
            " where code_hash = ? and app = ?",
            (code_hash, app.number),
        )
    invalid = OAuthError("invalid_grant", Refused("grant_unknown").sentence)
    if grant is None or await _was_used(call.edge, code_hash):
        raise invalid
    account, scopes, redirect_uri, challenge = grant
    if parameters.text("redirect_uri") != redirect_uri:
        raise invalid
    _check_verifier(parameters.text("code_verifier"), challenge)
    try:
        return await issue(call.edge, app.number, account, scopes, code_hash)
    except Refused as refused:
        if refused.code != "grant_unknown":
            raise
        await _was_used(call.edge, code_hash)  # by another, just now
        raise invalid from None


async def _was_used(edge: Edge, code_hash: bytes) -> bool:
    """Whether the code became a token before. Then somebody else has it, too, and nobody knows who
    came first: the token ends (RFC 6749, 4.1.2)."""
    with edge.snapshot() as snapshot:
        row = snapshot.row("select token_hash from grants where code_hash = ?", (code_hash,))
    if row is None or not row[0]:
        return False
    with suppress(Refused):  # it ended before
        await edge.submit(SERVER, RevokeToken(token_hash=row[0]))
    return True


def _check_verifier(verifier: str, challenge: str) -> None:
    """PKCE (RFC 7636), S256. Raises OAuthError."""
    if not challenge:
        if verifier:
            raise OAuthError("invalid_grant", "The code was asked for without a code_challenge.")
        return
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(made, challenge):
        raise OAuthError("invalid_grant", "The code_verifier does not fit the code_challenge.")


async def issue(edge: Edge, app: int, account: int, scopes: str, code_hash: bytes = b"") -> Answer:
    """A new token. Raises Refused."""
    secret = new_secret()
    message = Token(
        token_hash=secret_hash(secret),
        app=app,
        account=account,
        scopes=scopes,
        code_hash=code_hash,
    )
    await edge.submit(SERVER, message)
    answer = as_json(
        {
            "access_token": secret,
            "token_type": "Bearer",
            "scope": scopes,
            "created_at": edge.now() // 1000,
        }
    )
    answer.headers = list(NO_STORE)
    return answer
