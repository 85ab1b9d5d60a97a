"""A season's shape from a whole series: what each place in it adds to the level, no more than the series can tell."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def seasonal_indices(values: Floats, season: int) -> Floats:
    """What each place in the season adds, shape (season,), of mean 0; place 0 is that of the first value.

    Deviations from a centred moving average over one season, their mean per place, all shrunk alike towards 0 by
    the James-Stein rule: indices no larger than noise alone would make are taken for noise.

    Args:
        values: shape (n,), two whole seasons at least.
        season: 2 or more.

    References:
        Miller & Williams, "Shrinkage estimators of time series seasonal factors", International Journal of
        Forecasting 19 (2003).

    >>> seasonal_indices(np.tile([1.0, 2.0, 6.0], 5), 3).round(6).tolist()
    [-2.0, -1.0, 3.0]
    """
    deviations, first = _deviations(values, season)
    places = (np.arange(len(deviations)) + first) % season
    counts = np.bincount(places, minlength=season)
    indices = np.bincount(places, weights=deviations, minlength=season) / counts
    indices -= indices.mean()
    noise = deviations - indices[places]
    # Variance of the mean of one place; degrees of freedom: one per place.
    variance = float(noise @ noise) / max(len(noise) - season, 1) / float(counts.mean())
    size = float(indices @ indices)
    # Three of `season` dimensions is the rule; below four there is no such estimator, and a quarter's worth is taken.
    kept = max(0.0, 1.0 - max(season - 3, 0.25 * season) * variance / size) if size > 0 else 0.0
    return np.asarray(indices * kept, dtype=np.float64)


def _deviations(values: Floats, season: int) -> tuple[Floats, int]:
    """Values less the moving average around each, and the place of the first that has one."""
    weights = np.full(season, 1.0 / season)
    if season % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(season - 1), [0.5]]) / season
    if len(values) < len(weights) + season - 1:  # less than one average per place
        return values - values.mean(), 0
    level = np.convolve(values, weights, "valid")
    first = len(weights) // 2
    return values[first : first + len(level)] - level, first
