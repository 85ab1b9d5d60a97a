"""Many columns, row by row: what a plane of what is usual leaves of each row, and of each row less its slow level.

The stream is fitted on rows without labels; asked, it carries a few rows, one slow level per column and how long it has lasted.
"""

from typing import Final, final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError

Floats = NDArray[np.float64]

_LEAST_ROWS: Final = 50
_FURTHEST: Final = 1e3
# A column that never moved has no unit; one that then moves by a hundredth has moved. With 1 in place of it .47 for .54 of
# average precision on servers (ASD), with .001 the same.
_LEAST_UNIT, _STILL_UNIT = 1e-3, 1e-2
_OUTER_SHARE: Final = 0.1
_LEAST_ERROR: Final = 0.1
_EXPLAINED: Final = 0.8
# The mean is over the first of these, spreads are over both.
_WINDOWS: Final = (5, 15)
_KEPT_ROWS: Final = 14
_SLOW_ROWS: Final = 300.0
_STEP_ROWS: Final = 128
# What lies between rows and their scores is kept small enough to stay near the processor.
_ROWS_PER_CALL: Final = 2048
_DRIFT_SHARE: Final = 0.5
# What is out by more than usual (the 90 % quantile) adds up, a unit a row at most; a row as usual takes a unit away, a
# calm one up to three.
_MOST_LASTING: Final = 200.0
_MOST_GAIN, _MOST_LOSS = 1.0, 3.0
_LASTING_SHARE: Final = 0.01


class FittedPlane(msgspec.Struct, frozen=True, kw_only=True):
    """Directions that tell most of what columns do, and how far off they usually are.

    Args:
        centre, factor: of each feature, shape (m,).
        directions: orthonormal, shape (m, d).
        weight: one over the usual error, shape (m,).
        middle, unit: of the logarithm of the mean error over the rows that it is fitted on.
    """

    centre: Floats
    factor: Floats
    directions: Floats
    weight: Floats
    middle: float
    unit: float

    def apart(self, features: Floats) -> Floats:
        """How far off rows are, shape (n,): 0 for the usual row, 1 for one in ten."""
        return np.asarray((np.log1p(self.mean_error(features)) - self.middle) / self.unit)

    def mean_error(self, features: Floats) -> Floats:
        """The mean over features of what is left, in usual errors, shape (n,)."""
        z = (features - self.centre) * self.factor
        left = np.abs(z - (z @ self.directions) @ self.directions.T)
        return np.asarray(left @ self.weight / len(self.weight))


class FittedColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What is fitted: the middle and unit of each column, a plane of rows, and one of rows less their slow level."""

    middle: Floats
    unit: Floats
    rows: FittedPlane
    drift: FittedPlane


@final
class ColumnsStream:
    """Scores rows in order; blocks of any size give the same scores."""

    __slots__ = ("_fitted", "_lasting", "_level")

    def __init__(self, fitted: FittedColumns) -> None:
        self._fitted = fitted
        self._level = _Level(fitted)
        self._lasting = 0.0

    def score(self, rows: Floats) -> Floats:
        """One score per row of shape (n, k), finite: 0 or so for a usual row, 1 for one in ten, without upper bound."""
        parts = [self._score(rows[start : start + _ROWS_PER_CALL]) for start in range(0, len(rows), _ROWS_PER_CALL)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _score(self, rows: Floats) -> Floats:
        now, drift = self._level.features(rows)
        apart = self._fitted.rows.apart(now)
        together = (apart + _DRIFT_SHARE * self._fitted.drift.apart(drift)) / (1.0 + _DRIFT_SHARE)
        lasting = np.empty(len(rows))
        total = self._lasting
        for place, beyond in enumerate(np.clip(apart - 1.0, -_MOST_LOSS, _MOST_GAIN).tolist()):
            total += beyond
            if total < 0.0:  # thrice as quick as max() and min()
                total = 0.0
            elif total > _MOST_LASTING:
                total = _MOST_LASTING
            lasting[place] = total
        self._lasting = total
        return np.asarray(together + _LASTING_SHARE * lasting)


def fit_columns(rows: Floats) -> FittedColumns:
    """Fit on rows in order, shape (n, k), finite; a few odd ones do no harm.

    Raises:
        NotEnoughDataError: fewer than fifty rows.
    """
    if len(rows) < _LEAST_ROWS:
        raise NotEnoughDataError(f"{len(rows)} rows", where="columns", mend=f"Give at least {_LEAST_ROWS}.")
    middle = np.median(rows, axis=0)
    low, high = np.quantile(rows, (0.25, 0.75), axis=0)
    deviation = rows.std(axis=0)
    least = np.where(deviation > 0, _LEAST_UNIT, _STILL_UNIT)
    unit = np.maximum(np.maximum((high - low) / 1.35, _OUTER_SHARE * deviation), least)
    blank = FittedColumns(middle=middle, unit=unit, rows=_NO_PLANE, drift=_NO_PLANE)
    now, drift = _Level(blank).features(rows)
    return FittedColumns(middle=middle, unit=unit, rows=_fit_plane(now), drift=_fit_plane(drift))


def _fit_plane(features: Floats) -> FittedPlane:
    centre, deviation = features.mean(axis=0), features.std(axis=0)
    factor = 1.0 / np.where(deviation > 0, np.maximum(deviation, _LEAST_UNIT), 1.0)
    z = (features - centre) * factor
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    told = np.cumsum(values[::-1]) / max(float(values.sum()), _LEAST_UNIT)
    kept = min(int(np.searchsorted(told, _EXPLAINED)) + 1, len(centre) - 1)
    directions = np.ascontiguousarray(vectors[:, ::-1][:, :kept])
    left = z - (z @ directions) @ directions.T
    error = np.sqrt((left**2).mean(axis=0))
    least = max(_LEAST_ERROR * float(np.sqrt((error**2).mean())), _LEAST_UNIT)
    plane = FittedPlane(
        centre=centre,
        factor=factor,
        directions=directions,
        weight=1.0 / np.maximum(error, least),
        middle=0.0,
        unit=1.0,
    )
    own = np.log1p(plane.mean_error(features))
    half, most = np.quantile(own, (0.5, 0.9))
    return msgspec.structs.replace(plane, middle=float(half), unit=float(most - half) + _STILL_UNIT)


@final
class _Level:
    """Scaled rows, their short means and spreads, as they are and less their slow level."""

    __slots__ = ("_drifts", "_fitted", "_n", "_rows", "_sum")

    def __init__(self, fitted: FittedColumns) -> None:
        self._fitted = fitted
        k = len(fitted.middle)
        self._rows = np.empty((0, k))
        self._drifts = np.empty((0, k))
        self._sum = np.zeros(k)  # of past rows, weighed: over the sum of weights it is the slow level
        self._n = 0

    def features(self, rows: Floats) -> tuple[Floats, Floats]:
        """Both kinds, shape (n, 4 k) each, of the rows that follow; they are learned."""
        scaled = np.clip((rows - self._fitted.middle) / self._fitted.unit, -_FURTHEST, _FURTHEST)
        now = np.vstack([self._rows, scaled])
        drift = np.vstack([self._drifts, scaled - self._levels(scaled)])
        self._rows, self._drifts = now[-_KEPT_ROWS:], drift[-_KEPT_ROWS:]
        return _with_windows(now, len(rows)), _with_windows(drift, len(rows))

    def _levels(self, rows: Floats) -> Floats:
        """The slow level before each row, that of the first one ever being itself; rows are learned."""
        levels = np.empty_like(rows)
        for start in range(0, len(rows), _STEP_ROWS):
            step = rows[start : start + _STEP_ROWS]
            n = len(step)
            sums = _WEIGHTS[:n, :n] @ step + _FADES[:n, None] * self._sum
            before = np.vstack([self._sum, sums[:-1]])
            known = self._n + np.arange(n)
            weight = 1.0 - np.exp(-known / _SLOW_ROWS)
            levels[start : start + n] = np.where(known[:, None] > 0, before / np.maximum(weight, 1e-12)[:, None], step)
            self._sum = sums[-1]
            self._n += n
        return levels


def _with_windows(rows: Floats, n_new: int) -> Floats:
    """Each new row, and beside it its mean and spreads over the rows up to it, shape (n_new, 4 k)."""
    means, squares = _means_of_last(rows, n_new), _means_of_last(rows**2, n_new)
    spreads = [np.sqrt(np.maximum(square - mean**2, 0.0)) for mean, square in zip(means, squares, strict=True)]
    return np.hstack([rows[len(rows) - n_new :], means[0], *spreads])


def _means_of_last(rows: Floats, n_new: int) -> list[Floats]:
    """Of each of the last `n_new` rows and those before it, so many at most as each window has: the same in any block."""
    total = np.zeros((n_new, rows.shape[1]))
    start = len(rows) - n_new
    means = []
    for back in range(_WINDOWS[-1]):
        first = max(back - start, 0)  # new rows before this one have no row so far back
        if first < n_new:
            total[first:] += rows[start + first - back : len(rows) - back]
        if back + 1 in _WINDOWS:
            means.append(total / np.minimum(start + 1 + np.arange(n_new), back + 1)[:, None])
    return means


# What a row weighs in the slow level so many rows later, for a step of rows at once.
_AGES: Final = np.arange(_STEP_ROWS)[:, None] - np.arange(_STEP_ROWS)
_WEIGHTS: Final = np.where(
    _AGES >= 0, (1.0 - np.exp(-1.0 / _SLOW_ROWS)) * np.exp(-np.maximum(_AGES, 0) / _SLOW_ROWS), 0.0
)
_FADES: Final = np.exp(-np.arange(1, _STEP_ROWS + 1) / _SLOW_ROWS)
_NO_PLANE: Final = FittedPlane(
    centre=np.empty(0), factor=np.empty(0), directions=np.empty((0, 0)), weight=np.empty(0), middle=0.0, unit=1.0
)
