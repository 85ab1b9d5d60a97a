"""CES: complex exponential smoothing, which follows trends that change and need not be told what kind they are."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import first_season, library_forecast


@final
class ComplexSmoothing:
    """The automatic CES of statsforecast: its kind of season (none, simple, partial, full) is chosen by AICc.

    Not for: several seasons at once; it takes ten times as long as Theta.

    References:
        Svetunkov, Kourentzes & Ord, "Complex exponential smoothing", Naval Research Logistics 69 (2022).
    """

    name = "ces"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",))
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        from statsforecast.models import AutoCES

        del parameters
        return library_forecast(
            AutoCES(season_length=first_season(seasons)),
            values,
            name=self.name,
            seasons=seasons,
            horizon=horizon,
            level=level,
            seed=seed,
        )


ESTIMATOR: Final = ComplexSmoothing()
