"""The error rates of a decision between an enrolled person and an impostor: FAR, FRR and where both meet."""

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.ranking import Cuts, cuts


def equal_error_rate(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """The rate at which FAR and FRR are equal, over one threshold for all rows; NaN without both classes.

    Impostors are the rows labelled 0. Between the two thresholds where FAR overtakes FRR, both are drawn as straight
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
