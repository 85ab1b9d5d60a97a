"""Rows in time as a picture: what was measured, what the score said, and where it was decided that something is wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.figures import (
    ANOMALOUS,
    INK,
    NORMAL,
    QUIET,
    dates_of,
    label_axes,
    new_panels,
    save,
    show_dates,
    show_legend,
)

TIMELINE_PLOT: Final = "timeline.png"
TIMELINE_CAPTION: Final = "What was measured and scored, in time; dots are decided anomalous, shaded spans labelled so."
MOST_COLUMNS: Final = 3
# A picture is some 900 points wide: of more rows each point is the range of those it stands for.
_MOST_POINTS: Final = 1_800

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Rows of one entity, oldest first, n of them.

    Args:
        name: whose; "" where rows do not say.
        times_s: epoch seconds, shape (n,).
        columns: measured values by name, each of shape (n,); the first `MOST_COLUMNS` are drawn.
        scores: shape (n,).
        labels: 0, 1, or -1 where it is not known, shape (n,); None where nothing is labelled.
    """

    name: str
    times_s: Floats
    columns: dict[str, Floats]
    scores: Floats
    labels: NDArray[np.int8] | None = None


def write_timeline(directory: Path, shown: Timeline, *, threshold: float) -> dict[str, Path]:
    """Draw it, by file name; `directory` is made where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    columns = dict(list(shown.columns.items())[:MOST_COLUMNS])
    whose = f"{shown.name}: " if shown.name else ""
    title = f"{whose}measured, and scored"
    figure, panels = new_panels(title, heights=[1.9] * len(columns) + [1.7])
    flagged = np.flatnonzero(shown.scores >= threshold)
    dates = dates_of(shown.times_s)
    for axes, (name, values) in zip(panels, {**columns, "score": shown.scores}.items(), strict=True):
        places = _drawn(values)
        axes.plot(dates[places], values[places], color=NORMAL, linewidth=0.8)
        axes.plot(
            dates[flagged], values[flagged], color=ANOMALOUS, marker="o", markersize=4, linewidth=0, label="anomalous"
        )
        for first, last in _spans(shown.labels):
            axes.axvspan(dates[first], dates[last], color=QUIET, alpha=0.18, linewidth=0)
        axes.margins(x=0.01)
        label_axes(axes, x="", y=name)
        show_dates(axes)
    panels[-1].axhline(threshold, color=INK, linewidth=1, linestyle="--", label=f"threshold {threshold:.3g}")
    show_legend(panels[-1])
    return {TIMELINE_PLOT: save(figure, directory / TIMELINE_PLOT)}


def _drawn(values: Floats) -> NDArray[np.int64]:
    """The places that are drawn: all, or of each stretch its lowest and its highest value."""
    n = len(values)
    if n <= _MOST_POINTS:
        return np.arange(n)
    edges = np.linspace(0, n, _MOST_POINTS // 2 + 1).astype(np.int64)
    ends = [
        place
        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        for place in (first + int(values[first:last].argmin()), first + int(values[first:last].argmax()))
    ]
    return np.unique(ends)


def _spans(labels: NDArray[np.int8] | None) -> list[tuple[int, int]]:
    """First and last rows of labelled runs."""
    if labels is None:
        return []
    is_event = np.concatenate([[False], labels == 1, [False]])
    changes = np.flatnonzero(np.diff(is_event.astype(np.int8)))
    return [(first, last - 1) for first, last in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)]
