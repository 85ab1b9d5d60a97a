"""A forecast from several baselines, weighted as has been best so far: recursive least squares."""

from collections.abc import Sequence
from typing import Final, final

from telltale.models.series.running_mean import RunningMean

_KEPT: Final = 0.9995  # of what is known, a row: some 2,000 rows count
_UNIT_ROWS: Final = 1_000.0
_FURTHEST: Final = 30.0  # units; a baseline that is further off counts as so far
_CLIP: Final = 4.0  # mean errors that one row may teach
_ERROR_ROWS: Final = 500
_FIRST_ROWS: Final = 30
# Where baselines agree nothing is learned of their weights, and forgetting would let what is not known grow without bound.
_MOST_SPREAD: Final = 100.0


@final
class Blend:
    """An adaptive linear forecaster: weights of what `n` baselines say beside another one.

    References:
        Haykin, "Adaptive Filter Theory", chapter on recursive least squares with exponential forgetting.
    """

    __slots__ = ("_error", "_n", "_spread", "_unit", "_weights")

    def __init__(self, n: int) -> None:
        self._weights = [0.0] * n
        self._spread = _identity(n)  # n x n, row by row: how little is known of the weights
        self._unit = RunningMean(_UNIT_ROWS)
        self._error = 0.0
        self._n = 0

    def step(self, apart: float, others: Sequence[float]) -> float:
        """How far off the forecast is. It is learned.

        Args:
            apart: of the value from the first baseline.
            others: of each other baseline from the first.
        """
        unit = self._unit.value or 1.0
        x = [min(max(other / unit, -_FURTHEST), _FURTHEST) for other in others]
        foretold = sum(weight * one for weight, one in zip(self._weights, x, strict=True))
        error = apart / unit - foretold
        self._learn(x, min(max(error, -_FURTHEST), _FURTHEST))
        self._unit.add(abs(apart))
        return apart - unit * foretold

    def _learn(self, x: list[float], error: float) -> None:
        most = _CLIP * self._error if self._n > _FIRST_ROWS else _FURTHEST
        error = min(max(error, -most), most)
        n, spread = len(x), self._spread
        rows = range(0, n * n, n)
        gain = [sum(spread[row + place] * one for place, one in enumerate(x)) for row in rows]
        told = sum(one * of for one, of in zip(x, gain, strict=True))
        if told < 0.0:  # rounding has had its way
            self._spread, told, gain = _identity(n), sum(one * one for one in x), list(x)
            spread = self._spread
        kept = _KEPT if sum(spread[row + place] for place, row in enumerate(rows)) < _MOST_SPREAD * n else 1.0
        for place, row in enumerate(rows):
            share = gain[place] / (kept + told)
            self._weights[place] += share * error
            for other in range(n):
                spread[row + other] = (spread[row + other] - share * gain[other]) / kept
        self._n += 1
        self._error += (abs(error) - self._error) / min(self._n, _ERROR_ROWS)


def _identity(n: int) -> list[float]:
    return [float(row == column) for row in range(n) for column in range(n)]
