"""The parts of a stream of one series, each by what it promises."""

import bisect
import math
from math import nan

import numpy as np
import pytest

from telltale.models.series.blend import Blend
from telltale.models.series.calendar import Calendar, Expected
from telltale.models.series.deviation import Deviation
from telltale.models.series.interval import Interval
from telltale.models.series.news import News
from telltale.models.series.rarity import Rarity
from telltale.models.series.robust_level import RobustLevel
from telltale.models.series.running_mean import RunningMean
from telltale.models.series.state_parts import copied, packed
from telltale.models.series.values_seen import ValuesSeen

START_S = 1.7e9 - 1.7e9 % 604_800.0
DAY_S = 86_400.0


def test_a_running_mean_of_a_constant_is_the_constant_from_the_first_value_on() -> None:
    mean = RunningMean(100.0)
    for _ in range(3):
        mean.add(7.0)
        assert mean.value == pytest.approx(7.0)


def test_no_single_row_moves_the_robust_level_far() -> None:
    robust, plain = RobustLevel(100.0), RunningMean(100.0)
    for value in np.random.default_rng(0).normal(size=300).tolist():
        robust.step(value)
        plain.add(value)

    robust.step(1_000.0)
    plain.add(1_000.0)

    assert plain.value > 9.0
    assert abs(robust.value) < 0.5


def test_a_level_that_never_moved_is_followed_once_it_does() -> None:
    robust = RobustLevel(100.0)
    for value in [5.0] * 500 + [8.0] * 2_000:
        robust.step(value)

    assert robust.value == pytest.approx(8.0, abs=0.1)


def test_the_interval_is_the_median_of_the_first_gaps_and_stays() -> None:
    interval = Interval()
    times = [0.0, 60.0, 120.0, 120.0, 120.0, 120.0, nan, 60.0, 120.0]
    found = [interval.step(START_S + time_s) for time_s in times]
    for row in range(50):
        interval.step(START_S + 10_000.0 + 60.0 * row)
    later = [interval.step(START_S + 1e6 + 3_600.0 * row) for row in range(200)]

    assert found[0] == 0.0
    assert found[1:] == [60.0] * 8
    assert set(later) == {60.0}


def test_a_blend_learns_how_much_each_baseline_is_worth() -> None:
    rng = np.random.default_rng(1)
    blend = Blend(2)
    errors = [
        blend.step(0.7 * one - 0.2 * other + 0.01 * rng.normal(), [one, other])
        for one, other in rng.normal(size=(3_000, 2)).tolist()
    ]

    assert np.abs(errors[:5]).mean() > 0.1
    assert np.abs(errors[-1_000:]).mean() == pytest.approx(0.01 * math.sqrt(2 / math.pi), rel=0.1)


def test_a_blend_of_baselines_that_agree_stays_finite() -> None:
    blend = Blend(3)
    rng = np.random.default_rng(2)

    found = [blend.step(value, [0.0, 0.0, 0.0]) for value in rng.normal(size=30_000).tolist()]
    found.append(blend.step(1.0, [1.0, -1.0, 0.5]))

    assert np.isfinite(found).all()
    assert np.abs(packed(blend)).max() <= 30_001  # the rows that it has seen


def test_a_value_usual_at_this_hour_of_this_weekday_is_expected() -> None:
    calendar = Calendar()
    hours = np.arange(24 * 7 * 8)
    weekend = hours // 24 % 7 >= 5
    values = np.where(weekend, 4.0, 10.0 + 5.0 * np.sin(hours * 2 * np.pi / 24))
    values += np.random.default_rng(3).normal(0, 0.1, len(hours))

    found = [calendar.step(START_S + 3_600.0 * hour, value) for hour, value in enumerate(values.tolist())]

    late = found[-24 * 7 :]
    assert np.mean([abs(one.from_best) for one in late]) < 0.5
    assert np.mean([abs(one.from_level) for one in late]) > 2.0


@pytest.mark.parametrize("interval_s", [300.0, 60.0])
def test_the_time_of_day_is_believed_after_three_days(interval_s: float) -> None:
    calendar = Calendar()
    a_day = int(DAY_S / interval_s)
    values = 10.0 * np.sin(np.arange(a_day * 5) * 2 * np.pi / a_day)

    best = [calendar.step(START_S + interval_s * row, value).from_best for row, value in enumerate(values.tolist())]

    for day in range(3):
        assert max(abs(one) for one in best[a_day * day : a_day * (day + 1)]) > 5.0
    assert max(abs(one) for one in best[a_day * 4 :]) < 1.0


def test_rows_without_times_have_a_level_alone() -> None:
    calendar = Calendar()

    found = [calendar.step(nan, float(value)) for value in (1.0, 3.0)]

    assert found[0] == Expected(0.0, 0.0, 0.0, 0.0, 0.0)
    assert found[1].from_best == found[1].from_level == pytest.approx(2.0)


def test_a_deviation_is_in_units_of_what_is_usual() -> None:
    rng = np.random.default_rng(4)
    deviation, thousandfold = Deviation(), Deviation()
    found: list[float] = []
    for error in rng.normal(size=1_000).tolist():
        found.append(deviation.step(Expected(*[error] * 5), largest=5.0))
        thousandfold.step(Expected(*[1e3 * error] * 5), largest=5e3)

    far = deviation.step(Expected(*[12.0] * 5), largest=12.0)

    assert thousandfold.step(Expected(*[12e3] * 5), largest=12e3) == pytest.approx(far)
    assert np.median(found[500:]) == pytest.approx(3.0, abs=1.0)
    assert far > max(found[500:])


def rarity_by_sorting(past: list[float], figure: float) -> float:
    """The same by the values themselves: the share above, or a power law through the tenth (twenty at most) that is highest."""
    n = len(past)
    above = n - bisect.bisect_right(past, figure)
    tail = min(20, int(0.1 * n))
    if above >= tail:
        return -math.log10((above + 0.5) / (n + 1))
    start = past[n - tail]
    power = tail / sum(math.log(value / start) for value in past[n - tail :])
    drawn = tail / n * (figure / start) ** -min(max(power, 1.0), 8.0)
    return -math.log10(min(drawn, (above + 0.5) / (n + 1)) if above else drawn)


@pytest.mark.parametrize("draw", ["exponential", "lognormal", "pareto"])
def test_rarity_is_what_sorting_all_of_the_past_says(draw: str) -> None:
    rng = np.random.default_rng(5)
    values = {
        "exponential": rng.exponential(size=3_000),
        "lognormal": rng.lognormal(size=3_000),
        "pareto": 1.0 + rng.pareto(2.0, size=3_000),
    }[draw].tolist()
    rarity = Rarity()
    past: list[float] = []
    apart = []
    for value in values:
        found = rarity.step(value)
        if len(past) >= 500:
            apart.append(found - rarity_by_sorting(past, value))
        bisect.insort(past, value)

    assert np.quantile(np.abs(apart), 0.99) < 0.15
    assert abs(np.mean(apart)) < 0.02
    for times in (1.1, 1.5, 3.0):
        beyond = times * past[-1]
        # Bins are a twentieth of a decade wide, and the highest values lie in few of them.
        assert copied(rarity).step(beyond) == pytest.approx(rarity_by_sorting(past, beyond), rel=0.1)


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
        seen.step(value, largest=5.0)

    assert seen.step(40.0, largest=40.0) > 10
    assert seen.step(40.0, largest=40.0) < 0.05


def test_what_a_computer_rounds_off_is_no_new_value() -> None:
    seen = ValuesSeen()
    jitter = np.random.default_rng(6).normal(0, 1e-14, 500).tolist()

    assert max(seen.step(value, largest=50.0) for value in jitter) < 1e-6


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
