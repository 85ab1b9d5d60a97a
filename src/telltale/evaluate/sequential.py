"""Which of two is better, in an answer that may be looked at any time.

A test made for one look at a fixed number of rows is wrong about once in three when it is looked at over and over. Here
the error rate holds over all looks together, however many there are and whenever one stops.

- `evaluate/paired_comparison.py`: two versions decided the same labelled rows; only rows on which they differ say anything.
- `evaluate/group_comparison.py`: entities were assigned to A or B, and each has one outcome: bounded, counted, heavy-tailed.

Both are values: an update gives a new one, and all of it is a few numbers that JSON carries. Here is what they share.
"""

import math
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from telltale.contract.errors import UsageError

Conclusion = Literal["A", "B", "no_difference", "keep_going", "refused"]

LEAST_ENTITIES: Final = 50
# Beyond so many times the observations at hand, how many more is a guess that helps nobody.
_FURTHEST: Final = 1_000


class SequentialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said now.

    Args:
        conclusion: A or B is better; neither by more than `margin`; more is needed; or it is too early to look.
        difference: A less B, in the unit of the outcome (paired: of cost saved per row); None where it is not known.
        low, high: interval that holds the true difference at all looks together with probability 1 - `level`.
        level: of false conclusions over all looks, at most.
        margin: a difference that would not matter; None where any would.
        n: observations so far.
        n_more: about how many more would decide, if the difference is what it looks like now; None where decided, or
            where that cannot be told.
        reason: in words.
    """

    conclusion: Conclusion
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float
    margin: float | None = None
    n: int
    n_more: int | None = None
    reason: str


def check_plan(*, level: float, margin: float | None) -> None:
    """Raise UsageError for a level or margin that means nothing."""
    if not 0 < level < 1:
        raise UsageError(f"level {level:g}", where="comparison", mend="Give a probability, such as 0.05.")
    if margin is not None and not (margin > 0 and math.isfinite(margin)):
        raise UsageError(f"margin {margin:g}", where="comparison", mend="Give a difference > 0, or none.")


def conclude(
    difference: float,
    low: float | None,
    high: float | None,
    *,
    level: float,
    margin: float | None,
    n: int,
    n_more: Callable[[], int | None],
    unit: str,
) -> SequentialAnswer:
    """The answer that an interval allows; a bound is None where there is none. More is better."""
    bounds = " to ".join("any" if bound is None else f"{bound:+.4g}" for bound in (low, high))
    shown = f"A less B is {difference:+.4g} ({bounds})"
    conclusion: Conclusion
    more: int | None = None
    if low is not None and low > 0:
        conclusion, reason = "A", f"A is better: {shown}"
    elif high is not None and high < 0:
        conclusion, reason = "B", f"B is better: {shown}"
    elif margin is not None and low is not None and high is not None and -margin < low and high < margin:
        conclusion, reason = "no_difference", f"no difference larger than {margin:g}: {shown}"
    else:
        conclusion, more = "keep_going", n_more()
        how_many = f"about {more:,} more {unit} would decide" if more is not None else "no end is in sight"
        reason = f"{shown}: {how_many}"
    return SequentialAnswer(
        conclusion=conclusion,
        difference=difference,
        low=low,
        high=high,
        level=level,
        margin=margin,
        n=n,
        n_more=more,
        reason=reason,
    )


def refused(n: int, *, level: float, margin: float | None, what: str) -> SequentialAnswer:
    """Too early to look."""
    return SequentialAnswer(conclusion="refused", level=level, margin=margin, n=n, reason=what)


def smallest_n(decides: Callable[[float], bool], n: int) -> int | None:
    """About how many observations in all would decide; None where a thousand times those at hand would not.

    Args:
        decides: whether so many observations like those at hand would.
        n: observations at hand, which do not decide.
    """
    low, high = float(n), 2.0 * n
    while not decides(high):
        low, high = high, 2.0 * high
        if high > _FURTHEST * n:
            return None
    while high - low > max(1.0, 0.01 * high):
        middle = (low + high) / 2.0
        low, high = (low, middle) if decides(middle) else (middle, high)
    return math.ceil(high)
