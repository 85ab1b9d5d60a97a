"""The figures of a detection task: counts at the threshold, rates with their intervals, ranking quality."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.error_rates import equal_error_rate_of
from telltale.evaluate.intervals import auroc_interval, rate, undefined, wilson
from telltale.evaluate.ranking import auroc, auroc_of, average_precision, average_precision_of, cuts

__all__ = [
    "ConfusionCounts",
    "DetectionResult",
    "auroc",
    "average_precision",
    "count_decisions",
    "detection_metrics",
    "wilson",
]


class ConfusionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by truth and decision: true and false positives, true and false negatives."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def n(self) -> int:
        """All rows."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def n_positive(self) -> int:
        """Rows whose label is 1."""
        return self.tp + self.fn

    @property
    def n_negative(self) -> int:
        """Rows whose label is 0."""
        return self.fp + self.tn


class DetectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What scores are worth against labels, at one threshold; `metrics` by name, as targets spell them."""

    threshold: float
    counts: ConfusionCounts
    metrics: dict[str, Measured]

    @property
    def prevalence(self) -> float:
        """Share of rows that are positive; NaN without rows. Precision means nothing without it."""
        return self.counts.n_positive / self.counts.n if self.counts.n else float("nan")


def count_decisions(labels: NDArray[np.integer], decisions: NDArray[np.bool_]) -> ConfusionCounts:
    """Count rows by truth and decision.

    Args:
        labels: shape (n,), 0 or 1.
        decisions: shape (n,), what was decided.

    Raises:
        ValueError: shapes differ.

    >>> count_decisions(np.array([1, 0, 1], dtype=np.int8), np.array([True, True, False]))
    ConfusionCounts(tp=1, fp=1, tn=0, fn=1)
    """
    if labels.shape != decisions.shape:
        msg = f"labels and decisions must have one shape, got {labels.shape} and {decisions.shape}"
        raise ValueError(msg)
    truth = labels == 1
    tp = int(np.count_nonzero(truth & decisions))
    flagged = int(np.count_nonzero(decisions))
    n_positive = int(np.count_nonzero(truth))
    return ConfusionCounts(
        tp=tp, fp=flagged - tp, fn=n_positive - tp, tn=int(labels.size) - n_positive - (flagged - tp)
    )


def detection_metrics(labels: NDArray[np.integer], scores: NDArray[np.floating], threshold: float) -> DetectionResult:
    """Every figure of a detection task; a row is flagged when its score is at or above the threshold.

    `n` of a figure is the count it rests on: flagged rows for precision, positives for recall, false negatives and
    average precision, negatives for false positives and specificity, all rows for accuracy, all but the true negatives
    for F1, the rarer class for AUROC and equal error rate. FAR and FRR are what false-positive and false-negative rate are
    called where rows labelled 0 are impostors. A figure without such rows is NaN with `n` 0. So are precision, F1 and average
    precision where no row is positive: they would be 0 whatever the model did.

    Intervals are 95 %: Wilson for rates; Newcombe's score interval for AUROC; for F1 Wilson on
    `tp / (tp + fp + fn)`, of which F1 is a rising function; for average precision the binomial interval of Boyd and
    others over the positives, in Wilson's form so that it keeps a width at 1; for the equal error rate Wilson over the
    rarer class. All take rows as independent.

    Args:
        labels: shape (n,), 0 or 1.
        scores: shape (n,), finite, higher = more likely the event.
        threshold: the cut on the score.

    Raises:
        ValueError: shapes differ, a label is neither 0 nor 1, or a score is not finite.

    References:
        Boyd, Eng & Page, "Area under the precision-recall curve: point estimates and confidence intervals",
        ECML PKDD 2013.

    >>> result = detection_metrics(np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8]), 0.4)
    >>> result.metrics["precision"].value, result.metrics["precision"].n
    (0.5, 2)
    """
    at = cuts(labels, scores)
    counts = count_decisions(labels, scores >= threshold)
    metrics = {
        "precision": rate(counts.tp, counts.tp + counts.fp) if counts.n_positive else undefined(),
        "recall": rate(counts.tp, counts.n_positive),
        "false_positive_rate": rate(counts.fp, counts.n_negative),
        "specificity": rate(counts.tn, counts.n_negative),
        "false_negative_rate": rate(counts.fn, counts.n_positive),
        "f1": _f1(counts),
        "accuracy": rate(counts.tp + counts.tn, counts.n),
        "auroc": _auroc(auroc_of(at), counts),
        "average_precision": _average_precision(average_precision_of(at), counts),
        "far": rate(counts.fp, counts.n_negative),
        "frr": rate(counts.fn, counts.n_positive),
        "eer": _equal_error_rate(equal_error_rate_of(at), counts),
    }
    return DetectionResult(threshold=threshold, counts=counts, metrics=metrics)


def _f1(counts: ConfusionCounts) -> Measured:
    """F1 is 2j / (1 + j) of the overlap j = tp / (tp + fp + fn), so an interval of j is one of F1."""
    n = counts.tp + counts.fp + counts.fn
    if counts.n_positive == 0:
        return undefined()
    low, high = wilson(counts.tp, n)
    value = 2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn)
    return Measured(value=value, low=min(value, 2 * low / (1 + low)), high=max(value, 2 * high / (1 + high)), n=n)


def _auroc(value: float, counts: ConfusionCounts) -> Measured:
    if np.isnan(value):
        return undefined()
    low, high = auroc_interval(value, counts.n_positive, counts.n_negative)
    return Measured(value=value, low=low, high=high, n=min(counts.n_positive, counts.n_negative))


def _equal_error_rate(value: float, counts: ConfusionCounts) -> Measured:
    if np.isnan(value):
        return undefined()
    n = min(counts.n_positive, counts.n_negative)
    low, high = wilson(min(value, 1.0) * n, n)
    return Measured(value=value, low=min(value, low), high=max(value, high), n=n)


def _average_precision(value: float, counts: ConfusionCounts) -> Measured:
    if np.isnan(value):
        return undefined()
    low, high = wilson(min(value, 1.0) * counts.n_positive, counts.n_positive)
    return Measured(value=value, low=min(value, low), high=max(value, high), n=counts.n_positive)
