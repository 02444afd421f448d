"""A client of the API that says no more than a test needs, and the API's own description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
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
        return self.client.request(method, path, **said)

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


@cache
def contract(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


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
