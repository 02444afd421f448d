"""One server for the tests of the pages; each test has people of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.web.site import Site, site


@pytest.fixture(scope="session")
def server() -> Iterator[Site]:
    with site() as made:
        yield made
