"""The plots over all thresholds: ROC curve, precision against recall, and sweeps of the threshold itself."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.class_plots import DETECTION, ClassWords
from telltale.evaluate.figures import (
    AMBER,
    ANOMALOUS,
    GREEN,
    INK,
    NORMAL,
    QUIET,
    label_axes,
    mark_point,
    new_figure,
    save,
    show_legend,
    show_plain_numbers,
    show_shares,
    spans_magnitudes,
    thinned,
)
from telltale.evaluate.metrics import count_decisions
from telltale.evaluate.ranking import Scores, auroc_of, average_precision_of, cuts


def draw_roc(
    directory: Path,
    labels: NDArray[np.integer],
    scores: Scores,
    *,
    threshold: float,
    words: ClassWords = DETECTION,
) -> Path:
    """`roc_curve.png`: recall against false-positive rate, the area in the title."""
    at = cuts(labels, scores)
    kept = thinned(at.tp.size)
    fpr = np.concatenate(([0.0], at.fp[kept] / at.fp[-1]))
    recall = np.concatenate(([0.0], at.tp[kept] / at.tp[-1]))
    counts = count_decisions(labels, scores >= threshold)

    figure, axes = new_figure(f"ROC curve (AUC = {auroc_of(at):.4f})")
    axes.plot((0, 1), (0, 1), color=QUIET, linewidth=1, linestyle=":", label="chance")
    axes.fill_between(fpr, recall, color=NORMAL, alpha=0.08, linewidth=0)
    axes.plot(fpr, recall, color=NORMAL, linewidth=2, label="this version")
    mark_point(axes, counts.fp / counts.n_negative, counts.tp / counts.n_positive, label=f"threshold {threshold:.4g}")
    label_axes(axes, x=words.rates[0], y=words.rates[1])
    show_shares(axes)
    axes.legend(fontsize=9, frameon=False, labelcolor=INK, loc="lower right")
    return save(figure, directory / "roc_curve.png")


def draw_precision_recall(
    directory: Path, labels: NDArray[np.integer], scores: Scores, *, threshold: float, floor: float | None = None
) -> Path:
    """`precision_recall_curve.png`: a line at the precision asked for (`floor`) and one at the prevalence."""
    at = cuts(labels, scores)
    kept = thinned(at.tp.size)
    recall = at.tp[kept] / at.tp[-1]
    precision = at.tp[kept] / (at.tp[kept] + at.fp[kept])
    prevalence = at.tp[-1] / labels.size
    counts = count_decisions(labels, scores >= threshold)

    figure, axes = new_figure(f"Precision and recall (average precision = {average_precision_of(at):.4f})", height=4.9)
    # A step to the left of each point: between two recalls the precision is that of the higher one, as in the area.
    axes.plot(recall, precision, color=NORMAL, linewidth=2, drawstyle="steps-pre", label="this version")
    if floor is not None:
        axes.axhline(floor, color=GREEN, linewidth=1.4, linestyle="--", label=f"asked: {100 * floor:g} %")
    axes.axhline(prevalence, color=QUIET, linewidth=1, linestyle=":", label=f"prevalence: {100 * prevalence:.2g} %")
    if counts.tp + counts.fp:
        mark_point(
            axes, counts.tp / counts.n_positive, counts.tp / (counts.tp + counts.fp), label=f"threshold {threshold:.4g}"
        )
    label_axes(axes, x="recall", y="precision")
    show_shares(axes)
    show_legend(axes, below=True)
    return save(figure, directory / "precision_recall_curve.png")


def draw_threshold_sweep(directory: Path, labels: NDArray[np.integer], scores: Scores, *, threshold: float) -> Path:
    """`threshold_sweep.png`: precision, recall and false-positive rate at every threshold."""
    at = cuts(labels, scores)
    kept = thinned(at.tp.size)
    where, tp, fp = at.threshold[kept], at.tp[kept], at.fp[kept]

    figure, axes = new_figure("What another threshold would give", height=4.9)
    if spans_magnitudes(scores):
        axes.set_xscale("log")
        show_plain_numbers(axes.xaxis)
    # A step to the left: between two scores the decisions are those of the higher one.
    for rate, name, colour, line in (
        (tp / (tp + fp), "precision", NORMAL, "-"),
        (tp / at.tp[-1], "recall", AMBER, "--"),
        (fp / at.fp[-1], "false-positive rate", ANOMALOUS, "-."),
    ):
        axes.plot(where, rate, color=colour, linestyle=line, linewidth=2, drawstyle="steps-post", label=name)
    axes.axvline(threshold, color=INK, linewidth=1.4, linestyle=":", label=f"threshold {threshold:.4g}")
    label_axes(axes, x="threshold", y="rate")
    show_shares(axes, which="y")
    show_legend(axes, below=True)
    return save(figure, directory / "threshold_sweep.png")
