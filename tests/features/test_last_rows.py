"""A plan on the last row of each entity gives what it gives on every row, there."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.test_frame_equals_window import Rows, checked, plans, rows, tolerance

from telltale.contract.plan import Change, Clip, OwnLevel, Plan, Sum, WindowStat
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.last_rows import last_rows, run_plan_on_last
from telltale.features.time_windows import stats_of_windows
from telltale.telemetry.frames import ENTITY, TIME

CheckedFrame = Callable[..., pl.DataFrame]


@settings(max_examples=60, deadline=None)
@given(plan=plans(), rows=rows, has_times=st.booleans())
def test_the_last_rows_are_as_in_the_whole_frame(
    checked_frame: CheckedFrame, plan: Plan, rows: Rows, has_times: bool
) -> None:
    frame = checked(checked_frame, rows, 0)
    if not has_times:
        frame = frame.with_columns(pl.lit(None, dtype=frame[TIME].dtype).alias(TIME))
    is_last = (frame[ENTITY] != frame[ENTITY].shift(-1)).fill_null(True)

    ends, features = run_plan_on_last(plan, frame)

    whole, most = run_plan(plan, frame), tolerance(run_plan(plan, frame))
    assert ends[ENTITY].to_list() == frame[ENTITY].unique(maintain_order=True).to_list()
    for name in plan.features:
        apart = np.abs(ends[name].to_numpy() - whole.filter(is_last)[name].to_numpy())
        assert apart.max() <= most, name
    expected = feature_matrix(plan, frame)[is_last.to_numpy()]
    assert features.dtype == np.float32
    assert features.shape == expected.shape
    assert np.allclose(features, expected, rtol=1e-6, atol=most)


@pytest.mark.parametrize(
    ("window_s", "most_rows", "expected"), [(600.0, 9, 3.5), (600.1, 9, 3.0), (1e9, 3, 3.0), (0.0, 9, 4.0)]
)
def test_a_window_is_open_at_its_far_end_and_bounded_in_rows(
    checked_frame: CheckedFrame, window_s: float, most_rows: int, expected: float
) -> None:
    frame = checked_frame({"a": [9.0, 1.0, 2.0, 3.0, 4.0]}, entities=["a", "b", "b", "b", "b"])
    step = WindowStat(out="s", column="a", stat="mean", window_s=window_s, most_rows=most_rows)
    plan = Plan(columns=("a",), steps=(step,), features=("s",), explained=(), history=8, interval_s=300.0)

    assert run_plan_on_last(plan, frame)[1].tolist() == [[9.0], [expected]]


def test_of_no_rows_there_are_no_last_ones(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"a": [1.0, 2.0]}).clear()
    step = WindowStat(out="s", column="a", stat="mean", window_s=600.0, most_rows=3)
    plan = Plan(columns=("a",), steps=(step,), features=("s",), explained=(), history=2, interval_s=300.0)

    last, first = last_rows(frame)
    ends, features = run_plan_on_last(plan, frame)

    assert (len(last), len(first), ends.height, features.shape) == (0, 0, 0, (0, 1))


@pytest.mark.parametrize(("window", "expected"), [(2, [0.0, 0.0, 35.0]), (9, [0.0, 0.0, 30.0])])
def test_the_own_level_of_a_stranger_is_that_of_its_last_rows(
    checked_frame: CheckedFrame, window: int, expected: list[float]
) -> None:
    frame = checked_frame({"a": [1.0, 2.0, 3.0, 10.0, 30.0, 40.0]}, entities=["", "k", "k", "new", "new", "new"])
    steps = (
        OwnLevel(out="own", column="a", window=window, known=("", "k")),
        Sum(out="apart", columns=("a", "own"), weights=(1.0, -1.0)),
    )
    plan = Plan(columns=("a",), steps=steps, features=("own", "apart"), explained=(), history=8, interval_s=300.0)

    ends, features = run_plan_on_last(plan, frame)

    assert ends["own"].to_list() == expected
    assert features[:, 1].tolist() == [1.0, 3.0, 40.0 - expected[2]]
    assert run_plan(plan, frame)[last_rows(frame)[0]].select("own", "apart").equals(ends.select("own", "apart"))


def test_a_window_reads_a_column_as_it_was_before_it_was_written_over(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"a": [1.0, 2.0], "b": [5.0, 7.0]})
    steps = (
        WindowStat(out="mean", column="b", stat="mean", window_s=600.0, most_rows=3),
        Clip(out="b", column="a", low=0.0),
        Change(out="change", column="b", window=3),
    )
    plan = Plan(columns=("a", "b"), steps=steps, features=("mean",), explained=(), history=2, interval_s=300.0)

    assert run_plan_on_last(plan, frame)[1].tolist() == [[6.0]]


@pytest.mark.parametrize("widths", [(4, 4, 4), (1, 3, 5)])
def test_statistics_of_several_windows_are_the_same_together_and_alone(widths: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=sum(widths))
    lasts = np.cumsum(widths) - 1
    starts = lasts + 1 - np.array(widths)
    names = ("mean", "std", "min", "max", "q75", "median")

    together = stats_of_windows(values, starts, names, lasts=lasts)

    for name in names:
        alone = stats_of_windows(values, starts, (name,), lasts=lasts)[name]
        assert np.array_equal(together[name], alone), name
    for place, (first, last) in enumerate(zip(starts, lasts, strict=True)):
        assert together["median"][place] == pytest.approx(np.median(values[first : last + 1]))
