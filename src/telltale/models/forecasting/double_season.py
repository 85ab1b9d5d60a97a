"""Exponential smoothing with a season inside a season: the hour of the day, and what the day of the week makes of it."""

from functools import cache
from itertools import product
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.forecasting.outlook import Outlook
from telltale.models.forecasting.seasonal_indices import seasonal_indices

Floats = NDArray[np.float64]

# How far level, short season and long season follow an error, and how much of the last error is left a step later.
_ALPHAS: Final = (0.01, 0.05, 0.15, 0.4, 0.8)
_SHORTS: Final = (0.0, 0.05, 0.2, 0.4)
_LONGS: Final = (0.0, 0.1, 0.25, 0.5)
_RHOS: Final = (0.0, 0.6, 0.9)
# A model twice as far off as the best counts 2 ** -_SHARPNESS of it.
_SHARPNESS = 100.0
_N_ORIGINS = 30
_LEAST_LOGGED, _MOST_LOG = 1e-3, 20.0


def double_smoothed(values: Floats, *, seasons: tuple[int, int], horizon: int, level: float) -> Outlook:
    """The series continued by models with two seasons, those that would have continued it best from some thirty moments.

    Level, short season, long season, and an error that dies away; of the values and, where all are above 0, of their
    logarithms. Every model of a grid runs along the series; its weight follows from the mean absolute error over
    all steps ahead from moments in the second half, which is what is asked of it, and not from one step ahead.

    Args:
        values: shape (n,), of about unit size, at least two long seasons.
        seasons: the short and the long period in steps.
        horizon: steps ahead.
        level: share that the interval should hold.

    References:
        Taylor, "Short-term electricity demand forecasting using double seasonal exponential smoothing", Journal of the
        Operational Research Society 54 (2003).
    """
    grid = _grid()
    scales = [values, np.log(values)] if values.min() > _LEAST_LOGGED else [values]
    ahead, errors = _run(values, scales, grid, seasons=seasons, horizon=horizon)
    mean = errors.mean(axis=1)
    weights = (mean / max(float(mean.min()), 1e-12) + 1e-12) ** -_SHARPNESS
    weights /= weights.sum()
    expected = weights @ ahead
    # Of normal errors the standard deviation is 1.2533 times the mean absolute one; steps beside each other share theirs.
    spread = 1.2533 * _even_out(weights @ errors)
    reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * spread
    return Outlook(values=expected, low=expected - reach, high=expected + reach)


@cache
def _grid() -> Floats:
    """Shape (4, k): alpha, short, long, rho."""
    return np.array(list(product(_ALPHAS, _SHORTS, _LONGS, _RHOS))).T


def _run(
    values: Floats, scales: list[Floats], grid: Floats, *, seasons: tuple[int, int], horizon: int
) -> tuple[Floats, Floats]:
    """What each model says ahead of the end, and its mean absolute error per step ahead: both (models, horizon)."""
    n, k, (short, long) = len(values), grid.shape[1], seasons
    alpha, by_short, by_long, rho = np.tile(grid, len(scales))
    in_steps = np.repeat(np.stack(scales, axis=1), k, axis=1)
    starts = [_start(one, short, long) for one in scales]
    shorts = np.repeat(np.stack([one[0] for one in starts], axis=1), k, axis=1)
    longs = np.repeat(np.stack([one[1] for one in starts], axis=1), k, axis=1)
    now = np.repeat([one[2] for one in starts], k)
    left = np.zeros(len(alpha))
    steps = np.arange(horizon)
    fading = rho[:, None] ** (steps + 1)

    def look(step: int) -> Floats:
        said = now[:, None] + shorts[(step + steps) % short].T + longs[(step + steps) % long].T + fading * left[:, None]
        said[k:] = np.exp(np.minimum(said[k:], _MOST_LOG))  # nothing where there is one scale
        return np.asarray(said, dtype=np.float64)

    origins = set(_origins(n, long, horizon))
    errors, counts = np.zeros((len(alpha), horizon)), np.zeros(horizon)
    for step in range(n):
        if step in origins:
            truth = values[step : step + horizon]
            errors[:, : len(truth)] += np.abs(look(step)[:, : len(truth)] - truth)
            counts[: len(truth)] += 1.0
        of_short, of_long = shorts[step % short], longs[step % long]
        new = in_steps[step] - now - of_short - of_long - rho * left
        of_short += by_short * new
        of_long += by_long * new
        now += alpha * new
        left = in_steps[step] - now - of_short - of_long
    seen = counts > 0
    mean = errors[:, seen] / counts[seen]
    # Further ahead than any moment could be looked back at: as far off as the furthest.
    mean = np.concatenate([mean, np.repeat(mean[:, -1:], horizon - mean.shape[1], axis=1)], axis=1)
    return look(n), mean


def _start(values: Floats, short: int, long: int) -> tuple[Floats, Floats, float]:
    """The two seasons of the whole series, the long one less the short one, and the level of the first long season."""
    of_short = seasonal_indices(values, short)
    rest = values - of_short[np.arange(len(values)) % short]
    return of_short, seasonal_indices(rest, long), float(values[:long].mean())


def _origins(n: int, long: int, horizon: int) -> list[int]:
    last = n - max(1, min(horizon // 2, n // 4))
    first = min(max(n // 2, long + 1), last)
    return sorted({int(origin) for origin in np.linspace(first, last, _N_ORIGINS)})


def _even_out(errors: Floats) -> Floats:
    """A running mean over five steps."""
    edges = np.concatenate([errors[:1], errors[:1], errors, errors[-1:], errors[-1:]])
    return np.convolve(edges, np.full(5, 0.2), "valid")
