from collections.abc import Iterator

import pytest
from tests.mastodon.api import World, world


@pytest.fixture(scope="package")
def here() -> Iterator[World]:
    with world() as made:
        yield made
