"""The error rates of a decision between an enrolled person and an impostor: FAR, FRR and where both meet.

Impostors are the rows labelled 0; a row is accepted when its score is at or above the threshold.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.ranking import Cuts, cuts


def equal_error_rate(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """The rate at which FAR and FRR are equal, over one threshold for all rows; NaN without both classes.

    Between the two thresholds where FAR overtakes FRR, both are drawn as straight
    lines over the ROC curve, and the rate is where these cross.

    Not for: comparing with the mean of per-person rates, each at a threshold of its own, which is often far lower.

    Raises:
        ValueError: as `telltale.evaluate.ranking.check_labels_and_scores`.

    >>> equal_error_rate(np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return equal_error_rate_of(cuts(labels, scores))


def equal_error_rate_of(at: Cuts) -> float:
    """`equal_error_rate` from counts already made."""
    if at.tp.size == 0 or at.tp[-1] == 0 or at.fp[-1] == 0:
        return float("nan")
    far = np.concatenate(([0.0], at.fp / at.fp[-1]))
    frr = np.concatenate(([1.0], 1.0 - at.tp / at.tp[-1]))
    after = int(np.argmax(far >= frr))  # above 0, since nobody accepted is a FAR of 0 and a FRR of 1
    before = after - 1
    gap_before, gap_after = frr[before] - far[before], frr[after] - far[after]
    share = gap_before / (gap_before - gap_after)
    return float(far[before] + share * (far[after] - far[before]))


def zero_miss_false_alarm_rate(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """The share of genuine rows rejected at the lowest threshold that no impostor passes; NaN without both classes.

    That threshold lies just above the highest impostor's score, so genuine rows that tie with it are rejected.

    Not for: comparing sets with different numbers of impostors, since the highest of more is higher. (Some papers call the
    opposite by this name: impostors accepted where nobody genuine is rejected.)

    Raises:
        ValueError: as `telltale.evaluate.ranking.check_labels_and_scores`.

    References:
        Killourhy & Maxion, "Comparing anomaly-detection algorithms for keystroke dynamics", DSN 2009.

    >>> zero_miss_false_alarm_rate(np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return zero_miss_false_alarm_rate_of(cuts(labels, scores))


def zero_miss_false_alarm_rate_of(at: Cuts) -> float:
    """`zero_miss_false_alarm_rate` from counts already made."""
    if at.tp.size == 0 or at.tp[-1] == 0 or at.fp[-1] == 0:
        return float("nan")
    n_above = int(np.searchsorted(at.fp, 0, side="right"))
    return 1.0 - (float(at.tp[n_above - 1] / at.tp[-1]) if n_above else 0.0)


def rates_by_entity(
    labels: NDArray[np.integer],
    scores: NDArray[np.floating],
    entity: NDArray[np.integer],
    *,
    rate_of: Callable[[Cuts], float],
) -> NDArray[np.float64]:
    """A rate of each entity's own rows, at thresholds of its own.

    Args:
        labels: shape (n,), 0 or 1.
        scores: shape (n,), finite.
        entity: shape (n,), whose each row is, numbered from 0 without a gap.
        rate_of: as in `equal_error_rate_of`.

    Returns:
        Shape (entities,), NaN where the rate is not defined: for those without rows of both classes.

    >>> labels, scores = np.array([0, 1, 1]), np.array([0.1, 0.4, 0.8])
    >>> rates_by_entity(labels, scores, np.array([0, 0, 1]), rate_of=equal_error_rate_of).tolist()
    [0.0, nan]
    """
    return np.array([rate_of(cuts(labels[rows], scores[rows])) for rows in _rows_of_each(entity)])


def _rows_of_each(entity: NDArray[np.integer]) -> Iterator[NDArray[np.intp]]:
    order = np.argsort(entity, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(entity[order])) + 1) if entity.size else ()
