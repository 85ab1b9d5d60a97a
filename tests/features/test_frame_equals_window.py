"""The same plan on a frame and on rows, for plans and data of every kind: what serving rests on."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    ForwardFill,
    Largest,
    Log,
    Lookup,
    Missing,
    Norm,
    OwnLevel,
    Plan,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
    Sum,
    WindowStat,
)
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import ENTITY, TIME

COLUMNS = ("a", "b", "rate", "gap", "word")
CheckedFrame = Callable[..., pl.DataFrame]

values = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, 5e-324, -1e6])
rates = st.floats(0, 1)
positive = st.floats(0.01, 1e3)
# Windows shorter than one gap, of several, and of all.
window_lengths = st.sampled_from([0.0, 1e-6, 0.5, 30.0, 86_400.0, 1e9])
PLAIN: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "mean": lambda x: float(np.mean(x)),
    "std": lambda x: float(np.std(x, ddof=1)) if len(x) > 1 else 0.0,
    "min": lambda x: float(np.min(x)),
    "max": lambda x: float(np.max(x)),
    "q75": lambda x: float(np.quantile(x, 0.75)),
}
stats: tuple[Literal["mean", "std", "min", "max", "q75"], ...] = ("mean", "std", "min", "max", "q75")


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
    steps.append(ForwardFill(out="filled", column="gap", limit=draw(st.integers(0, 3)), otherwise=draw(values)))
    words = draw(st.dictionaries(st.sampled_from(["tcp", "udp", ""]), values, max_size=3))
    steps.append(Lookup(out="looked_up", column="word", table=words, otherwise=draw(values)))
    written = ["a", "b", "rate", "level", "spread", "filled", "looked_up"]
    for number in range(draw(st.integers(1, 8))):
        out, column = f"s{number}", draw(st.sampled_from(written))
        several = tuple(draw(st.lists(st.sampled_from(written), min_size=1, max_size=3)))
        window = draw(st.integers(1, 7))
        choices: list[Step] = [
            Log(out=out, column=column, scale=draw(positive)),
            Ratio(out=out, numerator=column, denominator=several[0], floor=draw(positive)),
            Deviation(out=out, column=column, level="level", spread="spread"),
            RateDeviation(out=out, rate="rate", count="b", level="level", spread="spread"),
            Clip(out=out, column=column, low=draw(values), high=draw(st.none() | values)),
            Change(out=out, column=column, window=window),
            Rolling(out=out, column=column, window=window, stat=draw(st.sampled_from(["median", "mean", "std"]))),
            Rolling(
                out=out,
                column=column,
                window=window,
                stat=draw(st.sampled_from(["mean", "std"])),
                alone=(draw(rates), draw(values)),
            ),
            OwnLevel(out=out, column=column, window=window, known=draw(st.sampled_from([None, (), ("x",), ("x", "")]))),
            Missing(out=out, column="gap"),
            Sum(out=out, columns=("a", column), weights=(draw(st.sampled_from([1.0, -0.5])), 1.0)),
            Largest(out=out, columns=several),
            Norm(out=out, columns=several),
            ForwardFill(out=out, column=draw(st.sampled_from(["gap", column])), limit=window, otherwise=draw(values)),
            WindowStat(
                out=out,
                column=column,
                stat=draw(st.sampled_from(stats)),
                window_s=draw(window_lengths),
                most_rows=draw(st.integers(1, 9)),
            ),
            # Of measured columns: a product of differences would be as inexact as they are, times a million.
            Product(out=out, columns=tuple(draw(st.permutations(["a", "b"]))), factor=draw(positive)),
        ]
        step = draw(st.sampled_from(choices))
        steps.append(step)
        written.append(out)
    names = tuple(step.out for step in steps)
    return Plan(
        columns=COLUMNS,
        steps=tuple(steps),
        features=names,
        explained=(),
        history=0,
        interval_s=300.0,
        sequence=draw(st.integers(1, 4)),
    )


# Rows of one entity also at the same moment, a microsecond, half a minute or a day apart.
gaps = st.sampled_from([0, 1, 10**6, 30 * 10**6, 86_400 * 10**6]) | st.integers(0, 10**11)
words_sent = st.none() | st.sampled_from(["tcp", "udp", "", "never seen"])
Rows = list[tuple[str, float, float, float, float | None, str | None, int]]
rows = st.lists(
    st.tuples(
        st.sampled_from(["", "x", "y", "never seen"]), values, values, rates, st.none() | values, words_sent, gaps
    ),
    min_size=1,
    max_size=25,
)
# Before 1970, across the turn of a week, and with microseconds.
starts = st.integers(-(10**15), 4 * 10**15)


def checked(checked_frame: CheckedFrame, rows: Rows, start_us: int) -> pl.DataFrame:
    entities, a, b, rate, gap, word, gaps_us = zip(*rows, strict=True)
    times_us = start_us + np.cumsum(gaps_us)
    values = {"a": a, "b": b, "rate": rate, "gap": gap, "word": word}
    # Without a single text the column would be numbers.
    return checked_frame(values, times_us=times_us, entities=entities).with_columns(pl.col("word").cast(pl.String))


def tolerance(framed: pl.DataFrame) -> float:
    """A difference of large numbers keeps their absolute error, not its own relative one."""
    numbers = framed.select(pl.col(pl.Float64)).to_numpy()
    return 1e-9 * max(1.0, float(np.nanmax(np.abs(numbers))))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(plan=plans(), rows=rows, start_us=starts)
def test_any_plan_is_the_same_on_a_frame_and_on_windows(
    checked_frame: CheckedFrame, plan: Plan, rows: Rows, start_us: int
) -> None:
    frame = checked(checked_frame, rows, start_us)
    compiled = CompiledPlan(plan)

    framed = run_plan(plan, frame)
    matrix = feature_matrix(plan, frame)

    measured = frame.select(COLUMNS).rows()
    seconds = [time_us / 1e6 for time_us in frame[TIME].dt.epoch("us")]
    names = frame[ENTITY].to_list()
    most = tolerance(framed)
    for i, entity in enumerate(names):
        window = slice(names.index(entity), i + 1)
        slots = compiled.run(measured[window], seconds[window], entity)
        tail = compiled.run_tail(measured[window], seconds[window], entity)
        for name in plan.features:
            served, expected = compiled.value(slots, name), framed[name][i]
            assert abs(served - expected) <= most, f"{name} at row {i}: {served!r}, in the frame {expected!r}"
        assert tail[-1] == slots
        assert len(tail) == plan.sequence
        assert compiled.tail_features(tail) == pytest.approx(matrix[i].tolist(), rel=1e-6, abs=most)


@settings(max_examples=50, deadline=None)
@given(plan=plans(), rows=rows, keep=st.integers(1, 24))
def test_later_rows_move_no_feature(checked_frame: CheckedFrame, plan: Plan, rows: Rows, keep: int) -> None:
    frame = checked(checked_frame, rows, 0)
    is_past = frame["@line"] <= keep

    whole = feature_matrix(plan, frame)[is_past.to_numpy()]
    past = feature_matrix(plan, frame.filter(is_past))

    assert np.array_equal(whole, past) or np.abs(whole - past).max() <= tolerance(run_plan(plan, frame))


@settings(max_examples=100, deadline=None)
@given(rows=rows, stat=st.sampled_from(stats), window_s=window_lengths, most_rows=st.integers(1, 9))
def test_a_window_statistic_is_that_of_the_rows_of_its_window(
    checked_frame: CheckedFrame,
    rows: Rows,
    stat: Literal["mean", "std", "min", "max", "q75"],
    window_s: float,
    most_rows: int,
) -> None:
    frame = checked(checked_frame, rows, 0)
    plan = Plan(
        columns=("a",),
        steps=(WindowStat(out="out", column="a", stat=stat, window_s=window_s, most_rows=most_rows),),
        features=("out",),
        explained=(),
        history=0,
        interval_s=300.0,
    )

    found = run_plan(plan, frame)["out"].to_list()

    values, seconds = frame["a"].to_numpy(), frame[TIME].dt.epoch("us").to_numpy() / 1e6
    names = frame[ENTITY].to_numpy()
    places = np.arange(len(values))
    for i, answer in enumerate(found):
        is_in = (names == names[i]) & (seconds > seconds[i] - window_s) & (places <= i) | (places == i)
        window = values[is_in][-most_rows:]
        assert answer == pytest.approx(PLAIN[stat](window), rel=1e-9, abs=1e-9 * max(1.0, np.abs(values).max()))


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


def one_step(step: Step, *, sequence: int = 1) -> Plan:
    return Plan(
        columns=("a",),
        steps=(step,),
        features=(step.out,),
        explained=(),
        history=0,
        interval_s=300.0,
        sequence=sequence,
    )


def test_a_value_is_carried_forward_so_many_rows_and_no_further(checked_frame: CheckedFrame) -> None:
    plan = one_step(ForwardFill(out="filled", column="a", limit=2, otherwise=-1.0))
    frame = checked_frame({"a": [None, 5.0, None, None, None, 7.0]})

    assert run_plan(plan, frame)["filled"].to_list() == [-1.0, 5.0, 5.0, 5.0, -1.0, 7.0]
    assert plan.nullable == {"a"}


def test_rows_without_time_are_alone_in_their_window(checked_frame: CheckedFrame) -> None:
    plan = one_step(WindowStat(out="mean", column="a", stat="mean", window_s=1e9, most_rows=9))
    frame = checked_frame({"a": [1.0, 2.0, 3.0]})

    timeless = frame.with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(TIME))

    assert run_plan(plan, frame)["mean"].to_list() == [1.0, 1.5, 2.0]
    assert run_plan(plan, timeless)["mean"].to_list() == [1.0, 2.0, 3.0]


def test_a_sequence_starts_with_the_first_row_of_its_own_entity(checked_frame: CheckedFrame) -> None:
    plan = one_step(Clip(out="same", column="a", low=0.0), sequence=3)
    frame = checked_frame({"a": [1.0, 2.0, 3.0, 4.0, 50.0, 60.0]}, entities=["x", "x", "x", "x", "y", "y"])

    assert feature_matrix(plan, frame).tolist() == [
        [1, 1, 1],
        [1, 1, 2],
        [1, 2, 3],
        [2, 3, 4],
        [50, 50, 50],
        [50, 50, 60],
    ]
    assert plan.reach == 2


def test_statistics_of_huge_values_are_finite(checked_frame: CheckedFrame) -> None:
    frame = checked_frame({"a": [1e308, 1.5e308, 1e308, 0.0]})

    for stat in stats:
        plan = one_step(WindowStat(out="out", column="a", stat=stat, window_s=1e9, most_rows=9))
        served = CompiledPlan(plan).run(frame.select("a").rows(), [1.0, 2.0, 3.0, 4.0], "")[1]
        framed = run_plan(plan, frame)["out"]
        assert framed.is_finite().all()
        assert served == pytest.approx(framed[3])
