"""A column against one level and one spread, whoever and whenever: blocks of a plan, for counts and texts.

Where a level by the hour and by the entity is worth its tables, `PlanDraft.deviation` has them.
"""

from typing import Final

from telltale.contract.plan import Deviation, Explained, Log, Seasonal
from telltale.features.derive import PlanDraft

_MIDDLE: Final = 0.5
_TAIL: Final = 0.99
# So many spreads from the middle is where one normal row in a hundred begins.
_REACH: Final = 3.0
_LEAST_SPREAD: Final = 0.1


def tail_deviation(draft: PlanDraft, column: str, *, scale: float) -> str:
    """How far out in the upper tail of normal rows, squashed: `{column}_deviation`; three spreads for one row in a hundred.

    Args:
        draft: the plan being built.
        column: never negative.
        scale: of its logarithm.
    """
    logs = draft.free(f"{column}_log")
    draft.add(Log(out=logs, column=column, scale=scale))
    middle, tail = (float(draft.frame[logs].quantile(share) or 0.0) for share in (_MIDDLE, _TAIL))
    spread = max((tail - middle) / _REACH, _LEAST_SPREAD)
    return fixed_deviation(draft, column, looked_at=logs, level=middle, spread=spread, log_scale=scale)


def fixed_deviation(
    draft: PlanDraft, column: str, *, looked_at: str, level: float, spread: float, log_scale: float | None = None
) -> str:
    """Distance of `looked_at` (the column, or its logarithm) from a level in spreads, squashed; only more is strange."""
    at, by, distance = (draft.free(f"{column}_{what}") for what in ("level", "spread", "distance"))
    for name, value in ((at, level), (by, spread)):
        draft.add(Seasonal(out=name, period_s=0.0, smooth=False, tables={"": (value,)}))
    draft.add(Deviation(out=distance, column=looked_at, level=at, spread=by))
    return draft.squash(
        Explained(distance=distance, metric=column, level=at, spread=by, log_scale=log_scale, only_more=True)
    )
