"""One series, row by row: one score for how far out a row is and for whether it is news."""

from math import log10, sqrt
from typing import Final, final

import msgspec

from telltale.models.series.calendar import Calendar
from telltale.models.series.deviation import Deviation
from telltale.models.series.news import News
from telltale.models.series.rarity import Rarity
from telltale.models.series.running_mean import RunningMean
from telltale.models.series.values_seen import ValuesSeen
from telltale.models.subsequence.patches_seen import PatchesSeen

_SHORT_ROWS: Final = 12.0
# How far the last values are from all that were learned counts as much as the four views of the deviation together: those
# learn an event while it lasts. Half to twice as much do as well. The sum is told so that a tenth of usual rows stay where
# they were: at 6.5 and above.
_VIEWS: Final = 4.0
_UNIT: Final = 0.6
_LARGEST: Final = 1e100  # of a value: its square is a number, too
# News from here on: one row in 160 could be, one in 600 is. The best cut on the Numenta benchmark is 2.3 to 2.4.
_LIMIT: Final = 2.2
# The median of deviations over the series of three sets: 1 + deviation / 3, squared, is roughly one over the share of rows above.
_USUAL: Final = 3.0
_SQUEEZED_FROM: Final = 1.0
# News need not be as far out as they are new, nor is a row rarer than one in 1.6 of those seen unless it is far out.
_MARGIN: Final = 1.5
_SEEN_MARGIN: Final = 0.2


class Found(msgspec.Struct, frozen=True, gc=False):
    """What there is to say of a row.

    Args:
        deviation: how far out, in usual deviations, summed over four views and how unlike the last values are to all learned:
            high as long as it lasts.
        rarity: how rare that is among the rows before, in decades.
        news: decades, 0 unless the row starts an event or makes it much worse.
        n_before: rows before.
    """

    deviation: float
    rarity: float
    news: float
    n_before: int

    @property
    def score(self) -> float:
        """Decades of rarity, >= 0: from 2.2 on it is of rows that are news, and out of the usual too.

        Below are all others by how far out they are, squeezed: so a threshold above that raises one alarm per event, and rows
        of an event that lasts still come before usual ones.
        """
        decades = 2.0 * log10(1.0 + self.deviation / _USUAL)
        told = max(log10(self.n_before + 1.0) - _SEEN_MARGIN, decades)
        news = min(self.news, self.rarity + _MARGIN, told)
        if news >= _LIMIT:
            return news
        beyond, room = decades - _SQUEEZED_FROM, _LIMIT - _SQUEEZED_FROM
        return decades if beyond <= 0.0 else _SQUEEZED_FROM + beyond * room / (beyond + room)


@final
class SeriesStream:
    """Forecast-error likelihood with baselines that adapt, novelty of values, and a refractory period.

    Not for: counters that only rise; series of which less than some fifty rows are known.
    """

    __slots__ = ("_calendar", "_deviation", "_largest", "_n", "_news", "_novelty", "_patches", "_rarity", "_short")

    def __init__(self) -> None:
        self._calendar = Calendar()
        self._short = RunningMean(_SHORT_ROWS)
        # Of a list: a tuple made of a generator is cut to size, and each one leaves a place in the interpreter's store of tuples.
        self._novelty = tuple([_Novelty() for _ in range(4)])
        self._news = News()
        self._deviation = Deviation()
        self._patches = PatchesSeen()
        self._rarity = Rarity()
        self._largest = 0.0
        self._n = 0

    def step(self, time_s: float, value: float) -> Found:
        """Of the next row, whose value is finite; NaN where it has no time. It is learned."""
        value = min(max(value, -_LARGEST), _LARGEST)
        self._largest = max(self._largest, abs(value))
        expected = self._calendar.step(time_s, value)
        self._short.add(expected.from_level)
        views = (value, expected.from_best, expected.from_level, self._short.value)
        square = sum(
            novelty.step(view, largest=self._largest) ** 2 for novelty, view in zip(self._novelty, views, strict=True)
        )
        unlike = self._patches.step(value, largest=self._largest)
        deviation = _UNIT * (self._deviation.step(expected, largest=self._largest) + _VIEWS * unlike)
        self._n += 1
        return Found(
            deviation=deviation,
            rarity=self._rarity.step(deviation),
            news=self._news.step(sqrt(square / len(views))),
            n_before=self._n - 1,
        )


@final
class _Novelty:
    """How rare it is that a value is so far from all before it, in decades."""

    __slots__ = ("_rarity", "_seen")

    def __init__(self) -> None:
        self._seen = ValuesSeen()
        self._rarity = Rarity()

    def step(self, value: float, *, largest: float) -> float:
        """Decades, >= 0. The value is learned; `largest` is of the series that it was made of."""
        return self._rarity.step(self._seen.step(value, largest=largest))
