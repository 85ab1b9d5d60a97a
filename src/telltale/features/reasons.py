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
    told = [(_strangeness(item, value_of), item) for item in plan.explained]
    told.sort(key=lambda pair: -pair[0])
    outside = [item for strangeness, item in told if strangeness > _REACH]
    return tuple(_reason(item, value_of) for item in (outside or [item for _, item in told[:1]])[:_AT_MOST])


def _strangeness(item: Explained, value_of: Callable[[str], float]) -> float:
    distance = value_of(item.distance)
    return distance if item.only_more else abs(distance)


def _reason(item: Explained, value_of: Callable[[str], float]) -> Reason:
    level, spread = value_of(item.level), value_of(item.spread)
    if item.count is not None:
        spread = math.sqrt(spread * spread + 0.25 / max(value_of(item.count), 1.0))
    low, high = level - _REACH * spread, level + _REACH * spread
    if item.count is not None:
        low, high = max(low, 0.0) ** 2, high**2
    elif item.log_scale is not None:
        low, high = _unlog(max(low, 0.0), item.log_scale), _unlog(high, item.log_scale)
    return Reason(
        metric=item.metric,
        value=value_of(item.metric),
        expected_low=low,
        expected_high=high,
        distance=value_of(item.distance),
    )


def _unlog(value: float, scale: float) -> float:
    return math.copysign(math.expm1(abs(value)) * scale, value)
