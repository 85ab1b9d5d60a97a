"""How well scores rank positives above negatives, whatever the threshold. Exact under ties."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int8]  # shape (n rows,), 0 or 1
Scores = NDArray[np.float64]  # shape (n rows,), finite, higher = more likely the event


class Cuts(NamedTuple):
    """What each possible threshold would give: rows with `score >= threshold`, thresholds falling."""

    threshold: NDArray[np.float64]  # shape (k distinct scores,)
    tp: NDArray[np.int64]  # positives at or above it
    fp: NDArray[np.int64]  # negatives at or above it


def check_labels_and_scores(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> None:
    """Refuse arrays that cannot be judged.

    Raises:
        ValueError: shapes differ, a label is neither 0 nor 1, or a score is not finite.
    """
    if labels.ndim != 1 or labels.shape != scores.shape:
        msg = f"labels and scores must be two columns of one length, got shapes {labels.shape} and {scores.shape}"
        raise ValueError(msg)
    wrong = np.setdiff1d(labels, (0, 1))
    if wrong.size:
        msg = f"labels must be 0 or 1, got {wrong[:3].tolist()}; leave rows without a label out first"
        raise ValueError(msg)
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        msg = f"scores must be finite, got {scores[row]} in row {row}"
        raise ValueError(msg)


def cuts(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> Cuts:
    """Counts at every threshold that changes a decision; rows of equal score move together.

    Raises:
        ValueError: as `check_labels_and_scores`.

    >>> cuts(np.array([0, 1, 1], dtype=np.int8), np.array([0.2, 0.2, 0.9])).tp.tolist()
    [1, 2]
    """
    check_labels_and_scores(labels, scores)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if ranked.size else np.empty(0, np.intp)
    tp = np.cumsum(labels[order], dtype=np.int64)[last_of_tie]
    return Cuts(threshold=ranked[last_of_tie], tp=tp, fp=last_of_tie.astype(np.int64) + 1 - tp)


def auroc(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Not to be used alone where positives are rare: it hardly sees false alarms. NaN without both classes.

    Raises:
        ValueError: as `check_labels_and_scores`.

    >>> auroc(np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return auroc_of(cuts(labels, scores))


def auroc_of(at: Cuts) -> float:
    """`auroc` from counts already made."""
    if at.tp.size == 0 or at.tp[-1] == 0 or at.fp[-1] == 0:
        return float("nan")
    positives = np.diff(at.tp, prepend=0)
    negatives = np.diff(at.fp, prepend=0)
    # In whole numbers, twice the pairs won: exact, so that the same ranking gives the same figure to the last bit.
    won = int((positives * (2 * (at.fp[-1] - at.fp) + negatives)).sum())
    return won / (2 * int(at.tp[-1]) * int(at.fp[-1]))


def average_precision(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Mean precision over the positives, each at its own score; equals the prevalence for a random score.

    NaN without a positive. Compare only at equal prevalence.

    Raises:
        ValueError: as `check_labels_and_scores`.

    >>> round(average_precision(np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    return average_precision_of(cuts(labels, scores))


def average_precision_of(at: Cuts) -> float:
    """`average_precision` from counts already made."""
    if at.tp.size == 0 or at.tp[-1] == 0:
        return float("nan")
    gained = np.diff(at.tp, prepend=0)
    return float((gained * (at.tp / (at.tp + at.fp))).sum() / at.tp[-1])
