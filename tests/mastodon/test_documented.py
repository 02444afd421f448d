"""docs/mastodon-api.md names every operation that answers, and no other; and every operation of the
contract as there, or as not there and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT
from tests.mastodon.api import contract
from tests.test_docs import section

from covey import mastodon
from covey.mastodon.door import OPERATIONS

PAGE = (ROOT / "docs" / "mastodon-api.md").read_text("utf-8")
OURS = (ROOT / "docs" / "covey-api.md").read_text("utf-8")
METHODS = ("get", "post", "put", "patch", "delete")


def named(heading: str) -> list[tuple[str, str]]:
    """Operations that are the first cell of a row under a heading."""
    found = re.findall(
        r"^\| `(GET|POST|PUT|PATCH|DELETE) (/[^\s`]+)` \|", section(PAGE, heading), re.MULTILINE
    )
    return sorted(found)


def answering() -> list[tuple[str, str]]:
    mastodon.routes()
    return sorted((one.method, one.path) for one in OPERATIONS)


def test_every_operation_is_on_the_page_and_no_other() -> None:
    ours = re.findall(
        r"^\| `(GET|POST|PUT|PATCH|DELETE) (/api/covey/[^\s`]+)` \|", OURS, re.MULTILINE
    )
    assert sorted([*named("## Operations"), *ours]) == answering()


def test_every_operation_of_the_contract_is_there_or_said_not_to_be(
    shared_data: Callable[[str], Path],
) -> None:
    paths = contract(shared_data("mastodon-openapi.json"))["paths"]
    all_ = {
        (method.upper(), re.sub(r"\{[^}]+\}", "*", path))
        for path, methods in paths.items()
        for method in methods
        if method in METHODS
    }
    assert len(all_) == 210
    missing = named("## Not there")
    assert set(missing) == all_ - set(answering())
    assert len(missing) == len(set(missing))
    for line in section(PAGE, "## Not there").splitlines():
        if line.startswith("| `"):
            assert len(line.split("|")[2].strip()) > 5, line  # why
