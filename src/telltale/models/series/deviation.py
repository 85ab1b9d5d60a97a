"""How far out a row is, in units of what is usual: the error of forecasts by baselines that adapt."""

from math import inf
from typing import Final, final

from telltale.models.series.calendar import Expected
from telltale.models.series.running_mean import RunningMean

_FEW: Final = 3
_JUMP_ROWS: Final = 8.0
_USUAL_ROWS: Final = 500.0
_LONG_ROWS, _LONG_CLIP = 3_000.0, 3.0
_ALL_ROWS: Final = 1e9
_LEAST_SHARE: Final = 0.05  # of the usual size of all time
_FIRST_ROWS: Final = 30
_ROUNDING: Final = 1e-12  # of the largest value: what a mean of equal values is off


@final
class Deviation:
    """How far out a row is, in four ways, each in units of what is usual for it: around 3 for a usual row.

    From the robust level, in the mean of three rows; from the long level, likewise, where the unit is one that an event does
    not widen; from the blend of baselines, in the mean of three rows with their signs; from the best baseline less what the
    last few rows were off.
    """

    __slots__ = ("_from_blend", "_from_level", "_from_long", "_jump", "_units")

    def __init__(self) -> None:
        self._from_level: list[float] = []
        self._from_long: list[float] = []
        self._from_blend: list[float] = []
        self._jump = RunningMean(_JUMP_ROWS)
        self._units = (_Unit(_USUAL_ROWS), _Unit(_LONG_ROWS), _Unit(_USUAL_ROWS), _Unit(_USUAL_ROWS))

    def step(self, expected: Expected, *, largest: float) -> float:
        """The sum, >= 0. The row is learned; `largest` is of all values so far."""
        self._from_level = [*self._from_level[1 - _FEW :], abs(expected.from_robust_level)]
        self._from_long = [*self._from_long[1 - _FEW :], abs(expected.from_long_level)]
        self._from_blend = [*self._from_blend[1 - _FEW :], expected.from_blend]
        n, least = len(self._from_level), _ROUNDING * largest
        level, long, blend, jump = self._units
        found = (
            level.step(sum(self._from_level) / n, least=least)
            + long.step(sum(self._from_long) / n, least=least, clip=_LONG_CLIP)
            + blend.step(abs(sum(self._from_blend)) / n, least=least)
            + jump.step(abs(expected.from_best - self._jump.value), least=least)
        )
        self._jump.add(expected.from_best)
        return found


@final
class _Unit:
    """The usual size of a figure >= 0, of late and a little of all time."""

    __slots__ = ("_always", "_late", "_n")

    def __init__(self, rows: float) -> None:
        self._late = RunningMean(rows)
        self._always = RunningMean(_ALL_ROWS)
        self._n = 0

    def step(self, size: float, *, least: float, clip: float = inf) -> float:
        """A size in units, none smaller than `least`; as many units as `clip` at most are learned of it."""
        unit = self._late.value + _LEAST_SHARE * self._always.value + least
        self._late.add(min(size, clip * unit) if self._n > _FIRST_ROWS else size)
        self._always.add(size)
        self._n += 1
        return size / unit if unit > 0.0 and self._n > 1 else 0.0
