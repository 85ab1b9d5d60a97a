"""A decision tree as a picture: a box a node, filled by what most of its rows are and by how many of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from telltale.evaluate.figures import AMBER, ANOMALOUS, GREEN, INK, NORMAL, QUIET, as_svg, save
from telltale.models.grown_tree import LEAF, Criterion, Tree, depths, split_gains

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BOXES: Final = 63  # more are not read any more; deeper questions are left out and counted
_BOX_WIDTH, _LEVEL_HEIGHT = 1.75, 1.15  # inches
_CLASSES: Final = (NORMAL, ANOMALOUS, GREEN, AMBER, "#7b5ea7", "#5b8c2a", "#8c564b", "#2a9db0")
_COUNTS_SHOWN: Final = 4
_NAME_SHOWN: Final = 22


def tree_figure(
    tree: Tree, names: Sequence[str] = (), *, criterion: Criterion = "gini", max_depth: int | None = None
) -> "Figure":
    """The tree, the root on top; a row goes to the left where the answer is yes.

    Each box says the question, the impurity of its rows and what the question takes away of it (with "entropy" that is the
    information gain, in bits), and how many training rows of each class came there.

    Args:
        tree: grown, and pruned where that is wanted.
        names: of the features; x0, x1, … where none are given.
        criterion: that it was grown by.
        max_depth: deeper questions are left out, and counted; fewer levels where more than `MOST_BOXES` would be drawn.
    """
    from matplotlib.figure import Figure

    shown = _shown(tree, max_depth)
    places = _places(tree, shown)
    n_wide = max(x for x, _ in places.values()) + 1.0
    n_high = max(y for _, y in places.values()) + 1.0
    figure = Figure(
        figsize=(max(n_wide * _BOX_WIDTH, 5.0), n_high * _LEVEL_HEIGHT + 0.5),
        dpi=144,
        layout="constrained",
        facecolor="white",
    )
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.55, n_wide - 0.45)
    axes.set_ylim(n_high - 0.45, -0.5)
    words = f"{tree.n_leaves} {'leaf' if tree.n_leaves == 1 else 'leaves'}, {tree.depth} questions deep"
    if len(tree.classes) <= _COUNTS_SHOWN:
        words += f"; rows of class {' / '.join(map(str, tree.classes.tolist()))}"
    left_out = (
        "" if len(shown) == len(tree.feature) else f"; {len(tree.feature) - len(shown)} boxes further down left out"
    )
    axes.set_title(f"Decision tree: {words}{left_out}", loc="left", fontsize=11, fontweight="bold", color=INK)
    gains = split_gains(tree)
    known = list(names) or [f"x{number}" for number in range(tree.n_features)]
    for node in shown:
        _draw_edges(axes, tree, node, places)
    for node in shown:
        is_cut = tree.feature[node] != LEAF and int(tree.left[node]) not in places
        _draw_box(axes, tree, node, places[node], known, criterion=criterion, gain=float(gains[node]), is_cut=is_cut)
    return figure


def tree_svg(
    tree: Tree, names: Sequence[str] = (), *, criterion: Criterion = "gini", max_depth: int | None = None
) -> str:
    """The picture as SVG; the same tree gives the same text."""
    return as_svg(tree_figure(tree, names, criterion=criterion, max_depth=max_depth))


def save_tree(
    tree: Tree,
    path: Path,
    names: Sequence[str] = (),
    *,
    criterion: Criterion = "gini",
    max_depth: int | None = None,
) -> Path:
    """Write the picture, as SVG where the file's suffix says so, else as PNG."""
    return save(tree_figure(tree, names, criterion=criterion, max_depth=max_depth), path)


def _shown(tree: Tree, max_depth: int | None) -> list[int]:
    """The nodes that are drawn: whole levels, from the root."""
    depth = depths(tree)
    deepest = int(depth.max()) if max_depth is None else min(max_depth, int(depth.max()))
    while deepest > 1 and int((depth <= deepest).sum()) > MOST_BOXES:
        deepest -= 1
    return [int(node) for node in np.flatnonzero(depth <= deepest)]


def _places(tree: Tree, shown: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Where each node stands: leaves beside each other, every other one above the middle of its two."""
    there, depth = set(shown), depths(tree)
    places: dict[int, tuple[float, float]] = {}
    column = 0
    waiting = [(0, False)]
    while waiting:
        node, is_below_placed = waiting.pop()
        left, right = int(tree.left[node]), int(tree.right[node])
        if left not in there:
            places[node] = (float(column), float(depth[node]))
            column += 1
        elif is_below_placed:
            places[node] = ((places[left][0] + places[right][0]) / 2.0, float(depth[node]))
        else:
            waiting += [(node, True), (right, False), (left, False)]
    return places


def _draw_edges(axes: "Axes", tree: Tree, node: int, places: dict[int, tuple[float, float]]) -> None:
    x, y = places[node]
    for below, word in ((int(tree.left[node]), "yes"), (int(tree.right[node]), "no")):
        if below in places:
            to_x, to_y = places[below]
            axes.plot((x, to_x), (y, to_y), color=QUIET, linewidth=1.0, zorder=1)
            axes.text(
                (x + to_x) / 2.0,
                (y + to_y) / 2.0 + 0.02,
                word,
                fontsize=7.5,
                color=QUIET,
                ha="center",
                va="center",
                zorder=2,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            )


def _draw_box(
    axes: "Axes",
    tree: Tree,
    node: int,
    place: tuple[float, float],
    names: Sequence[str],
    *,
    criterion: Criterion,
    gain: float,
    is_cut: bool,
) -> None:
    counts = tree.counts[node]
    n_rows, top = int(counts.sum()), int(counts.argmax())
    is_leaf = tree.feature[node] == LEAF
    lines = [
        f"class {tree.classes[top]}"
        if is_leaf
        else f"{_short(names[tree.feature[node]])} ≤ {tree.threshold[node]:.4g}?"
    ]
    lines.append(f"{criterion} {tree.impurity[node]:.3f}" + ("" if is_leaf else f", gain {gain:.3f}"))
    lines.append(f"{n_rows:,} {'row' if n_rows == 1 else 'rows'}: {_counts(counts)}")
    if is_cut:
        lines.append("further questions left out")
    axes.text(
        *place,
        "\n".join(lines),
        fontsize=8,
        color=INK,
        ha="center",
        va="center",
        linespacing=1.35,
        fontweight="bold" if is_leaf else "normal",
        zorder=3,
        bbox={
            "boxstyle": "round,pad=0.45",
            "facecolor": _filled(_CLASSES[top % len(_CLASSES)], float(counts[top] / counts.sum()), len(counts)),
            "edgecolor": _CLASSES[top % len(_CLASSES)],
            "linewidth": 1.2,
            "linestyle": "--" if is_cut else "-",
        },
    )


def _counts(counts: "np.typing.NDArray[np.float64]") -> str:
    """Rows of each class; of many classes those of the largest."""
    if len(counts) <= _COUNTS_SHOWN:
        return " / ".join(f"{int(count):,}" for count in counts)
    return f"{int(counts.max()):,} of the largest class"


def _filled(colour: str, share: float, n_classes: int) -> tuple[float, float, float]:
    """White where no class is in the majority, and half of the class's colour where all rows are of it."""
    from matplotlib.colors import to_rgb

    least = 1.0 / max(n_classes, 2)
    weight = 0.5 * max(share - least, 0.0) / (1.0 - least)
    red, green, blue = (1.0 - weight * (1.0 - part) for part in to_rgb(colour))
    return red, green, blue


def _short(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 1]}…"
