import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.estimator import Continued, Floats, ForecastEstimator
from telltale.models.estimators import estimator_named
from telltale.models.forecast_choice import TOGETHER, choose_method
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE

NAMES = ("theta", "ces", "seasonal_naive", "forecast_choice")


def continued(name: str, values: Floats, *, season: int = 7, horizon: int = 14) -> Continued:
    one: ForecastEstimator = estimator_named(name)
    return one.forecast(
        np.asarray(values, dtype=np.float64),
        season=season,
        horizon=horizon,
        level=0.95,
        parameters=one.defaults,
        seed=0,
    )


def weekly(n: int = 140, *, noise: float = 2.0, slope: float = 0.0, seed: int = 0) -> Floats:
    t = np.arange(n)
    return np.asarray(
        100 + slope * t + 20 * np.sin(2 * np.pi * t / 7) + np.random.default_rng(seed).normal(0, noise, n)
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        [5.0, 6.0, 4.0],
        [5.0] * 40,
        [0.0] * 40,
        [0.0] * 36 + [1.0, 0.0, 2.0, 0.0],
        list(range(30)),
        [-3.0, 2.0] * 20,
        [1e12, 2e12] * 20,
        [1e-12, 2e-12] * 20,
    ],
    ids=["one", "three", "constant", "zero", "sparse", "line", "negative", "large", "small"],
)
def test_any_series_is_continued_by_finite_values_inside_their_interval(name: str, values: list[float]) -> None:
    found = continued(name, np.array(values), season=7 if len(values) >= 14 else 1)

    assert found.values.shape == found.low.shape == found.high.shape == (14,)
    assert np.isfinite([found.values, found.low, found.high]).all()
    assert ((found.low <= found.values) & (found.values <= found.high)).all()
    assert found.method


@pytest.mark.parametrize("name", NAMES)
def test_a_weekly_pattern_goes_on(name: str) -> None:
    found = continued(name, weekly(140))
    truth = weekly(154, noise=0.0)[140:]

    assert np.abs(found.values - truth).mean() < 4.0
    assert found.method in {*NAMES, TOGETHER}


@pytest.mark.parametrize("name", ["theta", "ces", "forecast_choice"])
def test_a_model_beats_the_last_season_on_a_noisy_one(name: str) -> None:
    truth = weekly(154, noise=0.0)[140:]

    def error(one: str) -> float:
        found = [continued(one, weekly(140, noise=15.0, seed=seed)) for seed in range(3)]
        return float(np.mean([np.abs(said.values - truth).mean() for said in found]))

    assert error(name) < error("seasonal_naive")


@pytest.mark.parametrize("name", NAMES)
def test_the_unit_of_the_values_makes_no_difference(name: str) -> None:
    one, thousandth = continued(name, weekly()), continued(name, weekly() * 1e-3)

    assert thousandth.values * 1e3 == pytest.approx(one.values, rel=1e-6)
    assert thousandth.low * 1e3 == pytest.approx(one.low, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_same_series_same_forecast_and_the_series_is_not_touched(name: str) -> None:
    values = weekly()
    before = values.copy()
    np.random.seed(1)  # noqa: NPY002 - the global state is what a forecast must not read
    one = continued(name, values)
    np.random.seed(2)  # noqa: NPY002
    other = continued(name, values)

    assert np.array_equal(values, before)
    assert np.array_equal(one.low, other.low)
    assert np.array_equal(one.values, other.values)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 8), st.integers(1, 20))
def test_seasonal_naive_repeats_the_last_season(values: list[float], season: int, horizon: int) -> None:
    found = NAIVE.forecast(np.array(values), season=season, horizon=horizon, level=0.95, parameters={}, seed=0)

    known = season if len(values) >= season else 1
    assert found.values.tolist() == [values[len(values) - known + step % known] for step in range(horizon)]
    width = found.high - found.low
    assert (np.diff(width) >= -1e-6).all()


def test_seasonal_naive_covers_a_random_walk_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        walk = np.cumsum(rng.normal(size=110))
        found = NAIVE.forecast(walk[:100], season=1, horizon=10, level=0.95, parameters={}, seed=0)
        inside.append(((found.low <= walk[100:]) & (walk[100:] <= found.high)).mean())

    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_the_method_is_chosen_by_what_came_before_the_end() -> None:
    again_and_again = np.tile(np.random.default_rng(0).uniform(50, 150, 7), 20)

    assert choose_method(again_and_again, season=7, horizon=14, windows=2, seed=0) == "seasonal_naive"
    assert choose_method(weekly(noise=25.0), season=7, horizon=14, windows=2, seed=0) != "seasonal_naive"


def test_nothing_after_an_origin_has_a_part_in_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    plain = type(NAIVE).forecast

    def watched(self: object, values: Floats, **named: object) -> Continued:
        lengths.append(len(values))
        return plain(self, values, **named)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(type(NAIVE), "forecast", watched)
    choose_method(weekly(100), season=7, horizon=10, windows=2, seed=0)

    assert set(lengths) == {80, 90}


def test_a_series_too_short_to_look_back_in_is_left_to_the_first_method() -> None:
    assert choose_method(weekly(15), season=7, horizon=14, windows=2, seed=0) == "theta"
