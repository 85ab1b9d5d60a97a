"""Values at which people would tell rows apart: 5 orders, 30 days, 1,500 spent; as columns have them, and as features do."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.estimator import Features, Floats
from telltale.contract.plan import ForwardFill, Log, Plan

_ROUND: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
_DECADES: Final = range(-3, 9)
# The least round number there is: at least so much is more than nothing.
LEAST_ROUND: Final = 0.001
# Values of a row that stand at a round number must lie on its upper side whichever way they were computed.
_BELOW: Final = 1e-6
# A feature that is no column people know is cut at its own quantiles.
_N_QUANTILES: Final = 12


@dataclass(frozen=True, kw_only=True)
class ReadableCuts:
    """Where one feature may be cut.

    Args:
        column: the measured column it is made of, or the feature's own name.
        values: as people know them, rising.
        cuts: the same in the feature: a row is at or above `values[i]` where its feature is at or above `cuts[i]`.
    """

    column: str
    values: Floats
    cuts: Floats


def readable_cuts(plan: Plan, frame: pl.DataFrame, features: Features) -> list[ReadableCuts]:
    """Where each feature of a plan may be cut, in the order of the plan's features.

    Args:
        plan: fitted; features that are a column, filled or in logarithms, are cut at round values of the column.
        frame: checked training rows.
        features: the same rows' features.
    """
    return [_of(plan, name, frame, column) for name, column in zip(plan.features, features.T, strict=True)]


def round_values(values: Floats) -> Floats:
    """Round numbers between the ends of some values, rising; whole ones where all values are whole.

    >>> round_values(np.array([0.0, 1.0, 4.0])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if not len(values):
        return np.empty(0)
    is_whole = bool((values == np.round(values)).all())
    if is_whole:
        numbers = {float(math.ceil(digit * 10.0**decade)) for decade in range(9) for digit in _ROUND}
    else:
        numbers = {float(f"{digit * 10.0**decade:.12g}") for decade in _DECADES for digit in _ROUND}
    numbers |= {-number for number in numbers} if values.min() < 0 else set()
    low, high = float(values.min()), float(values.max())
    return np.array(sorted(number for number in numbers if low < number <= high))


def _of(plan: Plan, feature: str, frame: pl.DataFrame, values: Floats) -> ReadableCuts:
    traced = _trace(plan, feature)
    if traced is None:
        cuts = np.unique(np.quantile(values.astype(np.float64), np.linspace(0, 1, _N_QUANTILES + 1)[1:-1]))
        return ReadableCuts(column=feature, values=cuts, cuts=cuts)
    column, scale = traced
    own = frame[column].drop_nulls().to_numpy().astype(np.float64)
    numbers = round_values(own)
    just_below = numbers - _BELOW * np.abs(numbers)
    inside = just_below if scale is None else np.sign(just_below) * np.log1p(np.abs(just_below) / scale)
    cuts, first = np.unique(inside.astype(np.float32).astype(np.float64), return_index=True)
    return ReadableCuts(column=column, values=numbers[first], cuts=cuts)


def _trace(plan: Plan, feature: str) -> tuple[str, float | None] | None:
    """The measured column that a feature is made of, and the scale of the logarithm between, if there is one."""
    by_out = {step.out: step for step in plan.steps}
    name, scale = feature, None
    while name not in plan.columns:
        step = by_out.get(name)
        if isinstance(step, Log) and scale is None:
            scale = step.scale
        elif not isinstance(step, ForwardFill):
            return None
        name = step.column
    return name, scale
