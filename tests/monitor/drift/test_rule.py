"""What hourly looks at overlapping days come to in a week: false alarms where nothing changed, delay where something did."""

import math
from collections.abc import Callable, Iterator
from functools import reduce

import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.features.summaries.stream import Reference, StreamSummary, Summary, merge, summarise_reference
from telltale.monitor.drift.decide import Drift, FeatureDrift, compare
from telltale.monitor.drift.rule import LEVEL, is_quiet, judge_windows

Floats = NDArray[np.float64]
NAMES = ("load", "errors", "latency", "score")
HOUR_ROWS = 12
DAY_HOURS = 24
WEEK_HOURS = 168
MEMORY = 0.8


def stream(rng: np.random.Generator, n_hours: int) -> tuple[Floats, Floats]:
    """First-order autoregressive rows every five minutes over a daily rhythm thrice as large, and their times."""
    n = n_hours * HOUR_ROWS
    shocks: Floats = rng.normal(size=(n + 100, len(NAMES))) * math.sqrt(1 - MEMORY**2)
    for i in range(1, len(shocks)):
        shocks[i] += MEMORY * shocks[i - 1]
    times_s = np.arange(0.0, n) * 300
    rhythm = np.asarray(3 * np.sin(2 * np.pi * times_s / 86_400), dtype=np.float64)
    return shocks[100:] + rhythm[:, None], times_s


def hours_of(reference: Reference, values: Floats, times_s: Floats) -> Iterator[Summary]:
    summed = StreamSummary(reference.layout)
    for start in range(0, len(values), HOUR_ROWS):
        hour = slice(start, start + HOUR_ROWS)
        summed.add(values[hour], times_s=times_s[hour])
        yield summed.take()


def looks(reference: Reference, hours: list[Summary], *, every: int) -> Iterator[tuple[int, Drift]]:
    """What is said at the end of every so many hours, once there are two days."""
    blocks = [reduce(merge, hours[start : start + every]) for start in range(0, len(hours), every)]
    n_day = DAY_HOURS // every
    days: dict[int, Drift] = {}
    for end in range(n_day, len(blocks) + 1):
        days[end] = compare(reference, reduce(merge, blocks[end - n_day : end]), level=LEVEL)
        if end >= 2 * n_day:
            yield end * every, judge_windows(days[end], days[end - n_day])


def made(rng: np.random.Generator, *, n_hours: int, shift: float = 0.0) -> tuple[Reference, list[Summary]]:
    """A reference of four weeks, and later hours of which those behind the first three days are shifted."""
    values, times_s = stream(rng, 4 * WEEK_HOURS + n_hours)
    cut = 4 * WEEK_HOURS * HOUR_ROWS
    reference = summarise_reference(NAMES, values[:cut], times_s=times_s[:cut])
    values[cut + 3 * DAY_HOURS * HOUR_ROWS :, 0] += shift
    return reference, list(hours_of(reference, values[cut:], times_s[cut:]))


def weeks_with_an_alarm(n_weeks: int, *, every: int) -> int:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(n_weeks):
        reference, hours = made(rng, n_hours=WEEK_HOURS + 2 * DAY_HOURS)
        alarms += any(drift.drifted for _, drift in looks(reference, hours, every=every))
    return alarms


def hours_until_found(rng: np.random.Generator, *, shift: float, every: int) -> float:
    reference, hours = made(rng, n_hours=8 * DAY_HOURS, shift=shift)
    found = (end for end, drift in looks(reference, hours, every=every) if drift.drifted and end > 3 * DAY_HOURS)
    return next(found, float("inf")) - 3 * DAY_HOURS


@pytest.mark.slow
def test_of_forty_weeks_of_looks_at_an_unchanged_stream_at_most_one_in_twenty_alarms() -> None:
    assert weeks_with_an_alarm(40, every=4) <= 2


def test_a_shift_by_a_standard_deviation_is_found_within_two_days(
    record_property: Callable[[str, object], None],
) -> None:
    rng = np.random.default_rng(9)

    delays = [hours_until_found(rng, shift=1.0, every=4) for _ in range(5)]

    record_property("hours until found", delays)
    assert max(delays) <= 2 * DAY_HOURS


def test_far_beyond_the_level_one_window_is_enough_and_beyond_it_two_in_a_row() -> None:
    def window(p: float) -> Drift:
        return Drift(drifted=None, level=0.01, features=(FeatureDrift(name="load", drifted=False, p=p, n=9, n_missing=0),),
                     n_rows=9, n_reference=9)  # fmt: skip

    assert judge_windows(window(0.0001), None).drifted is True
    assert judge_windows(window(0.009), None).drifted is False
    assert judge_windows(window(0.009), window(0.2)).drifted is False
    assert judge_windows(window(0.009), window(0.008)).drifted is True
    assert not is_quiet(judge_windows(window(0.009), window(0.2)))
    assert is_quiet(judge_windows(window(0.3), window(0.0001)))
