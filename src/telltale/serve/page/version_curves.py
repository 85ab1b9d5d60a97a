"""Curves of a version from what its bundle keeps: rows and positives in bins of the score, and quantiles of the score."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from telltale.evaluate.wording import figure_text
from telltale.models.manifest import Calibration, Manifest
from telltale.models.manifest import Summary as Reference
from telltale.registry.versions import Version
from telltale.serve.page.charts import SQUARE, Frame, beside
from telltale.serve.page.elements import Html

_SHARES: Final = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))
_LEAST_BINS: Final = 2


def curves(manifest: Manifest, version: Version) -> Html:
    """The drawings that can be made of it; nothing for kinds of task whose bundles keep none."""
    drawn = []
    found = manifest.calibration
    if found is not None and len(found.n) >= _LEAST_BINS and 0 < sum(found.n_positive) < sum(found.n):
        drawn += [_roc(found, manifest, version), _precision_recall(found, manifest, version), _reliability(found)]
    score = manifest.reference.get("score")
    if score is not None and len(score.values) > 2:
        drawn.append(_scores(score, manifest.threshold))
    return beside(*drawn)


def _above(of: Calibration) -> list[tuple[int, int]]:
    """Rows and positives at or above each edge, from none to all: (0, 0) first."""
    both = zip(accumulate(reversed(of.n)), accumulate(reversed(of.n_positive)), strict=True)
    return [(0, 0), *both]


def _cut_place(of: Calibration, threshold: float | None) -> int | None:
    """The place of the threshold among `_above`; None where no edge is it."""
    if threshold is None or threshold not in of.edges:
        return None
    return len(of.n) - 1 - of.edges.index(threshold)


def _roc(of: Calibration, manifest: Manifest, version: Version) -> Html:
    n_positive = sum(of.n_positive)
    n_negative = sum(of.n) - n_positive
    points = [((n - hits) / n_negative, hits / n_positive) for n, hits in _above(of)]
    area = figure_text("auroc", version.metrics.get("auroc"))
    cut = _cut_place(of, manifest.threshold)
    frame = Frame(
        f"ROC curve, area {area}",
        f"recall against the false-positive rate, area {area}{_at(points, cut, 'false-positive rate', 'recall')}",
        x_labels=_SHARES,
        y_labels=_SHARES,
        size=SQUARE,
    )
    frame.curve([(0.0, 0.0), (1.0, 1.0)], "chance")
    frame.curve(points, "p50")
    if cut is not None:
        frame.dot(points[cut], "cut")
    return frame.drawn([("p50", "recall by false-positive rate"), ("chance", "chance")])


def _precision_recall(of: Calibration, manifest: Manifest, version: Version) -> Html:
    n_positive = sum(of.n_positive)
    points = [(hits / n_positive, hits / n) for n, hits in _above(of)[1:]]
    area = figure_text("average_precision", version.metrics.get("average_precision"))
    share = n_positive / sum(of.n)
    cut = _cut_place(of, manifest.threshold)
    cut = None if cut is None else cut - 1
    frame = Frame(
        f"Precision by recall, average {area}",
        f"precision against recall, average precision {area}, prevalence {share:.3f}{_at(points, cut, 'recall', 'precision')}",
        x_labels=_SHARES,
        y_labels=_SHARES,
        size=SQUARE,
    )
    frame.curve([(0.0, share), (1.0, share)], "chance")
    frame.curve([(0.0, points[0][1]), *points], "p50")
    if cut is not None:
        frame.dot(points[cut], "cut")
    return frame.drawn([("p50", "precision by recall"), ("chance", "prevalence")])


def _at(points: Sequence[tuple[float, float]], cut: int | None, x: str, y: str) -> str:
    return "" if cut is None else f"; at the threshold {x} {points[cut][0]:.3f}, {y} {points[cut][1]:.3f}"


def _reliability(of: Calibration) -> Html:
    """The share of positives in each bin of the score, the bins by their share of the rows."""
    n_all = sum(of.n)
    frame = Frame(
        "Positives by score, lowest scores left",
        "share of positive rows in each bin of the score: "
        + ", ".join(f"{hits} of {n}" for n, hits in zip(of.n, of.n_positive, strict=True)),
        x_labels=[(0.0, "no row"), (0.5, "half"), (0.96, "all")],
        y_labels=_SHARES,
        size=SQUARE,
    )
    begins = 0
    for n, hits in zip(of.n, of.n_positive, strict=True):
        frame.bar(begins / n_all, (begins + n) / n_all, hits / n, "volume", f"{hits:,} of {n:,} rows positive")
        begins += n
    return frame.drawn([("volume", "share positive; as wide as its rows")])


def _scores(of: Reference, threshold: float | None) -> Html:
    """How scores lie: the quantiles that are kept, as a curve of what share lies below."""
    low, high = of.values[0], of.values[-1]
    ends = (min(low, threshold), max(high, threshold)) if threshold is not None else (low, high)
    width = ends[1] - ends[0] or 1.0

    def x(value: float) -> float:
        return (value - ends[0]) / width

    cut = "" if threshold is None else f", threshold {threshold:.4g}"
    frame = Frame(
        f"Scores in training{cut}",
        f"share of training rows below each score, from {low:.4g} to {high:.4g}{cut}",
        x_labels=[(0.02, f"{ends[0]:.3g}"), (0.96, f"{ends[1]:.3g}")],
        y_labels=_SHARES,
        size=SQUARE,
    )
    frame.curve([(x(value), level) for level, value in zip(of.levels, of.values, strict=True)], "p50")
    if threshold is not None:
        frame.upright(x(threshold), "limit")
    return frame.drawn([("p50", "share of rows below"), *([("limit", "threshold")] if threshold is not None else [])])
