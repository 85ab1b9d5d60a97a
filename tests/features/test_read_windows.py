from collections.abc import Callable
from math import nan

import numpy as np
import polars as pl
import pytest

from telltale.features.derive import PlanDraft
from telltale.features.generic import derive_generic
from telltale.features.own_level import apart, apart_now, apart_over
from telltale.features.read_windows import ReadWindow, read_windows

CheckedFrame = Callable[..., pl.DataFrame]


@pytest.fixture
def draft(checked_frame: CheckedFrame) -> PlanDraft:
    rng = np.random.default_rng(0)
    values = {name: rng.normal(50.0, 2.0, size=400) for name in ("heat", "load")}
    return PlanDraft(checked_frame(values), ("heat", "load"))


def test_a_metric_is_read_over_the_windows_that_it_goes_into_and_no_others(draft: PlanDraft) -> None:
    heat, load = draft.deviation("heat"), draft.deviation("load")
    means = (draft.window_stat(heat, "mean", 1_500.0), draft.window_stat(heat, "max", 900.0, out="peak"))

    windows = read_windows(draft.finish(heat, load, *means))

    assert windows == (ReadWindow(spans=((900.0, 3), (1_500.0, 5))), ReadWindow())


def test_a_model_that_is_handed_several_rows_reads_every_metric_in_them(draft: PlanDraft) -> None:
    plan = draft.finish(draft.deviation("heat"), draft.deviation("load"), sequence=7)

    assert read_windows(plan) == (ReadWindow(n_rows=7), ReadWindow(n_rows=7))


def test_a_statistic_of_a_window_holds_its_rows_against_the_own_level_in_the_last_one(draft: PlanDraft) -> None:
    heat = apart(draft, "heat", rows=9)
    now, peak = apart_now(draft, heat), apart_over(draft, heat, "max", 900.0, out="peak")

    (window,) = read_windows(draft.finish(now, peak))
    (handed,) = read_windows(draft.finish(now, sequence=7))

    assert window == ReadWindow(spans=((900.0, 3),), own=((heat.own, 1.0),))
    assert (handed.n_rows, handed.own) == (7, ())  # each row is seen by itself, with its own level


def test_changes_and_medians_of_the_rows_before_are_no_windows(draft: PlanDraft) -> None:
    heat, load = draft.deviation("heat"), draft.deviation("load")

    plan = draft.finish(heat, load, draft.change(heat, window=6), draft.rolling(load, window=6))

    assert len(plan.explained) == 3  # two levels, a change
    assert set(read_windows(plan)) == {ReadWindow()}


def test_a_mean_and_a_spread_of_the_last_rows_are_read_in_all_of_them(draft: PlanDraft) -> None:
    plan = derive_generic(draft.frame, draft.columns)

    assert [item.metric for item in plan.explained] == ["heat", "load"]
    assert set(read_windows(plan)) == {ReadWindow(n_rows=15)}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (ReadWindow(), 4),
        (ReadWindow(n_rows=3), 2),
        (ReadWindow(n_rows=9), 0),
        (ReadWindow(spans=((20.0, 9),)), 3),  # open at its far end
        (ReadWindow(spans=((20.1, 9),)), 2),
        (ReadWindow(spans=((1e9, 3),)), 2),
        (ReadWindow(spans=((15.0, 9), (1e9, 4))), 1),
        (ReadWindow(n_rows=4, spans=((15.0, 9),)), 1),
    ],
)
def test_a_window_reaches_back_as_far_as_the_furthest_of_its_parts(window: ReadWindow, expected: int) -> None:
    assert window.first([0.0, 10.0, 20.0, 30.0, 40.0]) == expected


def test_a_row_without_time_is_alone_in_its_seconds() -> None:
    assert ReadWindow(spans=((60.0, 9),)).first([nan, nan, nan]) == 2
