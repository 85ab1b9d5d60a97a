"""Methods of statsforecast on any series: short, constant and unfit ones are continued by the seasonal naive method."""

import warnings
from typing import Any

import numpy as np

from telltale.contract.estimator import Continued, Floats, Seasons
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE

# Fewer values than this say too little for a model with several parameters.
LEAST_VALUES = 8


def first_season(seasons: Seasons) -> int:
    """The shortest season, for a method that knows no more than one; 1 where there is none."""
    return seasons[0] if seasons else 1


def library_forecast(
    model: Any, values: Floats, *, name: str, seasons: Seasons, horizon: int, level: float, seed: int
) -> Continued:
    """Continue one series by a statsforecast model; where it cannot, by the seasonal naive method, as `method` says.

    Args:
        model: made for these seasons, or for the first of them.
        values: one series, oldest first, finite, at least one.
        name: what to call the method.
        seasons: periods, shortest first.
        horizon: steps ahead.
        level: share that the interval should hold.
        seed: for the naive method's signature; the library's intervals are drawn from a generator of their own.
    """
    naive = NAIVE.forecast(values, seasons=seasons, horizon=horizon, level=level, parameters={}, seed=seed)
    if len(values) < LEAST_VALUES or np.ptp(values) == 0:
        return naive
    per_cent = f"{100 * level:g}"
    said = _ask(model, values, horizon, level=[float(per_cent)])
    if said is None:
        return naive
    key = next((key.removeprefix("lo-") for key in said if key.startswith("lo-")), per_cent)
    found, low, high = (said[part] for part in ("mean", f"lo-{key}", f"hi-{key}"))
    if not (np.isfinite(found) & np.isfinite(low) & np.isfinite(high)).all():
        return naive
    return Continued(values=found, low=np.minimum(low, found), high=np.maximum(high, found), method=name)


def library_values(model: Any, values: Floats, horizon: int) -> Floats | None:
    """What a statsforecast model expects, without an interval, which takes some of them ten times as long; None where it cannot."""
    if len(values) < LEAST_VALUES or np.ptp(values) == 0:
        return None
    said = _ask(model, values, horizon)
    return said["mean"] if said is not None and np.isfinite(said["mean"]).all() else None


def _ask(model: Any, values: Floats, horizon: int, **named: Any) -> dict[str, Floats] | None:
    """What the library gives, in double precision and the unit of the values; None where it raises."""
    # Of unit size: the library's optimisers stop at absolute tolerances, and its intervals are in single precision.
    size = float(np.abs(values).mean())
    try:
        with warnings.catch_warnings():
            # Of a division by a mean of 0 and the like: what is not finite is caught by whoever asks.
            warnings.simplefilter("ignore")
            said = model.forecast(y=values / size, h=horizon, **named)
    except Exception:  # noqa: BLE001 - it raises plain ones where nothing can be fitted; the method says what was done
        return None
    return {name: np.asarray(found, dtype=np.float64) * size for name, found in said.items()}
