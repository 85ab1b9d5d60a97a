import numpy as np
import pytest

from telltale.models.forecasting.seasonal_indices import seasonal_indices


@pytest.mark.parametrize("season", [2, 3, 4, 7, 12])
def test_a_clear_season_is_found_whatever_the_trend(season: int) -> None:
    shape = np.random.default_rng(season).normal(size=season)
    shape -= shape.mean()
    values = np.tile(shape, 12) + 0.05 * np.arange(12 * season)

    assert seasonal_indices(values, season) == pytest.approx(shape, abs=0.05)


def test_noise_alone_is_hardly_taken_for_a_season() -> None:
    left = [np.abs(seasonal_indices(np.random.default_rng(seed).normal(size=60), 12)).mean() for seed in range(50)]

    # Means of five values of noise are .36 away from 0 on average.
    assert np.mean(left) < 0.15


@pytest.mark.parametrize("n", [4, 5, 6, 7])
def test_two_seasons_are_enough(n: int) -> None:
    found = seasonal_indices(np.arange(float(n)), 2)

    assert found.shape == (2,)
    assert np.isfinite(found).all()
