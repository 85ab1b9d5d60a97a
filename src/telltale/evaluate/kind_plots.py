"""One picture for every task that does not score: each figure with its interval, beside what is asked of it."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.figures import AMBER, ANOMALOUS, INK, NORMAL, label_axes, new_panels, save, show_legend
from telltale.evaluate.wording import figure_name, figure_text, is_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS_PLOT = "figures.png"
METRICS_CAPTION = "Every figure with its 95 % interval, beside what is asked of it."

_COUNTS = frozenset({"effective_n"})


def write_metrics_plot(
    directory: Path, *, metrics: Mapping[str, Measured], targets: tuple[Target, ...]
) -> dict[str, Path]:
    """Draw the figures, by file name; nothing where there are none.

    Args:
        directory: made where it is missing.
        metrics: figures; shares in one panel, those in a unit of the task's own in another; counts are left out.
        targets: their limits are drawn beside them.
    """
    finite = {name: found for name, found in metrics.items() if isfinite(found.value) and name not in _COUNTS}
    panels = [{name: found for name, found in finite.items() if is_share(name) is wanted} for wanted in (True, False)]
    panels = [panel for panel in panels if panel]
    if not panels:
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    figure, drawn = new_panels("What the version is worth", heights=[1.0 + 0.42 * len(panel) for panel in panels])
    limits = {target.metric: target for target in targets}
    for axes, panel in zip(drawn, panels, strict=True):
        _draw(axes, panel, limits)
    last = drawn[-1]
    last.plot((), (), marker="|", markersize=12, markeredgewidth=2, linestyle="none", color=AMBER, label="asked")
    last.plot((), (), linewidth=4, alpha=0.35, color=NORMAL, label="95 % interval")
    show_legend(last, below=True)
    return {METRICS_PLOT: save(figure, directory / METRICS_PLOT)}


def _draw(axes: "Axes", shown: Mapping[str, Measured], limits: Mapping[str, Target]) -> None:
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
    axes.set_yticks(range(len(shown)), [figure_name(name) for name in shown])
    axes.set_ylim(len(shown) - 0.4, -0.8)
    axes.margins(x=0.08)
    label_axes(axes, x="", y="")


def _keeps(target: Target, value: float) -> bool:
    return value >= target.limit if target.op == ">=" else value <= target.limit
