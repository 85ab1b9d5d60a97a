import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.plan import Plan, Seasonal
from telltale.features.calendar import DAY_S, WEEK_S
from telltale.features.levels import (
    NO_CALENDAR,
    Calendar,
    calendars,
    choose_calendar,
    fit_levels,
    fit_table,
    read_table,
)
from telltale.features.window import CompiledPlan

Floats = NDArray[np.float64]

MONDAY_S = 1_704_067_200.0  # 2024-01-01 00:00 UTC
HOURLY = Calendar(slot_s=3_600.0, weekly=False, smooth=False)
WEEKLY = Calendar(slot_s=3_600.0, weekly=True, smooth=False)


def times(days: float, step_s: float = 300.0) -> Floats:
    return np.asarray(MONDAY_S + np.arange(round(days * DAY_S / step_s)) * step_s, dtype=np.float64)


def test_short_or_timeless_data_support_no_calendar() -> None:
    assert calendars(1.9 * DAY_S, 300.0) == (NO_CALENDAR,)
    assert calendars(90 * DAY_S, 0.0) == (NO_CALENDAR,)


def test_a_weekly_calendar_needs_most_of_a_week_and_a_quarter_hour_one_needs_rows_as_close() -> None:
    assert not any(option.weekly for option in calendars(5 * DAY_S, 300.0))
    assert any(option.weekly for option in calendars(6 * DAY_S, 300.0))
    assert {option.slot_s for option in calendars(7 * DAY_S, 1_800.0)} == {0.0, 3_600.0}


def test_the_calendar_chosen_is_the_one_the_data_follow() -> None:
    at = times(14)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=len(at))
    options = calendars(14 * DAY_S, 300.0)
    weekend = (at // DAY_S + 3) % 7 >= 5

    assert choose_calendar(at, noise, options) == NO_CALENDAR
    daily = choose_calendar(at, noise + 10 * np.sin(at / DAY_S * 2 * np.pi), options)
    weekly = choose_calendar(at, noise + np.where(weekend, 10.0, 10 * np.sin(at / DAY_S * 2 * np.pi)), options)

    assert daily.smooth
    assert daily.period_s in {DAY_S, WEEK_S}
    assert weekly.period_s == WEEK_S


def test_a_step_is_told_from_a_slope() -> None:
    at = times(8)
    busy = (at / 3_600 % 24 >= 9) & (at / 3_600 % 24 < 17)
    noise = np.random.default_rng(0).normal(size=len(at))

    assert not choose_calendar(at, 20.0 * busy + noise, calendars(8 * DAY_S, 300.0)).smooth


def test_levels_are_those_of_the_hour_with_a_days_worth_of_the_middle_and_anomalies_hardly_move_them() -> None:
    n_days = 10
    at = times(n_days)
    rng = np.random.default_rng(1)
    hour = at / 3_600 % 24 // 1
    values = 100.0 * hour + rng.normal(size=len(at))
    clean = fit_levels(at, values, HOURLY, floor=0.01)
    values[rng.random(len(at)) < 0.05] *= 10.0
    dirty = fit_levels(at, values, HOURLY, floor=0.01)

    expected = (100.0 * np.arange(24) * n_days + np.median(100.0 * hour)) / (n_days + 1)
    assert np.allclose(clean.level, expected, atol=1.0)
    assert np.allclose(dirty.level, clean.level, atol=8.0)
    assert np.all(np.array(dirty.spread) < 3 * np.array(clean.spread))


def test_a_day_that_is_missing_leans_on_the_days_like_it() -> None:
    at = times(6)  # no Sunday
    level = np.where((at // DAY_S + 3) % 7 >= 5, 10.0, 100.0)

    table = fit_table(at, level, WEEKLY)

    saturday, sunday = table[5 * 24 : 6 * 24], table[6 * 24 :]
    assert np.all((saturday <= sunday) & (sunday < 60.0))  # Sunday leans on Saturday, not on the five weekdays
    assert np.all(table[: 5 * 24] > 90.0)
    assert np.isfinite(table).all()


def test_spread_is_never_below_its_floor() -> None:
    at = times(4)

    for calendar in (NO_CALENDAR, HOURLY):
        assert min(fit_levels(at, np.full(len(at), 7.0), calendar, floor=0.25).spread) >= 0.25


@settings(max_examples=100, deadline=None)
@given(
    table=st.lists(st.floats(-1e3, 1e3), min_size=24, max_size=24),
    at=st.lists(st.integers(-(10**15), 4 * 10**15), min_size=1, max_size=20),
    weekly=st.booleans(),
    smooth=st.booleans(),
)
def test_a_table_reads_the_same_for_one_time_and_for_many(
    table: list[float], at: list[int], weekly: bool, smooth: bool
) -> None:
    calendar = Calendar(slot_s=3_600.0, weekly=weekly, smooth=smooth)
    times_s = np.array(at) / 1e6

    read = read_table(np.array(table), times_s, calendar)

    step = Seasonal(out="level", period_s=calendar.period_s, smooth=smooth, tables={"": tuple(table)})
    plan = Plan(columns=("x",), steps=(step,), features=("level",), explained=(), history=0, interval_s=0.0)
    compiled = CompiledPlan(plan)
    one_by_one = [compiled.features(compiled.run([[0.0]], [time_s], ""))[0] for time_s in times_s.tolist()]
    assert np.allclose(read, one_by_one, rtol=1e-9, atol=1e-9)
