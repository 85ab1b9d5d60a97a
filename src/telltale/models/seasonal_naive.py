"""Seasonal naive: each step as it was one season before. The baseline that every forecast must beat, as a full citizen."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind


@final
class SeasonalNaive:
    """The last season over again, the shortest of several; with none, or less than one known, the last value.

    The interval widens with each further season, as that of a random walk by seasons does.

    Not for: series with a trend.

    References:
        Hyndman & Athanasopoulos, "Forecasting: principles and practice", 3rd ed., 5.2 and 5.5.
    """

    name = "seasonal_naive"
    kind: Kind = "forecast"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series, of one value at least; nothing is random."""
        del parameters, seed
        season = next((one for one in seasons if len(values) >= one), 1)
        ahead = np.arange(horizon)
        continued = values[len(values) - season + ahead % season].astype(np.float64)
        steps = values[season:] - values[:-season]
        spread = float(np.sqrt(np.mean(steps**2))) if len(steps) else 0.0
        reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * spread * np.sqrt(ahead // season + 1.0)
        return Continued(values=continued, low=continued - reach, high=continued + reach, method=self.name)


ESTIMATOR: Final = SeasonalNaive()
