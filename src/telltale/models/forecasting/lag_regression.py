"""A linear regression on what was at the same place of the season before: the same hour of past days and past weeks."""

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.forecasting.outlook import Outlook

Floats = NDArray[np.float64]

_N_SHORT, _N_LONG = 10, 3  # so many short and long seasons back
_PENALTY = 0.1
_LEAST_LOGGED, _MOST_LOG = 1e-3, 20.0
# A lag is used where it leaves this share of the series to fit on.
_FITTED_SHARE: Final = 0.4


def lag_regressed(values: Floats, *, seasons: tuple[int, int], horizon: int, level: float) -> Outlook:
    """The series continued by ridge regressions, one for each short season ahead, each on what is known by then.

    Inputs: the values a whole number of short seasons before, the values one to three long seasons before, and the means
    of whole short seasons. Where all values are above 0 it is fitted to their logarithms.

    Args:
        values: shape (n,), of about unit size, at least two long seasons.
        seasons: the short and the long period in steps, the long one a multiple of the short one.
        horizon: steps ahead.
        level: share that the interval should hold.

    References:
        Hoerl & Kennard, "Ridge regression", Technometrics 12 (1970).
    """
    is_logged = values.min() > _LEAST_LOGGED
    series = np.log(values) if is_logged else values
    short, n = seasons[0], len(values)
    expected, reach = np.empty(horizon), np.empty(horizon)
    for begin in range(0, horizon, short):
        asked = np.arange(n + begin, n + min(begin + short, horizon))
        ahead, spread = _regress(series, asked, seasons=seasons, n_ahead=begin // short + 1)
        expected[begin : begin + short], reach[begin : begin + short] = ahead, spread
    reach *= NormalDist().inv_cdf((1.0 + level) / 2.0)
    bounds = [expected, expected - reach, expected + reach]
    if is_logged:
        bounds = [np.exp(np.minimum(one, _MOST_LOG)) for one in bounds]
    return Outlook(values=bounds[0], low=bounds[1], high=bounds[2])


def _regress(
    series: Floats, asked: NDArray[np.int64], *, seasons: tuple[int, int], n_ahead: int
) -> tuple[Floats, Floats]:
    """Values and standard deviations at the places `asked`, all within the short season `n_ahead` ahead."""
    short, long = seasons
    most = len(series) * (1.0 - _FITTED_SHARE)
    lags = {short * back for back in range(n_ahead, n_ahead + _N_SHORT)}
    lags |= {long * back for back in range(1, _N_LONG + 1) if long * back >= short * n_ahead}
    kept = sorted(lag for lag in lags if lag < most) or [min(lags)]
    means = [short * back for back in (n_ahead, n_ahead + 1, n_ahead + 6) if short * (back + 1) <= max(kept) + short]
    sums = np.concatenate([[0.0], np.cumsum(series)])

    def inputs(places: NDArray[np.int64]) -> Floats:
        before = [series[places - lag] for lag in kept]
        level = [(sums[places - lag + 1] - sums[places - lag - short + 1]) / short for lag in means]
        return np.stack([*before, *level], axis=1)

    known = np.arange(max(kept) + short, len(series))
    if len(known) < short:  # too little to fit on: the same place of the last season that is known
        return series[asked - min(kept)], np.full(len(asked), series.std())
    lines, truth = inputs(known), series[known]
    middle, size = lines.mean(axis=0), lines.std(axis=0) + 1e-9
    scaled = (lines - middle) / size
    weights = np.linalg.solve(scaled.T @ scaled + _PENALTY * np.eye(scaled.shape[1]), scaled.T @ (truth - truth.mean()))
    errors = truth - truth.mean() - scaled @ weights
    ahead = truth.mean() + (inputs(asked) - middle) / size @ weights
    return ahead, _spread(errors, known % short, scaled.shape[1], short)[asked % short]


def _spread(errors: Floats, places: NDArray[np.int64], n_inputs: int, short: int) -> Floats:
    """The standard deviation at each place of the short season: half its own, half that of all."""
    squares = errors**2 * len(errors) / max(len(errors) - n_inputs, 1)
    own = np.bincount(places, weights=squares, minlength=short) / np.maximum(np.bincount(places, minlength=short), 1)
    return np.asarray(np.sqrt(0.5 * own + 0.5 * squares.mean()), dtype=np.float64)
