import numpy as np
import pytest

from telltale.models.forecasting.intermittent import intermittent, is_intermittent


def demand(n: int, rate: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < rate, rng.poisson(4.0, n) + 1.0, 0.0)


def test_the_mean_per_step_is_foretold_without_bias() -> None:
    said = [intermittent(demand(120, 0.2, seed), season=1, horizon=3, level=0.95).values[0] for seed in range(30)]

    assert np.mean(said) == pytest.approx(0.2 * 5.0, rel=0.1)


def test_demand_that_has_ended_fades() -> None:
    ended = np.concatenate([demand(100, 0.4), np.zeros(60)])

    found = intermittent(ended, season=1, horizon=5, level=0.95)

    assert (found.values < 0.5 * ended.mean()).all()
    assert (found.low == 0).all()


def test_the_interval_is_of_what_has_been() -> None:
    values = demand(400, 0.2)
    later = demand(400, 0.2, seed=1)

    found = intermittent(values, season=1, horizon=4, level=0.95)

    assert 0.95 <= ((found.low[0] <= later) & (later <= found.high[0])).mean() <= 1.0


def test_what_is_negative_or_often_above_zero_is_not_intermittent() -> None:
    assert is_intermittent(demand(100, 0.3))
    assert not is_intermittent(demand(100, 0.9))
    assert not is_intermittent(demand(100, 0.3) - 1.0)


def test_a_shop_that_is_closed_at_weekends_sells_every_day() -> None:
    week = np.where(np.arange(140) % 7 < 5, 50.0, 0.0)

    assert is_intermittent(week)
    assert not is_intermittent(week, 7)
    assert is_intermittent(demand(140, 0.2), 7)
