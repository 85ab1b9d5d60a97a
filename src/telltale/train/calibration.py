"""How often rows of each score turn out to be positive, counted on rows that the version was not fitted on."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Scores
from telltale.models.manifest import Calibration

# Fewer of either class say too little about any score.
_LEAST_OF_A_CLASS: Final = 10
_BINS_BELOW: Final = 12
_BINS_ABOVE: Final = 8
# An incident that lasts longer than so many rows counts as several.
_FURTHEST: Final = 24


def calibrate(labels: NDArray[np.integer], scores: Scores, threshold: float) -> Calibration | None:
    """Bins of the score with their rows and positives; None with fewer than ten rows of either class.

    Bins are quantiles, apart on both sides of the threshold, so that none mixes both decisions; neighbours of one side
    are then joined until the share of positives rises with the score (isotonic regression by pooling). Joining also
    gives the many rows that are never positive one bin, whose uncertainty is that of all of them together.

    Args:
        labels: shape (n,), 0 or 1; in the order of checked rows, by entity and time.
        scores: shape (n,), finite; of a model that was not fitted on these rows.
        threshold: the cut on the score.

    References:
        Zadrozny & Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
        Ayer, Brunk, Ewing, Reid & Silverman, "An empirical distribution function for sampling with incomplete
        information", Annals of Mathematical Statistics 26 (1955): pooling adjacent violators.

    >>> labels, scores = np.repeat([0, 1], 50), np.arange(100.0)
    >>> calibrate(labels, scores, 50.0)
    Calibration(edges=(50.0,), n=(50, 50), n_positive=(0, 50), inflation=1.0)
    """
    n_positive = int((labels == 1).sum())
    if min(n_positive, len(labels) - n_positive) < _LEAST_OF_A_CLASS:
        return None
    edges: list[float] = []
    n: list[int] = []
    positives: list[int] = []
    for is_above, n_bins in ((False, _BINS_BELOW), (True, _BINS_ABOVE)):
        of_side = (scores >= threshold) == is_above
        if not of_side.any():
            continue
        low, counts, hits = _pooled(labels[of_side], scores[of_side], n_bins)
        edges += [threshold if is_above else float(low[0]), *low[1:].tolist()]
        n += counts
        positives += hits
    # Of the first bin the lower edge is no edge: lower scores belong to it too.
    inner = np.array(edges[1:])
    surprise = labels - (np.array(positives) / np.array(n))[np.searchsorted(inner, scores, side="right")]
    inflation = round(_inflation(surprise), 4)
    return Calibration(edges=tuple(inner.tolist()), n=tuple(n), n_positive=tuple(positives), inflation=inflation)


def _inflation(surprise: Scores) -> float:
    """Variance of a sum of these over that of as many independent ones, from how much neighbours share, >= 1.

    Up to the first lag at which nothing can be told from noise.
    """
    power = float(surprise @ surprise)
    if power <= 0:
        return 1.0
    found = 1.0
    for lag in range(1, min(_FURTHEST, len(surprise) - 1) + 1):
        shared = float(surprise[lag:] @ surprise[:-lag]) / power
        if shared < 2 / math.sqrt(len(surprise)):
            break
        found += 2 * shared
    return found


def _pooled(labels: NDArray[np.integer], scores: Scores, n_bins: int) -> tuple[Scores, list[int], list[int]]:
    """The least score, rows and positives of each bin, joined until the share of positives rises."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, n_bins + 1)[:-1], method="lower"))
    place = np.searchsorted(edges, scores, side="right") - 1
    counts = np.bincount(place, minlength=len(edges))
    hits = np.bincount(place, weights=labels, minlength=len(edges))
    blocks: list[tuple[float, int, int]] = []
    for edge, count, hit in zip(edges.tolist(), counts.tolist(), hits.astype(int).tolist(), strict=True):
        block = edge, count, hit
        while blocks and blocks[-1][2] * block[1] >= block[2] * blocks[-1][1]:
            before = blocks.pop()
            block = before[0], before[1] + block[1], before[2] + block[2]
        blocks.append(block)
    return np.array([low for low, _, _ in blocks]), [rows for _, rows, _ in blocks], [hit for _, _, hit in blocks]
