"""Apps: a program makes itself known, and proves later that it is the one."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import unquote_plus

from msgspec import Struct

from covey.edge.access import new_secret, parse_scopes, secret_hash, within
from covey.edge.edge import Edge
from covey.edge.rates import subject_of
from covey.edge.requests import Parameters, header
from covey.errors import Refused
from covey.mastodon.door import Answer, Call, as_json, operation
from covey.mastodon.oauth.trouble import NO_STORE, OAuthError
from covey.messages import SERVER, App


class AppRow(Struct, frozen=True):
    number: int
    client_id: str
    secret_hash: bytes
    name: str
    website: str
    redirect_uris: str
    """One a line."""
    scopes: str


def find_app(edge: Edge, where: str, value: object) -> AppRow | None:
    """By the column `where`."""
    with edge.snapshot() as snapshot:
        row = snapshot.row(
            "select number, client_id, secret_hash, name, website, redirect_uris, scopes"
            f" from apps where {where} = ?",
            (value,),
        )
    return AppRow(*row) if row else None


def _application(app: AppRow) -> dict[str, Any]:
    return {
        "id": str(app.number),
        "name": app.name,
        "website": app.website or None,
        "scopes": app.scopes.split(),
        "redirect_uri": app.redirect_uris,
        "redirect_uris": app.redirect_uris.split("\n"),
        # push is not there; clients read a string
        "vapid_key": "",
    }


@operation("POST", "/api/v1/apps", needs="anyone")
async def create_app(call: Call) -> Answer:
    parameters = call.parameters
    name = parameters.required_text("client_name")
    lines = "\n".join(parameters.texts("redirect_uris"))
    uris = tuple(dict.fromkeys(uri.strip() for uri in lines.splitlines() if uri.strip()))
    scopes = parse_scopes(parameters.text("scopes"))
    website = parameters.text("website").strip()
    await call.count("app", subject_of(call.address))
    client_id, secret = new_secret(), new_secret()
    message = App(
        client_id=client_id,
        secret_hash=secret_hash(secret),
        name=name,
        redirect_uris=uris,
        scopes=scopes,
        website=website,
    )
    accepted = await call.edge.submit(SERVER, message)
    app = AppRow(accepted.id, client_id, b"", name, website, "\n".join(uris), scopes)
    answer = as_json(
        {
            **_application(app),
            "client_id": client_id,
            "client_secret": secret,
            "client_secret_expires_at": 0,
        }
    )
    answer.headers = list(NO_STORE)
    return answer


@operation("GET", "/api/v1/apps/verify_credentials", needs="token")
async def verify_app(call: Call) -> Answer:
    app = find_app(call.edge, "number", call.access.app)
    if app is None:
        raise Refused("not_found")  # a personal token: no app stands behind it
    return as_json(_application(app))


def proved_app(call: Call) -> AppRow:
    """The app that proves by its secret that it is one, in the body or by Basic. Raises OAuthError
    ("invalid_client")."""
    parameters = call.parameters
    client_id, secret = parameters.text("client_id"), parameters.text("client_secret")
    kind, _, coded = header(call.scope, b"authorization").partition(" ")
    if kind.lower() == "basic":
        try:
            pair = base64.b64decode(coded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        basic_id, _, basic_secret = pair.partition(":")
        client_id, secret = unquote_plus(basic_id), unquote_plus(basic_secret)
    app = find_app(call.edge, "client_id", client_id)
    known = app.secret_hash if app else bytes(32)
    if not hmac.compare_digest(known, secret_hash(secret)) or app is None:
        raise OAuthError("invalid_client", Refused("app_unknown").sentence, 401)
    return app


def scopes_for(parameters: Parameters, app: AppRow) -> str:
    """The scopes that are asked for, all of which the app was registered with. Raises OAuthError
    ("invalid_scope")."""
    try:
        scopes = parse_scopes(parameters.text("scope"))
    except Refused as refused:
        raise OAuthError("invalid_scope", refused.sentence) from None
    if not within(scopes.split(), app.scopes.split()):
        raise OAuthError("invalid_scope", "The app was not registered with all of these scopes.")
    return scopes
