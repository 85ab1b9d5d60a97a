import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.estimator import Continued, Floats, ForecastEstimator, Seasons
from telltale.models.estimators import estimator_named, missing_modules
from telltale.models.forecast_choice import earned_weights
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE
from telltale.testing.quick_parameters import check_parameters

QUICK = ("theta", "ces", "mstl", "seasonal_naive", "forecast_blend")
SLOW = tuple(pytest.param(name, marks=pytest.mark.slow) for name in ("arima", "prophet"))
NAMES = (*QUICK, "ets", "forecast_choice", *SLOW)


def continued(name: str, values: Floats, *, seasons: Seasons = (7,), horizon: int = 14) -> Continued:
    one: ForecastEstimator = estimator_named(name)
    if lacking := missing_modules(one):
        pytest.skip(f"{lacking} is not installed; an optional extra")
    return one.forecast(
        np.asarray(values, dtype=np.float64),
        seasons=seasons,
        horizon=horizon,
        level=0.95,
        parameters=check_parameters(one),
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
    found = continued(name, np.array(values), seasons=(7,) if len(values) >= 14 else ())

    assert found.values.shape == found.low.shape == found.high.shape == (14,)
    assert np.isfinite([found.values, found.low, found.high]).all()
    assert ((found.low <= found.values) & (found.values <= found.high)).all()
    assert found.method


@pytest.mark.parametrize("name", ["forecast_blend", "forecast_choice"])
@settings(max_examples=25, deadline=None)
@given(
    values=st.one_of(
        st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30),
        st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 5.0]), min_size=1, max_size=60),
        st.lists(st.floats(0, 1e-6), min_size=1, max_size=30),
    ),
    season=st.integers(1, 6),
    horizon=st.integers(1, 20),
)
def test_whatever_the_values_what_is_said_is_finite_and_in_order(
    name: str, values: list[float], season: int, horizon: int
) -> None:
    seasons = (season,) if 1 < season <= len(values) / 2 else ()

    found = continued(name, np.array(values), seasons=seasons, horizon=horizon)

    assert found.values.shape == (horizon,)
    assert np.isfinite([found.values, found.low, found.high]).all()
    assert ((found.low <= found.values) & (found.values <= found.high)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_weekly_pattern_goes_on(name: str) -> None:
    found = continued(name, weekly(140))
    truth = weekly(154, noise=0.0)[140:]

    assert np.abs(found.values - truth).mean() < 4.0
    assert found.method


@pytest.mark.parametrize("name", ["theta", "ces", "forecast_blend", "forecast_choice"])
def test_a_model_beats_the_last_season_on_a_noisy_one(name: str) -> None:
    truth = weekly(154, noise=0.0)[140:]

    def error(one: str) -> float:
        found = [continued(one, weekly(140, noise=15.0, seed=seed)) for seed in range(3)]
        return float(np.mean([np.abs(said.values - truth).mean() for said in found]))

    assert error(name) < error("seasonal_naive")


@pytest.mark.parametrize("name", [*QUICK, "ets", "forecast_choice"])
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
    found = NAIVE.forecast(
        np.array(values), seasons=(season,) if season > 1 else (), horizon=horizon, level=0.95, parameters={}, seed=0
    )

    known = season if len(values) >= season else 1
    assert found.values.tolist() == [values[len(values) - known + step % known] for step in range(horizon)]
    width = found.high - found.low
    assert (np.diff(width) >= -1e-6).all()


def test_seasonal_naive_covers_a_random_walk_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        walk = np.cumsum(rng.normal(size=110))
        found = NAIVE.forecast(walk[:100], seasons=(), horizon=10, level=0.95, parameters={}, seed=0)
        inside.append(((found.low <= walk[100:]) & (walk[100:] <= found.high)).mean())

    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_the_way_that_would_have_gone_on_best_weighs_most(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {
        "the last week again": lambda unit, _seasons, horizon: np.resize(unit[-7:], horizon),
        "the mean": lambda unit, _seasons, horizon: np.full(horizon, unit.mean()),
    }
    monkeypatch.setattr("telltale.models.forecast_choice.ONE_SEASON_AND_NONE", ways)

    found = earned_weights(weekly(), seasons=(7,), horizon=14, windows=3)

    assert found["the last week again"] > 0.95
    assert sum(found.values()) == pytest.approx(1.0)
    assert continued("forecast_choice", weekly()).method == f"the last week again {found['the last week again']:.0%}"


def test_what_cannot_be_looked_back_in_is_left_to_the_blend() -> None:
    for values in (weekly(17), np.full(90, 4.0), np.tile([0.0, 0.0, 0.0, 5.0, 0.0], 20)):
        assert earned_weights(values, seasons=(7,), horizon=14, windows=3) == {}
        chosen, blend = continued("forecast_choice", values), continued("forecast_blend", values)
        assert np.array_equal(chosen.values, blend.values)
        assert chosen.method == blend.method


def test_nothing_after_an_earlier_end_has_a_part_in_what_is_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def watched(unit: Floats, seasons: Seasons, horizon: int) -> Floats:
        lengths.append(len(unit))
        return np.full(horizon, unit.mean())

    monkeypatch.setattr("telltale.models.forecast_choice.ONE_SEASON_AND_NONE", {"mean": watched})
    earned_weights(weekly(100), seasons=(7,), horizon=10, windows=3)

    assert lengths == [70, 80, 90]


def test_a_way_that_cannot_say_anything_has_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"mean": lambda unit, _seasons, horizon: np.full(horizon, unit.mean()), "none": lambda *_: None}
    monkeypatch.setattr("telltale.models.forecast_choice.ONE_SEASON_AND_NONE", ways)

    assert earned_weights(weekly(100), seasons=(7,), horizon=10, windows=3) == {"mean": 1.0}


def test_sales_that_hardly_happen_are_told_by_their_level() -> None:
    sparse = np.where(np.random.default_rng(0).random(120) < 0.2, 5.0, 0.0)

    found = continued("forecast_blend", sparse)

    assert found.method == "level of late"
    assert 0.5 < found.values.mean() < 2.0
    assert (found.low >= 0).all()


def test_two_seasons_are_both_continued() -> None:
    steps = np.arange(24 * 35)
    hourly = 10 + 3 * np.sin(2 * np.pi * steps / 24) - 4 * (steps // 24 % 7 >= 5)
    truth, known = hourly[-48:], hourly[:-48] + np.random.default_rng(0).normal(0, 0.3, len(hourly) - 48)

    for name in ("forecast_blend", "mstl", "forecast_choice"):
        found = continued(name, known, seasons=(24, 168), horizon=48)

        assert np.abs(found.values - truth).mean() < 0.5, name
    assert "regression" in continued("forecast_blend", known, seasons=(24, 168), horizon=48).method
