"""Targets, and what a gate says of them."""

from typing import Literal

import msgspec

Outcome = Literal["pass", "fail", "not_enough_evidence"]
Operator = Literal[">=", "<="]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a metric must keep. `goal` is a stricter figure shown beside it, never gated on."""

    metric: str
    op: Operator
    limit: float
    goal: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A rate with what makes it comparable: its count and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """A target, the figure measured, and whether it is met.

    `value`, `low` and `high` are None where the figure is not defined (it rests on no row), since JSON knows no NaN;
    `met` is None where the evidence does not decide.
    """

    name: str
    op: Operator
    limit: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    met: bool | None
    goal: float | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says: every target met, one missed, or too little evidence to say.

    `n_positive` is None for tasks that are not judged by labels.
    """

    outcome: Outcome
    targets: tuple[TargetResult, ...]
    n: int
    n_positive: int | None

    @property
    def prevalence(self) -> float:
        """Share of rows that are positive; precision means nothing without it."""
        return self.n_positive / self.n if self.n and self.n_positive is not None else float("nan")
