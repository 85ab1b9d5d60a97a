"""Values seen before: how far a new one is from all of them."""

from bisect import bisect_left
from math import sqrt
from typing import Final, final

from telltale.models.series.running_mean import RunningMean

# With a hundred values kept for a series, what is usual is forgotten and comes back as news: 63 in place of 73 on the Numenta
# benchmark; with 600, 73.
_MOST_VALUES: Final = 300
# A value nearer than this many deviations to a kept one is that one again, and moves it a tenth of the way.
_NEAR: Final = 0.02
_MOVE: Final = 0.1
# Where there is no room, the one met least gives way, all have been met a little less, and "near" is a little wider.
_FADE, _WIDEN, _MOST_NEAR = 0.99, 1.005, 1.0
_DEVIATION_ROWS: Final = 2_000.0
_LEAST_SHARE: Final = 1e-3  # of the largest value: a constant series has some deviation
_ROUNDING: Final = 1e-6  # of the largest value of the series that these are made of: less is what a computer rounds off
_LEAST_ROWS: Final = 50


@final
class ValuesSeen:
    """A few hundred values that stand for all; the distance of a new one to the nearest, in deviations of the series.

    What is learned at once is news once: a level that stays, a spike that comes back every night.
    """

    __slots__ = ("_deviation", "_largest", "_mean", "_met", "_n", "_near", "_values")

    def __init__(self) -> None:
        self._values: list[float] = []
        self._met: list[float] = []
        self._near = _NEAR
        self._mean = RunningMean(_DEVIATION_ROWS)
        self._deviation = RunningMean(_DEVIATION_ROWS)
        self._largest = 0.0
        self._n = 0

    def step(self, value: float, *, largest: float) -> float:
        """The distance, >= 0; 0 for the first fifty. The value is learned.

        Args:
            value: the value.
            largest: of all values so far of the series that it was made of.
        """
        self._largest = max(self._largest, abs(value))
        least = max(_LEAST_SHARE * self._largest, _ROUNDING * largest)
        unit = max(sqrt(self._deviation.value), least) or 1.0
        distance = self._meet(value, unit)
        self._deviation.add((value - self._mean.value) ** 2 if self._n else 0.0)
        self._mean.add(value)
        self._n += 1
        return distance if self._n > _LEAST_ROWS else 0.0

    def _meet(self, value: float, unit: float) -> float:
        values = self._values
        if not values:
            values.append(value)
            self._met.append(1.0)
            return 0.0
        place = bisect_left(values, value)
        if place == len(values) or (place > 0 and value - values[place - 1] <= values[place] - value):
            place -= 1
        distance = abs(values[place] - value) / unit
        if distance <= self._near:
            self._met[place] += 1.0
            values[place] += (value - values[place]) * _MOVE
            return distance
        if len(values) >= _MOST_VALUES:
            self._make_room()
        place = bisect_left(values, value)
        values.insert(place, value)
        self._met.insert(place, 1.0)
        return distance

    def _make_room(self) -> None:
        least = self._met.index(min(self._met))
        del self._values[least], self._met[least]
        self._met = [met * _FADE for met in self._met]
        self._near = min(self._near * _WIDEN, _MOST_NEAR)
