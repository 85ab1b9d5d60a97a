"""ETS: exponential smoothing with error, trend and season each absent, added or multiplied, the kind chosen by AICc."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import first_season, library_forecast

# The library takes no longer season.
_MOST_SEASON: Final = 24


@final
class ErrorTrendSeason:
    """The automatic ETS of statsforecast; a season of more than 24 steps is taken for none.

    Not for: long seasons, several at once, and many series: it takes forty times as long as Theta.

    References:
        Hyndman, Koehler, Snyder & Grose, "A state space framework for automatic forecasting using exponential smoothing
        methods", International Journal of Forecasting 18 (2002).
    """

    name = "ets"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",), is_costly=True)
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        from statsforecast.models import AutoETS

        del parameters
        season = first_season(seasons)
        return library_forecast(
            AutoETS(season_length=season if season <= _MOST_SEASON else 1),
            values,
            name=self.name,
            seasons=seasons,
            horizon=horizon,
            level=level,
            seed=seed,
        )


ESTIMATOR: Final = ErrorTrendSeason()
