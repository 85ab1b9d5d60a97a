"""The gate: does the evidence show that a version keeps its targets?"""

from collections.abc import Mapping
from math import isfinite

from telltale.contract.errors import UsageError
from telltale.contract.verdict import Measured, Outcome, Target, TargetResult, Verdict
from telltale.evaluate.intervals import undefined


def judge(
    targets: tuple[Target, ...],
    metrics: Mapping[str, Measured],
    *,
    n: int,
    n_positive: int | None,
    minimum_positive: int = 20,
) -> Verdict:
    """Judge figures against targets: pass, fail, or not enough evidence.

    For each target:

    - the figure is not defined (NaN, or it rests on no rows): undecided;
    - it rests on at least `minimum_positive` rows of its own denominator: the figure itself decides, a figure equal to
      the limit keeps it;
    - it rests on fewer: only an interval that lies wholly on one side of the limit decides, else undecided.

    Any target missed is `fail`. All met, with at least one positive row among those judged, is `pass`. Everything
    else is `not_enough_evidence`: also a task without targets, and rows without labels (hand over an empty `metrics`,
    `n` 0 and `n_positive` 0).

    A pass is a statement about the figure measured, not that the true rate keeps the limit with 95 % confidence: with
    a true precision of 97 %, showing 95.3 % that way takes about 600 flagged rows. The interval stands beside each
    figure for that reader.

    Args:
        targets: what is asked.
        metrics: figures by name.
        n: labelled rows judged.
        n_positive: those of them whose label is 1; None for tasks that are not judged by labels.
        minimum_positive: rows of a figure's denominator from which on the figure itself decides.

    Raises:
        UsageError: there are figures, and a target names none of them.

    >>> asked = (Target(metric="recall", op=">=", limit=0.85),)
    >>> judge(asked, {"recall": Measured(value=1.0, low=0.72, high=1.0, n=10)}, n=200, n_positive=10).outcome
    'not_enough_evidence'
    """
    results = tuple(_judge_target(target, metrics, minimum=minimum_positive) for target in targets)
    return Verdict(outcome=_outcome(results, n_positive=n_positive), targets=results, n=n, n_positive=n_positive)


def _outcome(results: tuple[TargetResult, ...], *, n_positive: int | None) -> Outcome:
    if any(result.met is False for result in results):
        return "fail"
    if results and n_positive != 0 and all(result.met for result in results):
        return "pass"
    return "not_enough_evidence"


def _judge_target(target: Target, metrics: Mapping[str, Measured], *, minimum: int) -> TargetResult:
    if metrics and target.metric not in metrics:
        raise UsageError.not_one_of(target.metric, metrics, where="target")
    measured = metrics.get(target.metric) or undefined()
    return TargetResult(
        name=target.metric,
        op=target.op,
        limit=target.limit,
        value=_defined(measured.value),
        low=_defined(measured.low),
        high=_defined(measured.high),
        n=measured.n,
        met=_is_met(target, measured, minimum=minimum),
        goal=target.goal,
    )


def _defined(value: float) -> float | None:
    return value if isfinite(value) else None


def _is_met(target: Target, measured: Measured, *, minimum: int) -> bool | None:
    if measured.n <= 0 or not isfinite(measured.value):
        return None
    if measured.n >= minimum:
        return _keeps(target, measured.value)
    worst, best = (measured.low, measured.high) if target.op == ">=" else (measured.high, measured.low)
    if _keeps(target, worst):
        return True
    if not _keeps(target, best):
        return False
    return None


def _keeps(target: Target, value: float) -> bool:
    return value >= target.limit if target.op == ">=" else value <= target.limit
