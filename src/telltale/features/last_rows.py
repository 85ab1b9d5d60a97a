"""A plan on the newest row of each of many entities: the rows before it are history alone, and no model sees them."""

import msgspec
import numpy as np
import polars as pl

from telltale.contract.estimator import Features
from telltale.contract.plan import Plan, WindowStat
from telltale.features.frame import entity_starts, epoch_s, run_plan
from telltale.features.steps import inputs
from telltale.features.time_windows import Floats, Places, stat_of_windows


def last_rows(frame: pl.DataFrame) -> tuple[Places, Places]:
    """The last row of each entity and its first one, each of shape (n entities,); `frame` is sorted by entity."""
    starts = np.unique(entity_starts(frame))
    return np.append(starts[1:], frame.height)[: len(starts)] - 1, starts


def run_plan_on_last(plan: Plan, frame: pl.DataFrame) -> tuple[pl.DataFrame, Features]:
    """What `run_plan` and `arrange_features` give for the last row of each entity.

    Statistics over a window that only the model reads are made for those rows alone. With 30 rows an entity they would cost
    three times all the rest if they were made for every row.

    Args:
        plan: a fitted plan.
        frame: checked rows, sorted by entity and time.

    Returns:
        The last row of each entity with every column of the plan, and the model's inputs for them, float32.
    """
    last, starts = last_rows(frame)
    late = () if plan.sequence > 1 else _read_by_no_step(plan)
    early = msgspec.structs.replace(plan, steps=tuple(step for step in plan.steps if step not in late))
    done = run_plan(early, frame)
    ends = done[last]
    times_s = epoch_s(frame).to_numpy()
    for window_s in {step.window_s for step in late}:
        first = _first_in_time(times_s, starts, last, window_s)
        ends = ends.with_columns(_at_ends(step, done, first, last) for step in late if step.window_s == window_s)
    if plan.sequence == 1:
        return ends, np.ascontiguousarray(ends.select(plan.features).to_numpy(), dtype=np.float32)
    back = np.arange(plan.sequence - 1, -1, -1)
    at = np.maximum(last[:, None] - back, starts[:, None])
    rows = done.select(plan.features).to_numpy().astype(np.float32)
    return ends, np.ascontiguousarray(rows[at].reshape(len(last), -1))


def _read_by_no_step(plan: Plan) -> tuple[WindowStat, ...]:
    read = {name for step in plan.steps for name in inputs(step)}
    return tuple(step for step in plan.steps if isinstance(step, WindowStat) and step.out not in read)


def _first_in_time(times_s: Floats, starts: Places, last: Places, window_s: float) -> Places:
    """The first row of the window of time that ends with each last row; a row without time stands alone."""
    if not len(last):
        return last
    since_s = np.repeat(times_s[last] - window_s, last + 1 - starts)
    return last + 1 - np.maximum(np.add.reduceat(times_s > since_s, starts, dtype=np.int64), 1)


def _at_ends(step: WindowStat, done: pl.DataFrame, first: Places, last: Places) -> pl.Series:
    """The statistic of the windows that end with the last rows."""
    starts = np.maximum(first, last + 1 - step.most_rows)
    values = done[step.column].to_numpy().astype(np.float64)
    return pl.Series(step.out, stat_of_windows(values, starts, step.stat, lasts=last))
