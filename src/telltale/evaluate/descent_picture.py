"""How a logistic regression was found, and what it rests on: its cost step by step, and the size of its weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from telltale.evaluate.figures import INK, NORMAL, QUIET, as_svg, label_axes, new_panels, save, show_plain_numbers
from telltale.models.logistic_fit import LogisticModel, feature_importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FEATURES: Final = 20
_MOST_POINTS: Final = 2_000


def descent_figure(model: LogisticModel, names: Sequence[str] = ()) -> "Figure":
    """The cost after each step, and below it how much each feature weighs, the heaviest first.

    Args:
        model: fitted.
        names: of the features; x0, x1, … where none are given.
    """
    weights = feature_importance(model)
    known = list(names) or [f"x{number}" for number in range(len(weights))]
    heaviest = np.argsort(-weights, kind="stable")[:MOST_FEATURES]
    figure, (cost, importance) = new_panels(
        "Logistic regression by gradient descent", heights=(3.2, 0.9 + 0.28 * len(heaviest))
    )
    n_steps = len(model.costs) - 1
    steps = np.unique(np.linspace(0, n_steps, min(n_steps + 1, _MOST_POINTS)).round().astype(int))
    costs = np.asarray(model.costs)[steps]
    cost.plot(steps, costs, color=NORMAL, linewidth=1.8)
    ending = "settled" if model.settled else "not settled yet"
    cost.annotate(
        f"{costs[-1]:.4g} after {n_steps:,} steps, {ending}",
        (float(steps[-1]), float(costs[-1])),
        xytext=(-6, 14),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=INK,
    )
    label_axes(cost, x="step", y="mean log loss + penalty")
    show_plain_numbers(cost.yaxis)
    importance.barh([known[place] for place in heaviest][::-1], weights[heaviest][::-1], color=NORMAL, height=0.62)
    importance.grid(visible=False, axis="y")
    label_axes(importance, x="share of the size of all normalised weights", y="")
    if len(heaviest) < len(weights):
        importance.set_title(f"{len(heaviest)} of {len(weights)} features", loc="left", fontsize=9, color=QUIET)
    return figure


def descent_svg(model: LogisticModel, names: Sequence[str] = ()) -> str:
    """The picture as SVG; the same model gives the same text."""
    return as_svg(descent_figure(model, names))


def save_descent(model: LogisticModel, path: Path, names: Sequence[str] = ()) -> Path:
    """Write the picture, as SVG where the file's suffix says so, else as PNG."""
    return save(descent_figure(model, names), path)
