"""A mean that forgets: exponentially weighted, and unbiased from the first value on."""

from math import exp
from typing import final


@final
class RunningMean:
    """The mean of past values, each of which weighs less by a factor of e every `rows` rows; 0 before the first."""

    __slots__ = ("_share", "_weight", "value")

    def __init__(self, rows: float) -> None:
        self._share = 1.0 - exp(-1.0 / rows)
        self._weight = 0.0
        self.value = 0.0

    def add(self, value: float) -> None:
        """Learn a value.

        >>> mean = RunningMean(100.0)
        >>> for value in (1.0, 3.0):
        ...     mean.add(value)
        >>> round(mean.value, 3)
        2.005
        """
        self._weight += self._share * (1.0 - self._weight)
        self.value += (value - self.value) * self._share / self._weight
