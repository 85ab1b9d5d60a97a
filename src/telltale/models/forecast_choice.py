"""Several ways to continue a series, each with the weight that it has earned on this one: by how it would have gone on before."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.forecast_blend import ESTIMATOR as BLEND
from telltale.models.forecast_members import NO_SEASON, ONE_SEASON_AND_NONE, TWO_SEASONS, Member, said_by
from telltale.models.forecasting.intermittent import is_intermittent
from telltale.models.library_forecast import LEAST_VALUES, first_season

# A way twice as far off as the best weighs 2 ** -_SHARPNESS of it.
_SHARPNESS = 4.0
_NAMED = 0.15  # a smaller weight is not worth a word
_FLOOR = 1e-9


@final
class ForecastChoice:
    """The mean of several ways, weighed for each series by their mean absolute errors from `windows` earlier ends of it.

    Theta, complex, boosted and exponential smoothing, with the season and without, and the last season again; of two seasons
    smoothing and regression with both, MSTL, and the last of each again. No earlier end sees what came after it. The interval is that of `forecast_blend`, moved. Where
    a series is too short to look back in, or mostly zeros, it is what `forecast_blend` says.

    Not for: thousands of series at once; it takes `windows` + 1 times as long as all its ways together.

    References:
        Tashman, "Out-of-sample tests of forecasting accuracy", International Journal of Forecasting 16 (2000).
        Bates & Granger, "The combination of forecasts", Operational Research Quarterly 20 (1969), for weights by past errors.
    """

    name = "forecast_choice"
    kind: Kind = "forecast"
    traits = Traits(needs=("statsforecast",), is_costly=True)
    defaults: Mapping[str, Parameter] = {"windows": 3}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series by the ways that have earned it."""
        blend = BLEND.forecast(values, seasons=seasons, horizon=horizon, level=level, parameters={}, seed=seed)
        weights = earned_weights(values, seasons=seasons, horizon=horizon, windows=int(parameters["windows"]))
        if not weights:
            return blend
        size = float(np.abs(values).mean())
        said = said_by(_members(seasons), values / size, seasons=seasons, horizon=horizon)
        kept = {name: weight for name, weight in weights.items() if name in said}
        if not kept:
            return blend
        total = sum(kept.values())
        middle = np.asarray(sum(weight / total * said[name] for name, weight in kept.items())) * size
        return Continued(
            values=middle,
            low=middle - (blend.values - blend.low),
            high=middle + (blend.high - blend.values),
            method=_told({name: weight / total for name, weight in kept.items()}),
        )


def earned_weights(values: Floats, *, seasons: Seasons, horizon: int, windows: int) -> dict[str, float]:
    """What each way weighs, of sum 1; nothing where the series cannot be looked back in.

    Each of `windows` ends lies as far before the next as is looked ahead: the horizon, or less where the series is short. Two
    seasons, and values enough, stay before the first.
    """
    room = len(values) - max(2 * max(seasons, default=1), 2 * LEAST_VALUES)
    ahead = min(horizon, room // windows)
    if ahead < 1 or np.ptp(values) == 0 or is_intermittent(values, first_season(seasons)):
        return {}
    size = float(np.abs(values).mean())
    members = _members(seasons)
    errors: dict[str, list[float]] = {name: [] for name in members}
    for back in range(windows, 0, -1):
        origin = len(values) - back * ahead
        truth = values[origin : origin + ahead] / size
        said = said_by(members, values[:origin] / size, seasons=seasons, horizon=ahead)
        for name, found in said.items():
            errors[name].append(float(np.abs(found - truth).mean()))
    # One that failed at any end is out.
    means = {name: float(np.mean(found)) for name, found in errors.items() if len(found) == windows}
    best = min(means.values(), default=0.0)
    raw = {name: (mean + _FLOOR) ** -_SHARPNESS * (best + _FLOOR) ** _SHARPNESS for name, mean in means.items()}
    return {name: weight / sum(raw.values()) for name, weight in raw.items()}


def _members(seasons: Seasons) -> Mapping[str, Member]:
    return (NO_SEASON, ONE_SEASON_AND_NONE, TWO_SEASONS)[min(len(seasons), 2)]


def _told(weights: Mapping[str, float]) -> str:
    """Those with a say, the weightiest first, and their shares in per cent."""
    named = sorted(((weight, name) for name, weight in weights.items() if weight >= _NAMED), reverse=True)
    return ", ".join(f"{name} {weight:.0%}" for weight, name in named) or "mean of many ways"


ESTIMATOR: Final = ForecastChoice()
