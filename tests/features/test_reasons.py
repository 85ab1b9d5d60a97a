from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np
import polars as pl
import pytest

from telltale.features.derive import PlanDraft
from telltale.features.read_windows import read_windows
from telltale.features.reasons import reasons, window_reasons
from telltale.features.window import CompiledPlan

CheckedFrame = Callable[..., pl.DataFrame]


@pytest.fixture(scope="module")
def compiled(checked_frame: CheckedFrame) -> tuple[CompiledPlan, PlanDraft]:
    rng = np.random.default_rng(0)
    counts = np.full(800, 1_000.0)
    draft = PlanDraft(
        checked_frame(
            {
                "heat": 50 + rng.normal(size=800),
                "bytes": rng.lognormal(5, 1.2, 800),
                "ms": 100 + rng.normal(size=800),
                "errors": rng.binomial(1_000, 0.01, 800) / 1_000,
                "count": counts,
            }
        ),
        ("heat", "bytes", "ms", "errors", "count"),
    )
    draft.deviation("heat")
    draft.deviation("bytes")
    draft.deviation("ms", only_more=True)
    draft.rate_deviation("errors", "count")
    return CompiledPlan(draft.finish("heat_deviation")), draft


def told(compiled: tuple[CompiledPlan, PlanDraft], row: tuple[float, ...]) -> dict[str, tuple[float, float, float]]:
    runs, draft = compiled
    slots = runs.run([row], [0.0], "")
    found = reasons(draft.finish("heat_deviation"), lambda name: runs.value(slots, name))
    return {reason.metric: (reason.expected_low, reason.expected_high, reason.distance) for reason in found}


def test_metrics_outside_their_range_are_told_furthest_first(compiled: tuple[CompiledPlan, PlanDraft]) -> None:
    found = told(compiled, (58.0, 150.0, 300.0, 0.01, 1_000.0))

    assert list(found) == ["ms", "heat"]
    low, high, distance = found["heat"]
    assert low == pytest.approx(47, abs=1)
    assert high == pytest.approx(53, abs=1)
    assert distance == pytest.approx(8, abs=1)


def test_ranges_are_in_the_metrics_own_unit(compiled: tuple[CompiledPlan, PlanDraft]) -> None:
    found = told(compiled, (50.0, 1e7, 100.0, 0.3, 1_000.0))

    low, high, _ = found["errors"]
    assert 0 <= low < 0.01 < high < 0.05
    low, high, _ = found["bytes"]
    assert 0 <= low < np.exp(5) < high < 1e7


def test_less_of_a_metric_of_which_only_more_is_the_event_is_no_reason(
    compiled: tuple[CompiledPlan, PlanDraft],
) -> None:
    assert "ms" not in told(compiled, (60.0, 150.0, 1.0, 0.01, 1_000.0))


def test_the_nearest_to_leaving_is_told_where_none_is_outside(compiled: tuple[CompiledPlan, PlanDraft]) -> None:
    assert list(told(compiled, (51.5, 150.0, 100.0, 0.01, 1_000.0))) == ["heat"]


def test_at_most_three_are_told(compiled: tuple[CompiledPlan, PlanDraft]) -> None:
    assert len(told(compiled, (90.0, 1e9, 900.0, 0.5, 1_000.0))) == 3


def test_a_jump_within_the_expected_level_is_told_against_the_rows_before(checked_frame: CheckedFrame) -> None:
    rng = np.random.default_rng(0)
    slow = 100 + 20 * np.sin(np.arange(800) / 40) + rng.normal(size=800)  # moves far, but never fast
    draft = PlanDraft(checked_frame({"heat": slow}), ("heat",))
    change = draft.change(draft.deviation("heat"), window=6)
    plan = draft.finish(change)
    compiled = CompiledPlan(plan)

    slots = compiled.run([[82.0]] * 6 + [[115.0]], [0.0] * 7, "")
    found = reasons(plan, lambda name: compiled.value(slots, name))

    assert [(reason.metric, reason.against) for reason in found] == [("heat", "rows before")]
    assert 70 < found[0].expected_low < 82 < found[0].expected_high < 115
    assert found[0].distance > 3


@pytest.mark.parametrize("last", [90.0, None])
def test_a_column_that_was_filled_is_told_under_its_own_name(checked_frame: CheckedFrame, last: float | None) -> None:
    rng = np.random.default_rng(0)
    values = [float(x) if rng.random() > 0.2 else None for x in rng.normal(50, 2, 600)]
    draft = PlanDraft(checked_frame({"ms": values}), ("ms",))
    deviation = draft.deviation(draft.fill("ms", 3))
    draft.change(deviation, window=4)
    plan = draft.finish(deviation)
    compiled = CompiledPlan(plan)

    slots = compiled.run([[50.0], [90.0], [last]], [0.0] * 3, "")
    found = reasons(plan, lambda name: compiled.value(slots, name))

    assert [reason.metric for reason in found] == ["ms"]
    assert found[0].value == 90.0


@pytest.mark.parametrize("last_s", [float("nan"), 1.7e12, 1e300])
def test_what_is_no_time_in_seconds_is_not_shown_as_one(checked_frame: CheckedFrame, last_s: float) -> None:
    rng = np.random.default_rng(0)
    draft = PlanDraft(checked_frame({"heat": 50 + rng.normal(size=400)}), ("heat",))
    plan = draft.finish(draft.deviation("heat"), sequence=3)
    compiled = CompiledPlan(plan)
    rows = [partial(compiled.value, slots) for slots in compiled.run_tail([[50.0], [90.0], [50.0]], [last_s] * 3, "")]

    (told,) = window_reasons(plan, read_windows(plan), rows=rows, times_s=[last_s] * 3)

    assert (told.value, told.rows_before, told.at) == (90.0, 1, msgspec.UNSET)
