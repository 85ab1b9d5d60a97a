"""The figures of forecasts against what came: each series counts the same, whatever its size or length."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import undefined

_N_RESAMPLES, _BLOCK = 1_000, 50
_NAMES = ("accuracy", "smape", "mase", "coverage_95")

Floats = NDArray[np.float64]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one series beside what came: arrays of one length, at least 1.

    `scale` is the mean absolute error of the seasonal naive method within the training rows, in the unit of the values;
    0 where it was without error, and then the series has no MASE.
    """

    truth: Floats
    values: Floats
    low: Floats
    high: Floats
    scale: float


def forecast_metrics(series: Sequence[Compared], *, seed: int = 0) -> dict[str, Measured]:
    """Means over series of each one's mean over steps, with 95 % intervals over resampled series.

    - `smape`: `200 |y - f| / (|y| + |f|)`, in [0, 200]; 0 where both are 0.
    - `accuracy`: `1 - smape / 200`.
    - `mase`: absolute error over the series' `scale`: below 1 is better than seasonal naive did in training, one step ahead.
    - `coverage_95`: share of values inside the interval; to be held to the level that the interval was made for.

    `n` is the number of values compared. Of a single series the steps are resampled; they depend on each other, and the
    interval is too narrow then.

    References:
        Makridakis, Spiliotis & Assimakopoulos, "The M4 Competition", International Journal of Forecasting 36 (2020).
        Hyndman & Koehler, "Another look at measures of forecast accuracy", ibid. 22 (2006).
    """
    if not series:
        return dict.fromkeys(_NAMES, undefined())
    steps = [_by_step(one) for one in series]
    n = sum(len(step) for step in steps)
    values = np.stack([step.mean(axis=0) for step in steps]) if len(steps) > 1 else steps[0]
    found = {}
    for place, name in enumerate(_NAMES):
        own = values[:, place]
        own = own[np.isfinite(own)]
        found[name] = _measured(own, n, seed=seed) if len(own) else undefined()
    return found


def _by_step(one: Compared) -> Floats:
    """Figures of each step, shape (n steps, 4), in the order of the names."""
    size = np.abs(one.truth) + np.abs(one.values)
    error = np.abs(one.truth - one.values)
    smape = np.divide(200.0 * error, size, out=np.zeros(len(error)), where=size > 0)
    mase = error / one.scale if one.scale > 0 else np.full(len(error), np.nan)
    inside = (one.low <= one.truth) & (one.truth <= one.high)
    return np.stack([1.0 - smape / 200.0, smape, mase, inside.astype(np.float64)], axis=1)


def _measured(values: Floats, n: int, *, seed: int) -> Measured:
    rng, m = np.random.default_rng(seed), len(values)
    even = np.full(m, 1.0 / m)
    means = [rng.multinomial(m, even, size=_BLOCK) @ values / m for _ in range(_N_RESAMPLES // _BLOCK)]
    value = float(values.mean())
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975)).tolist()
    return Measured(value=value, low=min(low, value), high=max(high, value), n=n)
