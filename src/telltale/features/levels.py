"""What is expected of a metric at each moment: its level and its spread, fitted robustly on training rows.

Medians throughout, so that a few per cent of unlabelled anomalies do not move the tables. How fine the calendar is
(none, hour of day, hour of weekday, quarter of an hour by kind of day; in steps or smooth) is chosen per metric by
leaving days out and predicting them from the others: training rows alone decide.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.features.calendar import DAY_S, MONDAY_OFFSET_S, WEEK_S

Floats = NDArray[np.float64]

_HOUR = 3_600.0
_QUARTER = 900.0
_FOLDS = 5
# A finer calendar must predict the days left out better by this share before it is preferred to a coarser one.
_GAIN = 0.01
# Residuals further out than this many spreads are not the metric's own tail.
_CLIP = 6.0
# How many days' worth of other evidence a table's coarser parent counts for.
_PARENT_DAYS = 1.0


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """How time is cut: `slot_s` long slots of a day, told apart by weekday or by kind of day, in steps or smooth."""

    slot_s: float
    weekly: bool
    smooth: bool

    @property
    def period_s(self) -> float:
        """After which the table starts again; 0 = time is not looked at."""
        return 0.0 if self.slot_s == 0 else WEEK_S if self.weekly else DAY_S


NO_CALENDAR = Calendar(slot_s=0.0, weekly=False, smooth=False)


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of one metric of one entity; `spread` has the same slots as `level`."""

    calendar: Calendar
    level: tuple[float, ...]
    spread: tuple[float, ...]


def calendars(span_s: float, interval_s: float) -> tuple[Calendar, ...]:
    """The calendars that data of this length and spacing can support, coarsest first."""
    found = [NO_CALENDAR]
    if interval_s == 0 or span_s < 2 * DAY_S:
        return tuple(found)
    slots = [_HOUR] if interval_s > _QUARTER else [_HOUR, _QUARTER]
    weekly = (False, True) if span_s >= 6 * DAY_S else (False,)
    found += [Calendar(slot_s=slot, weekly=w, smooth=s) for w in weekly for slot in slots for s in (False, True)]
    return tuple(found)


def choose_calendar(times_s: Floats, values: Floats, options: Sequence[Calendar]) -> Calendar:
    """The calendar that predicts left-out days best, by mean absolute error; the coarser one where it hardly matters."""
    if len(options) == 1:
        return options[0]
    fold = ((times_s - times_s[0]) // DAY_S).astype(np.int64) % _FOLDS
    # A mean over clipped errors: an unlabelled anomaly costs the same whatever the calendar.
    width = 4.0 * float(np.median(np.abs(values - np.median(values)))) or 1.0
    best, best_error = options[0], np.inf
    for option in options:
        errors = []
        for left_out in range(_FOLDS):
            out = fold == left_out
            if out.all() or not out.any():
                continue
            table = fit_table(times_s[~out], values[~out], option)
            errors.append(np.minimum(np.abs(values[out] - read_table(table, times_s[out], option)), width))
        error = float(np.mean(np.concatenate(errors))) if errors else np.inf
        if error < best_error * (1.0 - _GAIN):
            best, best_error = option, error
    return best


def fit_levels(times_s: Floats, values: Floats, calendar: Calendar, *, floor: float) -> Levels:
    """Level and spread tables.

    Args:
        times_s: epoch seconds, shape (n,), ascending; not looked at without a calendar.
        values: shape (n,), finite.
        calendar: how time is cut.
        floor: smallest spread allowed, in the unit of `values`, > 0.
    """
    level = fit_table(times_s, values, calendar)
    residuals = np.abs(values - read_table(level, times_s, calendar))
    overall = robust_spread(residuals, floor=floor)
    if calendar.slot_s == 0:
        return Levels(calendar=calendar, level=tuple(level.tolist()), spread=(overall,))
    # Spread is steadier than level and needs more rows: by hour of day, half way to the overall spread.
    n = len(level)
    slot = _slots(times_s, calendar.period_s, n)
    hour_of_slot = np.arange(n) * calendar.slot_s % DAY_S // _HOUR
    spread = np.empty(n)
    for hour in range(24):
        rows = residuals[hour_of_slot[slot] == hour]
        own = robust_spread(rows, floor=floor) if len(rows) >= 20 else overall
        spread[hour_of_slot == hour] = np.sqrt(own * overall) if own < overall else own
    return Levels(calendar=calendar, level=tuple(level.tolist()), spread=tuple(spread.tolist()))


def fit_table(times_s: Floats, values: Floats, calendar: Calendar) -> Floats:
    """Median per slot, each drawn towards its coarser parent as far as few days speak for it.

    A weekday's slot leans on the same time of the same kind of day (weekday or weekend), and that on the same time of
    any day, so that a week with a day missing still has a sensible table.
    """
    if calendar.slot_s == 0:
        return np.array([float(np.median(values))])
    n_day = round(DAY_S / calendar.slot_s)
    of_day = _slots(times_s, DAY_S, n_day)
    day = ((times_s + MONDAY_OFFSET_S) // DAY_S).astype(np.int64)
    day -= day.min() // 7 * 7  # small numbers, the weekday kept
    daily = _medians(of_day, values, day, n_day, np.full(n_day, float(np.median(values))))
    if not calendar.weekly:
        return daily
    weekday = day % 7
    is_weekend = weekday >= 5
    table = np.empty(7 * n_day)
    for kind, days in ((False, range(5)), (True, range(5, 7))):
        of_kind = is_weekend == kind
        parent = _medians(of_day[of_kind], values[of_kind], day[of_kind], n_day, daily)
        for number in days:
            rows = weekday == number
            table[number * n_day : (number + 1) * n_day] = _medians(
                of_day[rows], values[rows], day[rows], n_day, parent
            )
    return table


def read_table(table: Floats, times_s: Floats, calendar: Calendar) -> Floats:
    """The table's value at each time; what a Seasonal step computes, on arrays."""
    if calendar.slot_s == 0:
        return np.full(len(times_s), table[0])
    n = len(table)
    slot = ((times_s + MONDAY_OFFSET_S) % calendar.period_s) * n / calendar.period_s
    if not calendar.smooth:
        return table[slot.astype(np.int64) % n]
    left = np.floor(slot - 0.5)
    share = slot - 0.5 - left
    at = left.astype(np.int64)
    return table[at % n] * (1.0 - share) + table[(at + 1) % n] * share


def _slots(times_s: Floats, period_s: float, n: int) -> NDArray[np.int64]:
    return (((times_s + MONDAY_OFFSET_S) % period_s) * n / period_s).astype(np.int64) % n


def _medians(slot: NDArray[np.int64], values: Floats, day: NDArray[np.int64], n: int, parent: Floats) -> Floats:
    """Median of each slot, shrunk to `parent` by the number of days seen; the parent alone where no row is."""
    order = np.lexsort((values, slot))
    slot, values, day = slot[order], values[order], day[order]
    starts = np.searchsorted(slot, np.arange(n + 1))
    counts = np.diff(starts)
    seen = counts > 0
    first = starts[:-1][seen]
    middle = (values[first + (counts[seen] - 1) // 2] + values[first + counts[seen] // 2]) / 2.0
    pairs = np.unique(slot * (day.max(initial=0) + 1) + day) // (day.max(initial=0) + 1)
    n_days = np.bincount(pairs, minlength=n)[seen]
    weight = n_days / (n_days + _PARENT_DAYS)
    table = parent.copy()
    table[seen] = weight * middle + (1.0 - weight) * parent[seen]
    return table


def robust_spread(residuals: Floats, *, floor: float) -> float:
    """A robust standard deviation of absolute residuals, at least `floor`; the outer quantile keeps a metric that is mostly still from looking exact."""
    if len(residuals) == 0:
        return floor
    middle, outer = np.quantile(residuals, (0.5, 0.9))
    bulk = max(1.4826 * float(middle), float(outer) / 1.645, floor)
    tail = float(np.quantile(residuals[residuals <= _CLIP * bulk], 0.995))
    return max(bulk, tail / 2.807)
