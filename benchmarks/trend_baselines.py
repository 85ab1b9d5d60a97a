"""Plain ways to continue a series: those of the M4 competition as it defines them, and the library's automatic ones."""

import warnings
from collections.abc import Callable
from time import process_time

import numpy as np

from benchmarks.trend_cases import Floats, Group
from benchmarks.trend_ours import Said

Method = Callable[[Floats, int, int], Floats]  # values, season, horizon

# 90 %, as the competition has it.
_T_CRITICAL = 1.645
_MOST_SEASON = 24  # a longer one no exponential smoothing of the library takes
_LONG_SEASON = 13  # from here on a seasonal ARIMA of one series takes minutes


def plain(groups: list[Group], method: Method) -> list[Said]:
    """What a method says of every series; a value below 0 is left as it is."""
    said = []
    for group in groups:
        started = process_time()
        values = tuple(method(case.training, group.season, group.horizon) for case in group.cases)
        said.append(Said(values=values, seconds=process_time() - started))
    return said


def seasonal_naive(values: Floats, season: int, horizon: int) -> Floats:
    """The last season again."""
    return np.resize(values[-season:] if len(values) >= season else values[-1:], horizon)


def naive2(values: Floats, season: int, horizon: int) -> Floats:
    """The last value, with the season taken out before and put back after where a test finds one.

    References:
        Makridakis, Spiliotis & Assimakopoulos, "The M4 Competition", International Journal of Forecasting 36 (2020).
    """
    indices = seasonal_factors(values, season)
    n = len(values)
    adjusted = values[-1] / indices[(n - 1) % season]
    return np.asarray(adjusted * indices[np.arange(n, n + horizon) % season])


def theta(values: Floats, season: int, horizon: int) -> Floats:
    """The classical Theta method: the mean of a straight line and of simple exponential smoothing of twice the rest.

    References:
        Assimakopoulos & Nikolopoulos, "The theta model", International Journal of Forecasting 16 (2000).
    """
    indices = seasonal_factors(values, season)
    n = len(values)
    adjusted = values / indices[np.arange(n) % season]
    slope, start = np.polyfit(np.arange(n), adjusted, 1) if n > 1 else (0.0, adjusted[0])
    line = start + slope * np.arange(n + horizon)
    ahead = 0.5 * (line[n:] + _simple_smoothing(2.0 * adjusted - line[:n]))
    return np.asarray(ahead * indices[np.arange(n, n + horizon) % season])


def auto_ets(values: Floats, season: int, horizon: int) -> Floats:
    """The library's automatic exponential smoothing, chosen by AICc; without a season longer than it takes."""
    from statsforecast.models import AutoETS

    return _library(AutoETS(season_length=season if season <= _MOST_SEASON else 1), values, season, horizon)


def auto_arima(values: Floats, season: int, horizon: int) -> Floats:
    """The library's automatic ARIMA, chosen by AICc; of a long season after STL has taken it out, else it takes minutes."""
    from statsforecast.models import MSTL, AutoARIMA

    if season >= _LONG_SEASON and len(values) >= 2 * season:
        model = MSTL(season_length=season, trend_forecaster=AutoARIMA(season_length=1))
    else:
        model = AutoARIMA(season_length=season)
    return _library(model, values, season, horizon)


def _library(model: object, values: Floats, season: int, horizon: int) -> Floats:
    size = float(np.abs(values).mean()) or 1.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = np.asarray(model.forecast(y=values / size, h=horizon)["mean"], dtype=np.float64)  # type: ignore[attr-defined]  # every model of the library has it
    except Exception:  # noqa: BLE001 - it raises plain ones on series it cannot fit
        return naive2(values, season, horizon)
    return said * size if np.isfinite(said).all() else naive2(values, season, horizon)


def seasonal_factors(values: Floats, season: int) -> Floats:
    """Multiplicative indices by the classical decomposition, all 1 where the competition's test finds no season."""
    if season == 1 or len(values) < 3 * season or not _is_seasonal(values, season):
        return np.ones(season)
    weights = np.full(season, 1.0 / season)
    if season % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(season - 1), [0.5]]) / season
    level = np.convolve(values, weights, "valid")
    first = len(weights) // 2
    if (level <= 0).any():
        return np.ones(season)
    ratios = values[first : first + len(level)] / level
    places = (np.arange(len(level)) + first) % season
    indices = np.bincount(places, weights=ratios, minlength=season) / np.bincount(places, minlength=season)
    indices /= indices.mean()
    return indices if (indices > 0).all() else np.ones(season)


def _is_seasonal(values: Floats, season: int) -> bool:
    away = values - values.mean()
    square = float(away @ away)
    if square == 0:
        return False
    own = np.array([away[lag:] @ away[:-lag] for lag in range(1, season + 1)]) / square
    limit = _T_CRITICAL * np.sqrt((1.0 + 2.0 * (own[:-1] ** 2).sum()) / len(values))
    return bool(abs(own[-1]) > limit)


def _simple_smoothing(values: Floats) -> float:
    """The level at the end, by the smoothing with the least squares; the level starts at the first value."""
    from scipy.optimize import minimize_scalar

    along = values.tolist()

    def run(alpha: float) -> tuple[float, float]:
        level, squares = along[0], 0.0
        for value in along:
            error = value - level
            squares += error * error
            level += alpha * error
        return squares, level

    best = minimize_scalar(lambda alpha: run(alpha)[0], bounds=(1e-4, 0.9999), method="bounded")
    return run(float(best.x))[1]
