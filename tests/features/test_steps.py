"""Steps that are run side by side give what they give one after the other."""

from collections.abc import Callable

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.features.test_frame_equals_window import Rows, checked, plans, rows

from telltale.contract.plan import Clip, Plan, Step
from telltale.features.frame import run_plan
from telltale.features.steps import inputs, layers, steps_for

CheckedFrame = Callable[..., pl.DataFrame]


def one_after_the_other(plan: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    done = frame
    for step in plan.steps:
        done = run_plan(replace(plan, steps=(step,)), done)
    return done


@settings(max_examples=25, deadline=None)
@given(plan=plans(), rows=rows, written_over=st.lists(st.sampled_from(["a", "level", "s0", "s1"]), max_size=8))
def test_layers_give_what_the_steps_give_in_order_also_where_columns_are_written_over(
    checked_frame: CheckedFrame, plan: Plan, rows: Rows, written_over: list[str]
) -> None:
    frame = checked(checked_frame, rows, 0)
    kept = plan.steps[: len(plan.steps) - len(written_over)]
    steps: list[Step] = [*kept]
    for step, name in zip(plan.steps[len(kept) :], written_over, strict=False):
        steps.append(replace(step, out=name))
    known = {*plan.columns, *(step.out for step in steps)}
    plan = replace(plan, steps=tuple(step for step in steps if known.issuperset(inputs(step))))
    if not _reads_what_is_there(plan):
        return

    side_by_side, in_order = run_plan(plan, frame), one_after_the_other(plan, frame)

    assert side_by_side.select(in_order.columns).equals(in_order, null_equal=True)


def _reads_what_is_there(plan: Plan) -> bool:
    there = {*plan.columns}
    for step in plan.steps:
        if not there.issuperset(inputs(step)):
            return False
        there.add(step.out)
    return True


def test_who_reads_a_column_stands_no_later_than_who_writes_over_it() -> None:
    first = Clip(out="b", column="a", low=0.0)
    reader, writer = Clip(out="c", column="a", low=0.0), Clip(out="a", column="b", low=0.0)
    after = Clip(out="d", column="a", low=0.0)

    found = layers((first, reader, writer, after))

    assert found == [[first, reader], [writer], [after]]


@settings(max_examples=25, deadline=None)
@given(plan=plans(), rows=rows, wanted=st.sets(st.integers(0, 7), min_size=1))
def test_the_steps_that_columns_rest_on_give_those_columns(
    checked_frame: CheckedFrame, plan: Plan, rows: Rows, wanted: set[int]
) -> None:
    frame = checked(checked_frame, rows, 0)
    names = sorted({plan.steps[place % len(plan.steps)].out for place in wanted})

    few = run_plan(replace(plan, steps=steps_for(plan.steps, names)), frame)

    assert few.select(names).equals(run_plan(plan, frame).select(names), null_equal=True)


def test_a_column_that_is_written_over_rests_on_its_last_writer() -> None:
    first, again = Clip(out="b", column="a", low=0.0), Clip(out="b", column="a", low=1.0)
    on_itself = Clip(out="b", column="b", low=2.0)

    assert steps_for((first, again), {"b"}) == (again,)
    assert steps_for((first, on_itself), {"b"}) == (first, on_itself)
