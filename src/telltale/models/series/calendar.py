"""What a series is expected to be: its levels, its usual value at this time of day, or at this hour of the week."""

from math import isfinite
from typing import Final, final

import msgspec

from telltale.models.series.blend import Blend
from telltale.models.series.interval import Interval
from telltale.models.series.robust_level import RobustLevel
from telltale.models.series.running_mean import RunningMean

_DAY_S, _WEEK_S, _HOUR_S = 86_400.0, 604_800.0, 3_600.0
_SLOT_S: Final = 300.0
_SLOW_ROWS, _LONG_ROWS = 300.0, 3_000.0
_ERROR_ROWS: Final = 500.0
# A slot's value is a mean of about so many days or weeks.
_DAYS, _WEEKS = 8, 4
# A day is known after the third, a week after nine days; each must have foretold some rows before it is believed, and must
# be so much better than the slow level.
_DAYS_BEFORE, _WEEK_BEFORE = 3.0 * _DAY_S, 9.0 * _DAY_S
_LEAST_FORETOLD: Final = 50
_LEAST_GAIN: Final = 1.1


class Expected(msgspec.Struct, frozen=True, gc=False):
    """How far a value is from what was expected, in its own unit; 0 for the first.

    Args:
        from_best: from the one of slow level, time of day and hour of the week that has erred least of late.
        from_level: from the slow level.
        from_robust_level: from one that no single row moves far.
        from_long_level: from one of ten times as many rows.
        from_blend: from a weighted sum of all but the robust level.
    """

    from_best: float
    from_level: float
    from_robust_level: float
    from_long_level: float
    from_blend: float


@final
class Calendar:
    """Baselines that adapt, and how well each has foretold rows lately. Rows without times have levels alone."""

    __slots__ = (
        "_blend",
        "_days",
        "_errors",
        "_foretold",
        "_interval",
        "_long",
        "_n",
        "_robust",
        "_slow",
        "_start",
        "_weeks",
    )

    def __init__(self) -> None:
        self._interval = Interval()
        self._days = _Slots(int(_DAY_S / _SLOT_S))
        self._weeks = _Slots(int(_WEEK_S / _HOUR_S))
        self._slow = RunningMean(_SLOW_ROWS)
        self._robust = RobustLevel(_SLOW_ROWS)
        self._long = RobustLevel(_LONG_ROWS)
        self._blend = Blend(3)
        self._errors = tuple([RunningMean(_ERROR_ROWS) for _ in range(3)])
        self._foretold = [0.0, 0.0, 0.0]
        self._start = 0.0
        self._n = 0

    def step(self, time_s: float, value: float) -> Expected:
        """How far off the value is; NaN where the row has no time. It is learned."""
        slow = self._slow.value if self._n else value
        expected = (slow, *self._from_slots(time_s, value))
        best = self._best(expected)
        others = ((self._long.value if self._n else value), *expected[1:])
        found = Expected(
            from_best=value - best,
            from_level=value - slow,
            from_robust_level=self._robust.step(value),
            from_long_level=self._long.step(value),
            from_blend=self._blend.step(value - slow, [0.0 if one is None else one - slow for one in others]),
        )
        if self._n:
            for way, foretold in enumerate(expected):
                if foretold is not None:
                    self._errors[way].add(abs(value - foretold))
                    self._foretold[way] += 1.0
        self._slow.add(value)
        self._n += 1
        return found

    def _from_slots(self, time_s: float, value: float) -> tuple[float | None, float | None]:
        """By time of day and hour of the week; None where that is not known yet. The slots learn the value."""
        interval_s = self._interval.step(time_s)
        if not interval_s or not isfinite(time_s):
            return None, None
        self._start = self._start or time_s
        day = int(time_s % _DAY_S / max(_SLOT_S, interval_s))
        hour = int(time_s % _WEEK_S / _HOUR_S)
        for_long = time_s - self._start
        of_day = self._days.mean[day] if self._days.met[day] >= 2 and for_long >= _DAYS_BEFORE else None
        of_week = self._weeks.mean[hour] if self._weeks.met[hour] >= 1 and for_long >= _WEEK_BEFORE else None
        self._days.learn(day, value, most=_DAYS)
        self._weeks.learn(hour, value, most=_WEEKS * max(1, round(_HOUR_S / interval_s)))
        return of_day, of_week

    def _best(self, expected: tuple[float, float | None, float | None]) -> float:
        """Of what was foretold, that by the way with the smallest error; the slow level unless another one is better."""
        best = expected[0]
        least = self._errors[0].value if self._n > _LEAST_FORETOLD else 0.0
        for way in (1, 2):
            foretold, error = expected[way], self._errors[way].value * _LEAST_GAIN
            if foretold is not None and self._foretold[way] >= _LEAST_FORETOLD and error < least:
                best, least = foretold, error
        return best


@final
class _Slots:
    """Of each slot of a cycle how often it was met, and the mean of its values, in which late ones weigh more."""

    __slots__ = ("mean", "met")

    def __init__(self, n_slots: int) -> None:
        self.met = [0.0] * n_slots
        self.mean = [0.0] * n_slots

    def learn(self, slot: int, value: float, *, most: int) -> None:
        """Learn a value of a slot, as one of so many at most."""
        self.met[slot] += 1.0
        self.mean[slot] += (value - self.mean[slot]) / min(self.met[slot], most)
