"""Both kernels, for the tests that hold for each."""

import importlib.util
from typing import NamedTuple

import pytest

from covey.delivery import kernels


class Kernel(NamedTuple):
    name: str
    deliver: kernels.Deliver


@pytest.fixture(scope="session", params=["numpy", "numba"])
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    if request.param == "numpy":
        return Kernel("numpy", kernels.deliver)
    if importlib.util.find_spec("numba") is None:
        pytest.skip("the extra `fast` is not installed: no compiled kernel")
    from covey.delivery.compiled import compile_kernel

    return Kernel("numba", compile_kernel(tmp_path_factory.mktemp("kernel")))
