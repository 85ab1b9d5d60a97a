"""The plots of two classes at one threshold: what was decided, and how the scores lie about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Target
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
from telltale.evaluate.metrics import ConfusionCounts
from telltale.evaluate.ranking import Scores
from telltale.evaluate.verification_metrics import verifies

# Up to so many rows in the tallest bar, counts are read off a plain axis.
_FEW_IN_A_BIN: Final = 30


@dataclass(frozen=True, kw_only=True)
class ClassWords:
    """What rows labelled 0 and 1 are called, and what each decision about them is; blue is the class that is no trouble.

    `outcomes` are true negatives, false positives, false negatives, true positives;
    `rates` are the shares of negatives and of positives that are decided positive.
    """

    negative: str
    positive: str
    outcomes: tuple[str, str, str, str]
    score: str
    rates: tuple[str, str]
    colours: tuple[str, str]


DETECTION = ClassWords(
    negative="normal",
    positive="anomalous",
    outcomes=("true negatives", "false alarms", "missed", "found"),
    score="score (higher = more anomalous)",
    rates=("false-positive rate", "recall"),
    colours=(NORMAL, ANOMALOUS),
)
VERIFICATION = ClassWords(
    negative="impostor",
    positive="genuine",
    outcomes=("rejected", "falsely accepted", "falsely rejected", "accepted"),
    score="score (higher = more likely genuine)",
    rates=("FAR: impostors accepted", "genuine accepted (1 − FRR)"),
    colours=(ANOMALOUS, NORMAL),
)


def class_words(targets: tuple[Target, ...]) -> ClassWords:
    """Those of a task that verifies, where a target is on FAR, FRR or EER; else those of one that detects."""
    return VERIFICATION if verifies(targets) else DETECTION


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
    """`score_distribution.png`: the class that is no trouble blue, the other red, positives hatched.

    Counts are on a logarithmic axis, unless they are few.
    """
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
    is_tall = axes.get_ylim()[1] > _FEW_IN_A_BIN
    if is_tall:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom=0.7)
    else:
        axes.locator_params(axis="y", integer=True)
    show_plain_numbers(axes.yaxis)
    label_axes(axes, x=words.score, y="rows (logarithmic)" if is_tall else "rows")
    show_legend(axes)
    return save(figure, directory / "score_distribution.png")


def _edges(values: NDArray[np.float64], cut: float) -> NDArray[np.float64]:
    """Edges of about 60 equal bins over `values` and `cut`, one of them at `cut`: no bin mixes both decisions."""
    low, high = min(values.min(), cut), max(values.max(), cut)
    width = (high - low) / 60 or 1 / 60
    first = np.floor((low - cut) / width) - 1
    last = np.ceil((high - cut) / width) + 1
    return np.asarray(cut + width * np.arange(first, last + 1), dtype=np.float64)
