"""Memory under a steady load; ten minutes of it by `make soak`."""

import pytest
from tests.faults.steady import steady

from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
_GROWTH = 0.15  # of eight seconds, in which caches still fill; the ten minutes of `make soak` are held to 0.10


def test_memory_stays_where_it_is_under_a_steady_load(settings: ServeSettings) -> None:
    told = steady(settings, seconds=12.0, warm_s=4.0, rate=1_500.0)

    assert told.load.failures == 0
    assert told.load.n > 0.9 * told.load.n_due
    assert told.growth < _GROWTH, told
