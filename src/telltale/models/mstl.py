"""MSTL: every season taken out in turn by local regression, the rest continued, and the seasons put back."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import library_forecast


@final
class MultipleSeasons:
    """MSTL of statsforecast, the rest by the dynamic optimised Theta method; Theta alone where there is no season.

    Not for: series of two or three seasons, whose noise it takes for season.

    References:
        Bandara, Hyndman & Bergmeir, "MSTL: a seasonal-trend decomposition algorithm for time series with multiple seasonal
        patterns", International Journal of Operational Research 52 (2025).
    """

    name = "mstl"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",))
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        from statsforecast.models import MSTL, DynamicOptimizedTheta

        del parameters
        rest = DynamicOptimizedTheta(season_length=1)
        return library_forecast(
            MSTL(season_length=list(seasons), trend_forecaster=rest) if seasons else rest,
            values,
            name=self.name,
            seasons=seasons,
            horizon=horizon,
            level=level,
            seed=seed,
        )


ESTIMATOR: Final = MultipleSeasons()
