"""The plots of a task that verifies people, from plain arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.class_plots import VERIFICATION, draw_confusion_matrix, draw_score_distribution
from telltale.evaluate.curves import draw_roc
from telltale.evaluate.metrics import count_decisions
from telltale.evaluate.ranking import Scores
from telltale.evaluate.verification_curves import draw_det, draw_threshold_analysis


def write_verification_plots(
    directory: Path,
    *,
    labels: NDArray[np.integer],
    scores: Scores,
    threshold: float,
    targets: tuple[Target, ...] = (),
) -> dict[str, Path]:
    """Write every plot that the rows allow; the paths by file name.

    `confusion_matrix.png`, `score_distribution.png`, and where there are both classes `roc_curve.png` (with the area below
    it), `threshold_analysis.png` (FAR and FRR, their crossing marked) and `det_curve.png`.

    Args:
        directory: made where it is missing; files of these names are replaced.
        labels: shape (n,), 1 genuine, 0 impostor; n at least 1.
        scores: shape (n,), finite, higher = more likely genuine.
        threshold: the cut on the score.
        targets: limits on FAR and FRR are drawn.

    Raises:
        ValueError: as `telltale.evaluate.ranking.check_labels_and_scores`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    scores = scores.astype(np.float64)
    limits = {target.metric: target.limit for target in targets}
    counts = count_decisions(labels, scores >= threshold)
    drawn = [
        draw_confusion_matrix(directory, counts, words=VERIFICATION),
        draw_score_distribution(directory, labels=labels, scores=scores, threshold=threshold, words=VERIFICATION),
    ]
    if counts.n_positive and counts.n_negative:
        asked = limits.get("far"), limits.get("frr")
        drawn += [
            draw_roc(directory, labels, scores, threshold=threshold, words=VERIFICATION),
            draw_threshold_analysis(directory, labels, scores, threshold=threshold, limits=asked),
            draw_det(directory, labels, scores, threshold=threshold),
        ]
    return {path.name: path for path in drawn}
