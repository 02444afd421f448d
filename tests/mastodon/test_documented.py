"""docs/mastodon-api.md names every operation, and no other."""

from __future__ import annotations

import re

from tests.conftest import ROOT

from covey import mastodon
from covey.mastodon.door import OPERATIONS


def test_every_operation_is_on_the_page_and_no_other() -> None:
    mastodon.routes()
    page = (ROOT / "docs" / "mastodon-api.md").read_text()
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`]+)`", page)
    assert sorted(named) == sorted((one.method, one.path) for one in OPERATIONS)
