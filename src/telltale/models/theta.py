"""Theta: a straight line and a smoothed line, averaged; the method that won the M3 competition, with its weights fitted."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import first_season, library_forecast


@final
class Theta:
    """The dynamic optimised Theta method of statsforecast, on a series without its season where it has one.

    Not for: several seasons at once, and series whose season changes its shape.

    References:
        Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, "Models for optimising the theta method and their
        relationship to state space models", International Journal of Forecasting 32 (2016).
    """

    name = "theta"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",))
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        from statsforecast.models import DynamicOptimizedTheta

        del parameters
        return library_forecast(
            DynamicOptimizedTheta(season_length=first_season(seasons)),
            values,
            name=self.name,
            seasons=seasons,
            horizon=horizon,
            level=level,
            seed=seed,
        )


ESTIMATOR: Final = Theta()
