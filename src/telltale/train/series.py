"""Evenly spaced series from rows: the step, the seasons, missing steps filled, and the moments that come next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import SchemaError
from telltale.contract.estimator import Floats, Seasons
from telltale.telemetry.frames import ENTITY, TIME

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_WEEK_S = 7 * _DAY_S
# A step this close to a known one is that one.
_SAME = 0.05
# Rows that lie so far apart on their own grid have no step.
_MOST_GAPS = 4
# Longer ago than this says little about what comes next, and costs time: so many values, or seasons if that is more.
_MOST_VALUES, _MOST_SEASONS = 1_000, 20


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series, oldest value first.

    Args:
        name: the entity.
        values: finite, one per step, missing ones filled in between.
        seasons: periods in steps, shortest first: those of which at least two are known.
        n_filled: values that were filled in.
        origin_s: time of the last value, epoch seconds.
        ahead_s: the times of the next so many steps, epoch seconds.
    """

    name: str
    values: Floats
    seasons: Seasons
    n_filled: int
    origin_s: float
    ahead_s: Callable[[int], Floats]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """How far apart values lie: so many calendar months, or seconds where that is 0; and the seasons that go with it."""

    months: int
    seconds: float
    seasons: Seasons


_CALENDAR: Final = (
    (27.0, 32.0, _Step(months=1, seconds=0.0, seasons=(12,))),
    (88.0, 93.0, _Step(months=3, seconds=0.0, seasons=(4,))),
    (364.0, 367.0, _Step(months=12, seconds=0.0, seasons=())),
)  # from and to, in days


def series_of(frame: pl.DataFrame, column: str) -> tuple[list[Series], dict[str, str]]:
    """The series of a checked frame, one per entity; and for those that have none, why.

    Raises:
        SchemaError: rows carry no time.
    """
    if frame[TIME].null_count():
        raise SchemaError(
            "rows carry no time, so that nothing can be said of what comes next",
            where="series",
            mend="Give each row its time.",
        )
    found, refused = [], {}
    for (name,), rows in frame.partition_by(ENTITY, as_dict=True, maintain_order=True).items():
        known = rows.filter(pl.col(column).is_not_null())
        times_s = known[TIME].dt.epoch("us").to_numpy() / 1e6
        one = _series(str(name), times_s, known[column].to_numpy().astype(np.float64)) if len(times_s) else None
        if one is None:
            refused[str(name)] = "its rows lie too unevenly in time" if len(times_s) else "it has no values"
        else:
            found.append(one)
    return found, refused


def _series(name: str, times_s: Floats, values: Floats) -> Series | None:
    step = _step_of(times_s)
    slots = _slots(times_s, step)
    n = int(slots[-1]) + 1
    if n > _MOST_GAPS * len(values):
        return None
    counts = np.bincount(slots, minlength=n)
    means = np.bincount(slots, weights=values, minlength=n) / np.maximum(counts, 1)
    there = np.flatnonzero(counts)
    even = np.interp(np.arange(n), there, means[there])
    kept = even[-max(_MOST_VALUES, _MOST_SEASONS * min(step.seasons, default=1)) :]
    return Series(
        name=name,
        values=kept,
        seasons=tuple(season for season in step.seasons if len(kept) >= 2 * season),
        n_filled=n - len(there),
        origin_s=float(times_s[-1]),
        ahead_s=lambda horizon: _ahead(float(times_s[-1]), step, horizon),
    )


def _step_of(times_s: Floats) -> _Step:
    """From the median distance between rows; a day where there is one row."""
    gaps = np.diff(times_s)
    gaps = gaps[gaps > 0]
    gap = float(np.median(gaps)) if len(gaps) else _DAY_S
    for low, high, step in _CALENDAR:
        if low <= gap / _DAY_S <= high:
            return step
    for seconds, seasons in ((_HOUR_S, (24, 168)), (_DAY_S, (7,)), (_WEEK_S, (52,))):
        if abs(gap / seconds - 1) <= _SAME:
            return _Step(months=0, seconds=seconds, seasons=seasons)
    per_day = _DAY_S / gap
    # Steps that divide a day evenly repeat with it, and with the week.
    is_even = round(per_day) > 1 and abs(per_day / round(per_day) - 1) <= 1e-3
    return _Step(months=0, seconds=gap, seasons=(round(per_day), 7 * round(per_day)) if is_even else ())


def _slots(times_s: Floats, step: _Step) -> NDArray[np.int64]:
    """The number of each row's step, from 0; counted from the last row, which the forecast follows."""
    if step.months:
        dates = [datetime.fromtimestamp(time_s, UTC) for time_s in times_s.tolist()]
        months = np.array([date.year * 12 + date.month for date in dates])
        back = np.round((months[-1] - months) / step.months).astype(np.int64)
    else:
        back = np.round((times_s[-1] - times_s) / step.seconds).astype(np.int64)
    return np.asarray(back[0] - back, dtype=np.int64)


def _ahead(origin_s: float, step: _Step, horizon: int) -> Floats:
    numbers = np.arange(1, horizon + 1)
    if not step.months:
        return np.asarray(origin_s + numbers * step.seconds, dtype=np.float64)
    origin = pl.Series([datetime.fromtimestamp(origin_s, UTC)] * horizon)
    offsets = pl.Series([f"{number * step.months}mo" for number in numbers.tolist()])
    return pl.select(origin.dt.offset_by(offsets).dt.epoch("us")).to_series().to_numpy() / 1e6
