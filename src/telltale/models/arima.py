"""ARIMA: the next value from the last ones and their errors, after differences; the orders chosen by AICc."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import first_season, library_forecast

# Of a longer season one series takes minutes: it is taken out by STL first, and what is left has none.
_MOST_SEASON: Final = 12


@final
class Arima:
    """The automatic ARIMA of statsforecast, stepwise; with several seasons, or one of more than 12 steps, after MSTL.

    Not for: many series: one takes a second, and of monthly values several.

    References:
        Hyndman & Khandakar, "Automatic time series forecasting: the forecast package for R", Journal of Statistical
        Software 27 (2008).
    """

    name = "arima"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",), is_costly=True)
    defaults: Mapping[str, Parameter] = {"max_order": 5}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}
    check_parameters: Mapping[str, Parameter] = {"max_order": 1}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        from statsforecast.models import MSTL, AutoARIMA

        order = int(parameters["max_order"])
        season = first_season(seasons)
        is_long = season > _MOST_SEASON or len(seasons) > 1
        orders = {"max_p": order, "max_q": order, "max_P": min(order, 2), "max_Q": min(order, 2)}
        one = AutoARIMA(season_length=1 if is_long else season, **orders)
        return library_forecast(
            MSTL(season_length=list(seasons), trend_forecaster=one) if is_long else one,
            values,
            name=self.name,
            seasons=seasons,
            horizon=horizon,
            level=level,
            seed=seed,
        )


ESTIMATOR: Final = Arima()
