"""One picture per benchmark: a panel per metric, a bar per method, a dot per case."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.catalogue import Benchmark
from benchmarks.results import Result, Row
from benchmarks.show import cell

_OURS, _OTHER, _DOT = "#0b6e99", "#b8c4cc", "#22313a"
_LOG_FROM = 30.0  # figures further apart than this ratio are drawn on a logarithmic scale


def draw(result: Result, benchmark: Benchmark, path: Path) -> None:
    """Write a PNG of the metrics to be shown."""
    metrics = [metric for metric in benchmark.shown if any(row.metrics.get(metric) is not None for row in result.rows)]
    figure = Figure(figsize=(3.1 * len(metrics) + 1.2, 0.42 * len(result.rows) + 1.3), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for place, metric in enumerate(metrics):
        better = "lower" if metric in benchmark.lower_is_better else "higher"
        _panel(axes[place], result.rows, metric, better=better, named=place == 0)
    figure.savefig(path, metadata={"Software": None})


def _panel(axes: Axes, rows: Sequence[Row], metric: str, *, better: str, named: bool) -> None:
    values = [row.metrics.get(metric) for row in rows]
    cases = [figures.get(metric) for row in rows for figures in row.by_case.values()]
    known = [value for value in (*values, *cases) if value is not None]
    positive = [value for value in known if value > 0]
    if len(positive) == len(known) and max(positive) > _LOG_FROM * min(positive):
        axes.set_xscale("log")
        axes.set_xlim(min(positive) / 2, max(positive) * 4)
    else:
        axes.set_xlim(0, max([*known, 1e-12]) * 1.3)
        if 0.5 < max(known) <= 1:  # a share: no ticks beyond the whole
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        if value is None:
            continue
        axes.barh(place, value, color=_OURS if row.ours else _OTHER, height=0.62)
        dots = [found for figures in row.by_case.values() if (found := figures.get(metric)) is not None]
        if len(dots) > 1:
            axes.plot(dots, [place] * len(dots), ".", color=_DOT, markersize=3, alpha=0.6)
        axes.annotate(
            cell(value),
            (max([value, *dots]), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows] if named else [""] * len(rows), fontsize=8)
    axes.invert_yaxis()
    axes.set_title(f"{metric} ({better} is better)", fontsize=8.5, loc="left")
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
