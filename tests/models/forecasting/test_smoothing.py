from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.models.forecasting import smoothing
from telltale.models.forecasting.seasonal_indices import seasonal_indices
from telltale.models.forecasting.smoothing import Floats, smoothed


def monthly(n: int, *, noise: float = 0.03, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    steps = np.arange(n)
    return np.asarray(np.exp(0.004 * steps + 0.2 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, noise, n)))


def one_by_one(values: Floats, season: int, horizon: int) -> Floats:
    """The same by plain loops over models and steps."""
    said, criteria = [], []
    for is_logged in (False, True):
        series = np.log(values) if is_logged else values
        trends = [(0.0, 0.0), *product(smoothing.BETAS, smoothing.PHIS)]
        seasons = [*((gamma, True) for gamma in smoothing.GAMMAS), (0.0, False)]
        for alpha, (beta, phi), (gamma, has_season) in product(smoothing.ALPHAS, trends, seasons):
            indices = seasonal_indices(series, season)
            first = [series[step] - indices[step % season] for step in range(min(10, season))]
            level = float(np.mean(first))
            trend = float(np.polyfit(range(len(first)), first, 1)[0]) if phi else 0.0
            places = indices.tolist() if has_season else [0.0] * season
            squares = 0.0
            for step, value in enumerate(series.tolist()):
                trend = phi * trend
                error = value - level - trend - places[step % season]
                level = level + trend + alpha * error
                trend += alpha * beta * error
                places[step % season] += gamma * (1 - alpha) * error
                squares += error**2
            ahead, left = [], 0.0
            for step in range(1, horizon + 1):
                left += phi**step
                ahead.append(level + left * trend + places[(len(series) + step - 1) % season])
            n, k = len(series), 2 + 2 * (phi > 0) + (gamma > 0)
            criterion = n * np.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
            criteria.append(criterion + (2 * np.log(values).sum() if is_logged else 0.0))
            said.append(np.exp(ahead) if is_logged else np.array(ahead))
    weights = np.exp(-0.5 * (np.array(criteria) - min(criteria)))
    return np.asarray(weights @ np.stack(said) / weights.sum())


def test_the_grid_run_together_says_what_its_models_say_one_by_one() -> None:
    values = monthly(40)[:, None].ravel()

    found = smoothed(values, season=12, horizon=5, level=0.95)

    assert found.values == pytest.approx(one_by_one(values, 12, 5), rel=1e-8)


def test_a_season_and_a_trend_go_on() -> None:
    whole = monthly(90)

    found = smoothed(whole[:72], season=12, horizon=18, level=0.95)

    assert np.abs(found.values / whole[72:] - 1).mean() < 0.05


def test_intervals_hold_about_what_they_say() -> None:
    inside = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        walk = 10 + np.cumsum(rng.normal(0, 0.1, 110))
        found = smoothed(walk[:100], season=1, horizon=10, level=0.95)
        inside.append(((found.low <= walk[100:]) & (walk[100:] <= found.high)).mean())

    assert 0.88 < np.mean(inside) <= 1.0


def test_a_series_without_a_season_gets_none() -> None:
    values = 1 + 0.05 * np.random.default_rng(0).normal(size=60)

    found = smoothed(values, season=12, horizon=12, level=0.95)

    assert np.ptp(found.values) < 0.02


def test_further_ahead_is_less_sure() -> None:
    found = smoothed(monthly(60), season=12, horizon=12, level=0.95)
    narrower = smoothed(monthly(60), season=12, horizon=12, level=0.5)

    width = found.high - found.low
    assert width[-1] > width[0]
    assert (narrower.high - narrower.low < width).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-3, 3).map(lambda value: round(value, 3)), min_size=3, max_size=40),
    st.sampled_from([1, 2, 4, 7]),
    st.booleans(),
)
def test_any_series_of_unit_size_is_continued(values: list[float], season: int, trended: bool) -> None:
    found = smoothed(np.array(values), season=season, horizon=9, level=0.95, trended=trended)

    assert np.isfinite([found.values, found.low, found.high]).all()
    assert (found.low <= found.high).all()
