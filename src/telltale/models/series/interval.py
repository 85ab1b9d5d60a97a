"""The usual time between the rows of a series, learned from the first of them."""

from math import isfinite
from statistics import median
from typing import Final, final

_GAPS: Final = 21


@final
class Interval:
    """The median of the first gaps between rows, in seconds; after so many it stays as it is.

    Rows without a time, at the time of the row before, or before that count for nothing.
    """

    __slots__ = ("_gaps", "_last", "_n", "seconds")

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._last = 0.0
        self._n = 0
        self.seconds = 0.0

    def step(self, time_s: float) -> float:
        """Seconds; 0 as long as there is no gap. NaN where the row has no time."""
        if self._n <= _GAPS and isfinite(time_s):
            if self._n and time_s > self._last:
                self._gaps.append(time_s - self._last)
                self.seconds = median(self._gaps)
            if not self._n or time_s > self._last:
                self._n += 1
            self._last = time_s
        return self.seconds
