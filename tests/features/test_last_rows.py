"""A plan on the last row of each entity gives what it gives on every row, there."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.test_frame_equals_window import Rows, checked, plans, rows, tolerance

from telltale.contract.plan import Plan, WindowStat
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.last_rows import last_rows, run_plan_on_last
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
