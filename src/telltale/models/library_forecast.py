"""Methods of statsforecast on any series: short, constant and unfit ones are continued by the seasonal naive method."""

import warnings
from typing import Any

import numpy as np

from telltale.contract.estimator import Continued, Floats
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE

# Fewer values than this say too little for a model with several parameters.
LEAST_VALUES = 8


def library_forecast(
    model: Any, values: Floats, *, name: str, season: int, horizon: int, level: float, seed: int
) -> Continued:
    """Continue one series by a statsforecast model; where it cannot, by the seasonal naive method, as `method` says.

    Args:
        model: made for this season.
        values: one series, oldest first, finite, at least one.
        name: what to call the method.
        season: period, 1 where there is none.
        horizon: steps ahead.
        level: share that the interval should hold.
        seed: for the naive method's signature; the library's intervals are drawn from a generator of their own.
    """
    naive = NAIVE.forecast(values, season=season, horizon=horizon, level=level, parameters={}, seed=seed)
    if len(values) < LEAST_VALUES or np.ptp(values) == 0:
        return naive
    # Of unit size: the library's optimisers stop at absolute tolerances, and its intervals are in single precision.
    size = float(np.abs(values).mean())
    per_cent = f"{100 * level:g}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of a division by a mean of 0 and the like: what is not finite is caught below
            said = model.forecast(y=values / size, h=horizon, level=[float(per_cent)])
    except Exception:  # noqa: BLE001 - it raises plain ones where nothing can be fitted; the method says what was done
        return naive
    key = next((key.removeprefix("lo-") for key in said if key.startswith("lo-")), per_cent)
    found, low, high = (np.asarray(said[part], dtype=np.float64) * size for part in ("mean", f"lo-{key}", f"hi-{key}"))
    if not (np.isfinite(found) & np.isfinite(low) & np.isfinite(high)).all():
        return naive
    return Continued(values=found, low=np.minimum(low, found), high=np.maximum(high, found), method=name)
