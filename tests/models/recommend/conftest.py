from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in training: thousands of small systems of equations, for which threads only wait."""
    with threadpool_limits(1, user_api="blas"):
        yield
