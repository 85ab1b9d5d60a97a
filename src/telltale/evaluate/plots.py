"""The plots of an evaluation, one function each, and `write_plots` for all that the rows at hand allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.curves import (
    draw_precision_recall,
    draw_roc,
    draw_threshold_analysis,
    draw_threshold_sweep,
)
from telltale.evaluate.figures import (
    ANOMALOUS,
    INK,
    NORMAL,
    QUIET,
    label_axes,
    new_figure,
    save,
    show_legend,
    show_plain_numbers,
    spans_magnitudes,
)
from telltale.evaluate.metrics import ConfusionCounts, count_decisions
from telltale.evaluate.ranking import Scores

CAPTIONS = {
    "confusion_matrix.png": "Rows by truth and decision at the threshold, with the share of their true class.",
    "roc_curve.png": "Recall against false-positive rate over all thresholds.",
    "precision_recall_curve.png": "Precision against recall over all thresholds; the floor is the prevalence.",
    "score_distribution.png": "How the scores of both classes lie about the threshold.",
    "threshold_sweep.png": "What another threshold would have given on these rows.",
    "threshold_analysis.png": "Impostors accepted and genuine people rejected over all thresholds.",
    "feature_importance.png": "How much average precision falls when one feature is shuffled.",
}

_ERROR_RATES = frozenset({"far", "frr", "eer"})


@dataclass(frozen=True, kw_only=True)
class ClassWords:
    """What rows labelled 0 and 1 are called, and what each decision about them is; blue is the class that is no trouble.

    `outcomes` are true negatives, false positives, false negatives, true positives.
    """

    negative: str
    positive: str
    outcomes: tuple[str, str, str, str]
    score: str
    colours: tuple[str, str]


DETECTION = ClassWords(
    negative="normal",
    positive="anomalous",
    outcomes=("true negatives", "false alarms", "missed", "found"),
    score="score (higher = more anomalous)",
    colours=(NORMAL, ANOMALOUS),
)
VERIFICATION = ClassWords(
    negative="impostor",
    positive="genuine",
    outcomes=("rejected", "falsely accepted", "falsely rejected", "accepted"),
    score="score (higher = more likely genuine)",
    colours=(ANOMALOUS, NORMAL),
)


def class_words(targets: tuple[Target, ...]) -> ClassWords:
    """Those of a task that verifies, where a target is on FAR, FRR or EER; else those of one that detects."""
    return VERIFICATION if any(target.metric in _ERROR_RATES for target in targets) else DETECTION


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
    precision either: such plots are left out, not drawn empty. A task that asks something of FAR, FRR or EER gets these
    over all thresholds, and its classes are called impostor and genuine.

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
    words = class_words(targets)
    limits = {target.metric: target.limit for target in targets}
    drawn = [draw_score_distribution(directory, labels=labels, scores=scores, threshold=threshold, words=words)]
    if labels is not None:
        counts = count_decisions(labels, scores >= threshold)
        drawn.append(draw_confusion_matrix(directory, counts, words=words))
        if counts.n_positive:
            floor = limits.get("precision")
            drawn.append(draw_precision_recall(directory, labels, scores, threshold=threshold, floor=floor))
        if counts.n_positive and counts.n_negative:
            drawn.append(draw_roc(directory, labels, scores, threshold=threshold))
            drawn.append(draw_threshold_sweep(directory, labels, scores, threshold=threshold))
            if words is VERIFICATION:
                asked = limits.get("far"), limits.get("frr")
                drawn.append(draw_threshold_analysis(directory, labels, scores, threshold=threshold, limits=asked))
    if importance:
        drawn.append(draw_importance(directory, importance))
    by_name = {path.name: path for path in drawn}
    return {name: by_name[name] for name in CAPTIONS if name in by_name}


def draw_confusion_matrix(directory: Path, counts: ConfusionCounts, *, words: ClassWords = DETECTION) -> Path:
    """`confusion_matrix.png`: counts, and each count's share of its true class."""
    cells = np.array([[counts.tn, counts.fp], [counts.fn, counts.tp]])
    totals = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, totals, out=np.zeros((2, 2)), where=totals > 0)

    figure, axes = new_figure("Confusion matrix")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for row in range(2):
        for column in range(2):
            ink = "white" if shares[row, column] > 0.55 else INK
            axes.text(column, row - 0.1, f"{cells[row, column]:,}", ha="center", va="center", fontsize=22, color=ink)
            share = f"{100 * shares[row, column]:.1f} %" if totals[row] else "no such rows"
            text = f"{words.outcomes[2 * row + column]} · {share}"
            axes.text(column, row + 0.18, text, ha="center", va="center", fontsize=9.5, color=ink)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(0.5, color="white", linewidth=3)
    names = words.negative, words.positive
    axes.set_xticks((0, 1), labels=names, fontsize=10)
    axes.set_yticks((0, 1), labels=names, fontsize=10, rotation=90, va="center")
    axes.tick_params(length=0)
    label_axes(axes, x="decided", y="truth")
    return save(figure, directory / "confusion_matrix.png")


def draw_score_distribution(
    directory: Path,
    *,
    labels: NDArray[np.integer] | None,
    scores: Scores,
    threshold: float,
    words: ClassWords = DETECTION,
) -> Path:
    """`score_distribution.png`: the class that is no trouble blue, the other red, positives hatched; counts logarithmic."""
    figure, axes = new_figure("Scores")
    if spans_magnitudes(scores) and threshold > 0:
        axes.set_xscale("log")
        show_plain_numbers(axes.xaxis)
        bins = np.exp(_edges(np.log(scores), float(np.log(threshold)))).tolist()
    else:
        bins = _edges(scores, threshold).tolist()
    if labels is None:
        axes.hist(scores, bins=bins, color=QUIET, alpha=0.7, label=f"not labelled ({scores.size:,})")
    else:
        for value, name, colour, hatch in (
            (0, words.negative, words.colours[0], ""),
            (1, words.positive, words.colours[1], "////"),
        ):
            part = scores[labels == value]
            axes.hist(
                part,
                bins=bins,
                histtype="stepfilled",
                label=f"{name} ({part.size:,})",
                facecolor=f"{colour}88",
                edgecolor=colour,
                hatch=hatch,
                linewidth=1.2,
            )
    axes.axvline(threshold, color=INK, linewidth=1.6, linestyle="--", label=f"threshold {threshold:.4g}")
    axes.set_yscale("log", nonpositive="clip")
    show_plain_numbers(axes.yaxis)
    axes.set_ylim(bottom=0.7)
    label_axes(axes, x=words.score, y="rows (logarithmic)")
    show_legend(axes)
    return save(figure, directory / "score_distribution.png")


def _edges(values: NDArray[np.float64], cut: float) -> NDArray[np.float64]:
    """Edges of about 60 equal bins over `values` and `cut`, one of them at `cut`: no bin mixes both decisions."""
    low, high = min(values.min(), cut), max(values.max(), cut)
    width = (high - low) / 60 or 1 / 60
    first = np.floor((low - cut) / width) - 1
    last = np.ceil((high - cut) / width) + 1
    return np.asarray(cut + width * np.arange(first, last + 1), dtype=np.float64)


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
