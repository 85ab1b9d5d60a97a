"""A plan on a whole frame, as Polars expressions, for training and batches."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from telltale.contract.estimator import Features
from telltale.contract.plan import (
    FURTHEST,
    Change,
    Clip,
    Deviation,
    ForwardFill,
    Largest,
    Log,
    Lookup,
    Norm,
    Plan,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    WindowStat,
)
from telltale.features.calendar import MONDAY_OFFSET_S
from telltale.features.steps import RowStep, WindowStep
from telltale.features.time_windows import Places, stat_of_windows, window_starts
from telltale.telemetry.frames import ENTITY, TIME

_TIME_S = "@time_s"


def run_plan(plan: Plan, frame: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
    """Every column of the plan's steps, row for row with `frame`.

    Args:
        plan: a fitted plan.
        frame: checked rows, sorted by entity and time; windowed steps never look past the row they are computed for. A
            row without time is alone in its window of time. Columns of `plan.nullable` may hold nulls, no others.
        alone: each row as if none stood before it, as one row is decided when it is served; then any order will do.

    Returns:
        `frame` with one Float64 column more per step.
    """
    done = frame.with_columns(epoch_s(frame).fill_nan(0.0).alias(_TIME_S))
    starts: dict[float, Places] = {}
    for step in plan.steps:
        if alone and isinstance(step, WindowStep):
            done = done.with_columns(_of_row_alone(step).alias(step.out))
        elif isinstance(step, WindowStat):
            if step.window_s not in starts:
                starts[step.window_s] = _window_starts(done, step.window_s)
            first = np.maximum(starts[step.window_s], np.arange(frame.height) + 1 - step.most_rows)
            values = done[step.column].to_numpy().astype(np.float64)
            done = done.with_columns(pl.Series(step.out, stat_of_windows(values, first, step.stat)))
        else:
            column = _of_rows_before(step) if isinstance(step, Change | Rolling | ForwardFill) else _of_row(step)
            done = done.with_columns(column.alias(step.out))
    return done.drop(_TIME_S)


def feature_matrix(plan: Plan, frame: pl.DataFrame, *, alone: bool = False) -> Features:
    """The model's inputs, float32, shape (n rows, k features); with a sequence of m rows (n, m * k), oldest first."""
    return arrange_features(plan, run_plan(plan, frame, alone=alone), alone=alone)


def arrange_features(plan: Plan, done: pl.DataFrame, *, alone: bool = False) -> Features:
    """The same, from what `run_plan` gave."""
    rows = np.ascontiguousarray(done.select(plan.features).to_numpy(), dtype=np.float32)
    if plan.sequence == 1:
        return rows
    if alone:
        return np.tile(rows, plan.sequence)
    n, k = rows.shape
    back = np.arange(plan.sequence - 1, -1, -1)
    at = np.maximum(np.arange(n)[:, None] - back, entity_starts(done)[:, None])
    return np.ascontiguousarray(rows[at].reshape(n, plan.sequence * k))


def rows_in_window(frame: pl.DataFrame, window_s: float) -> Places:
    """How many rows the window of time that ends with each row holds, shape (n,)."""
    timed = frame.select(ENTITY, TIME, epoch_s(frame).alias(_TIME_S))
    return np.arange(frame.height) - _window_starts(timed, window_s) + 1


def epoch_s(frame: pl.DataFrame) -> pl.Series:
    """Epoch seconds, NaN where a row has no time: divided as Python divides, where Polars multiplies by the inverse."""
    return pl.Series(frame[TIME].dt.epoch("us").to_numpy().astype(np.float64) / 1e6)


def entity_starts(frame: pl.DataFrame) -> Places:
    """The first row of each row's entity, shape (n,)."""
    block = frame[ENTITY].rle_id().to_numpy()
    return np.searchsorted(block, block).astype(np.int64)


def _window_starts(done: pl.DataFrame, window_s: float) -> Places:
    times_s = done.select(pl.when(pl.col(TIME).is_null()).then(float("nan")).otherwise(pl.col(_TIME_S)))
    return window_starts(entity_starts(done), times_s.to_series().to_numpy(), window_s)


def _of_row(step: RowStep) -> pl.Expr:
    match step:
        case Log():
            column = pl.col(step.column)
            return column.sign() * (column.abs() / step.scale).log1p()
        case Ratio():
            return pl.col(step.numerator) / pl.max_horizontal(pl.col(step.denominator), pl.lit(step.floor))
        case Seasonal():
            return _seasonal(step)
        case Deviation():
            return ((pl.col(step.column) - pl.col(step.level)) / pl.col(step.spread)).clip(-FURTHEST, FURTHEST)
        case RateDeviation():
            sampling = 0.25 / pl.max_horizontal(pl.col(step.count), pl.lit(1.0))
            return (pl.col(step.rate).sqrt() - pl.col(step.level)) / (pl.col(step.spread) ** 2 + sampling).sqrt()
        case Clip():
            return pl.max_horizontal(pl.col(step.column), pl.lit(step.low))
        case Largest():
            return pl.max_horizontal(pl.col(name).abs() for name in step.columns)
        case Norm():
            return (pl.sum_horizontal(pl.col(name) ** 2 for name in step.columns) / len(step.columns)).sqrt()
        case Lookup():
            # No table of Polars is empty, and none has a null among its texts.
            table = step.table or {"": step.otherwise}
            found = pl.col(step.column).replace_strict(table, default=step.otherwise, return_dtype=pl.Float64)
            return found.fill_null(step.otherwise)
        case Product():
            return pl.reduce(lambda left, right: left * right, [pl.col(name) for name in step.columns]) * step.factor


def _of_rows_before(step: Change | Rolling | ForwardFill) -> pl.Expr:
    match step:
        case Change():
            before = pl.col(step.column).shift(1).rolling_median(step.window, min_samples=1).over(ENTITY)
            return (pl.col(step.column) - before).fill_null(0.0)
        case Rolling():
            return pl.col(step.column).rolling_median(step.window, min_samples=1).over(ENTITY)
        case ForwardFill():
            return pl.col(step.column).forward_fill(step.limit).over(ENTITY).fill_null(step.otherwise)


def _of_row_alone(step: WindowStep) -> pl.Expr:
    """What a step that looks back gives where there is nothing to look back at."""
    match step:
        case Change():
            return pl.lit(0.0)
        case Rolling():
            return pl.col(step.column)
        case ForwardFill():
            return pl.col(step.column).fill_null(step.otherwise)
        case WindowStat():
            return pl.lit(0.0) if step.stat == "std" else pl.col(step.column)


def _seasonal(step: Seasonal) -> pl.Expr:
    """One long table for all entities; a row reads at its entity's offset plus its slot."""
    joined, offsets = _joined_tables(step.tables)
    n = len(step.tables[""])
    offset = pl.col(ENTITY).replace_strict(offsets, default=offsets[""], return_dtype=pl.Int64)
    table = pl.lit(joined)
    if step.period_s == 0:
        return table.gather(offset)
    slot = ((pl.col(_TIME_S) + MONDAY_OFFSET_S) % step.period_s) * n / step.period_s
    if not step.smooth:
        return table.gather(offset + slot.floor().cast(pl.Int64) % n)
    middle = slot - 0.5
    left = middle.floor()
    share = middle - left
    at = left.cast(pl.Int64)
    return table.gather(offset + (at + n) % n) * (1.0 - share) + table.gather(offset + (at + 1) % n) * share


def _joined_tables(tables: Mapping[str, tuple[float, ...]]) -> tuple[pl.Series, dict[str, int]]:
    names = sorted(tables)
    n = len(tables[""])
    joined = pl.Series([value for name in names for value in tables[name]], dtype=pl.Float64)
    return joined, {name: place * n for place, name in enumerate(names)}
