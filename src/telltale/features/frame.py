"""A plan on a whole frame, column by column, for training and batches."""

from collections.abc import Iterator, Mapping, Sequence

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
    Missing,
    Norm,
    OwnLevel,
    Plan,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Sum,
    WindowStat,
)
from telltale.features.seasonal_rows import SeasonalRows, SeasonalTables
from telltale.features.steps import RowStep, TextStep, WindowStep, layers
from telltale.features.text_steps import read_frame
from telltale.features.time_windows import Floats, Places, stats_of_windows, window_starts
from telltale.telemetry.frames import ENTITY, TIME

# Rows of one entity, which stand together: a number is told apart sooner than a name.
_RUN = pl.col(ENTITY).rle_id()


def run_plan(
    plan: Plan, frame: pl.DataFrame, *, alone: bool = False, tables: SeasonalTables | None = None
) -> pl.DataFrame:
    """Every column of the plan's steps, row for row with `frame`.

    Args:
        plan: a fitted plan.
        frame: checked rows, sorted by entity and time; windowed steps never look past the row they are computed for. A
            row without time is alone in its window of time. Columns of `plan.nullable` may hold nulls, no others.
        alone: each row as if none stood before it, as one row is decided when it is served; then any order will do.
        tables: kept from run to run, where the plan is run again and again.

    Returns:
        `frame` with one Float64 column more per step.
    """
    times_s = epoch_s(frame).to_numpy()
    rows = SeasonalRows(frame[ENTITY], np.nan_to_num(times_s, nan=0.0), tables or SeasonalTables())
    starts: dict[float, Places] = {}
    done = frame
    for layer in layers(plan.steps):
        columns: list[pl.Expr | pl.Series] = []
        stats: list[WindowStat] = []
        for step in layer:
            if alone and isinstance(step, WindowStep):
                columns.append(_of_row_alone(step).alias(step.out))
            elif isinstance(step, WindowStat):
                stats.append(step)
            elif isinstance(step, TextStep):
                columns.append(read_frame(step, done))
            elif isinstance(step, OwnLevel):
                columns.append(_own_level(step, done).alias(step.out))
            elif isinstance(step, Rolling) and step.stat != "median":
                columns.append(_of_last_rows(step, done))
            elif isinstance(step, Change | Rolling | ForwardFill):
                columns.append(_of_rows_before(step).alias(step.out))
            else:
                columns.append(_of_row(step, done, rows).alias(step.out))
        for window_s in {step.window_s for step in stats} - starts.keys():
            starts[window_s] = window_starts(entity_starts(frame), times_s, window_s)
        columns += window_stats(stats, done, starts)
        done = done.with_columns(columns)
    return done


def window_stats(
    steps: Sequence[WindowStat], done: pl.DataFrame, starts: Mapping[float, Places], *, lasts: Places | None = None
) -> Iterator[pl.Series]:
    """What steps write that read nothing of each other.

    Args:
        steps: in any order; those of the same windows of a column share the work.
        done: rows with the columns that they read.
        starts: by seconds, the first row of each window of so much time.
        lasts: the last row of each window; None where there is one for every row.
    """
    ends = np.arange(done.height) if lasts is None else lasts
    alike: dict[tuple[str, float, int], list[WindowStat]] = {}
    for step in steps:
        alike.setdefault((step.column, step.window_s, step.most_rows), []).append(step)
    for (column, window_s, most_rows), own in alike.items():
        first = np.maximum(starts[window_s], ends + 1 - most_rows)
        values = done[column].to_numpy().astype(np.float64, copy=False)
        found = stats_of_windows(values, first, {step.stat for step in own}, lasts=lasts)
        for step in own:
            yield pl.Series(step.out, found[step.stat])


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
    return np.arange(frame.height) - window_starts(entity_starts(frame), epoch_s(frame).to_numpy(), window_s) + 1


def epoch_s(frame: pl.DataFrame) -> pl.Series:
    """Epoch seconds, NaN where a row has no time: divided as Python divides, where Polars multiplies by the inverse."""
    return pl.Series(frame[TIME].dt.epoch("us").to_numpy().astype(np.float64) / 1e6)


def entity_starts(frame: pl.DataFrame) -> Places:
    """The first row of each row's entity, shape (n,)."""
    lengths = frame[ENTITY].rle().struct.field("len").to_numpy().astype(np.int64)
    return np.repeat(np.cumsum(lengths) - lengths, lengths)


def _of_row(step: RowStep, done: pl.DataFrame, rows: SeasonalRows) -> pl.Expr | pl.Series:
    match step:
        case Seasonal():
            return pl.Series(rows.read(step))
        case Log():
            return pl.Series(_signed_log(done[step.column].to_numpy(), step.scale))
        case Ratio():
            return pl.col(step.numerator) / pl.max_horizontal(pl.col(step.denominator), pl.lit(step.floor))
        case Deviation():
            return ((pl.col(step.column) - pl.col(step.level)) / pl.col(step.spread)).clip(-FURTHEST, FURTHEST)
        case RateDeviation():
            sampling = 0.25 / pl.max_horizontal(pl.col(step.count), pl.lit(1.0))
            return (pl.col(step.rate).sqrt() - pl.col(step.level)) / (pl.col(step.spread) ** 2 + sampling).sqrt()
        case Clip():
            floored = pl.max_horizontal(pl.col(step.column), pl.lit(step.low))
            return floored if step.high is None else pl.min_horizontal(floored, pl.lit(step.high))
        case Largest():
            return pl.max_horizontal(pl.col(name).abs() for name in step.columns)
        case Norm():
            # In one order: `sum_horizontal` adds as its threads come, and the last bit is not always the same.
            squares = [pl.col(name) ** 2 for name in step.columns]
            return (pl.reduce(lambda left, right: left + right, squares) / len(step.columns)).sqrt()
        case Lookup():
            # No table of Polars is empty, and none has a null among its texts.
            table = step.table or {"": step.otherwise}
            found = pl.col(step.column).replace_strict(table, default=step.otherwise, return_dtype=pl.Float64)
            return found.fill_null(step.otherwise)
        case Missing():
            return pl.col(step.column).is_null().cast(pl.Float64)
        case Sum():
            weighed = zip(step.columns, step.weights, strict=True)
            return pl.reduce(lambda left, right: left + right, [pl.col(name) * weight for name, weight in weighed])
        case Product():
            return pl.reduce(lambda left, right: left * right, [pl.col(name) for name in step.columns]) * step.factor


def _signed_log(values: Floats, scale: float) -> Floats:
    """NumPy's logarithm takes a fifth of the time of Polars'; one array, since memory that is new each time costs more."""
    sizes = np.abs(values)
    with np.errstate(over="ignore"):
        np.divide(sizes, scale, out=sizes)
    np.log1p(sizes, out=sizes)
    return np.asarray(np.copysign(sizes, values, out=sizes))


def _of_last_rows(step: Rolling, done: pl.DataFrame) -> pl.Series:
    """Over windows one by one: what Polars carries along from row to row loses digits where values differ by decades."""
    first = np.maximum(entity_starts(done), np.arange(done.height) + 1 - step.window)
    values = done[step.column].to_numpy().astype(np.float64, copy=False)
    found = stats_of_windows(values, first, {step.stat})[step.stat]
    if step.alone is not None:
        slope, constant = step.alone
        found = np.where(first == np.arange(done.height), slope * values + constant, found)
    return pl.Series(step.out, found)


def _of_rows_before(step: Change | Rolling | ForwardFill) -> pl.Expr:
    match step:
        case Change():
            before = pl.col(step.column).shift(1).rolling_median(step.window, min_samples=1).over(_RUN)
            return (pl.col(step.column) - before).fill_null(0.0)
        case Rolling():
            return pl.col(step.column).rolling_median(step.window, min_samples=1).over(_RUN)
        case ForwardFill():
            return pl.col(step.column).forward_fill(step.limit).over(_RUN).fill_null(step.otherwise)


def _of_row_alone(step: WindowStep) -> pl.Expr:
    """What a step that looks back gives where there is nothing to look back at."""
    match step:
        case Change():
            return pl.lit(0.0)
        case Rolling():
            slope, constant = step.alone or ((0.0, 0.0) if step.stat == "std" else (1.0, 0.0))
            return slope * pl.col(step.column) + constant
        case OwnLevel():
            return (
                pl.lit(0.0) if step.known is None else pl.when(_is_known(step.known)).then(0.0).otherwise(step.column)
            )
        case ForwardFill():
            return pl.col(step.column).fill_null(step.otherwise)
        case WindowStat():
            alone = {"std": 0.0, "count": 1.0, "distinct": 1.0}
            return pl.lit(alone[step.stat]) if step.stat in alone else pl.col(step.column)


def _own_level(step: OwnLevel, done: pl.DataFrame) -> pl.Expr:
    if step.known is None or done.select(_is_known(step.known).all()).item():
        return pl.lit(0.0)  # no row is worth a median
    own = pl.col(step.column).rolling_median(step.window, min_samples=1).over(_RUN)
    return pl.when(_is_known(step.known)).then(0.0).otherwise(own)


def _is_known(entities: tuple[str, ...]) -> pl.Expr:
    return pl.col(ENTITY).is_in(pl.Series(entities, dtype=pl.String).implode())
