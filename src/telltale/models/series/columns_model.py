"""What is fitted of many columns, made ready to score blocks of rows in few passes over them."""

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.models.series.columns_plane import FittedPlane
from telltale.models.series.columns_windows import KEPT, PER_COLUMN, known_shares, window_features

Floats = NDArray[np.float64]

_DRIFT_SHARE: Final = 0.5
# Matrix products of more multiplications than this are shared out to threads that wait busily for each other: on a machine
# that has other things to do they then take ten times as long.
_MOST_MULTIPLIED: Final = 4 * 65_536


@final
class ColumnsModel:
    """Two planes: of rows, and of rows less their slow level. It does not change.

    With z = factor (f - centre), what a plane leaves of features f is weight |z - D D'z|. The gain weight x factor is taken
    where features are made, and what is then constant is one more column of the second product.

    Args:
        planes: of rows and of drift.
        table: of `telltale.models.outliers.surprise`.
        longest_gap_s: how far apart two rows may be that follow each other.
    """

    def __init__(self, planes: tuple[FittedPlane, FittedPlane], table: Floats, longest_gap_s: float) -> None:
        self.table = table
        self.longest_gap_s = longest_gap_s
        self.n_columns = len(planes[0].centre) // PER_COLUMN
        kept = max(plane.directions.shape[1] for plane in planes)
        m = len(planes[0].centre)
        self._gain = np.array([plane.weight * plane.factor for plane in planes]).reshape(2, PER_COLUMN, -1, 1)
        self._usual = self._gain * np.array([plane.centre for plane in planes]).reshape(2, PER_COLUMN, -1, 1)
        self._inwards = np.zeros((2, kept, m))
        self._outwards = np.zeros((2, m, kept + 1))
        for place, plane in enumerate(planes):
            d = plane.directions.shape[1]
            moved = plane.factor * plane.centre
            self._inwards[place, :d] = (plane.directions / plane.weight[:, None]).T
            self._outwards[place, :, :d] = plane.weight[:, None] * plane.directions
            self._outwards[place, :, -1] = plane.weight * (moved - plane.directions @ (plane.directions.T @ moved))
        self._rows_at_once = max(_MOST_MULTIPLIED // (m * (kept + 1)), 1)
        self._middle = np.array([[plane.middle] for plane in planes])
        self._unit = np.array([[plane.unit] for plane in planes])

    def apart(self, values: Floats, n_before: int) -> tuple[Floats, Floats]:
        """How far off the n rows are after the first fourteen: as rows, and drift with it, shape (n,) each.

        0 for the usual row, 1 for one in ten.

        Args:
            values: of both kinds, shape (2, k, 14 + n).
            n_before: how many rows were before.
        """
        made = window_features(values, n_before, self._gain)
        if n_before < KEPT:  # what is not known of how much a column moves is taken to be as usual
            usual, deviations = self._usual[:, 2:], made[:, 2:]
            deviations -= usual
            deviations *= known_shares(n_before, made.shape[3])
            deviations += usual
        features = made.reshape(2, PER_COLUMN * self.n_columns, -1)
        along = np.empty((2, self._outwards.shape[2], features.shape[2]))
        along[:, -1] = 1.0
        left = np.empty_like(features)
        for start in range(0, features.shape[2], self._rows_at_once):
            part = slice(start, start + self._rows_at_once)
            np.matmul(self._inwards, features[..., part], out=along[:, :-1, part])
            np.matmul(self._outwards, along[..., part], out=left[..., part])
        left -= features
        np.abs(left, out=left)
        found = np.log1p(left.sum(axis=1))
        found -= self._middle
        found /= self._unit
        return found[0], (found[0] + _DRIFT_SHARE * found[1]) / (1.0 + _DRIFT_SHARE)
