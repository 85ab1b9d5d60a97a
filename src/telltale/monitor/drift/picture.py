"""A picture of a window beside its reference: a column a panel, a bin a pair of bars."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telltale.evaluate.figures import ANOMALOUS, INK, NORMAL, QUIET, RULE, save
from telltale.features.summaries.stream import Reference, Summary
from telltale.monitor.drift.aspects import like_for_like
from telltale.monitor.drift.decide import Drift, FeatureDrift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 0.4


def draw_drift(reference: Reference, current: Summary, drift: Drift, path: Path) -> Path:
    """Write a PNG with the shares of every column's bins, in the reference at like hours and in the window.

    A column without a value in like hours is left out.

    Args:
        reference: of the version.
        current: the window.
        drift: what was found of it.
        path: the file.
    """
    from matplotlib.figure import Figure

    shares = [like_for_like(*both)[:2] for both in zip(reference.summary.features, current.features, strict=True)]
    shown = [(one, *both) for one, both in zip(drift.features, shares, strict=True) if all(part.sum() for part in both)]
    n_panels = max(len(shown), 1)
    figure = Figure(figsize=(7.2, 0.8 + 1.7 * n_panels), dpi=144, layout="constrained", facecolor="white")
    panels = figure.subplots(n_panels, 1, squeeze=False)[:, 0]
    for axes, (one, expected, found) in zip(panels, shown, strict=False):
        _panel(axes, one)
        at = np.arange(len(expected))
        axes.bar(at - _WIDTH / 2, expected / expected.sum(), _WIDTH, color=NORMAL, label="reference")
        axes.bar(at + _WIDTH / 2, found / found.sum(), _WIDTH, color=ANOMALOUS, label="window")
    panels[0].legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper right")
    panels[-1].set_xlabel("bins of the reference, lowest values first", fontsize=9, color=INK)
    return save(figure, path)


def _panel(axes: "Axes", one: FeatureDrift) -> None:
    verdict = "undecided" if one.drifted is None else "drifted" if one.drifted else "as before"
    by = "" if one.shift is None else f", shift {one.shift:+.2f} sd"
    axes.set_title(f"{one.name}: {verdict}{by}", loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=RULE, linewidth=0.8, axis="y")
    axes.set_axisbelow(True)
    axes.set_xticks([])
    axes.set_ylabel("share", fontsize=8, color=INK)
