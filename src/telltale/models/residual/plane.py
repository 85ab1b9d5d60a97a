"""The plane that normal rows lie near: a few directions that tell most of what columns do, and how far off rows usually are."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features

Floats = NDArray[np.float64]

# No value counts as further from the middle than this many spreads, so that what float32 adds up stays finite.
FURTHEST: Final = 1e6
_LEAST_SPREAD: Final = 1e-6
_LEAST_ROWS: Final = 20
# A column that the plane tells nearly whole would outweigh all others by its last digits: no usual error is taken to be
# less than this share of the usual error of all columns together.
_LEAST_ERROR: Final = 0.1
_SMALLEST: Final = 1e-3
# A direction that tells hardly more than a column does of itself is none that columns share.
_COLUMNS_TOLD: Final = 1.25
_ROWS_PER_STEP: Final = 4_096


class Plane(msgspec.Struct, frozen=True, kw_only=True):
    """Standardised rows, the directions kept, and the usual error of each column.

    Args:
        centre, factor: the mean of each column and one over its standard deviation (1 where it never moved), shape (k,).
        directions: orthonormal, shape (k, m), m < k.
        weight: one over the usual error of each standardised column, shape (k,).
    """

    centre: Floats
    factor: Floats
    directions: Floats
    weight: Floats


def fit_plane(rows: Features, *, explained: float) -> Plane:
    """Principal components of standardised rows: as few as tell the share `explained` of the variance, shared ones alone.

    Args:
        rows: normal rows, shape (n, k).
        explained: share of the variance of all columns, in (0, 1).

    Raises:
        NotEnoughDataError: too few rows to say what is usual.

    References:
        Jackson & Mudholkar, "Control Procedures for Residuals Associated With Principal Component Analysis",
        Technometrics 21 (1979).
    """
    from threadpoolctl import threadpool_limits

    if len(rows) < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{len(rows)} normal rows", where="window_residual", mend=f"Give at least {_LEAST_ROWS} that are normal."
        )
    centre = rows.mean(axis=0, dtype=np.float64)
    spread = rows.std(axis=0, dtype=np.float64)
    factor = 1.0 / np.where(spread > 0, np.maximum(spread, _LEAST_SPREAD), 1.0)
    with threadpool_limits(1):
        covariance = _covariance(rows, centre, factor)
        values, vectors = np.linalg.eigh(covariance)
        told = np.cumsum(values[::-1]) / max(float(values.sum()), _SMALLEST)
        n_shared = int((values > _COLUMNS_TOLD).sum())
        n_kept = min(int(np.searchsorted(told, explained)) + 1, n_shared, len(centre) - 1)
        directions = np.ascontiguousarray(vectors[:, ::-1][:, :n_kept])
        left = covariance - directions @ (directions.T @ covariance)
    error = np.sqrt(np.maximum(np.diagonal(left), 0.0))
    least = max(_LEAST_ERROR * float(np.sqrt(np.mean(error**2))), _SMALLEST)
    return Plane(centre=centre, factor=factor, directions=directions, weight=1.0 / np.maximum(error, least))


def _standardised(rows: Features, centre: Floats, factor: Floats) -> Floats:
    return np.clip((rows.astype(np.float64) - centre) * factor, -FURTHEST, FURTHEST)


def _covariance(rows: Features, centre: Floats, factor: Floats) -> Floats:
    """Of standardised rows, a part of them at a time: the rows may be many, and wide."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), _ROWS_PER_STEP):
        z = _standardised(rows[start : start + _ROWS_PER_STEP], centre, factor)
        total += z.T @ z
    return total / len(rows)
