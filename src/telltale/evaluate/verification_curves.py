"""The plots of FAR against FRR: over thresholds, against each other, and as a ROC curve in these words."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.error_rates import equal_error_rate_of
from telltale.evaluate.figures import (
    ANOMALOUS,
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
from telltale.evaluate.ranking import Cuts, Scores, cuts

# What the axes of a DET curve may show; the coarse ones where it reaches far beyond one half.
_DET_TICKS: Final = (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)
_DET_TICKS_WIDE: Final = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 0.9999)
# Points closer together than this, in deviates, are one on the paper.
_DET_GRAIN: Final = 0.005


def draw_threshold_analysis(
    directory: Path,
    labels: NDArray[np.integer],
    scores: Scores,
    *,
    threshold: float,
    limits: tuple[float | None, float | None] = (None, None),
) -> Path:
    """`threshold_analysis.png`: FAR and FRR at every threshold, where both meet, and what is asked of each (`limits`)."""
    at = cuts(labels, scores)
    kept = thinned(at.tp.size)
    where, far, frr = at.threshold[kept], at.fp[kept] / at.fp[-1], 1.0 - at.tp[kept] / at.tp[-1]
    eer = equal_error_rate_of(at)

    figure, axes = new_figure(f"FAR and FRR (EER = {100 * eer:.2f} %)", height=4.9)
    if spans_magnitudes(scores):
        axes.set_xscale("log")
        show_plain_numbers(axes.xaxis)
    for rate, name, colour, line, limit in (
        (far, "FAR: impostors accepted", ANOMALOUS, "-", limits[0]),
        (frr, "FRR: genuine rejected", NORMAL, "--", limits[1]),
    ):
        axes.plot(where, rate, color=colour, linestyle=line, linewidth=2, drawstyle="steps-post", label=name)
        if limit is not None:
            axes.axhline(
                limit, color=colour, linewidth=1, linestyle=(0, (1, 3)), label=f"{name[:3]} asked: {100 * limit:g} %"
            )
    axes.axvline(threshold, color=INK, linewidth=1.4, linestyle=":", label=f"threshold {threshold:.4g}")
    mark_point(axes, _threshold_of_eer(at), eer, label=f"EER {100 * eer:.2f} %")
    label_axes(axes, x="threshold", y="rate")
    show_shares(axes, which="y")
    show_legend(axes, below=True, columns=2)
    return save(figure, directory / "threshold_analysis.png")


def draw_det(directory: Path, labels: NDArray[np.integer], scores: Scores, *, threshold: float) -> Path:
    """`det_curve.png`: FRR against FAR on axes of normal deviates, where normal scores make a straight line.

    A rate of 0 or 1 has no place there: it is drawn as that of half a row, or at the edge. The axes begin where the curve
    does.

    References:
        Martin, Doddington, Kamm, Ordowski & Przybocki, "The DET curve in assessment of detection task performance",
        Eurospeech 1997.
    """
    at = cuts(labels, scores)
    n_genuine, n_impostor = int(at.tp[-1]), int(at.fp[-1])
    counts = count_decisions(labels, scores >= threshold)
    far, frr = at.fp / n_impostor, 1.0 - at.tp / n_genuine
    point = counts.fp / n_impostor, counts.fn / n_genuine
    eer = equal_error_rate_of(at)
    reach = _DET_TICKS if max(eer, min(point)) < _DET_TICKS[-1] else _DET_TICKS_WIDE
    ticks = _ticks_around(reach, np.append(far, point[0]), np.append(frr, point[1]), n=max(n_impostor, n_genuine))

    def on_paper(far: NDArray[np.float64], frr: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = {"least": ticks[0], "most": ticks[-1]}
        return np.stack((deviates(far, n_impostor, **inside), deviates(frr, n_genuine, **inside)))

    curve = on_paper(far, frr)
    marked = on_paper(np.array([point[0]]), np.array([point[1]]))[:, 0].tolist()
    places = deviates(np.array(ticks)).tolist()

    figure, axes = new_figure(f"DET curve (EER = {100 * eer:.2f} %)", height=5.6)
    ends = places[0], places[-1]
    axes.plot(ends, ends, color=QUIET, linewidth=1, linestyle=":", label="FAR = FRR")
    axes.plot(*curve[:, _apart(curve)], color=NORMAL, linewidth=2, label="this version")
    mark_point(axes, marked[0], marked[1], label=f"threshold {threshold:.4g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(places, labels=[f"{100 * tick:g} %" for tick in ticks])
    margin = 0.02 * (ends[1] - ends[0])
    axes.set_xlim(ends[0] - margin, ends[1] + margin)
    axes.set_ylim(ends[0] - margin, ends[1] + margin)
    label_axes(axes, x="FAR: impostors accepted", y="FRR: genuine rejected")
    show_legend(axes, below=True)
    return save(figure, directory / "det_curve.png")


def deviates(
    rate: NDArray[np.float64], n: int | None = None, *, least: float = 0.0, most: float = 1.0
) -> NDArray[np.float64]:
    """Normal quantiles of rates, shape (k,); with `n` rows below them, kept half a row and `least` away from 0.

    The other end is kept as far away from 1, or at `most` where that is further.
    """
    from scipy.special import ndtri

    if n is not None:
        edge = max(0.5 / n, least)
        rate = np.clip(rate, edge, max(1.0 - edge, most))
    return np.asarray(ndtri(rate), dtype=np.float64)


def _threshold_of_eer(at: Cuts) -> float:
    """The middle of the thresholds that decide as the highest one at which FAR has reached FRR."""
    far, frr = at.fp / at.fp[-1], 1.0 - at.tp / at.tp[-1]
    place = int(np.argmax(far >= frr))
    return float(at.threshold[place : place + 2].mean())


def _ticks_around(
    ticks: tuple[float, ...], far: NDArray[np.float64], frr: NDArray[np.float64], *, n: int
) -> tuple[float, ...]:
    """The ticks from the last one below all that is shown of the curve, and of half a row among `n`."""
    shown = np.concatenate((far[frr <= ticks[-1]], frr[far <= ticks[-1]], [ticks[-1]]))
    first = max(int(np.searchsorted(ticks, max(shown.min(), 0.5 / n), side="right")) - 1, 0)
    return ticks[min(first, len(ticks) - 3) :]


def _apart(curve: NDArray[np.float64]) -> NDArray[np.intp]:
    """The first point of each grain of the paper, in the curve's order."""
    return np.sort(np.unique(np.round(curve / _DET_GRAIN), axis=1, return_index=True)[1])
