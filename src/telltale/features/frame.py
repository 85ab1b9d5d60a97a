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
from telltale.features.calendar import MONDAY_OFFSET_S
from telltale.telemetry.frames import ENTITY, TIME

_TIME_S = "@time_s"


def run_plan(plan: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Every column of the plan's steps, row for row with `frame`.

    Args:
        plan: a fitted plan.
        frame: checked rows, sorted by entity and time; windowed steps never look past the row they are computed for.

    Returns:
        `frame` with one Float64 column more per step.
    """
    seconds = pl.col(TIME).dt.epoch("us").cast(pl.Float64).fill_null(0) / 1e6
    done = frame.with_columns(seconds.alias(_TIME_S))
    for step in plan.steps:
        done = done.with_columns(_expression(step).alias(step.out))
    return done.drop(_TIME_S)


def feature_matrix(plan: Plan, frame: pl.DataFrame) -> Features:
    """The model's inputs, shape (n rows, k features), float32."""
    done = run_plan(plan, frame)
    return np.ascontiguousarray(done.select(plan.features).to_numpy(), dtype=np.float32)


def _expression(step: Step) -> pl.Expr:
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
        case Change():
            before = pl.col(step.column).shift(1).rolling_median(step.window, min_samples=1).over(ENTITY)
            return (pl.col(step.column) - before).fill_null(0.0)
        case Rolling():
            return pl.col(step.column).rolling_median(step.window, min_samples=1).over(ENTITY)
        case Largest():
            return pl.max_horizontal(pl.col(name).abs() for name in step.columns)
        case Norm():
            return (pl.sum_horizontal(pl.col(name) ** 2 for name in step.columns) / len(step.columns)).sqrt()


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
