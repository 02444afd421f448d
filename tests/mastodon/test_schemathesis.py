"""What the contract allows is asked of a real server, by a generator of requests that is not ours:
whatever comes, no answer is a 500, and each has its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from tests.mastodon.api import Api, World, contract, world

EACH = 2
"""Requests to each operation, the same at every run."""
EACH_AT_LENGTH = 30

NOT_ASKED = ("/api/v1/streaming", "/oauth/", "/api/v2/media", "/api/v1/media")
"""Streams do not end; log-in and uploads have tests of their own."""


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        made.api("ada").status("hello @bea #owls")
        made.api("bea").status("@ada hello")
        yield made


@pytest.fixture
def description(shared_data: Callable[[str], Path]) -> dict[str, Any]:
    return contract(shared_data("mastodon-openapi.json"))


def ask_all(description: dict[str, Any], api: Api, each: int) -> int:
    """→ how many requests were answered."""
    schema = schemathesis.openapi.from_dict(description)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith(NOT_ASKED):
            continue

        @hypothesis.settings(
            max_examples=each, phases=[Phase.generate], database=None, derandomize=True,
            deadline=None, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            sent = case.as_transport_kwargs(base_url=api.site.url)
            sent.pop("cookies", None)
            headers = dict(sent.pop("headers"))
            answer = api.ask(
                sent.pop("method"), sent.pop("url"),
                headers={k: v for k, v in headers.items() if v.isascii() and v.isprintable()},
                **{k: v for k, v in sent.items() if k in ("params", "json", "data", "files")},
            )  # fmt: skip
            assert answer.status_code < 500, (case.method, case.formatted_path, answer.text)
            asked += 1

        ask()
    return asked


def test_what_the_contract_allows(here: World, description: dict[str, Any]) -> None:
    assert ask_all(description, here.api("ada"), EACH) > 150


@pytest.mark.long
def test_what_the_contract_allows_at_length(here: World, description: dict[str, Any]) -> None:
    assert ask_all(description, here.api("ada"), EACH_AT_LENGTH) > 2_000
