"""A picture of segments: how many rows each has, and what came of them later."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.figures import INK, NORMAL, label_axes, new_panels, save

SEGMENTS_PLOT = "segments.png"
SEGMENTS_CAPTION = "Each segment: its share of the rows, and what came of its rows later, with a 95 % interval."


def write_segment_plot(
    directory: Path,
    *,
    names: Sequence[str],
    rules: Sequence[str],
    which: NDArray[np.int64],
    later: NDArray[np.float64] | None,
    outcome: str,
) -> dict[str, Path]:
    """Draw the segments, by file name; nothing where there are no rows.

    Args:
        directory: made where it is missing.
        names: of the segments.
        rules: which rows most of each is made of.
        which: the segment of each row.
        later: what came of each row, NaN where it is not known; None where nothing ever is.
        outcome: its name.
    """
    if not len(which):
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    is_known = later is not None and bool(np.isfinite(later).any())
    heights = [1.2 + 0.6 * len(names)] * (2 if is_known else 1)
    figure, (first, *second) = new_panels("Who is alike", heights=heights)
    places = np.arange(len(names))
    shares = np.bincount(which, minlength=len(names)) / len(which)
    first.barh(places, 100 * shares, color=NORMAL, height=0.3)
    first.set_yticks(places, list(names))
    for place, rule in enumerate(rules):
        first.annotate(
            rule,
            (0, place),
            (4, 17),
            textcoords="offset points",
            va="center",
            fontsize=8 if len(rule) <= 55 else 7,
            color=INK,
        )
    first.set_ylim(len(names) - 0.4, -0.8)
    label_axes(first, x="% of rows", y="")
    if is_known and later is not None:
        axes = second[0]
        for place in places.tolist():
            own = later[(which == place) & np.isfinite(later)]
            if not len(own):
                continue
            mean, half = float(own.mean()), 1.96 * float(own.std()) / float(np.sqrt(len(own)))
            axes.plot((max(mean - half, 0.0), mean + half), (place, place), color=NORMAL, linewidth=4, alpha=0.35)
            axes.plot((mean,), (place,), marker="o", markersize=7, linestyle="none", color=NORMAL)
        axes.set_yticks(places, list(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(left=0)
        label_axes(axes, x=f"{outcome.replace('_', ' ')}, mean", y="")
    return {SEGMENTS_PLOT: save(figure, directory / SEGMENTS_PLOT)}
