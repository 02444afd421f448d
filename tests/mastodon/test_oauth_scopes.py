"""The scope of every operation: the one that the API's description names, and held at the door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.mastodon.api import Api, World, contract, world

from covey import mastodon
from covey.edge.access import SCOPES, Access
from covey.mastodon.door import OPERATIONS, Operation

mastodon.routes()

SCOPED = [one for one in OPERATIONS if one.scope]
CLOSED = [one for one in OPERATIONS if one.needs != "anyone"]

OTHERWISE = {
    # the description says read:statuses; these are lists of accounts
    "GET /api/v1/statuses/*/reblogged_by": {"read:accounts"},
    "GET /api/v1/statuses/*/favourited_by": {"read:accounts"},
    # it asks for write:notifications where one only reads, and for read where one changes something
    "GET /api/v2/notifications/*/accounts": {"read:notifications"},
    "DELETE /api/v1/suggestions/*": {"write"},
}
"""Where we do not follow the description, and why."""


def name(one: Operation) -> str:
    return f"{one.method} {one.path}"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("ada")
        yield made


def ask(api: Api, one: Operation, **said: Any) -> tuple[int, dict[str, Any]]:
    answer = api.ask(one.method, one.path.replace("*", "1"), **said)
    body = answer.json() if answer.content else {}
    return answer.status_code, body if isinstance(body, dict) else {}


def opens(one: Operation, scope: str) -> bool:
    held = Access(1, 0, frozenset([scope]), "account")
    return any(map(held.allows, one.scope.split()))


def test_c12_the_scopes_are_those_of_the_description(shared_data: Callable[[str], Path]) -> None:
    described = {
        f"{method.upper()} {re.sub('{[^}]*}', '*', path)}": operation
        for path, operations in contract(shared_data("mastodon-openapi.json"))["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
    }
    wrong = []
    for one in OPERATIONS:
        if name(one) not in described or not one.path.startswith("/api/"):
            continue
        ours = set(one.scope.split())
        security = described[name(one)].get("security") or []
        theirs = {scope for way in security for scopes in way.values() for scope in scopes}
        # `follow` is deprecated, and lies in the others of its operations
        theirs -= {"follow"}
        allowed = OTHERWISE.get(name(one), theirs)
        # where nothing is named anyone may ask, and who sends a token for it shows its scope
        open_to_all = not allowed and (one.needs != "account" or bool(security))
        good = ours <= allowed if ours and allowed else open_to_all
        if not good:
            wrong.append((name(one), ours, allowed))
    assert not wrong


def test_c12_every_scope_that_is_needed_can_be_asked_for() -> None:
    for one in OPERATIONS:
        assert set(one.scope.split()) <= set(SCOPES), name(one)


def test_c12_without_its_scope_each_is_refused(here: World) -> None:
    """With all scopes but those that open it."""
    api = cache(lambda scopes: here.api("ada", scopes))
    for one in SCOPED:
        rest = " ".join(scope for scope in SCOPES if not opens(one, scope))
        status, body = ask(api(rest), one)
        assert (status, body.get("code")) == (403, "scope_missing"), name(one)
        assert one.scope.split()[0] in body["error"]


def test_c12_with_any_of_its_scopes_each_is_let_in(here: World) -> None:
    """Narrow, wide, and `follow` where it means it. What then comes is another matter: mostly 404,
    there is no such thing."""
    api = cache(lambda scope: here.api("ada", scope))
    for one in SCOPED:
        if "streaming" in one.path:
            continue  # answers that do not end
        for scope in SCOPES:
            if opens(one, scope):
                status, body = ask(api(scope), one)
                assert body.get("code") not in ("scope_missing", "token_missing"), name(one)
                assert status != 500, name(one)


def test_c12_401_without_a_token_and_with_a_bad_one(here: World) -> None:
    wrong = Api(here.site, "wrong")
    for one in CLOSED:
        for api, code in ((here.nobody, "token_missing"), (wrong, "token_invalid")):
            status, body = ask(api, one)
            assert (status, body.get("code")) == (401, code), name(one)
    for one in SCOPED:
        assert ask(wrong, one)[0] == 401, name(one)
