"""One series, row by row: how far out the row is, and whether it is news."""

from math import sqrt
from typing import Final, NamedTuple, final

from telltale.models.series.calendar import Calendar, Expected
from telltale.models.series.news import News
from telltale.models.series.rarity import Rarity
from telltale.models.series.running_mean import RunningMean
from telltale.models.series.values_seen import ValuesSeen

_SHORT_ROWS: Final = 12.0
_FEW: Final = 3
_JUMP_ROWS: Final = 8.0
_USUAL_ROWS: Final = 1_000.0
_ALL_ROWS: Final = 1e9
_LEAST_SHARE: Final = 0.05  # of the usual deviation of all time


class Found(NamedTuple):
    """What there is to say of a row.

    Args:
        deviation: how far out, in usual deviations, summed over three views: high as long as it lasts.
        rarity: how rare that is, in decades.
        news: decades, 0 unless the row starts an event or makes it much worse: what an alarm is raised on.
    """

    deviation: float
    rarity: float
    news: float


@final
class SeriesStream:
    """Deviations from what was expected, and values never seen before, each ranked among its own past.

    Not for: counters that only rise; series of which less than some fifty rows are known.

    Args:
        interval_s: usual seconds between rows, None where rows have no times.
    """

    __slots__ = ("_calendar", "_deviation", "_news", "_novelty", "_rarity", "_short")

    def __init__(self, interval_s: float | None) -> None:
        self._calendar = Calendar(interval_s)
        self._short = RunningMean(_SHORT_ROWS)
        self._novelty = tuple((ValuesSeen(), Rarity()) for _ in range(4))
        self._news = News()
        self._deviation = Deviation()
        self._rarity = Rarity()

    def step(self, time_s: float | None, value: float) -> Found:
        """Of the next row, whose value is finite. It is learned."""
        expected = self._calendar.step(time_s, value)
        self._short.add(expected.from_level)
        views = (value, expected.from_calendar, expected.from_level, self._short.value)
        square = 0.0
        for view, (seen, rarity) in zip(views, self._novelty, strict=True):
            square += rarity.step(seen.step(view)) ** 2
        deviation = self._deviation.step(expected)
        return Found(deviation, self._rarity.step(deviation), self._news.step(sqrt(square / len(views))))


@final
class Deviation:
    """How far out a row is, in three ways, each in units of what is usual for it: around 3 for a usual row.

    From the robust level, in the mean of three rows; from the calendar, in the mean of three rows with their signs; from the
    calendar less what the last few rows were off.
    """

    __slots__ = ("_always", "_few", "_jump", "_usual")

    def __init__(self) -> None:
        self._few: list[Expected] = []
        self._jump = RunningMean(_JUMP_ROWS)
        self._usual = tuple(RunningMean(_USUAL_ROWS) for _ in range(3))
        self._always = tuple(RunningMean(_ALL_ROWS) for _ in range(3))

    def step(self, expected: Expected) -> float:
        """The sum, >= 0. The row is learned."""
        self._few = [*self._few[1 - _FEW :], expected]
        apart = (
            sum(abs(one.from_robust_level) for one in self._few) / len(self._few),
            abs(sum(one.from_calendar for one in self._few)) / len(self._few),
            abs(expected.from_calendar - self._jump.value),
        )
        self._jump.add(expected.from_calendar)
        total = 0.0
        for size, usual, always in zip(apart, self._usual, self._always, strict=True):
            unit = usual.value + _LEAST_SHARE * always.value
            total += size / unit if unit > 0.0 else 0.0
            usual.add(size)
            always.add(size)
        return total
