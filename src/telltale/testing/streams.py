"""Measuring whether something stays bounded on a long stream."""

import time
import tracemalloc
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_WARM_UP = 300
_TRACED = 2_000
_CHUNK = 250
_CHUNKS = 24  # an even number: the first half against the second
_TRACED_GROWTH_BYTES = 32_768
_RESIDENT_GROWTH_BYTES = 8 * 2**20
# The quickest chunk of each half is compared, so that a busy machine does not look like growth.
_SLOWDOWN = 1.6


def assert_bounded(step: Callable[[Item], object], items: list[Item]) -> None:
    """Feed `items` round and round; raise AssertionError where memory grows or a step becomes slower.

    Python's own allocations are traced; native ones show in the resident size of the process.
    """
    stream = cycle(items)
    for item in islice(stream, _WARM_UP):
        step(item)
    tracemalloc.start()
    try:
        for item in islice(stream, _WARM_UP):
            step(item)
        before = tracemalloc.get_traced_memory()[0]
        for item in islice(stream, _TRACED):
            step(item)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < _TRACED_GROWTH_BYTES, f"{grown:,} bytes more after {_TRACED:,} steps"

    resident = _resident_bytes()
    medians = [_median_step_s(step, list(islice(stream, _CHUNK))) for _ in range(_CHUNKS)]
    grown = _resident_bytes() - resident
    assert grown < _RESIDENT_GROWTH_BYTES, f"the process is {grown:,} bytes larger after {_CHUNK * _CHUNKS:,} steps"
    early, late = min(medians[: _CHUNKS // 2]), min(medians[_CHUNKS // 2 :])
    assert late < _SLOWDOWN * early, f"a step took {early * 1e6:.1f} us at first and {late * 1e6:.1f} us later"


def _median_step_s(step: Callable[[Item], object], items: list[Item]) -> float:
    took = []
    for item in items:
        started = time.perf_counter()
        step(item)
        took.append(time.perf_counter() - started)
    return float(np.median(took))


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096
