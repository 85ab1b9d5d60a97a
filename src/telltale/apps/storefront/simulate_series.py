"""Daily sales of eight products: a level that moves, a week for most, days of promotion, and noise that grows with the level."""

import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from telltale.contract.simulation import Simulation

N_SERIES = 8

_DAYS, _INTERVAL_S = 180.0, 86_400.0
_WEEK = np.array([0.85, 0.85, 0.9, 0.95, 1.15, 1.3, 1.0])  # from Monday
_NO_WEEK, _SPARSE = {5}, {7}  # the number of a product that sells alike all week, and of one that hardly sells


def simulate_series(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/series`, one per product and day (or `how.interval_s`)."""
    interval_s = how.interval_s or _INTERVAL_S
    n_steps = math.ceil((how.days or _DAYS) * 86_400.0 / interval_s)
    if how.n_rows:
        n_steps = math.ceil(how.n_rows / N_SERIES)
    rng = np.random.default_rng([how.seed, 0])
    level = np.log(rng.lognormal(math.log(40.0), 0.6, N_SERIES))
    level[list(_SPARSE)] = math.log(0.6)
    slope = rng.normal(0.0005, 0.0008, N_SERIES)
    strength = rng.uniform(0.6, 1.4, N_SERIES)
    strength[list(_NO_WEEK)] = 0.0
    values = np.empty((n_steps, N_SERIES))
    for step in range(n_steps):
        moment = start + timedelta(seconds=step * interval_s)
        own = np.random.default_rng([how.seed, 1, step])
        level = level + slope * interval_s / _INTERVAL_S + own.normal(0.0, 0.015, N_SERIES)
        promoted = np.where(own.random(N_SERIES) < 0.02, 1.5, 1.0)
        expected = np.exp(level) * _WEEK[moment.weekday()] ** strength * promoted
        # A gamma mixture of Poissons: the spread of real sales grows with their level.
        values[step] = own.poisson(expected * own.gamma(60.0, 1.0 / 60.0, N_SERIES))
    stamps = [start + timedelta(seconds=step * interval_s) for step in range(n_steps)]
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(stamps).dt.cast_time_unit("us").repeat_by(N_SERIES).explode(),
            "series": [f"product-{number + 1:02d}" for number in range(N_SERIES)] * n_steps,
            "value": values.ravel(),
        }
    )
    return frame[: how.n_rows] if how.n_rows else frame
