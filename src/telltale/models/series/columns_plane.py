"""A plane of what columns usually do together, and how far off it rows usually are."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_UNIT: Final = 1e-3
# Of the usual error of all features; one that is told to the last digit would count without bounds.
_LEAST_ERROR: Final = 0.1
_LEAST_WIDTH: Final = 1e-2


class FittedPlane(msgspec.Struct, frozen=True, kw_only=True):
    """Directions that tell most of what features do, and how far off they usually are.

    Args:
        centre, factor: of each feature, shape (m,): what is taken off it, and what it is then multiplied by.
        directions: orthonormal, shape (m, d).
        weight: what each feature's error counts, shape (m,): over the usual one, so that all sum to 1 or so.
        middle, unit: of the logarithm of 1 + the mean error: the median, and from there to the 90 % quantile.
    """

    centre: Floats
    factor: Floats
    directions: Floats
    weight: Floats
    middle: float
    unit: float


def fit_plane(features: Floats, counts: Floats, *, explained: float) -> FittedPlane:
    """Fit principal components on rows that are mostly as usual.

    Args:
        features: shape (m, n).
        counts: how much each feature's error counts, summing to 1, shape (m,).
        explained: the share of what features do that components tell.
    """
    centre, deviation = features.mean(axis=1), features.std(axis=1)
    factor = 1.0 / np.where(deviation > 0, np.maximum(deviation, _LEAST_UNIT), 1.0)
    z = (features - centre[:, None]) * factor[:, None]
    values, vectors = np.linalg.eigh(z @ z.T / z.shape[1])
    told = np.cumsum(values[::-1]) / max(float(values.sum()), _LEAST_UNIT)
    kept = min(int(np.searchsorted(told, explained)) + 1, len(centre) - 1)
    directions = np.ascontiguousarray(vectors[:, ::-1][:, :kept])
    z -= directions @ (directions.T @ z)
    error = np.sqrt((z**2).mean(axis=1))
    weight = counts / np.maximum(error, max(_LEAST_ERROR * float(np.sqrt((error**2).mean())), _LEAST_UNIT))
    half, most = np.quantile(np.log1p(weight @ np.abs(z)), (0.5, 0.9))
    return FittedPlane(
        centre=centre,
        factor=factor,
        directions=directions,
        weight=weight,
        middle=float(half),
        unit=float(most - half) + _LEAST_WIDTH,
    )
