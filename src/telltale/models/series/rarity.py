"""How rare a figure is among its own past, in decades: 2 where one in a hundred was as high, 3 for one in a thousand."""

from math import exp, log, log10
from typing import Final, final

# The logarithm of a figure falls into one of so many bins: twenty to a decade, from 1e-7 to 1e5.
_PER_DECADE: Final = 20
_LOWEST: Final = -7
_BINS: Final = 12 * _PER_DECADE + 1
# Fewer than this say too little about what is rare.
_LEAST: Final = 50
# Beyond the so-many highest the tail goes on as a power of the figure, by Hill's estimate from these.
_TAIL: Final = 20
_TAIL_SHARE: Final = 0.1
_LEAST_POWER, _MOST_POWER = 1.0, 8.0
_LN_10: Final = log(10.0)
# Where the past is longer, half of it is forgotten: a series is another one after some months.
_MOST: Final = 100_000.0


@final
class Rarity:
    """The rank of a figure >= 0 among all before it, from a histogram of logarithms, and a power law beyond.

    References:
        Hill, "A Simple General Approach to Inference About the Tail of a Distribution", Annals of Statistics 3 (1975).
    """

    __slots__ = ("_counts", "_n", "_top")

    def __init__(self) -> None:
        self._counts = [0.0] * _BINS
        self._n = 0.0
        self._top = 0

    def step(self, figure: float) -> float:
        """Decades of rarity, >= 0; 0 for the first fifty. The figure is learned."""
        place = max(log10(figure) - _LOWEST, 0.0) * _PER_DECADE if figure > 0.0 else 0.0
        place = min(place, _BINS - 0.5)
        found = max(-log10(max(self._share_above(place), 1e-30)), 0.0) if self._n >= _LEAST else 0.0
        if self._n >= _MOST:
            self._counts = [0.5 * count for count in self._counts]
            self._n *= 0.5
        self._counts[int(place)] += 1.0
        self._n += 1.0
        self._top = max(self._top, int(place))
        return found

    def _share_above(self, place: float) -> float:
        """What share of the past lies above: counted, or drawn on beyond where there is too little to count."""
        bin_of = int(place)
        above = 0.0
        if bin_of <= self._top:
            above = sum(self._counts[bin_of + 1 : self._top + 1]) + self._counts[bin_of] * (1.0 - place + bin_of)
        tail = min(float(_TAIL), _TAIL_SHARE * self._n)
        counted = (above + 0.5) / (self._n + 1.0)
        if above >= tail:
            return counted
        start, mean = self._tail(tail)
        power = min(max(_PER_DECADE / (_LN_10 * max(mean - start, 1e-9)), _LEAST_POWER), _MOST_POWER)
        drawn = tail / self._n * exp(-_LN_10 * power * max(place - start, 0.0) / _PER_DECADE)
        return min(drawn, counted) if above > 0.0 else drawn

    def _tail(self, size: float) -> tuple[float, float]:
        """Where the so-many highest begin, and their mean, both in bins; a bin's figures lie evenly in it."""
        left, total, place = size, 0.0, self._top
        while True:
            count = self._counts[place]
            taken = min(count, left)
            start = place + 1.0 - (taken / count if count > 0.0 else 0.0)
            total += taken * 0.5 * (start + place + 1.0)
            left -= taken
            if left <= 0.0 or place == 0:
                return start, total / size
            place -= 1
