"""How far off the rows of one entity with many columns are, and how long that has lasted."""

from itertools import pairwise
from math import isnan
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, SchemaError
from telltale.contract.estimator import Scores
from telltale.models.outliers.surprise import rarity
from telltale.models.series.columns_level import MOST_ROWS
from telltale.models.series.columns_model import ColumnsModel
from telltale.models.series.columns_recent import RecentRows

Floats = NDArray[np.float64]

_NAME: Final = "columns_stream"
# What is out by more than usual (the 90 % quantile) adds up, two units a row at most; a usual row takes one away, a calm
# one up to six. Of a frontier: the more a row may add, the more is found of anomalies of hundreds of rows (servers of SMD,
# .56 to .59 of average precision for one to three) and the less of short ones (ASD, .53 to .50).
_MOST_LASTING: Final = 200.0
_MOST_GAIN, _MOST_LOSS = 2.0, 6.0
_LASTING_SHARE: Final = 0.01
_NO_TIME: Final = float(np.finfo(np.float64).min)


@final
class ColumnsState:
    """Scores rows in order, then knows them; blocks of any size give the same scores.

    Where rows are missing for longer than a window has, and where rows with times follow rows without, the past says nothing
    of the next row: it is then forgotten but for the scale.

    Args:
        model: shared, never changed.
        recent: rows before; its own.
        lasting: how long rows have been out before.
        time_s: of the last row; NaN where it is not known.
    """

    __slots__ = ("_lasting", "_model", "_recent", "_time_s")

    def __init__(
        self, model: ColumnsModel, recent: RecentRows, *, lasting: float = 0.0, time_s: float = float("nan")
    ) -> None:
        self._model = model
        self._recent = recent
        self._lasting = lasting
        self._time_s = time_s

    def score(self, rows: Floats, times_s: Floats) -> Scores:
        """Decades of rarity, one per row of shape (n, k).

        Raises:
            SchemaError: rows have other columns than those fitted on.
        """
        gaps = self._gaps(times_s)
        if not len(gaps):
            return rarity(self.apart(rows), self._model.table)
        parts = [self.apart(rows[: gaps[0]])]
        for start, end in pairwise([*gaps, len(rows)]):
            self._recent, self._lasting = self._recent.begun_anew(), 0.0
            parts.append(self.apart(rows[start:end]))
        return rarity(np.concatenate(parts), self._model.table)

    def apart(self, rows: Floats) -> Floats:
        """The same before it is calibrated, of rows without a gap: 0 or so for a usual row, 1 for one in ten."""
        if rows.ndim != 2 or rows.shape[1] != self._model.n_columns:
            raise SchemaError(
                f"rows are of shape {rows.shape}", where=_NAME, mend=f"Give {self._model.n_columns} columns."
            )
        if len(rows) <= MOST_ROWS:
            return self._apart(rows.T) if len(rows) else np.empty(0)
        return np.concatenate(
            [self._apart(rows[start : start + MOST_ROWS].T) for start in range(0, len(rows), MOST_ROWS)]
        )

    def copy(self) -> "ColumnsState":
        """Another one that goes its own way."""
        return ColumnsState(self._model, self._recent.copy(), lasting=self._lasting, time_s=self._time_s)

    def pack(self) -> Floats:
        """All of it, shape (3 + 31 k,)."""
        time_s = _NO_TIME if isnan(self._time_s) else self._time_s
        return np.concatenate([[self._lasting, time_s], self._recent.pack()])

    def _apart(self, rows: Floats) -> Floats:
        before = self._recent.n_seen
        own, together = self._model.apart(self._recent.follow(rows), before)
        lasting = _lasting(np.minimum(np.maximum(own - 1.0, -_MOST_LOSS), _MOST_GAIN), self._lasting)
        self._lasting = float(lasting[-1])
        return np.asarray(together + _LASTING_SHARE * lasting)

    def _gaps(self, times_s: Floats) -> list[int]:
        """The rows that what was before says nothing of. Then the last of them is the last one known."""
        if not len(times_s):
            return []
        before = np.concatenate([[self._time_s], times_s[:-1]])
        self._time_s = float(times_s[-1])
        is_gap = (times_s - before > self._model.longest_gap_s) | (np.isnan(before) & ~np.isnan(times_s))
        found: list[int] = np.flatnonzero(is_gap).tolist()
        return found


def unpacked(model: ColumnsModel, packed: Floats) -> ColumnsState:
    """A state again. Raises BundleError where it is none of this model's."""
    try:
        recent = RecentRows.unpack(packed[2:])
        if recent.n_columns == model.n_columns and 0.0 <= packed[0] <= _MOST_LASTING:
            lasting, time_s = packed[:2].tolist()
            return ColumnsState(model, recent, lasting=lasting, time_s=float("nan") if time_s == _NO_TIME else time_s)
    except ValueError:
        pass
    raise BundleError("what was learned is none of this model's", where=_NAME, mend="Train the version again.")


def _lasting(beyond: Floats, start: float) -> Floats:
    """Sums that stay between 0 and the most, shape (n,)."""
    sums = start + np.cumsum(beyond)
    sums -= np.minimum(np.minimum.accumulate(sums), 0.0)
    if sums.max() <= _MOST_LASTING:
        return sums
    total = start
    for place, value in enumerate(beyond.tolist()):
        total = min(max(total + value, 0.0), _MOST_LASTING)
        sums[place] = total
    return sums
