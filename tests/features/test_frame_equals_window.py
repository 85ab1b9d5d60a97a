"""The same plan on a frame and on rows, for plans and data of every kind: what serving rests on."""

from collections.abc import Callable
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    Largest,
    Log,
    Norm,
    Plan,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
)
from telltale.features.frame import run_plan
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import ENTITY, TIME

COLUMNS = ("a", "b", "rate")
CheckedFrame = Callable[..., pl.DataFrame]

values = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, 5e-324, -1e6])
rates = st.floats(0, 1)
positive = st.floats(0.01, 1e3)


@st.composite
def tables(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> dict[str, tuple[float, ...]]:
    n = draw(st.integers(1, 9))
    one = st.lists(numbers, min_size=n, max_size=n).map(tuple)
    return {name: draw(one) for name in ("", *draw(st.lists(st.sampled_from(["x", "y"]), unique=True)))}


@st.composite
def seasonals(draw: st.DrawFn, out: str, numbers: st.SearchStrategy[float]) -> Seasonal:
    found = draw(tables(numbers))
    period_s = draw(st.sampled_from([3_600.0, 86_400.0, 604_800.0]))
    if draw(st.booleans()):
        period_s, found = 0.0, {name: table[:1] for name, table in found.items()}
    return Seasonal(out=out, period_s=period_s, smooth=draw(st.booleans()), tables=found)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any steps in any order, each reading columns written before it; levels and spreads as a fit would make them."""
    steps: list[Step] = [draw(seasonals("level", values)), draw(seasonals("spread", positive))]
    written = [*COLUMNS, "level", "spread"]
    for number in range(draw(st.integers(1, 8))):
        out, column = f"s{number}", draw(st.sampled_from(written))
        several = tuple(draw(st.lists(st.sampled_from(written), min_size=1, max_size=3)))
        window = draw(st.integers(1, 7))
        choices: list[Step] = [
            Log(out=out, column=column, scale=draw(positive)),
            Ratio(out=out, numerator=column, denominator=several[0], floor=draw(positive)),
            Deviation(out=out, column=column, level="level", spread="spread"),
            RateDeviation(out=out, rate="rate", count="b", level="level", spread="spread"),
            Clip(out=out, column=column, low=draw(values)),
            Change(out=out, column=column, window=window),
            Rolling(out=out, column=column, window=window),
            Largest(out=out, columns=several),
            Norm(out=out, columns=several),
        ]
        step = draw(st.sampled_from(choices))
        steps.append(step)
        written.append(out)
    names = tuple(step.out for step in steps)
    return Plan(columns=COLUMNS, steps=tuple(steps), features=names, explained=(), history=0, interval_s=300.0)


rows = st.lists(
    st.tuples(st.sampled_from(["", "x", "y", "never seen"]), values, values, rates), min_size=1, max_size=25
)
# Before 1970, across the turn of a week, and with microseconds.
starts = st.integers(-(10**15), 4 * 10**15)
gaps = st.integers(1, 10**11)


@settings(max_examples=150, deadline=None)
@given(plan=plans(), rows=rows, start_us=starts, gap_us=gaps)
def test_any_plan_is_the_same_on_a_frame_and_on_windows(
    checked_frame: CheckedFrame, plan: Plan, rows: list[tuple[str, float, float, float]], start_us: int, gap_us: int
) -> None:
    entities, a, b, rate = zip(*rows, strict=True)
    times_us = [start_us + gap_us * i for i in range(len(rows))]
    frame = checked_frame({"a": a, "b": b, "rate": rate}, times_us=times_us, entities=entities)
    compiled = CompiledPlan(plan)

    framed = run_plan(plan, frame)

    measured = frame.select(COLUMNS).rows()
    seconds = [time_us / 1e6 for time_us in frame[TIME].dt.epoch("us")]
    names = frame[ENTITY].to_list()
    for i, entity in enumerate(names):
        first = names.index(entity)
        slots = compiled.run(measured[first : i + 1], seconds[first : i + 1], entity)
        for name in plan.features:
            served, expected = compiled.value(slots, name), framed[name][i]
            # A difference of large numbers keeps their absolute error, not its own relative one.
            scale = max(1.0, *(abs(number) for row in measured for number in row), *map(abs, slots))
            assert abs(served - expected) <= 1e-9 * scale, f"{name} at row {i}: {served!r}, in the frame {expected!r}"


@settings(max_examples=50, deadline=None)
@given(plan=plans(), rows=rows, gap_us=gaps, keep=st.integers(1, 24))
def test_later_rows_move_no_feature(
    checked_frame: CheckedFrame, plan: Plan, rows: list[tuple[str, float, float, float]], gap_us: int, keep: int
) -> None:
    entities, a, b, rate = zip(*rows, strict=True)
    times_us = [gap_us * i for i in range(len(rows))]
    frame = checked_frame({"a": a, "b": b, "rate": rate}, times_us=times_us, entities=entities)
    is_past = frame[TIME].dt.epoch("us") <= times_us[min(keep, len(rows)) - 1]

    whole, past = run_plan(plan, frame).filter(is_past), run_plan(plan, frame.filter(is_past))

    for name in plan.features:
        scale = max(1.0, whole[name].abs().max())  # type: ignore[type-var]  # a column of floats has a largest
        assert (whole[name] - past[name]).abs().max() <= 1e-9 * scale  # type: ignore[operator]  # and so has this


def test_a_step_may_write_over_a_column_and_later_steps_read_the_new_one(checked_frame: CheckedFrame) -> None:
    plan = Plan(
        columns=("a", "b"),
        steps=(
            Clip(out="b", column="a", low=2.0),
            Norm(out="c", columns=("b", "b")),
        ),
        features=("b", "c"),
        explained=(),
        history=0,
        interval_s=0.0,
    )
    compiled = CompiledPlan(plan)

    framed = run_plan(plan, checked_frame({"a": [5.0], "b": [7.0]})).select(plan.features).row(0)

    assert compiled.features(compiled.run([(5.0, 7.0)], [0.0], "")) == list(framed) == [5.0, 5.0]


def test_windows_of_different_entities_do_not_mix(checked_frame: CheckedFrame) -> None:
    plan = Plan(
        columns=("a",),
        steps=(Change(out="change", column="a", window=3), Rolling(out="recent", column="a", window=3)),
        features=("change", "recent"),
        explained=(),
        history=3,
        interval_s=300.0,
    )
    frame = checked_frame({"a": [1.0, 100.0, 2.0, 200.0, 3.0]}, entities=["x", "y", "x", "y", "x"])

    done = run_plan(plan, frame)

    by_entity = {name: rows.select("change", "recent").rows() for (name,), rows in done.group_by(ENTITY)}
    assert by_entity["x"] == [(0.0, 1.0), (1.0, 1.5), (1.5, 2.0)]
    assert by_entity["y"] == [(0.0, 100.0), (100.0, 150.0)]
    assert all(earlier <= later for earlier, later in pairwise(frame[ENTITY]))
