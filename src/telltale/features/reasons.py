"""Why an answer scores high, told in the metrics' own units: the value, when, and the range expected at that moment."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from telltale.contract.answer import Reason
from telltale.contract.plan import Explained, Plan
from telltale.features.read_windows import ReadWindow
from telltale.telemetry.times import FIRST_S, SECONDS_LIMIT, show_time

# The value of a named column of the plan at one row.
ValueOf = Callable[[str], float]

# The expected range reaches this many spreads to either side of the level.
_REACH = 3.0
_AT_MOST = 3


class _Row(NamedTuple):
    """A row that is told of: its values, its time, and how far before the last one it stands."""

    value_of: ValueOf
    at: str | msgspec.UnsetType = msgspec.UNSET
    rows_before: int | msgspec.UnsetType = msgspec.UNSET


def reasons(plan: Plan, value_of: ValueOf) -> tuple[Reason, ...]:
    """The metrics furthest outside their expected range, furthest first; the one nearest to leaving it if none has.

    Args:
        plan: a fitted plan.
        value_of: the value of a named column of the plan at the row to be explained.
    """
    row = _Row(value_of)
    return _furthest([(_distance(item, value_of), item, row) for item in plan.explained])


def window_reasons(
    plan: Plan, windows: Sequence[ReadWindow], *, rows: Sequence[ValueOf], times_s: Sequence[float]
) -> tuple[Reason, ...]:
    """The same for a model that reads a window: each metric as of the row of it where it was furthest outside, and when.

    Of rows that are equally far the newest is told.

    Args:
        plan: a fitted plan.
        windows: of the plan, as `read_windows` gives them.
        rows: of one entity, oldest first; the last one is decided.
        times_s: their event times in epoch seconds; NaN where a row has none, and then it is told without.
    """
    found: list[tuple[float, Explained, _Row]] = []
    for item, window in zip(plan.explained, windows, strict=True):
        first = window.first(times_s)
        read = [_held_against(row, rows[-1], item, window) if window.own else row for row in rows[first:]]
        sizes = [(_size(_distance(item, row), item), place) for place, row in enumerate(read)]
        place = max(sizes)[1]
        row = _Row(read[place], at=_shown(times_s[first + place]), rows_before=len(read) - 1 - place)
        found.append((_distance(item, row.value_of), item, row))
    return _furthest(found)


def _held_against(row: ValueOf, last: ValueOf, item: Explained, window: ReadWindow) -> ValueOf:
    """A row, with its level and distance as they are with the entity's own level in the last row."""
    moved = sum(weight * (last(name) - row(name)) for name, weight in window.own)
    held = {item.level: row(item.level) + moved, item.distance: row(item.distance) - moved / row(item.spread)}
    return lambda name: held[name] if name in held else row(name)


def _furthest(told: list[tuple[float, Explained, _Row]]) -> tuple[Reason, ...]:
    told.sort(key=lambda one: -_size(one[0], one[1]))
    kept: dict[str, Reason] = {}
    for distance, item, row in told:
        name = item.told_as or item.metric
        if name in kept or len(kept) == _AT_MOST or (kept and _size(distance, item) <= _REACH):
            continue
        kept[name] = _reason(item, name, distance, row)
    return tuple(kept.values())


def _shown(time_s: float) -> str | msgspec.UnsetType:
    # Not of NaN, and not of what a caller in Python gave in milliseconds, say: that has a reason too, and no time.
    is_time = FIRST_S <= time_s <= SECONDS_LIMIT
    return show_time(datetime.fromtimestamp(time_s, UTC)) if is_time else msgspec.UNSET


def _distance(item: Explained, value_of: ValueOf) -> float:
    return value_of(item.distance) if item.change is None else value_of(item.change) / item.change_spread


def _size(distance: float, item: Explained) -> float:
    return distance if item.only_more else abs(distance)


def _reason(item: Explained, name: str, distance: float, row: _Row) -> Reason:
    value_of = row.value_of
    level, spread = value_of(item.level), value_of(item.spread)
    if item.count is not None:
        spread = math.sqrt(spread * spread + 0.25 / max(value_of(item.count), 1.0))
    low, high = -_REACH, _REACH
    if item.change is not None:
        before = value_of(item.squashed) - value_of(item.change)
        reach = _REACH * item.change_spread
        low, high = _unlog(before - reach, item.squash), _unlog(before + reach, item.squash)
    low, high = level + low * spread, level + high * spread
    if item.count is not None:
        low, high = max(low, 0.0) ** 2, max(high, 0.0) ** 2
    elif item.log_scale is not None:
        low, high = _unlog(max(low, 0.0), item.log_scale), _unlog(max(high, 0.0), item.log_scale)
    return Reason(
        metric=name,
        value=value_of(item.metric),
        expected_low=low,
        expected_high=high,
        distance=distance,
        against="level" if item.change is None else "rows before",
        at=row.at,
        rows_before=row.rows_before,
    )


def _unlog(value: float, scale: float) -> float:
    return math.copysign(math.expm1(abs(value)) * scale, value)
