"""Made-up series where there are no others: a level that wanders, a trend, a season that noise half hides."""

import numpy as np

from benchmarks.trend_cases import PERIODS, Case, Group

_LENGTHS = {"hourly": (500, 48, 4), "monthly": (96, 18, 24), "yearly": (24, 6, 12)}  # known, ahead, how many


def made_groups(*, seed: int) -> list[Group]:
    """A group of each of three periods, all of one set called `made`."""
    groups = []
    for number, (period, (n, horizon, n_series)) in enumerate(_LENGTHS.items()):
        rng = np.random.default_rng([seed, number])
        cases = []
        for one in range(n_series):
            steps = np.arange(n + horizon)
            season = PERIODS[period]
            level = np.cumsum(rng.normal(rng.normal(0.0, 0.002), 0.01, n + horizon))
            shape = rng.normal(0.0, 0.15, season)[steps % season] if season > 1 else 0.0
            week = rng.normal(0.0, 0.1, 7)[steps // 24 % 7] if period == "hourly" else 0.0
            values = 100.0 * np.exp(level + shape + week + rng.normal(0.0, 0.08, n + horizon))
            cases.append(Case(name=f"{period}-{one:02d}", training=values[:n], truth=values[n:]))
        groups.append(Group(data_set="made", period=period, horizon=horizon, cases=tuple(cases)))
    return groups
