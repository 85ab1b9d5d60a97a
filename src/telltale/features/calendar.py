"""Where a moment falls in a period, and what a table says there."""

from collections.abc import Sequence

# 1970-01-01 was a Thursday: three days after the Monday with which every period begins.
MONDAY_OFFSET_S = 3 * 86_400.0

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S


def look_up(table: Sequence[float], time_s: float, *, period_s: float, smooth: bool) -> float:
    """The table's value at an epoch time; with `smooth` interpolated between slot middles, round the period's end.

    >>> look_up((10.0, 20.0), 4 * 86_400.0, period_s=2 * 86_400.0, smooth=False)  # Monday 00:00
    20.0
    """
    if period_s == 0:
        return table[0]
    n = len(table)
    slot = ((time_s + MONDAY_OFFSET_S) % period_s) * n / period_s
    if not smooth:
        return table[int(slot) % n]
    slot -= 0.5
    left = int(slot // 1)
    share = slot - left
    return table[left % n] * (1.0 - share) + table[(left + 1) % n] * share
