"""Exponential smoothing, all of it at once: a grid of models runs along the series together, and the mean is what they say."""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.forecasting.outlook import Outlook
from telltale.models.forecasting.seasonal_indices import seasonal_indices

Floats = NDArray[np.float64]

# How far a model follows what is new: in level, in trend, in season; and how much of a trend is left a step later.
ALPHAS: Final = (0.03, 0.1, 0.2, 0.35, 0.55, 0.8, 0.99)
BETAS: Final = (0.01, 0.05, 0.2)
PHIS: Final = (0.85, 0.97)
GAMMAS: Final = (0.0, 0.03, 0.1, 0.2)
_LEAST_LOGGED = 1e-3  # of a series of mean size 1
_MOST_LOG = 20.0
_FLOOR = 1e-12


@dataclass(frozen=True)
class _Grid:
    """Models, one per place of arrays of shape (k,). `phi` is 0 where there is no trend, `has_season` 0 or 1."""

    alpha: Floats
    beta: Floats
    phi: Floats
    gamma: Floats
    has_season: Floats

    @property
    def n_parameters(self) -> Floats:
        return np.asarray(1.0 + 2.0 * (self.phi > 0) + (self.gamma > 0), dtype=np.float64)


@cache
def _grid(*, seasonal: bool, trended: bool) -> _Grid:
    trends = [(0.0, 0.0), *((beta, phi) for beta in BETAS for phi in PHIS if trended)]
    seasons = [*((gamma, 1.0) for gamma in GAMMAS if seasonal), (0.0, 0.0)]
    models = [(alpha, *trend, *season) for alpha in ALPHAS for trend in trends for season in seasons]
    return _Grid(*np.array(models).T)


def smoothed(values: Floats, *, season: int, horizon: int, level: float, trended: bool = True) -> Outlook:
    """The series continued by the mean of a grid of exponential smoothing models, weighted by how well they fit.

    Additive models of level, damped trend and season, of the values and, where all are above 0, of their logarithms
    (then trend and season are factors). A model's weight is exp(-AICc / 2): where several fit about as well, all of them have
    a say, which makes for steadier forecasts than the best alone. The bounds are those of each model,
    widened by how far the models differ.

    Not for: two seasons at once; intermittent series with a trend.

    Args:
        values: shape (n,), at least 3, of about unit size, finite.
        season: period in steps; 1 where there is none, and taken for that where fewer than two seasons are known.
        horizon: steps ahead.
        level: share that the interval should hold.
        trended: whether trends are considered.

    References:
        Hyndman, Koehler, Ord & Snyder, "Forecasting with exponential smoothing", 2008: models, variances (ch. 6).
        Kolassa, "Combining exponential smoothing forecasts using Akaike weights", International Journal of Forecasting
        27 (2011).
    """
    seasonal = season > 1 and len(values) >= 2 * season
    grid = _grid(seasonal=seasonal, trended=trended)
    is_positive = values.min() > _LEAST_LOGGED
    scales = [values, np.log(values)] if is_positive else [values]
    said = [_run(one, grid, season=season if seasonal else 1, horizon=horizon) for one in scales]
    criteria = [len(values) * np.log(run.variance + _FLOOR) + _penalty(grid.n_parameters, len(values)) for run in said]
    if is_positive:  # a density of logarithms, as one of the values
        criteria[1] = criteria[1] + 2.0 * np.log(values).sum()
    together = np.concatenate(criteria)
    weights = np.exp(-0.5 * (together - together.min()))
    weights /= weights.sum()
    return _mix(said, weights, level=level)


@dataclass(frozen=True)
class _Run:
    """What the models of a grid say on one scale: `ahead` and `reach`, its standard deviation, have shape (k, horizon)."""

    ahead: Floats
    reach: Floats
    variance: Floats


def _run(values: Floats, grid: _Grid, *, season: int, horizon: int) -> _Run:
    """All models along one series, step by step."""
    n, k = len(values), len(grid.alpha)
    indices = seasonal_indices(values, season) if season > 1 else np.zeros(1)
    seasons = indices[:, None] * grid.has_season  # shape (season, k): a place is a contiguous line
    n_first = min(n, max(4, min(10, season)))
    start = values[:n_first] - indices[np.arange(n_first) % season]
    level = np.full(k, start.mean())
    slope = np.polyfit(np.arange(n_first), start, 1)[0] if n_first > 2 else 0.0
    trend = np.where(grid.phi > 0, slope, 0.0)
    by_trend, by_season = grid.alpha * grid.beta, grid.gamma * (1.0 - grid.alpha)
    squares = np.zeros(k)
    for step, value in enumerate(values.tolist()):
        place = seasons[step % season]
        trend *= grid.phi
        level += trend
        error = value - level - place
        level += grid.alpha * error
        trend += by_trend * error
        if season > 1:
            place += by_season * error
        squares += error * error
    steps = np.arange(horizon)
    reached = np.cumsum(grid.phi[:, None] ** (steps + 1), axis=1)
    ahead = level[:, None] + reached * trend[:, None] + seasons[(n + steps) % season].T
    # Weight of an error j steps back in the value now: c_j of Hyndman et al., table 6.1.
    moves = grid.alpha[:, None] * (1.0 + grid.beta[:, None] * reached)
    moves = moves + by_season[:, None] * ((steps + 1) % season == 0) * (season > 1)
    variance = squares / n
    before = np.cumsum(moves**2, axis=1) - moves**2
    return _Run(ahead=ahead, reach=np.sqrt(variance[:, None] * (1.0 + before)), variance=variance)


def _penalty(n_parameters: Floats, n: int) -> Floats:
    """AICc's, of so many parameters and the variance."""
    k = n_parameters + 1.0
    return 2.0 * k + 2.0 * k * (k + 1.0) / np.maximum(n - k - 1.0, 1.0)


def _mix(said: list[_Run], weights: Floats, *, level: float) -> Outlook:
    """The weighted mean; the second run, if any, is of logarithms."""
    k = len(said[0].ahead)
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    total, low, high = 0.0, 0.0, 0.0
    for number, run in enumerate(said):
        own = weights[number * k : (number + 1) * k]
        share = float(own.sum())
        if share < _FLOOR:
            continue
        kept = own > _FLOOR * own.max()  # most of a grid has no say
        own, ahead, reach = own[kept], run.ahead[kept], run.reach[kept]
        middle = own @ ahead / share
        spread = np.sqrt(own @ (reach**2 + (ahead - middle) ** 2) / share)
        bounds = [middle - z * spread, middle + z * spread]
        if number:
            middle, ahead = np.exp(np.minimum(middle, _MOST_LOG)), np.exp(np.minimum(ahead, _MOST_LOG))
            bounds = [np.exp(np.minimum(bound, _MOST_LOG)) for bound in bounds]
        total = total + own @ ahead
        low, high = low + share * bounds[0], high + share * bounds[1]
    return Outlook(values=np.asarray(total), low=np.asarray(low), high=np.asarray(high))
