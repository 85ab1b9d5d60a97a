"""What several ways to continue a series agree on, each right in its own way; which ones follows from what the series is like."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.forecast_members import LEAST_SMOOTHED, ONE_SEASON, said_by
from telltale.models.forecasting.double_season import double_smoothed
from telltale.models.forecasting.intermittent import intermittent, is_intermittent
from telltale.models.forecasting.lag_regression import lag_regressed
from telltale.models.forecasting.outlook import Outlook, mean_outlook
from telltale.models.forecasting.smoothing import smoothed
from telltale.models.library_forecast import first_season
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE


@final
class ForecastBlend:
    """The median of Theta, complex smoothing, boosted smoothing (MFLES) and a mean over exponential smoothing models.

    The last of these at several paces made to agree where there is a season. Two seasons (an hour's place in the day and in the
    week): the mean of exponential smoothing with both, and of a regression on the same hours of days and weeks
    before. Mostly zeros: the level of late. Fewer than four values, or all alike: the last season again. What several ways
    that err differently agree on errs less than the best of them chosen in advance.

    Not for: series whose causes are known, such as prices or holidays; it knows the series alone.

    References:
        Petropoulos & Svetunkov, "A simple combination of univariate models", International Journal of Forecasting 36
        (2020).
    """

    name = "forecast_blend"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",))
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series; nothing is random."""
        del parameters
        if len(values) < LEAST_SMOOTHED or np.ptp(values) == 0:
            return NAIVE.forecast(values, seasons=seasons, horizon=horizon, level=level, parameters={}, seed=seed)
        size = float(np.abs(values).mean())
        unit = values / size
        if is_intermittent(values, first_season(seasons)):
            said = intermittent(unit, season=first_season(seasons), horizon=horizon, level=level)
            method = "level of late"
        elif len(seasons) > 1:
            said, method = _two_seasons(unit, seasons=seasons, horizon=horizon, level=level)
        else:
            said, method = _one_season(unit, seasons=seasons, horizon=horizon, level=level)
        if not np.isfinite([said.values, said.low, said.high]).all():
            return NAIVE.forecast(values, seasons=seasons, horizon=horizon, level=level, parameters={}, seed=seed)
        return Continued(
            values=said.values * size,
            low=np.minimum(said.low, said.values) * size,
            high=np.maximum(said.high, said.values) * size,
            method=method,
        )


def _one_season(unit: Floats, *, seasons: Seasons, horizon: int, level: float) -> tuple[Outlook, str]:
    """The median of up to four; the interval is that of exponential smoothing, moved to it."""
    single = smoothed(unit, season=first_season(seasons), horizon=horizon, level=level)
    said = said_by(ONE_SEASON, unit, seasons=seasons, horizon=horizon) or {"exponential smoothing": single.values}
    middle = np.median(np.stack(list(said.values())), axis=0)
    outlook = Outlook(values=middle, low=middle - single.values + single.low, high=middle - single.values + single.high)
    *others, last = said
    return outlook, f"median of {', '.join(others)} and {last}" if others else last


def _two_seasons(unit: Floats, *, seasons: Seasons, horizon: int, level: float) -> tuple[Outlook, str]:
    said = [
        double_smoothed(unit, seasons=(seasons[0], seasons[1]), horizon=horizon, level=level),
        lag_regressed(unit, seasons=(seasons[0], seasons[1]), horizon=horizon, level=level),
    ]
    return mean_outlook(said), "mean of double-seasonal smoothing and regression on the same hours before"


ESTIMATOR: Final = ForecastBlend()
