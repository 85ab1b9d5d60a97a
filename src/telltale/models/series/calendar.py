"""What a series is expected to be: its slow level, its usual value at this time of day, or at this hour of the week."""

from typing import Final, NamedTuple, final

from telltale.models.series.running_mean import RunningMean

_DAY_S, _WEEK_S, _HOUR_S = 86_400.0, 604_800.0, 3_600.0
_SLOT_S: Final = 300.0
_SLOW_ROWS: Final = 300.0
_ERROR_ROWS: Final = 500.0
# A slot's value is a mean of about so many days or weeks.
_DAYS, _WEEKS = 8, 4
# A day is known after the third, a week after nine days; each must have foretold some rows before it is believed, and must
# be so much better than the slow level.
_DAYS_BEFORE, _WEEK_BEFORE = 3.0 * _DAY_S, 9.0 * _DAY_S
_LEAST_FORETOLD: Final = 50
_LEAST_GAIN: Final = 1.1
_CLIP: Final = 3.0  # mean deviations that a row may move the robust level by
_LEAST_ROWS: Final = 20


class Expected(NamedTuple):
    """How far a value is from what was expected, in its own unit; 0 for the first.

    Args:
        from_calendar: from the best of slow level, time of day and hour of the week.
        from_level: from the slow level.
        from_robust_level: from one that no single row moves far.
    """

    from_calendar: float
    from_level: float
    from_robust_level: float


@final
class Calendar:
    """Three ways to foretell the next value, and how well each has done lately.

    Args:
        interval_s: the usual time between rows; None where rows have no times: then the slow level is all there is.
    """

    __slots__ = ("_days", "_errors", "_foretold", "_n", "_robust", "_slot_s", "_slow", "_start", "_week_rows", "_weeks")

    def __init__(self, interval_s: float | None) -> None:
        self._slot_s = max(_SLOT_S, interval_s or 0.0)
        self._days: dict[int, list[float]] = {}  # of each slot: how often met, and its mean
        self._weeks: dict[int, list[float]] = {}
        self._week_rows = _WEEKS * max(1, round(_HOUR_S / interval_s)) if interval_s else 0
        self._slow = RunningMean(_SLOW_ROWS)
        self._robust = RobustLevel(_SLOW_ROWS)
        self._errors = tuple(RunningMean(_ERROR_ROWS) for _ in range(3))
        self._foretold = [0, 0, 0]
        self._start: float | None = None
        self._n = 0

    def step(self, time_s: float | None, value: float) -> Expected:
        """How far off the value is. It is learned."""
        expected: list[float | None] = [self._slow.value, None, None]
        if time_s is not None and self._week_rows:
            self._start = time_s if self._start is None else self._start
            day = self._days.setdefault(int(time_s % _DAY_S // self._slot_s), [0.0, 0.0])
            week = self._weeks.setdefault(int(time_s % _WEEK_S // _HOUR_S), [0.0, 0.0])
            if day[0] >= 2 and time_s - self._start >= _DAYS_BEFORE:
                expected[1] = day[1]
            if week[0] >= 1 and time_s - self._start >= _WEEK_BEFORE:
                expected[2] = week[1]
            _learn(day, value, most=_DAYS)
            _learn(week, value, most=self._week_rows)
        robust = self._robust.step(value)
        if not self._n:
            self._slow.add(value)
            self._n = 1
            return Expected(0.0, 0.0, 0.0)
        best = self._best(expected)
        found = Expected(value - best, value - self._slow.value, robust)
        for way, foretold in enumerate(expected):
            if foretold is not None:
                self._errors[way].add(abs(value - foretold))
                self._foretold[way] += 1
        self._slow.add(value)
        self._n += 1
        return found

    def _best(self, expected: list[float | None]) -> float:
        """Of what was foretold, that by the way with the smallest error; the slow level unless another one is better."""
        best = self._slow.value
        least = self._errors[0].value if self._n > _LEAST_FORETOLD else 0.0
        for way in (1, 2):
            foretold, error = expected[way], self._errors[way].value * _LEAST_GAIN
            if foretold is not None and self._foretold[way] >= _LEAST_FORETOLD and error < least:
                best, least = foretold, error
        return best


@final
class RobustLevel:
    """A running mean of values of which none counts as further off than three mean deviations."""

    __slots__ = ("_deviation", "_level", "_n")

    def __init__(self, rows: float) -> None:
        self._level = RunningMean(rows)
        self._deviation = RunningMean(rows)
        self._n = 0

    def step(self, value: float) -> float:
        """How far off the value is; 0 for the first. It is learned."""
        apart = value - self._level.value if self._n else 0.0
        most = _CLIP * self._deviation.value if self._n > _LEAST_ROWS else abs(apart)
        moved = min(max(apart, -most), most)
        self._level.add(self._level.value + moved if self._n else value)
        self._deviation.add(abs(moved))
        self._n += 1
        return apart


def _learn(slot: list[float], value: float, *, most: int) -> None:
    slot[0] += 1.0
    slot[1] += (value - slot[1]) / min(slot[0], most)
