"""The ways to continue a series that are put together: each gives expected values of a series of unit size, or None."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from telltale.contract.estimator import Floats, Seasons
from telltale.models.forecasting.aggregation import reconciled
from telltale.models.forecasting.double_season import double_smoothed
from telltale.models.forecasting.lag_regression import lag_regressed
from telltale.models.forecasting.smoothing import smoothed
from telltale.models.library_forecast import first_season, library_values

Member = Callable[[Floats, Seasons, int], Floats | None]  # values of unit size, seasons, horizon

LEAST_SMOOTHED = 4  # fewer values say nothing of how they move
MOST_PACED = 60  # a longer season has more paces than they are worth
_LEVEL = 0.95  # of an interval that is not looked at


def smoothed_by_sums(unit: Floats, seasons: Seasons, horizon: int) -> Floats:
    """Exponential smoothing; where there is a season, of the steps and of sums of them, made to agree."""
    season = first_season(seasons)
    if 1 < season <= MOST_PACED and len(unit) >= 2 * season:
        return reconciled(unit, _smoothed_sums, season=season, horizon=horizon)
    return smoothed(unit, season=season, horizon=horizon, level=_LEVEL).values


def _smoothed_sums(sums: Floats, season: int, horizon: int) -> Floats:
    size = float(np.abs(sums).mean())
    if size == 0 or len(sums) < LEAST_SMOOTHED:
        return np.full(horizon, sums[-1])
    return smoothed(sums / size, season=season, horizon=horizon, level=_LEVEL).values * size


def _by_library(unit: Floats, seasons: Seasons, horizon: int, *, name: str, has_season: bool = True) -> Floats | None:
    from statsforecast import models

    made: Any = getattr(models, name)(season_length=first_season(seasons) if has_season else 1)
    return library_values(made, unit, horizon)


# Of one season or none.
ONE_SEASON: Final[Mapping[str, Member]] = {
    "theta": partial(_by_library, name="DynamicOptimizedTheta"),
    "complex smoothing": partial(_by_library, name="AutoCES"),
    "boosted smoothing": partial(_by_library, name="MFLES"),
    "exponential smoothing": smoothed_by_sums,
}


def _decomposed(unit: Floats, seasons: Seasons, horizon: int) -> Floats | None:
    from statsforecast.models import MSTL, DynamicOptimizedTheta

    rest = DynamicOptimizedTheta(season_length=1)
    return library_values(MSTL(season_length=list(seasons), trend_forecaster=rest), unit, horizon)


def _again(unit: Floats, seasons: Seasons, horizon: int, *, place: int) -> Floats:
    """The last season over again; the last value where there is none."""
    season = seasons[place] if seasons else 1
    return np.resize(unit[-season:], horizon)


# To choose among where there is one season: one that is not worth its noise is left out by some.
ONE_SEASON_AND_NONE: Final[Mapping[str, Member]] = {
    **ONE_SEASON,
    "exponential smoothing by step": lambda unit, seasons, horizon: (
        smoothed(unit, season=first_season(seasons), horizon=horizon, level=_LEVEL).values
    ),
    "theta without season": partial(_by_library, name="DynamicOptimizedTheta", has_season=False),
    "complex smoothing without season": partial(_by_library, name="AutoCES", has_season=False),
    "the last season again": partial(_again, place=0),
    "the last value again": lambda unit, _seasons, horizon: np.full(horizon, unit[-1]),
}
NO_SEASON: Final[Mapping[str, Member]] = {
    **ONE_SEASON,
    "the last value again": ONE_SEASON_AND_NONE["the last value again"],
}
# Of two seasons, which all of them know, but for the last.
TWO_SEASONS: Final[Mapping[str, Member]] = {
    "double-seasonal smoothing": lambda unit, seasons, horizon: (
        double_smoothed(unit, seasons=(seasons[0], seasons[1]), horizon=horizon, level=_LEVEL).values
    ),
    "regression on seasons before": lambda unit, seasons, horizon: (
        lag_regressed(unit, seasons=(seasons[0], seasons[1]), horizon=horizon, level=_LEVEL).values
    ),
    "seasonal decomposition": _decomposed,
    "the last long season again": partial(_again, place=1),
    "the last short season again": partial(_again, place=0),
}


def said_by(members: Mapping[str, Member], unit: Floats, *, seasons: Seasons, horizon: int) -> dict[str, Floats]:
    """What each member expects, those left out that cannot say anything finite."""
    found = {name: member(unit, seasons, horizon) for name, member in members.items()}
    return {name: values for name, values in found.items() if values is not None and np.isfinite(values).all()}
