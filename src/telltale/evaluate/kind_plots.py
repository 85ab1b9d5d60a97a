"""One picture for every task that does not score: each figure with its interval, beside what is asked of it."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.figures import AMBER, ANOMALOUS, INK, NORMAL, label_axes, new_figure, save, show_legend
from telltale.evaluate.wording import figure_name, figure_text

METRICS_PLOT = "figures.png"
METRICS_CAPTION = "Every figure with its 95 % interval, beside what is asked of it."


def write_metrics_plot(
    directory: Path, *, metrics: Mapping[str, Measured], targets: tuple[Target, ...]
) -> dict[str, Path]:
    """Draw the figures, by file name; nothing where there are none.

    Args:
        directory: made where it is missing.
        metrics: figures; those that are shares or about as large are drawn, the others would hide them.
        targets: their limits are drawn beside them.
    """
    shown = {name: found for name, found in metrics.items() if isfinite(found.value) and abs(found.value) <= 2.0}
    if not shown:
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    figure, axes = new_figure("What the version is worth", height=1.6 + 0.42 * len(shown))
    limits = {target.metric: target for target in targets}
    for place, (name, found) in enumerate(shown.items()):
        is_missed = name in limits and not _keeps(limits[name], found.value)
        colour = ANOMALOUS if is_missed else NORMAL
        if isfinite(found.low) and isfinite(found.high):
            axes.plot((found.low, found.high), (place, place), color=colour, linewidth=4, alpha=0.35)
        axes.plot((found.value,), (place,), marker="o", markersize=7, linestyle="none", color=colour)
        axes.annotate(
            figure_text(name, found.value), (found.value, place), (0, 8), textcoords="offset points",
            ha="center", fontsize=8, color=INK,
        )  # fmt: skip
        if name in limits:
            axes.plot((limits[name].limit,), (place,), marker="|", markersize=18, markeredgewidth=2, color=AMBER)
    axes.plot((), (), marker="|", markersize=12, markeredgewidth=2, linestyle="none", color=AMBER, label="asked")
    axes.plot((), (), linewidth=4, alpha=0.35, color=NORMAL, label="95 % interval")
    axes.set_yticks(range(len(shown)), [figure_name(name) for name in shown])
    axes.set_ylim(len(shown) - 0.4, -0.8)
    label_axes(axes, x="", y="")
    show_legend(axes, below=True)
    return {METRICS_PLOT: save(figure, directory / METRICS_PLOT)}


def _keeps(target: Target, value: float) -> bool:
    return value >= target.limit if target.op == ">=" else value <= target.limit
