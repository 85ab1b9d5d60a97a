"""One series at several paces at once: forecast by month, by quarter, by year, and made to agree."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_LEAST_SUMS = 8


def reconciled(values: Floats, forecast: Callable[[Floats, int, int], Floats], *, season: int, horizon: int) -> Floats:
    """What `forecast(values, season, horizon)` says of the series and of its sums over parts of a season, made to agree.

    Sums over longer parts show the trend that noise hides in single steps, and need no season. Each pace is forecast by
    itself; the values nearest to all of them by weighted least squares, weights in inverse proportion to how many
    steps a sum is of, are what is expected.

    Not for: a season of one step, where there is nothing to sum over.

    Args:
        values: shape (n,), oldest first.
        forecast: gives so many steps ahead.
        season: period in steps; sums are over its divisors.
        horizon: steps ahead.

    References:
        Athanasopoulos, Hyndman, Kourentzes & Petropoulos, "Forecasting with temporal hierarchies", European Journal of
        Operational Research 262 (2017); the weights are its structural scaling.
    """
    n, n_seasons = len(values), -(-horizon // season)
    widths = tuple(
        width for width in range(1, season + 1) if season % width == 0 and (width == 1 or n // width >= _LEAST_SUMS)
    )
    said = []
    for width in widths:
        n_sums, own = n // width, season // width
        sums = values[n - n_sums * width :].reshape(n_sums, width).sum(axis=1)
        said.append(forecast(sums, own if n_sums >= 2 * own else 1, n_seasons * own))
    return np.asarray(_agreement(widths, season * n_seasons) @ np.concatenate(said))[:horizon]


@cache
def _agreement(widths: tuple[int, ...], n_steps: int) -> Floats:
    """The matrix that makes forecasts at all paces into single steps, shape (steps, forecasts)."""
    sums = np.vstack([np.kron(np.eye(n_steps // width), np.ones(width)) for width in widths])
    weighted = sums.T / sums.sum(axis=1)
    return np.asarray(np.linalg.solve(weighted @ sums, weighted))
