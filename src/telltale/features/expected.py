"""What is expected of a column, of every entity: tables for those with rows enough, one for all the others.

The choices that are made per column from its training values stand here too: whether it is looked at in logarithms, and
how small a difference is worth telling.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.features.levels import Calendar, Levels, calendars, choose_calendar, fit_levels, fit_table
from telltale.telemetry.frames import ENTITY, TIME

Floats = NDArray[np.float64]

# A metric whose upper tail stretches further than this above its middle is looked at in logarithms.
_STRETCH = 3.0
# An entity with fewer rows than this takes the table of all entities together.
_ENTITY_ROWS = 120


def clock(frame: pl.DataFrame) -> tuple[float, float]:
    """The usual distance between an entity's rows and the length of the whole, in seconds; zeros where a row has no time."""
    if frame[TIME].null_count() or frame.is_empty():
        return 0.0, 0.0
    seconds = frame[TIME].dt.epoch("us").to_numpy() / 1e6
    is_same = (frame[ENTITY] == frame[ENTITY].shift(1)).fill_null(value=False).to_numpy()[1:]
    gaps = np.diff(seconds)[is_same]
    # Where no entity comes back, the distance between rows of any.
    gaps = gaps[gaps > 0] if (gaps > 0).any() else np.diff(np.unique(seconds))
    interval_s = float(np.median(gaps)) if len(gaps) else 0.0
    return interval_s, float(seconds.max() - seconds.min()) + interval_s


def expected_levels(
    frame: pl.DataFrame, column: str, *, interval_s: float, span_s: float, least: float, moves: bool = False
) -> dict[str, Levels]:
    """Tables for all entities together (under "") and for each entity with rows enough, on one calendar.

    With `moves`, and where an entity has a table, the one under "" is of no level: it is how entities differ from their
    own middles at that moment, with the spread that is usual of one. A stranger's level is that much from its own.

    Args:
        frame: normal training rows.
        column: whose level and spread are fitted.
        interval_s: usual distance between rows, of `clock`; with 0 time is not looked at.
        span_s: length of the whole, of `clock`.
        least: smallest spread, > 0.
        moves: levels of entities lie too far apart for one to say anything of another.
    """
    has_clock = interval_s > 0
    options = calendars(span_s, interval_s)
    names = frame[ENTITY].unique().sort().to_list()
    pooled = _series(frame, column, has_clock=has_clock)
    calendar = _calendar(frame, column, options, pooled)
    levels = {"": fit_levels(*pooled, calendar, floor=least)}
    for name in names if names != [""] else []:
        own = frame.filter(pl.col(ENTITY) == name)
        if own.height >= _ENTITY_ROWS:
            levels[name] = fit_levels(*_series(own, column, has_clock=has_clock), calendar, floor=least)
    if moves and len(levels) > 1:
        apart = frame.with_columns(pl.col(column) - pl.col(column).median().over(ENTITY))
        shape = fit_table(*_series(apart, column, has_clock=has_clock), calendar)
        spread = np.median([own.spread for name, own in levels.items() if name], axis=0)
        levels[""] = Levels(calendar=calendar, level=tuple(shape.tolist()), spread=tuple(spread.tolist()))
    return levels


def log_scale(values: Floats) -> float | None:
    """The scale of the logarithm for a metric that is never negative and stretches upwards; else None."""
    low, middle, high = np.quantile(values, (0.02, 0.5, 0.98))
    if values.min() < 0 or high <= 0:
        return None
    above, below = high - middle, middle - low
    stretched = high > _STRETCH * max(middle, 1e-12) or above > _STRETCH * max(below, 1e-12 * high)
    positive = values[values > 0]
    return float(np.quantile(positive, 0.1)) if stretched and len(positive) else None


def smallest_scale(frame: pl.DataFrame, column: str) -> float:
    """A scale of the logarithm at which the smallest of many entities still moves: a third of its own lower tail."""
    values = pl.col(column).filter(pl.col(column) > 0)
    lowest = frame.group_by(ENTITY).agg(values.quantile(0.1).alias("low"))["low"].min()
    return float(lowest) / 3.0 if isinstance(lowest, int | float) else 1.0


def least_spread(values: Floats, scale: float | None) -> float:
    """A spread below which a difference is not worth a person's time: a hundredth of the middle, never zero.

    Args:
        values: of the metric.
        scale: as of `log_scale`.
    """
    if scale is not None:
        return 0.02
    middle = float(np.median(np.abs(values)))
    width = float(values.max() - values.min())
    return max(0.01 * middle, 0.002 * width, 1e-9)


def _calendar(
    frame: pl.DataFrame, column: str, options: tuple[Calendar, ...], pooled: tuple[Floats, Floats]
) -> Calendar:
    """One calendar serves all entities: the one the largest entity's days ask for."""
    counts = frame[ENTITY].value_counts().sort("count", ENTITY, descending=True)
    if counts.height == 1 or len(options) == 1:
        return choose_calendar(*pooled, options)
    largest = frame.filter(pl.col(ENTITY) == counts[ENTITY][0])
    return choose_calendar(*_series(largest, column, has_clock=True), options)


def _series(frame: pl.DataFrame, column: str, *, has_clock: bool) -> tuple[Floats, Floats]:
    values = frame[column].to_numpy().astype(np.float64)
    if not has_clock:
        return np.zeros(len(values)), values
    times_s = frame[TIME].dt.epoch("us").to_numpy() / 1e6
    order = np.argsort(times_s, kind="stable")
    return times_s[order], values[order]
