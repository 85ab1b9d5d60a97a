"""Double-seasonal smoothing and the regression on lags: two ways to the same."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.models.forecasting.double_season import Floats, double_smoothed
from telltale.models.forecasting.lag_regression import lag_regressed
from telltale.models.forecasting.outlook import Outlook
from telltale.models.forecasting.seasonal_indices import seasonal_indices

WAYS = (double_smoothed, lag_regressed)
Way = Callable[..., Outlook]


def hourly(n: int, *, noise: float = 0.05, seed: int = 0) -> Floats:
    """Days alike, weekends at 60 %."""
    steps = np.arange(n)
    day = 1.0 + 0.4 * np.sin(2 * np.pi * steps / 24)
    week = np.where(steps // 24 % 7 >= 5, 0.6, 1.0)
    return np.asarray(day * week * np.exp(np.random.default_rng(seed).normal(0, noise, n)))


def error(said: Floats, truth: Floats) -> float:
    return float(np.abs(said - truth).mean())


@pytest.mark.parametrize("way", WAYS)
def test_the_weekend_is_foreseen_on_a_friday(way: Way) -> None:
    n = 24 * (7 * 4 + 5)
    truth = hourly(n + 48, noise=0.0)[n:]
    known = hourly(n)

    found = way(known, seasons=(24, 168), horizon=48, level=0.95)

    assert error(found.values, truth) < 0.05
    assert error(np.resize(known[-24:], 48), truth) > 0.3


@pytest.mark.parametrize("way", WAYS)
def test_intervals_of_noise_hold_most_of_what_comes(way: Way) -> None:
    inside = []
    for seed in range(4):
        whole = hourly(24 * 35 + 48, noise=0.1, seed=seed)
        found = way(whole[:-48], seasons=(24, 168), horizon=48, level=0.95)
        inside.append(((found.low <= whole[-48:]) & (whole[-48:] <= found.high)).mean())

    assert np.mean(inside) > 0.8


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(42, 60),
    horizon=st.integers(1, 70),
    shift=st.sampled_from([-1.0, 0.0, 1.0]),
    seed=st.integers(0, 5),
)
def test_any_length_and_horizon_and_sign(way: Way, n: int, horizon: int, shift: float, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 2, n) + shift

    found = way(values, seasons=(3, 21), horizon=horizon, level=0.95)

    assert found.values.shape == (horizon,)
    assert np.isfinite([found.values, found.low, found.high]).all()
    assert (found.low <= found.high).all()


def test_one_model_says_what_a_plain_loop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, by_short, by_long, rho = 0.3, 0.2, 0.4, 0.5
    monkeypatch.setattr(
        "telltale.models.forecasting.double_season._grid", lambda: np.array([[alpha], [by_short], [by_long], [rho]])
    )
    values = np.random.default_rng(0).normal(size=50)  # below 0: no logarithms

    found = double_smoothed(values, seasons=(3, 12), horizon=4, level=0.95)

    shorts = seasonal_indices(values, 3)
    longs = seasonal_indices(values - shorts[np.arange(50) % 3], 12)
    level, left = float(values[:12].mean()), 0.0
    for step, value in enumerate(values.tolist()):
        new = value - level - shorts[step % 3] - longs[step % 12] - rho * left
        shorts[step % 3] += by_short * new
        longs[step % 12] += by_long * new
        level += alpha * new
        left = value - level - shorts[step % 3] - longs[step % 12]
    expected = [level + shorts[(50 + h) % 3] + longs[(50 + h) % 12] + rho ** (h + 1) * left for h in range(4)]
    assert found.values == pytest.approx(expected)
