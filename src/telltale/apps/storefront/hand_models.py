"""Our logistic regression and decision tree as values that are sent and printed: fitted, drawn and measured."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from telltale.apps.storefront.hand_comparison import Figures, figures
from telltale.apps.storefront.hand_rows import Labels, Matrix
from telltale.models import grown_tree, logistic_fit
from telltale.models.grown_tree import LEAF, Tree
from telltale.models.logistic_fit import LogisticModel

_COSTS_SHOWN: Final = 200


class TrainedLogistic(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or one per class, for features as they were sent: the class of the highest `features @ weights + bias`.

    Args:
        classes: ascending; of two classes there is one line, above 0 for the second.
        weights: shape (features, lines).
        bias: one per line.
        feature_importance: size of the weights of normalised features, as shares of 1.
        cost_history: mean log loss plus penalty; of many steps about 200, the first and the last among them.
        n_iterations: steps taken.
        stopped_early: the cost no longer fell.
        training_metrics: on the rows it was trained on, which says little about others.
        seconds: of training.
        picture: the cost history and the importance as SVG, where it was asked for.
    """

    classes: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    feature_importance: tuple[float, ...]
    cost_history: tuple[float, ...]
    n_iterations: int
    stopped_early: bool
    training_metrics: Figures
    seconds: float
    model: str = "manual_logistic_regression"
    picture: str | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node: where to go with a row, or in a leaf only the training rows of each class.

    `impurity` is of those rows, and `gain` what the question takes away of it: by "entropy" the information gain in bits.
    """

    counts: tuple[int, ...]
    impurity: float
    feature: int | None = None
    threshold: float | None = None
    left: int | None = None
    right: int | None = None
    gain: float | None = None


class TrainedTree(msgspec.Struct, frozen=True, kw_only=True):
    """A tree: drawn, and as nodes of which the first is the root; a row goes left where its value is not greater.

    `feature_importance` is the impurity taken away by questions about each feature, as shares of 1; `training_metrics` are on
    the rows it was trained on, which says little about others. `picture` is the tree as SVG, where it was asked for.
    """

    classes: tuple[int, ...]
    tree: str
    nodes: tuple[Node, ...]
    depth: int
    n_leaves: int
    feature_importance: tuple[float, ...]
    training_metrics: Figures
    seconds: float
    model: str = "manual_decision_tree"
    picture: str | None = None


def told_logistic(
    model: LogisticModel,
    rows: Matrix,
    labels: Labels,
    *,
    seconds: float,
    names: Sequence[str] = (),
    picture: bool = False,
) -> TrainedLogistic:
    """What is told of a fitted logistic regression, `rows` and `labels` being those that it was fitted on."""
    weights = model.weights / model.scale[:, None]
    n_costs = len(model.costs)
    shown = np.unique(np.linspace(0, n_costs - 1, min(n_costs, _COSTS_SHOWN)).round().astype(int))
    return TrainedLogistic(
        classes=tuple(model.classes.tolist()),
        weights=tuple(map(tuple, weights.tolist())),
        bias=tuple((model.intercept - model.mean @ weights).tolist()),
        feature_importance=tuple(logistic_fit.feature_importance(model).tolist()),
        cost_history=tuple(model.costs[place] for place in shown),
        n_iterations=n_costs - 1,
        stopped_early=model.settled,
        training_metrics=figures(labels, logistic_fit.predict_classes(model, rows)),
        seconds=round(seconds, 6),
        picture=_descent(model, names) if picture else None,
    )


def told_tree(
    tree: Tree,
    rows: Matrix,
    labels: Labels,
    *,
    criterion: grown_tree.Criterion,
    seconds: float,
    names: Sequence[str] = (),
    picture: bool = False,
) -> TrainedTree:
    """What is told of a grown tree, `rows` and `labels` being those that it was grown on."""
    columns = zip(
        tree.feature.tolist(),
        tree.threshold.tolist(),
        tree.left.tolist(),
        tree.right.tolist(),
        tree.counts.astype(int).tolist(),
        tree.impurity.tolist(),
        grown_tree.split_gains(tree).tolist(),
        strict=True,
    )
    return TrainedTree(
        classes=tuple(tree.classes.tolist()),
        tree=grown_tree.draw(tree, names),
        nodes=tuple(
            Node(counts=tuple(counts), impurity=impurity)
            if feature == LEAF
            else Node(
                counts=tuple(counts),
                impurity=impurity,
                feature=feature,
                threshold=threshold,
                left=left,
                right=right,
                gain=gain,
            )
            for feature, threshold, left, right, counts, impurity, gain in columns
        ),
        depth=tree.depth,
        n_leaves=tree.n_leaves,
        feature_importance=tuple(grown_tree.feature_importance(tree).tolist()),
        training_metrics=figures(labels, grown_tree.predict_classes(tree, rows)),
        seconds=round(seconds, 6),
        picture=_tree(tree, names, criterion) if picture else None,
    )


def _descent(model: LogisticModel, names: Sequence[str]) -> str:
    from telltale.evaluate.descent_picture import descent_svg

    return descent_svg(model, names)


def _tree(tree: Tree, names: Sequence[str], criterion: grown_tree.Criterion) -> str:
    from telltale.evaluate.tree_picture import tree_svg

    return tree_svg(tree, names, criterion=criterion)
