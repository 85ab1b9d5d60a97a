"""Series that are mostly zeros: how much comes on average, and no pretence of when."""

import numpy as np
from numpy.typing import NDArray

from telltale.models.forecasting.outlook import Outlook
from telltale.models.forecasting.smoothing import smoothed

Floats = NDArray[np.float64]

# Mean distance between values above 0 beyond which a series counts as intermittent.
_MOST_APART = 1.32
_LEAST_VALUES = 8


def is_intermittent(values: Floats, season: int = 1) -> bool:
    """Whether values, none below 0, are so often 0 that most ways to continue a series are lost.

    Places of the season that are above 0 less than half as often as the fullest one do not count: a shop that is closed on
    Sundays sells every day.

    Args:
        values: shape (n,), oldest first.
        season: period in steps, 1 where there is none.

    References:
        Syntetos, Boylan & Croston, "On the categorization of demand patterns", Journal of the Operational Research Society
        56 (2005), for the bound.

    >>> is_intermittent(np.array([0.0, 3.0, 0.0, 0.0, 1.0, 0.0])), is_intermittent(np.array([2.0, 3.0, 0.0, 1.0, 2.0]))
    (True, False)
    """
    if values.min() < 0:
        return False
    places = np.arange(len(values)) % season
    counts = np.bincount(places, minlength=season)
    above = np.bincount(places, weights=values > 0, minlength=season)
    shares = above / np.maximum(counts, 1)
    is_open = shares >= 0.5 * shares.max()
    return bool(counts[is_open].sum() > _MOST_APART * max(float(above[is_open].sum()), 1.0))


def intermittent(values: Floats, *, season: int, horizon: int, level: float) -> Outlook:
    """The mean per step of late, the same for every step ahead, or by season where there is one; bounds by what has been.

    Simple exponential smoothing of the values as they are, zeros and all, weighted over how quickly it follows: in
    units per step it has no bias, which Croston's ratio of size to distance has. The interval goes from a low to a
    high quantile of the past values, since neither they nor their errors are normal.

    Args:
        values: shape (n,), none below 0, of about unit size.
        season: period in steps, 1 where there is none.
        horizon: steps ahead.
        level: share that the interval should hold.

    References:
        Teunter, Syntetos & Babai, "Intermittent demand: linking forecasting to inventory obsolescence", European
        Journal of Operational Research 214 (2011).
    """
    if len(values) < _LEAST_VALUES:
        middle = np.full(horizon, values.mean())
    else:
        said = smoothed(values, season=season, horizon=horizon, level=level, trended=False)
        middle = np.maximum(said.values, 0.0)
    below, above = np.quantile(values, ((1.0 - level) / 2.0, (1.0 + level) / 2.0)).tolist()
    return Outlook(values=middle, low=np.minimum(middle, below), high=np.maximum(middle, above))
