"""What a test may need from the machine, and what happens where that is missing."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"
LONG_TEST_SECONDS_MAX = 1_800

# As the launcher does it: processes that a test starts find the package too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])
)

# The same examples at every run: a red test is red for everybody, until it is mended. New ones are
# looked for with COVEY_FRESH_SEEDS=1. No deadline: how long an example takes says more of the
# machine than of the code, and pytest-timeout ends what hangs.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.register_profile("fresh", deadline=None, print_blob=True)
# The same examples, and the first one that fails is enough: for scripts/plant.
hypothesis.settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("fresh" if os.environ.get("COVEY_FRESH_SEEDS") else "fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TEST_SECONDS_MAX))


@pytest.fixture(scope="session")
def needs_program() -> Callable[[str], str]:
    """`needs_program("chromium")` is the program's path; the test skips where there is none.

    Under CI it fails instead: scripts/test should have installed it, and a test that never runs
    proves nothing.
    """

    def path_of(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            reason = f"no program {name!r} here: scripts/test --install gets it"
            if IN_CI:
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return path_of


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("follows.csv")` is a file of real data; the test skips where there is none.

    The data is not the project's to ship, so this skips under CI too.
    """

    def path_of(name: str) -> Path:
        folder = Path(os.environ.get("COVEY_DATA") or ROOT / "../shared/data")
        path = folder / name
        if not path.exists():
            pytest.skip(f"no {name!r} in {folder}: COVEY_DATA names the folder of real data")
        return path

    return path_of
