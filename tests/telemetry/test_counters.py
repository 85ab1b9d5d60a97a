"""Counters between two readings: wraps are mended, resets are told, against a plain oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.telemetry.counters import counted


def _one(before: list[int], after: list[int]) -> tuple[list[float], bool]:
    counts, is_whole = counted(np.array([before], np.uint64), np.array([after], np.uint64))
    return counts[0].tolist(), bool(is_whole[0])


@given(
    start=st.integers(0, 2**32 - 1),
    step=st.integers(0, 2**30),
    width=st.sampled_from([32, 64]),
    other=st.integers(1, 9),
)
def test_a_step_of_a_quarter_of_the_range_at_most_is_found_through_a_wrap(
    start: int, step: int, width: int, other: int
) -> None:
    before = start if width == 32 else 2**64 - 2**31 + start // 2
    counts, is_whole = _one(
        [before, 7], [(before + step) % 2**width if width == 64 else (before + step) % 2**32, 7 + other]
    )

    assert is_whole
    assert counts == [float(step), float(other)]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            [3_539_681_736, 65_177_541],
            [1_955_835_627, 8_678_325],
            "a real router, read before and after it started anew",
        ),
        ([1_498_838_558, 106_114_824], [3_900_305_397, 67_508_003], "the bytes went on, the packets went back"),
        ([2**32 - 5, 2**32 - 9], [3, 4], "all went back at once: a device that starts anew"),
        ([2**32 - 5, 0], [3, 0], "the only one that had counted went back"),
        ([2**40, 7], [5, 8], "far from the end of 64 bits"),
        ([100], [20], "alone"),
    ],
)
def test_a_reset_makes_no_row(before: list[int], after: list[int], what: str) -> None:
    assert not _one(before, after)[1], what


def test_a_counter_alone_may_wrap() -> None:
    assert _one([2**32 - 5], [3]) == ([8.0], True)
    assert _one([2**64 - 5], [3]) == ([8.0], True)
