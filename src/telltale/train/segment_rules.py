"""Rules that a shopkeeper can read: which rows most of a segment is made of, in up to three conditions at round values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.train.readable_cuts import LEAST_ROUND, round_values

Mask = NDArray[np.bool_]

_MOST_CONDITIONS: Final = 3
# A further condition must make the rule so much better (F1), or it is one to read for nothing.
_WORTH: Final = 0.01
# More rows than this say the same of a rule, and cost time.
_MOST_ROWS: Final = 5_000
EVERYBODY: Final = "everybody"


@dataclass(frozen=True, kw_only=True)
class SegmentRule:
    """A rule for one segment, and how well it says what the segment is.

    Args:
        text: for people.
        precision: share of the rows it holds for that are of the segment.
        recall: share of the segment's rows that it holds for.
    """

    text: str
    precision: float
    recall: float


@dataclass(frozen=True, kw_only=True)
class _Condition:
    column: str
    is_least: bool  # at least the value, or below it
    value: float
    holds: Mask


def segment_rules(values: pl.DataFrame, which: NDArray[np.int64]) -> tuple[SegmentRule, ...]:
    """A rule for each segment: condition by condition, what tells it best from the other rows (F1).

    Args:
        values: the measured columns of rows; those that are not numbers are left out. No condition holds of a missing value.
        which: the segment of each row, every one from 0 on.

    References:
        Clark & Niblett, "The CN2 induction algorithm", Machine Learning 3 (1989), for rules grown condition by condition.
    """
    n_segments = int(which.max()) + 1
    step = -(-values.height // _MOST_ROWS)
    rows, own = values.gather_every(step), which[::step]
    conditions = _conditions(rows)
    return tuple(_rule(conditions, own == segment) for segment in range(n_segments))


def condition_text(column: str, value: float, *, is_least: bool) -> str:
    """A condition for people.

    >>> condition_text("n_orders", 5, is_least=True), condition_text("recency_days", 30, is_least=False)
    ('at least 5 orders', 'recency below 30 days')
    >>> condition_text("cart_share", 0.25, is_least=True), condition_text("login_count", 2, is_least=False)
    ('cart share at least 25 %', 'fewer than 2 logins')
    >>> condition_text("recent_spend", 0.001, is_least=False)
    'no recent spend'
    """
    counted = _counted(column)
    if counted:
        return f"{'at least' if is_least else 'fewer than'} {value:,g} {counted}"
    words, unit, shown = column.replace("_", " "), "", f"{value:,g}"
    if column.endswith("_days"):
        words, unit = words.removesuffix(" days"), " days"
    elif column.endswith("_share"):
        shown, unit = f"{100 * value:g}", " %"
    if 0 < value <= LEAST_ROUND:
        return f"{'some' if is_least else 'no'} {words}"
    return f"{words} {'at least' if is_least else 'below'} {shown}{unit}"


def _counted(column: str) -> str:
    if column.startswith("n_"):
        return column.removeprefix("n_").replace("_", " ")
    if column.endswith("_count"):
        return column.removesuffix("_count").replace("_", " ") + "s"
    return ""


def _conditions(values: pl.DataFrame) -> list[_Condition]:
    found = []
    for column in values.columns:
        if not values[column].dtype.is_numeric():
            continue
        own = values[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        known = np.isfinite(own)
        for value in round_values(own[known]).tolist():
            least = known & (own >= value)
            found.append(_Condition(column=column, is_least=True, value=value, holds=least))
            found.append(_Condition(column=column, is_least=False, value=value, holds=known & ~least))
    return found


def _rule(conditions: Sequence[_Condition], is_own: Mask) -> SegmentRule:
    holds = np.ones(len(is_own), dtype=bool)
    chosen: list[_Condition] = []
    best = _f1(holds, is_own)
    for _ in range(_MOST_CONDITIONS):
        told = [_f1(holds & one.holds, is_own) for one in conditions]
        if not told or max(told) < best + _WORTH:
            break
        best = max(told)
        taken = conditions[told.index(best)]
        holds = holds & taken.holds
        chosen.append(taken)
    n = int((holds & is_own).sum())
    return SegmentRule(
        text=_text(chosen),
        precision=n / max(int(holds.sum()), 1),
        recall=n / max(int(is_own.sum()), 1),
    )


def _f1(holds: Mask, is_own: Mask) -> float:
    return 2.0 * int((holds & is_own).sum()) / max(int(holds.sum()) + int(is_own.sum()), 1)


def _text(chosen: Sequence[_Condition]) -> str:
    """In the order of columns; of two conditions of one side of a column the narrower."""
    narrowest: dict[tuple[str, bool], float] = {}
    for one in chosen:
        key = one.column, one.is_least
        values = [one.value, *([narrowest[key]] if key in narrowest else [])]
        narrowest[key] = max(values) if one.is_least else min(values)
    told = [condition_text(column, value, is_least=least) for (column, least), value in narrowest.items()]
    return ", ".join(told) or EVERYBODY
