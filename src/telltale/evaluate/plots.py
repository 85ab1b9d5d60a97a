"""The plots of an evaluation, one function each, and `write_plots` for all that the rows at hand allow."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.class_plots import class_words, draw_confusion_matrix, draw_score_distribution
from telltale.evaluate.curves import draw_precision_recall, draw_roc, draw_threshold_sweep
from telltale.evaluate.figures import INK, NORMAL, QUIET, label_axes, new_figure, save, show_plain_numbers
from telltale.evaluate.metrics import count_decisions
from telltale.evaluate.ranking import Scores
from telltale.evaluate.verification_metrics import verifies
from telltale.evaluate.verification_plots import write_verification_plots

CAPTIONS = {
    "confusion_matrix.png": "Rows by truth and decision at the threshold, with the share of their true class.",
    "roc_curve.png": "Share of positive rows at or above the threshold against that of negative rows, over all thresholds.",
    "precision_recall_curve.png": "Precision against recall over all thresholds; the floor is the prevalence.",
    "score_distribution.png": "How the scores of both classes lie about the threshold.",
    "threshold_sweep.png": "What another threshold would have given on these rows.",
    "threshold_analysis.png": "Impostors accepted and genuine people rejected over all thresholds.",
    "attacks.png": "The share of attempts that is accepted, attack by attack.",
    "det_curve.png": "FRR against FAR over all thresholds, on axes of normal deviates.",
    "feature_importance.png": "How much average precision falls when one feature is shuffled.",
}


def write_plots(
    directory: Path,
    *,
    labels: NDArray[np.integer] | None,
    scores: Scores,
    threshold: float,
    targets: tuple[Target, ...] = (),
    importance: Mapping[str, float] | None = None,
) -> dict[str, Path]:
    """Write every plot that the rows allow, by file name; the directory is made where it is missing.

    Without labels only the scores are drawn. Without both classes there is no ROC curve, and without a positive no
    precision either: such plots are left out, not drawn empty. A task that asks something of FAR, FRR or EER gets the
    plots of `write_verification_plots` in place of those over precision and recall.

    Args:
        directory: where the files go; files of these names are replaced.
        labels: shape (n,), 0 or 1, or None.
        scores: shape (n,), finite; n at least 1.
        threshold: the cut on the score.
        targets: where one is on precision, FAR or FRR, its limit is drawn.
        importance: by feature, or None.

    Raises:
        ValueError: as `telltale.evaluate.ranking.check_labels_and_scores`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if labels is not None and verifies(targets):
        by_name = write_verification_plots(
            directory, labels=labels, scores=scores, threshold=threshold, targets=targets
        )
    else:
        drawn = _draw_detection(directory, labels, scores, threshold=threshold, targets=targets)
        by_name = {path.name: path for path in drawn}
    if importance:
        path = draw_importance(directory, importance)
        by_name[path.name] = path
    return {name: by_name[name] for name in CAPTIONS if name in by_name}


def _draw_detection(
    directory: Path,
    labels: NDArray[np.integer] | None,
    scores: Scores,
    *,
    threshold: float,
    targets: tuple[Target, ...],
) -> list[Path]:
    words = class_words(targets)
    drawn = [draw_score_distribution(directory, labels=labels, scores=scores, threshold=threshold, words=words)]
    if labels is None:
        return drawn
    counts = count_decisions(labels, scores >= threshold)
    drawn.append(draw_confusion_matrix(directory, counts, words=words))
    if counts.n_positive:
        floor = next((target.limit for target in targets if target.metric == "precision"), None)
        drawn.append(draw_precision_recall(directory, labels, scores, threshold=threshold, floor=floor))
    if counts.n_positive and counts.n_negative:
        drawn.append(draw_roc(directory, labels, scores, threshold=threshold))
        drawn.append(draw_threshold_sweep(directory, labels, scores, threshold=threshold))
    return drawn


def draw_importance(directory: Path, importance: Mapping[str, float], *, most: int = 20) -> Path:
    """`feature_importance.png`: the `most` important features, the largest on top."""
    ranked = sorted(importance.items(), key=lambda item: item[1])[-most:]
    names = [name for name, _ in ranked]
    values = [value for _, value in ranked]
    left_out = len(importance) - len(ranked)
    title = "Permutation importance" + (f" ({len(ranked)} of {len(importance)} features)" if left_out else "")

    figure, axes = new_figure(title, height=max(2.6, 1.5 + 0.27 * len(ranked)))
    bars = axes.barh(names, values, color=[NORMAL if value >= 0 else QUIET for value in values], height=0.68)
    axes.bar_label(bars, labels=[f"{value:.3f}" for value in values], padding=4, fontsize=8.5, color=INK)
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12, y=0.02)
    axes.locator_params(axis="x", nbins=6)
    show_plain_numbers(axes.xaxis)
    label_axes(axes, x="fall in average precision when the feature is shuffled", y="")
    return save(figure, directory / "feature_importance.png")
