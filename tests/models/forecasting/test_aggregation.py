import numpy as np
import pytest

from telltale.models.forecasting.aggregation import Floats, reconciled


def last_season(values: Floats, season: int, horizon: int) -> Floats:
    return np.resize(values[-season:], horizon)


def test_where_all_paces_agree_nothing_is_changed() -> None:
    season = np.array([1.0, 2.0, 6.0, 3.0])

    found = reconciled(np.tile(season, 10), last_season, season=4, horizon=6)

    assert found == pytest.approx([1, 2, 6, 3, 1, 2])


def test_it_is_the_least_squares_that_the_definition_asks_for() -> None:
    """A season of two: steps a, b and their sum c, weights 1, 1 and 1/2."""

    def forecast(sums: Floats, season: int, horizon: int) -> Floats:
        return np.array([3.0, 5.0]) if season == 2 else np.array([10.0])

    found = reconciled(np.ones(40), forecast, season=2, horizon=2)

    # The excess of 2 is shared: half the weight on the sum, over two steps, leaves each half of it.
    best = np.linalg.lstsq(
        np.sqrt([[1.0], [1.0], [0.5]]) * np.array([[1, 0], [0, 1], [1, 1]]),
        np.sqrt([1.0, 1.0, 0.5]) * np.array([3.0, 5.0, 10.0]),
        rcond=None,
    )[0]
    assert found == pytest.approx(best)
    assert found.sum() == pytest.approx(9.0)


def test_sums_end_where_the_series_ends_and_short_ones_are_left_out() -> None:
    asked = []

    def forecast(sums: Floats, season: int, horizon: int) -> Floats:
        asked.append((len(sums), season, horizon, float(sums[-1])))
        return np.zeros(horizon)

    reconciled(np.arange(50.0), forecast, season=12, horizon=18)

    assert asked == [
        (50, 12, 24, 49.0),
        (25, 6, 12, 97.0),
        (16, 4, 8, 144.0),
        (12, 3, 6, 190.0),
        (8, 2, 4, 279.0),
    ]
