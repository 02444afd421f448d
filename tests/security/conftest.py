from collections.abc import Iterator

import pytest
from tests.mastodon.api import World, world


# A module's: what it puts out of the way (limits) is in nobody else's tests.
@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made
