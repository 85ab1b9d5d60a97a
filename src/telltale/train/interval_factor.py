"""How much wider, or narrower, than a method says: by what came after an earlier end of the same series."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from telltale.contract.estimator import Continued, Floats, Seasons
from telltale.train.series import Series

Continue = Callable[[Floats, Seasons], Continued]  # to the task's horizon

# So many series are looked back at, spread evenly over all; of methods that take long, fewer.
MOST_SERIES: Final = 100
MOST_SERIES_COSTLY: Final = 30
# What must be left of a series to be continued from: so many values, or seasons.
_LEAST_VALUES, _LEAST_SEASONS = 12, 2
# As much evidence as so many series is put in beforehand for the width that the method says.
_PRIOR_SERIES = 8.0
_LEAST, _MOST = 0.5, 3.0


def interval_factors(
    series: Sequence[Series],
    continue_series: Continue,
    *,
    horizon: int,
    level: float,
    most_series: int,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Floats:
    """By what to multiply the half-widths of intervals, shape (horizon,), so that they would have held what came.

    Each of up to `most_series` series is continued from `horizon` steps before its end, and each value that came is set against
    the half-width on its side. The factor is the `level` quantile of these ratios, one for the nearer half of the steps and
    one for the further half, a straight line between their middles; pulled towards 1 where there are few series. 1 where no
    series is long enough.

    References:
        Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, "Distribution-free predictive inference for regression", Journal of
        the American Statistical Association 113 (2018), for the quantile of errors over widths of others.
    """
    sample = _sample(series, horizon, most_series)
    ratios = []
    for done, one in enumerate(sample):
        progress(done, len(sample))
        found = _ratios(one, continue_series, horizon)
        if found is not None:
            ratios.append(found)
    if not ratios:
        return np.ones(horizon)
    table = np.stack(ratios)
    half = -(-horizon // 2)
    halves = (table[:, :half], table[:, half:]) if horizon > half else (table, table)
    share = len(table) / (len(table) + _PRIOR_SERIES)
    factors = [float(np.clip(np.quantile(part, level), _LEAST, _MOST)) ** share for part in halves]
    middles = [(half - 1) / 2, half + (horizon - half - 1) / 2]
    return np.asarray(np.interp(np.arange(horizon), middles, factors), dtype=np.float64)


def widened(said: Continued, factors: Floats) -> Continued:
    """The same values, with the interval by these factors wider."""
    return Continued(
        values=said.values,
        low=said.values - factors * (said.values - said.low),
        high=said.values + factors * (said.high - said.values),
        method=said.method,
    )


def _sample(series: Sequence[Series], horizon: int, most: int) -> list[Series]:
    long_enough = [
        one
        for one in series
        if len(one.values) - horizon >= max(_LEAST_VALUES, _LEAST_SEASONS * max(one.seasons, default=1))
        and np.ptp(one.values[:-horizon]) > 0
    ]
    if len(long_enough) <= most:
        return long_enough
    return [long_enough[place] for place in np.linspace(0, len(long_enough) - 1, most).astype(int).tolist()]


def _ratios(one: Series, continue_series: Continue, horizon: int) -> Floats | None:
    """Errors over half-widths, step by step; None where the interval has no width."""
    said = continue_series(one.values[:-horizon], one.seasons)
    errors = one.values[-horizon:] - said.values
    widths = np.where(errors > 0, said.high - said.values, said.values - said.low)
    if not (widths > 0).all():
        return None
    return np.asarray(np.abs(errors) / widths, dtype=np.float64)
