"""Why a row scores high, told in the metrics' own units: the value, and the range expected at that moment."""

import math
from collections.abc import Callable

from telltale.contract.answer import Reason
from telltale.contract.plan import Explained, Plan

# The expected range reaches this many spreads to either side of the level.
_REACH = 3.0
_AT_MOST = 3


def reasons(plan: Plan, value_of: Callable[[str], float]) -> tuple[Reason, ...]:
    """The metrics furthest outside their expected range, furthest first; the one nearest to leaving it if none has.

    Args:
        plan: a fitted plan.
        value_of: the value of a named column of the plan at the row to be explained.
    """
    told = sorted(((_distance(item, value_of), item) for item in plan.explained), key=lambda pair: -_size(*pair))
    kept: dict[str, Reason] = {}
    for distance, item in told:
        name = item.told_as or item.metric
        if name in kept or len(kept) == _AT_MOST or (kept and _size(distance, item) <= _REACH):
            continue
        kept[name] = _reason(item, name, distance, value_of)
    return tuple(kept.values())


def _distance(item: Explained, value_of: Callable[[str], float]) -> float:
    return value_of(item.distance) if item.change is None else value_of(item.change) / item.change_spread


def _size(distance: float, item: Explained) -> float:
    return distance if item.only_more else abs(distance)


def _reason(item: Explained, name: str, distance: float, value_of: Callable[[str], float]) -> Reason:
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
    )


def _unlog(value: float, scale: float) -> float:
    return math.copysign(math.expm1(abs(value)) * scale, value)
