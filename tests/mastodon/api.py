"""A client of the API that says no more than a test needs, and the API's own description."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from tests.conftest import ROOT
from tests.web.site import Site, site

from covey.edge.access import new_secret, secret_hash
from covey.edge.rates import rates
from covey.engine.counters import BUCKETS
from covey.messages import SERVER, App, Token

REDIRECT = "https://client.example/callback"
SCOPES = "read write follow push profile"


class Api:
    """One person's, or nobody's, view of the API."""

    def __init__(self, site: Site, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.site = site
        self.token = token
        self.client = httpx.Client(base_url=site.url, headers=headers, timeout=120)

    def ask(self, method: str, path: str, **said: Any) -> httpx.Response:
        """Whatever is answered has the shape that the contract gives it."""
        response = self.client.request(method, path, **said)
        check_answer(response)
        return response

    def get(self, path: str, **query: Any) -> Any:
        return self._good(self.ask("GET", path, params=query or None))

    def post(self, path: str, **form: Any) -> Any:
        return self._good(self.ask("POST", path, data=form))

    def json(self, method: str, path: str, body: Any) -> Any:
        return self._good(self.ask(method, path, json=body))

    def delete(self, path: str) -> Any:
        return self._good(self.ask("DELETE", path))

    def status(self, text: str, **form: Any) -> Any:
        return self.post("/api/v1/statuses", status=text, **form)

    @staticmethod
    def _good(response: httpx.Response) -> Any:
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()


class World:
    """A server, an app, and accounts with tokens."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.app = site.submit(
            SERVER,
            App(
                client_id="tester", secret_hash=secret_hash("secret"), name="Tester",
                redirect_uris=(REDIRECT, "urn:ietf:wg:oauth:2.0:oob"), scopes=SCOPES,
            ),
        ).id  # fmt: skip
        self.nobody = Api(site)

    def api(self, name: str, scopes: str = SCOPES) -> Api:
        """A client of the account `name`, made when it is not there yet."""
        account = self.site.accounts.get(name) or self.site.register(name)
        return self._api(account, scopes)

    def app_api(self, scopes: str = SCOPES) -> Api:
        """A client that has an app's token, and no account."""
        return self._api(0, scopes)

    def _api(self, account: int, scopes: str) -> Api:
        token = new_secret()
        message = Token(token_hash=secret_hash(token), app=self.app, account=account, scopes=scopes)
        self.site.submit(SERVER, message)
        return Api(self.site, token)


@contextmanager
def world() -> Iterator[World]:
    """Its limits of requests are out of the way."""
    with pytest.MonkeyPatch.context() as patch, site() as running:
        for bucket in BUCKETS:
            patch.setitem(BUCKETS, bucket, (1_000_000, 1))
        rates(running.edge).limit = 1_000_000
        yield World(running)


# --- shapes -----------------------------------------------------------------------------------


CONTRACT = Path(os.environ.get("COVEY_DATA") or ROOT / "../shared/data") / "mastodon-openapi.json"

NEVER_NULL = {
    "Account": (
        "id username acct url display_name note avatar header created_at fields locked emojis bot"
    ),
    "Status": (
        "id content account created_at media_attachments mentions replies_count reblogs_count"
        " favourites_count emojis visibility spoiler_text sensitive tags url"
    ),
    "Relationship": (
        "id following showing_reblogs followed_by blocking blocked_by muting muting_notifications"
        " requested domain_blocking endorsed note notifying"
    ),
    "Poll": "id expired multiple votes_count options",
    "Notification": "id type created_at account",
    "Marker": "last_read_id version updated_at",
}  # fmt: skip
"""C7: what compiled clients decode without asking, beyond what the contract requires."""

LISTS_TOO = {("get", "/api/v1/filters", 200)}
"""Where the contract forgets that it is a list, as the documentation it was made from says."""


def check_answer(response: httpx.Response) -> None:
    """Raises jsonschema.ValidationError when an answer is not what the contract says of its
    operation and status. Where there is no contract nothing is looked at; nor is an operation that
    the contract lacks."""
    if not CONTRACT.exists() or response.request.method == "HEAD":
        return
    validator = _validator(
        response.request.method.lower(), response.request.url.path, response.status_code
    )
    if validator is not None and response.headers["content-type"].startswith("application/json"):
        validator.validate(response.json())


_validators: dict[tuple[str, str, int], jsonschema.Draft202012Validator | None] = {}


def _validator(method: str, path: str, status: int) -> jsonschema.Draft202012Validator | None:
    place = next((place for pattern, place in _places() if pattern.fullmatch(path)), None)
    if place is None:
        return None
    known = (method, place, status)
    if known not in _validators:
        answers = contract(CONTRACT)["paths"][place].get(method, {}).get("responses", {})
        schema = answers.get(str(status), {}).get("content", {}).get("application/json", {})
        if status >= 400:
            schema = {"schema": {"$ref": "#/components/schemas/Error"}}
        if (method, place, status) in LISTS_TOO:
            schema = {"schema": {"type": "array", "items": schema["schema"]}}
        _validators[known] = validator_of(schema["schema"]) if "schema" in schema else None
    return _validators[known]


@cache
def _places() -> list[tuple[re.Pattern[str], str]]:
    """(pattern, path with its parameters) of every operation, those with the fewest parameters
    first: `/accounts/lookup` is no id."""
    return [
        (re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(place))), place)
        for place in sorted(contract(CONTRACT)["paths"], key=lambda place: place.count("{"))
    ]


def validator_of(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """Of a schema of the contract, and of what is never null beyond it."""
    components = contract(CONTRACT)["components"]
    schemas = dict(components["schemas"])
    for name, words in NEVER_NULL.items():
        never = {word: {"not": {"type": "null"}} for word in words.split()}
        schemas[name] = {"allOf": [schemas[name], {"required": list(never), "properties": never}]}
    return jsonschema.Draft202012Validator(
        {**schema, "components": {**components, "schemas": schemas}},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


@cache
def contract(path: Path) -> dict[str, Any]:
    """By the contract a quote told of in whole is a shallow one too, and then neither: `oneOf` is
    read as `anyOf`."""
    text = path.read_text().replace('"oneOf"', '"anyOf"')
    return json.loads(text)  # type: ignore[no-any-return]


def check_shape(description: dict[str, Any], name: str, value: Any) -> None:
    """Raises jsonschema.ValidationError unless `value` is a `name`; `[name]`: a list of them."""
    is_list = name.startswith("[")
    reference = {"$ref": f"#/components/schemas/{name.strip('[]')}"}
    schema = {
        **({"type": "array", "items": reference} if is_list else reference),
        "components": description["components"],
    }
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)
