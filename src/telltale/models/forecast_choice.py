"""A method for each series: the one that would have continued it best from some moments in its past."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Choice, Continued, Floats, ForecastEstimator, Parameter, Parameters, Traits
from telltale.contract.kinds import Kind
from telltale.models.ces import ESTIMATOR as CES
from telltale.models.library_forecast import LEAST_VALUES
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE
from telltale.models.theta import ESTIMATOR as THETA

# The simplest first: it is taken where another does no better.
_METHODS: Final[Mapping[str, ForecastEstimator]] = {method.name: method for method in (NAIVE, THETA, CES)}
TOGETHER: Final = "theta and ces"


@final
class ForecastChoice:
    """Seasonal naive, Theta, CES, or the mean of the two: by mean absolute error from `windows` origins before the end.

    Theta where a series is too short to look back in. No origin sees what came after it.

    Not for: thousands of series at once; it takes `windows` + 1 times as long as its methods together.

    References:
        Tashman, "Out-of-sample tests of forecasting accuracy", International Journal of Forecasting 16 (2000).
        Petropoulos & Svetunkov, "A simple combination of univariate models", ibid. 36 (2020), for the mean.
    """

    name = "forecast_choice"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",))
    defaults: Mapping[str, Parameter] = {"windows": 2}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, season: int, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series by the method chosen for it."""
        chosen = choose_method(values, season=season, horizon=horizon, windows=int(parameters["windows"]), seed=seed)
        return _continued(values, chosen, season=season, horizon=horizon, level=level, seed=seed)


def choose_method(values: Floats, *, season: int, horizon: int, windows: int, seed: int) -> str:
    """The method with the least mean absolute error over rolling origins; each looks ahead an equal number of steps."""
    # Each window as long as the horizon where the series is; at least two seasons, and values enough, stay before the first.
    room = len(values) - max(2 * season, LEAST_VALUES)
    ahead = min(horizon, room // windows)
    if ahead < 1 or np.ptp(values) == 0:
        return THETA.name
    errors: dict[str, list[float]] = {}
    for back in range(windows, 0, -1):
        origin = len(values) - back * ahead
        truth = values[origin : origin + ahead]
        found = {
            name: method.forecast(
                values[:origin], season=season, horizon=ahead, level=0.95, parameters={}, seed=seed
            ).values
            for name, method in _METHODS.items()
        }
        found[TOGETHER] = (found[THETA.name] + found[CES.name]) / 2
        for name, said in found.items():
            errors.setdefault(name, []).append(float(np.abs(said - truth).mean()))
    return min(errors, key=lambda name: float(np.mean(errors[name])))


def _continued(values: Floats, method: str, *, season: int, horizon: int, level: float, seed: int) -> Continued:
    def by(one: ForecastEstimator) -> Continued:
        return one.forecast(values, season=season, horizon=horizon, level=level, parameters={}, seed=seed)

    if method != TOGETHER:
        return by(_METHODS[method])
    first, second = by(THETA), by(CES)
    # The mean of the bounds: their errors are far from independent, so nothing is gained in width by averaging.
    return Continued(
        values=(first.values + second.values) / 2,
        low=(first.low + second.low) / 2,
        high=(first.high + second.high) / 2,
        method=TOGETHER if (first.method, second.method) == (THETA.name, CES.name) else first.method,
    )


ESTIMATOR: Final = ForecastChoice()
