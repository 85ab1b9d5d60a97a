"""A plan on the newest row of each of many entities: the rows before it are history alone, and no model sees them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.estimator import Features
from telltale.contract.plan import Change, ForwardFill, OwnLevel, Plan, Rolling, Step, WindowStat
from telltale.features.frame import epoch_s, run_plan, window_stats
from telltale.features.seasonal_rows import SeasonalTables
from telltale.features.steps import inputs
from telltale.features.time_windows import Floats, Places, stats_of_windows
from telltale.telemetry.frames import ENTITY


def last_rows(frame: pl.DataFrame) -> tuple[Places, Places]:
    """The last row of each entity and its first one, each of shape (n entities,); `frame` is sorted by entity."""
    lengths = frame[ENTITY].rle().struct.field("len").to_numpy().astype(np.int64)
    ends = np.cumsum(lengths)
    return ends - 1, ends - lengths


def run_plan_on_last(
    plan: Plan, frame: pl.DataFrame, tables: SeasonalTables | None = None
) -> tuple[pl.DataFrame, Features]:
    """What `run_plan` and `arrange_features` give for the last row of each entity.

    What no step reads in rows before is worked out for those rows alone. With 30 rows an entity, statistics over a window
    would cost three times all the rest if they were made for every row.

    Args:
        plan: a fitted plan.
        frame: checked rows, sorted by entity and time.
        tables: kept from run to run, where the plan is run again and again.

    Returns:
        The last row of each entity with every column of the plan, and the model's inputs for them, float32.
    """
    last, starts = last_rows(frame)
    parts = _Parts(of_all=plan.steps) if plan.sequence > 1 else _parted(plan)
    done = run_plan(msgspec.structs.replace(plan, steps=parts.of_all), frame, tables=tables)
    ends = done[last]
    if parts.stats:
        times_s = epoch_s(frame).to_numpy()
        firsts = {length: _first_in_time(times_s, starts, last, length) for length in {s.window_s for s in parts.stats}}
        ends = ends.with_columns(window_stats(parts.stats, done, firsts, lasts=last))
    ends = ends.with_columns(_own_levels(parts.own_levels, done, starts, last))
    ends = run_plan(msgspec.structs.replace(plan, steps=parts.of_last), ends, tables=tables)
    if plan.sequence == 1:
        return ends, np.ascontiguousarray(ends.select(plan.features).to_numpy(), dtype=np.float32)
    back = np.arange(plan.sequence - 1, -1, -1)
    at = np.maximum(last[:, None] - back, starts[:, None])
    rows = done.select(plan.features).to_numpy().astype(np.float32)
    return ends, np.ascontiguousarray(rows[at].reshape(len(last), -1))


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Steps run on every row; windows of the last rows; and what is made of last rows alone, in the plan's order."""

    of_all: tuple[Step, ...]
    stats: tuple[WindowStat, ...] = ()
    own_levels: tuple[OwnLevel, ...] = ()
    of_last: tuple[Step, ...] = ()


def _parted(plan: Plan) -> _Parts:
    outs = [step.out for step in plan.steps]
    if len({*plan.columns, *outs}) < len(plan.columns) + len(outs):
        return _Parts(of_all=plan.steps)  # a column is written over: not to be read at another time
    read_before: set[str] = set()
    of_all: list[Step] = []
    stats: list[WindowStat] = []
    own_levels: list[OwnLevel] = []
    of_last: list[Step] = []
    for step in reversed(plan.steps):
        if step.out in read_before or isinstance(step, Change | Rolling | ForwardFill):
            of_all.append(step)
            read_before.update(inputs(step))
        elif isinstance(step, WindowStat):
            stats.append(step)
            read_before.add(step.column)
        elif isinstance(step, OwnLevel):
            own_levels.append(step)
            read_before.add(step.column)
        else:
            of_last.append(step)
    return _Parts(
        of_all=tuple(reversed(of_all)),
        stats=tuple(stats),
        own_levels=tuple(own_levels),
        of_last=tuple(reversed(of_last)),
    )


def _own_levels(steps: Sequence[OwnLevel], done: pl.DataFrame, starts: Places, last: Places) -> Iterator[pl.Series]:
    """The medians of the rows that end with the last ones; 0 of entities that are known."""
    strangers: dict[tuple[str, ...], NDArray[np.bool_]] = {}
    for step in steps:
        if step.known is not None and step.known not in strangers:
            strangers[step.known] = (~done[ENTITY].gather(last).is_in(step.known)).to_numpy()
        if step.known is None or not strangers[step.known].any():
            yield pl.Series(step.out, np.zeros(len(last)))
            continue
        first = np.maximum(starts, last + 1 - step.window)
        values = done[step.column].to_numpy()
        medians = stats_of_windows(values, first, ("median",), lasts=last)["median"]
        yield pl.Series(step.out, np.where(strangers[step.known], medians, 0.0))


def _first_in_time(times_s: Floats, starts: Places, last: Places, window_s: float) -> Places:
    """The first row of the window of time that ends with each last row; a row without time stands alone."""
    if not len(last):
        return last
    since_s = np.repeat(times_s[last] - window_s, last + 1 - starts)
    return last + 1 - np.maximum(np.add.reduceat(times_s > since_s, starts, dtype=np.int64), 1)
