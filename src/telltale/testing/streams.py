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
_CHUNKS = 24  # the first third against the last
_TRACED_GROWTH_BYTES = 32_768
_RESIDENT_GROWTH_BYTES = 8 * 2**20
# The middle chunk of each third is compared, each step beside fixed work at the same moment: a machine that others make
# slower slows both, and must not look like growth, nor hide it.
_SLOWDOWN = 1.6
_FIXED_WORK = range(200)


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
    costs = [_step_cost(step, list(islice(stream, _CHUNK))) for _ in range(_CHUNKS)]
    grown = _resident_bytes() - resident
    assert grown < _RESIDENT_GROWTH_BYTES, f"the process is {grown:,} bytes larger after {_CHUNK * _CHUNKS:,} steps"
    third = _CHUNKS // 3
    early, late = float(np.median(costs[:third])), float(np.median(costs[-third:]))
    assert late < _SLOWDOWN * early, f"a step cost {early:.2f} times some fixed work at first, {late:.2f} times later"


def _step_cost(step: Callable[[Item], object], items: list[Item]) -> float:
    """The median of steps, in units of fixed work."""
    took, fixed = [], []
    for item in items:
        started = time.perf_counter()
        step(item)
        between = time.perf_counter()
        sum(_FIXED_WORK)
        ended = time.perf_counter()
        took.append(between - started)
        fixed.append(ended - between)
    return float(np.median(took) / np.median(fixed))


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096
