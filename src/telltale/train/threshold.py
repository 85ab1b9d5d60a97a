"""Where to cut the score: from labels where there are any, from the tail of the scores where there are none."""

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Scores
from telltale.contract.verdict import Target

# Resamples over which the labelled cut is averaged: one split's best cut jumps from gap to gap.
_RESAMPLES = 50
# Cuts whose mean margin is this close to the best are as good; the middle of them is the furthest from both classes.
_TOLERANCE = 0.1
# What a metric is a rate of, told as a rate of right decisions.
_RATES = {
    "precision": "precision",
    "recall": "recall",
    "false_negative_rate": "recall",
    "frr": "recall",
    "specificity": "specificity",
    "false_positive_rate": "specificity",
    "far": "specificity",
}
# Room above a target that asks for perfection.
_LEAST_ROOM = 1e-6
# Quantiles of the scores that the tail is drawn through. Up to a tenth of the rows may be anomalous without moving it.
_FROM, _TO = 0.6, 0.9
# Scores closer than this are the same, whichever path they were computed on.
_LEAST_STEP = 1e-6


def threshold_from_labels(
    labels: NDArray[np.int8], scores: Scores, targets: tuple[Target, ...], *, rng: np.random.Generator
) -> float:
    """The cut whose worst margin to the targets is best, over resamples of the rows.

    Of the targets, those for rates of decisions count: precision, recall, and the rates of wrong decisions (false
    positives or FAR, false negatives or FRR); without any, precision and recall. A margin counts from the target (0) to
    perfect (1), so that a strict target weighs more than a lax one. Where a target for precision stands beside one for
    false positives, the latter is the laxer by far at any usual prevalence, and is not looked at. Of the cuts that are
    about as good as the best, the middle is taken: where the classes lie apart, that is half way between them.

    Args:
        labels: 0 or 1, both there.
        scores: of rows that the scoring model has not been fitted on.
        targets: those for other metrics than these are not looked at.
        rng: for the resamples.
    """
    limits = {_RATES[target.metric]: _least(target) for target in targets if target.metric in _RATES}
    if "precision" in limits or not limits:
        limits.pop("specificity", None)
        limits = {"precision": 0.0, "recall": 0.0} | limits
    order = np.argsort(-scores, kind="stable")
    ordered, truth = scores[order], labels[order] == 1
    ends = np.flatnonzero(np.append(np.diff(ordered) < 0, [True]))  # cut only where the score changes
    below = np.append(ordered[ends[:-1] + 1], [ordered[-1]])
    cuts = (ordered[ends] + below) / 2.0
    margins = np.zeros(len(ends))
    for _ in range(_RESAMPLES):
        weight = rng.poisson(1.0, len(truth))
        found, flagged = np.cumsum(weight * truth), np.cumsum(weight)
        wrong = flagged - found
        rates = {
            "precision": found / np.maximum(flagged, 1),
            "recall": found / max(int(found[-1]), 1),
            "specificity": 1.0 - wrong / max(int(wrong[-1]), 1),
        }
        room = [(rates[name] - limit) / max(1.0 - limit, _LEAST_ROOM) for name, limit in limits.items()]
        margins += np.minimum.reduce(room)[ends]
    near_best = np.flatnonzero(margins >= margins.max() - _TOLERANCE * _RESAMPLES)
    return float(cuts[near_best[0]] + cuts[near_best[-1]]) / 2.0


def _least(target: Target) -> float:
    """A target as a lower limit of a rate of right decisions."""
    return target.limit if target.op == ">=" else 1.0 - target.limit


def threshold_from_tail(scores: Scores, *, false_alarms_per_day: float, rows_per_day: float) -> float:
    """The cut that normal rows would pass as often as the alert budget allows, if their tail is exponential.

    The tail is drawn through the 60 % and the 90 % quantile of the scores, where a few per cent of anomalies do not
    reach, and extended; no further than one alarm in as many rows as there are scores. A budget finer than that is not
    in these rows to be kept, and a score that is bounded would never reach the cut.

    Args:
        scores: of rows that the scoring model has not been fitted on; unlabelled.
        false_alarms_per_day: the budget, > 0.
        rows_per_day: how many rows a day brings, > 0.

    >>> normal = np.random.default_rng(0).exponential(size=100_000)
    >>> round(threshold_from_tail(normal, false_alarms_per_day=1, rows_per_day=1_000), 1)
    6.9
    """
    share = _share(scores, false_alarms_per_day=false_alarms_per_day, rows_per_day=rows_per_day)
    start, end = np.quantile(scores, (_FROM, _TO))
    scale = (end - start) / np.log((1.0 - _FROM) / (1.0 - _TO))
    # Where most scores are the same (a metric that never moves) no tail can be drawn, and every row must not be flagged.
    least = end + _LEAST_STEP * max(1.0, abs(end))
    return max(float(start + scale * np.log((1.0 - _FROM) / share)), float(least))


def threshold_of_rarity(scores: Scores, *, false_alarms_per_day: float, rows_per_day: float) -> float:
    """The cut of a score that says itself how rare it is (`Traits.tells_rarity`); arguments as of `threshold_from_tail`.

    Where many rows are alike a tail drawn through their scores is no tail; what the score was calibrated on still holds.

    >>> round(threshold_of_rarity(np.zeros(5_000), false_alarms_per_day=1, rows_per_day=1_000), 6)
    3.0
    """
    return -float(np.log10(_share(scores, false_alarms_per_day=false_alarms_per_day, rows_per_day=rows_per_day)))


def _share(scores: Scores, *, false_alarms_per_day: float, rows_per_day: float) -> float:
    """Of rows that may be flagged: no fewer than one of these, no more than a tenth."""
    return min(max(false_alarms_per_day / rows_per_day, 1.0 / len(scores)), 1.0 - _TO)


def threshold_from_share(scores: Scores, share: float) -> float:
    """The cut that flags this share of rows, for a person who says how many rows are anomalous."""
    return float(np.quantile(scores, 1.0 - share))
