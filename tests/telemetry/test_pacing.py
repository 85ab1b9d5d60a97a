"""Even intervals, on the real clock."""

import time
from itertools import islice

import pytest

from telltale.contract.errors import UsageError
from telltale.telemetry.pacing import ticks


def test_the_callers_own_time_is_part_of_the_interval() -> None:
    started = time.monotonic()
    for _ in islice(ticks(0.2, where="test"), 3):
        time.sleep(0.15)

    # Three intervals, and what the caller takes after the last one; one after the other it would be 1.05 s.
    assert 0.74 <= time.monotonic() - started < 1.0


def test_there_is_no_burst_after_a_long_pause() -> None:
    due = ticks(0.05, where="test")
    next(due)
    time.sleep(0.3)
    next(due)
    started = time.monotonic()
    next(due)

    assert time.monotonic() - started >= 0.04


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan")])
def test_an_interval_of_nothing_is_refused_at_once(interval_s: float) -> None:
    with pytest.raises(UsageError, match=r"collect x.*Give more than 0 seconds"):
        ticks(interval_s, where="collect x")
