"""The look of every plot: one size, one palette, one way onto disk.

Figures are made as objects and never through `pyplot`, whose global state two threads would share.
"""

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Blue and red are promised for normal and anomalous. These two also differ in lightness, and no plot tells classes
# apart by colour alone. Green and amber are from the palette of Okabe and Ito, made for colour-blind readers.
NORMAL = "#2f6fb3"
ANOMALOUS = "#b8202f"
GREEN = "#009e73"
AMBER = "#d98200"
INK = "#22272e"
QUIET = "#66707c"
RULE = "#e3e6ea"


def new_figure(title: str, *, height: float = 4.6) -> "tuple[Figure, Axes]":
    """An empty figure with one pair of axes; `height` in inches, 6.4 wide."""
    figure, (axes,) = new_panels(title, heights=(height,))
    return figure, axes


def new_panels(title: str, *, heights: "Sequence[float]") -> "tuple[Figure, list[Axes]]":
    """The same with several pairs of axes below each other, under one title; none of no height."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, sum(heights)), dpi=144, layout="constrained", facecolor="white")
    found = list(figure.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0])
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(QUIET)
        axes.tick_params(colors=INK, labelsize=9)
        axes.grid(color=RULE, linewidth=0.8)
        axes.set_axisbelow(True)
    found[0].set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=12)
    return figure, found


def label_axes(axes: "Axes", *, x: str, y: str) -> None:
    """Say what the axes show, with units."""
    axes.set_xlabel(x, fontsize=10, color=INK, labelpad=6)
    axes.set_ylabel(y, fontsize=10, color=INK, labelpad=6)


def show_plain_numbers(axis: "Axis") -> None:
    """Write ticks as 0.01, 1, 1,000 and not as powers of ten or with idle zeros."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def dates_of(times_s: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Epoch seconds as a date axis takes them."""
    return np.round(times_s * 1e6).astype("datetime64[us]")


def show_dates(axes: "Axes") -> None:
    """Write the ticks of the x axis as short dates, eight at most."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    # With the usual five at least there are spans, of some hours or months, for which no step of hours or minutes is right.
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # the library has no types here
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # nor here


def show_shares(axes: "Axes", *, which: str = "both") -> None:
    """Give axes that carry rates the range 0 to 100 %."""
    from matplotlib.ticker import PercentFormatter

    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if which in {name, "both"}:
            axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
            axis.set_ticks(np.linspace(0, 1, 6))
            (axes.set_xlim if name == "x" else axes.set_ylim)(-0.02, 1.02)


def mark_point(axes: "Axes", x: float, y: float, *, label: str) -> None:
    """Mark where the version decides."""
    axes.plot(
        (x,),
        (y,),
        marker="o",
        markersize=9,
        linestyle="none",
        markerfacecolor=AMBER,
        markeredgecolor="white",
        markeredgewidth=1.5,
        zorder=5,
        label=label,
    )


def show_legend(axes: "Axes", *, below: bool = False, columns: int = 4) -> None:
    """A quiet legend: inside where it hides least, or below the axes where curves fill them, in so many columns."""
    if below:
        axes.legend(
            fontsize=9,
            frameon=False,
            labelcolor=INK,
            ncols=columns,
            columnspacing=1.4,
            handlelength=1.8,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
        )
    else:
        axes.legend(fontsize=9, frameon=True, framealpha=0.92, edgecolor=RULE, labelcolor=INK, loc="best")


def spans_magnitudes(scores: NDArray[np.float64]) -> bool:
    """Whether scores want a logarithmic axis: all positive, and the largest 50 times the median or more."""
    return bool(scores.size and scores.min() > 0 and scores.max() >= 50 * np.median(scores))


def thinned(n: int, *, keep: int = 1500) -> NDArray[np.intp]:
    """At most about `keep` of `n` positions, densest at the start, where curves of rare positives bend.

    >>> thinned(4).tolist()
    [0, 1, 2, 3]
    """
    if n <= keep:
        return np.arange(n)
    early = np.geomspace(1, n, keep // 2).astype(np.intp) - 1
    even = np.linspace(0, n - 1, keep // 2).astype(np.intp)
    return np.unique(np.concatenate((early, even)))


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure as SVG where the file's suffix says so, else as PNG; the same figure gives the same bytes."""
    if path.suffix.lower() == ".svg":
        path.write_text(as_svg(figure), encoding="utf-8")
        return path
    figure.savefig(path, format="png", metadata={"Software": None})
    return path


def as_svg(figure: "Figure") -> str:
    """A figure as SVG with its words as text; the same figure gives the same text."""
    import matplotlib as mpl

    # Said anew each time: they are the process's own, and nobody else of us writes SVG.
    mpl.rcParams["svg.hashsalt"] = "telltale"
    mpl.rcParams["svg.fonttype"] = "none"
    written = StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()
