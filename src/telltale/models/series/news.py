"""Whether a rare row is news: the first of its event, and of a kind of event that has not been told often.

After it there is a time in which rows of the same event are no news again (a refractory period).
"""

from math import log10
from typing import Final, final

# An event is over after so many rows without one as rare: a fortieth of what has been seen, within bounds. With 150 from the
# start .7 more on the Numenta benchmark, and 19 less by its rule on short series with many labelled runs.
_SEEN_ROWS: Final = 40.0
_LEAST_ROWS, _MOST_ROWS = 5.0, 150.0
_LEAST: Final = 1.0  # decades; less is no event
# Of the same event a row is told again where it is rarer by this many decades; within half a decade of the rarest so far, it lasts.
_RISE: Final = 0.25
_LASTS: Final = 0.5
# A past event within this much is one as rare.
_AS_RARE: Final = 0.2
_SHARE: Final = 0.5  # of an event's rarity beside that of a row
_PER_DECADE: Final = 20
_BINS: Final = 10 * _PER_DECADE


@final
class News:
    """Rarity of rows told as rarity of events: 0 for all rows of an event but the first and those that are much rarer."""

    __slots__ = ("_counts", "_event", "_last", "_possible", "_row")

    def __init__(self) -> None:
        self._counts = [0.0] * _BINS  # of past events, by their rarest row
        self._event = 0.0  # the rarest row of the event that lasts; 0 where there is none
        self._last = 0
        self._row = -1
        self._possible = 1.0  # events that there was room for

    def step(self, rarity: float) -> float:
        """Decades, >= 0, of a row whose own rarity is this; 0 where it is no news."""
        self._row += 1
        silence = min(max(self._row / _SEEN_ROWS, _LEAST_ROWS), _MOST_ROWS)
        self._possible += 1.0 / silence
        if rarity < _LEAST:
            return 0.0
        if self._event and self._row - self._last > silence:
            self._counts[min(int(self._event * _PER_DECADE), _BINS - 1)] += 1.0
            self._event = 0.0
        told = 0.0
        if not self._event or rarity > self._event + _RISE:
            as_rare = sum(self._counts[min(max(round((rarity - _AS_RARE) * _PER_DECADE), 0), _BINS) :])
            told = max(rarity - _SHARE * log10((as_rare + 1.0) / self._possible), 0.0)
            self._event = rarity
        if rarity >= self._event - _LASTS:
            self._last = self._row
        return told
