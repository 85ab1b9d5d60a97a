import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError
from telltale.models.series.columns import ColumnsStream, fit_columns
from telltale.models.series.news import News
from telltale.models.series.rarity import Rarity
from telltale.models.series.running_mean import RunningMean
from telltale.models.series.stream import Found, SeriesStream
from telltale.models.series.values_seen import ValuesSeen


def follow(values: np.ndarray, *, interval_s: float | None = 300.0) -> list[Found]:
    stream = SeriesStream(interval_s)
    return [
        stream.step(None if interval_s is None else 1.7e9 + row * interval_s, value)
        for row, value in enumerate(values.tolist())
    ]


def test_a_running_mean_of_a_constant_is_the_constant_from_the_first_value_on() -> None:
    mean = RunningMean(100.0)
    for _ in range(3):
        mean.add(7.0)
        assert mean.value == pytest.approx(7.0)


def test_rarity_is_calibrated() -> None:
    rarity = Rarity()
    found = np.array([rarity.step(value) for value in np.random.default_rng(0).exponential(size=20_000).tolist()])

    assert (found[2_000:] > 1).mean() == pytest.approx(0.1, abs=0.01)
    assert (found[2_000:] > 2).mean() == pytest.approx(0.01, abs=0.004)


def test_a_higher_figure_is_no_less_rare() -> None:
    figures = np.random.default_rng(1).exponential(size=500).tolist()
    asked = [0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 1e9]
    found = []
    for figure in asked:
        rarity = Rarity()
        for past in figures:
            rarity.step(past)
        found.append(rarity.step(figure))

    assert found == sorted(found)
    assert found[-1] > 4


def test_a_value_is_news_once() -> None:
    seen = ValuesSeen()
    for value in np.random.default_rng(2).normal(size=500).tolist():
        seen.step(value)

    assert seen.step(40.0) > 10
    assert seen.step(40.0) < 0.05


def test_an_event_is_told_at_its_first_row_and_where_it_gets_much_worse() -> None:
    news = News()
    for _ in range(400):
        news.step(0.2)

    told = [news.step(rarity) for rarity in (3.0, 3.0, 3.1, 4.0, 2.0)]

    assert [value > 0 for value in told] == [True, False, False, True, False]


def test_what_comes_back_every_day_is_told_less_and_less() -> None:
    news = News()
    told = [news.step(3.0 if row % 300 == 299 else 0.2) for row in range(6_000)]

    first, *_, last = [value for value in told if value > 0]
    assert last < first


def test_a_spike_and_a_drop_are_news_and_the_days_before_are_not() -> None:
    rng = np.random.default_rng(3)
    rows = np.arange(4_000)
    values = 50 + 15 * np.sin(rows * 2 * np.pi / 288) + rng.normal(0, 2, 4_000)
    values[2_500:2_503] += 60
    values[3_300:3_330] -= 60

    found = follow(values)
    news = np.array([one.news for one in found])

    assert news[2_500:2_503].max() == news[600:3_000].max()
    assert news[3_300:3_330].max() > np.sort(news[600:2_500])[-1]
    assert min(one.deviation for one in found[3_300:3_330]) > np.median([one.deviation for one in found[600:2_500]])


@pytest.mark.parametrize(
    "values",
    [
        np.full(600, 45.0),
        np.zeros(600),
        np.tile([0.0, 1.0], 300),
        np.full(600, 1e12),
        np.arange(600.0),
        -np.arange(600.0) * 1e9,
    ],
    ids=["flat", "zero", "two values", "large", "rising", "falling"],
)
@pytest.mark.parametrize("interval_s", [300.0, None])
def test_odd_series_have_finite_answers(values: np.ndarray, interval_s: float | None) -> None:
    assert np.isfinite([tuple(one) for one in follow(values, interval_s=interval_s)]).all()


def test_a_flat_series_is_never_news() -> None:
    assert max(one.news for one in follow(np.full(600, 45.0))) == 0.0


def test_units_do_not_matter() -> None:
    values = np.random.default_rng(4).normal(size=600)

    one, other = (np.array([found.news for found in follow(values * factor)]) for factor in (1.0, 1_024.0))

    np.testing.assert_allclose(one, other, atol=0.05)


def usual(n: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loads = rng.normal(size=(n, 2))
    return np.asarray(loads @ rng.normal(size=(2, 6)) + 0.2 * rng.normal(size=(n, 6)))


def test_blocks_of_any_size_give_the_same_scores() -> None:
    rows = usual(700, seed=0)
    fitted = fit_columns(rows[:500])
    whole, parts = ColumnsStream(fitted), ColumnsStream(fitted)

    by_row = np.concatenate([parts.score(rows[place : place + 1]) for place in range(500, 700)])

    np.testing.assert_allclose(whole.score(rows[500:]), by_row, rtol=1e-9, atol=1e-12)


def test_columns_that_leave_each_other_score_higher_than_usual_rows() -> None:
    rows = usual(1_200, seed=1)
    stream = ColumnsStream(fit_columns(rows[:800]))
    odd = rows[800:].copy()
    odd[300:310, 2] += 6.0

    scores = stream.score(odd)

    assert scores[301:310].min() > np.quantile(scores[:300], 0.99)


def test_a_column_that_never_moved_and_moves_is_seen() -> None:
    rows = np.column_stack([usual(900, seed=2), np.full(900, 3.0)])
    stream = ColumnsStream(fit_columns(rows[:700]))
    odd = rows[700:].copy()
    odd[150, -1] = 3.2

    scores = stream.score(odd)

    assert scores[150] > scores[:150].max()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(NotEnoughDataError):
        fit_columns(usual(20, seed=3))
