"""Promised paths that train our own logistic regression and decision tree on rows in the body, and beside scikit-learn's.

The answer comes at once and nothing is kept, so that the work is bounded beforehand: by rows, columns, classes and steps.
"""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from telltale.apps.storefront.hand_comparison import Compared, Figures, compare, figures
from telltale.apps.storefront.hand_rows import (
    MOST_BYTES,
    MOST_DEPTH,
    BodyFeatures,
    BodyLabels,
    bound_work,
    checked_rows,
)
from telltale.contract.route import Route, RouteRequest
from telltale.models import grown_tree, logistic_fit
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import LEAF, Criterion
from telltale.models.logistic_fit import Penalty, fit_logistic
from telltale.serve.routes.route_context import RouteContext

_COSTS_SHOWN: Final = 200


class LogisticBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes as whole numbers, and how to descend: plain steps of `learning_rate`, or null for our own."""

    features: BodyFeatures
    labels: BodyLabels
    learning_rate: Annotated[float, Meta(gt=0)] | None = 0.01
    n_iterations: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    regularization: Penalty | None = "l2"
    lambda_reg: Annotated[float, Meta(ge=0)] = 0.01


class TreeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes as whole numbers, and how far to grow and to prune."""

    features: BodyFeatures
    labels: BodyLabels
    max_depth: Annotated[int, Meta(ge=1, le=MOST_DEPTH)] = 5
    criterion: Criterion = "gini"
    min_samples_split: Annotated[int, Meta(ge=2)] = 2
    min_samples_leaf: Annotated[int, Meta(ge=1)] = 1
    ccp_alpha: Annotated[float, Meta(ge=0)] = 0.0


class CompareBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes, the share held out to be judged on, and the seed that chooses them."""

    features: BodyFeatures
    labels: BodyLabels
    test_size: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0


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


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node: where to go with a row, or in a leaf only the training rows of each class."""

    counts: tuple[int, ...]
    feature: int | None = None
    threshold: float | None = None
    left: int | None = None
    right: int | None = None


class TrainedTree(msgspec.Struct, frozen=True, kw_only=True):
    """A tree: drawn, and as nodes of which the first is the root; a row goes left where its value is not greater.

    `feature_importance` is the impurity taken away by questions about each feature, as shares of 1; `training_metrics` are on
    the rows it was trained on, which says little about others.
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


def train_logistic(_context: RouteContext, request: RouteRequest) -> TrainedLogistic:
    """Our logistic regression on these rows."""
    asked: LogisticBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    bound_work(rows.size * max(len(np.unique(labels)) - 1, 1) * asked.n_iterations)
    began = time.perf_counter()
    model = fit_logistic(
        rows,
        labels,
        penalty=asked.regularization or "none",
        lambda_reg=asked.lambda_reg,
        learning_rate=asked.learning_rate,
        n_iterations=asked.n_iterations,
    )
    seconds = time.perf_counter() - began
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
    )


def compare_models(_context: RouteContext, request: RouteRequest) -> Compared:
    """Our models beside scikit-learn's, each with its defaults."""
    asked: CompareBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    return compare(rows, labels, test_size=asked.test_size, seed=asked.seed)


def train_tree(_context: RouteContext, request: RouteRequest) -> TrainedTree:
    """Our decision tree on these rows."""
    asked: TreeBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    began = time.perf_counter()
    tree = grow_tree(
        rows,
        labels,
        criterion=asked.criterion,
        max_depth=asked.max_depth,
        min_samples_split=asked.min_samples_split,
        min_samples_leaf=asked.min_samples_leaf,
    )
    tree = grown_tree.prune(tree, asked.ccp_alpha)
    seconds = time.perf_counter() - began
    columns = zip(
        tree.feature.tolist(),
        tree.threshold.tolist(),
        tree.left.tolist(),
        tree.right.tolist(),
        tree.counts.astype(int).tolist(),
        strict=True,
    )
    return TrainedTree(
        classes=tuple(tree.classes.tolist()),
        tree=grown_tree.draw(tree),
        nodes=tuple(
            Node(counts=tuple(counts))
            if feature == LEAF
            else Node(counts=tuple(counts), feature=feature, threshold=threshold, left=left, right=right)
            for feature, threshold, left, right, counts in columns
        ),
        depth=tree.depth,
        n_leaves=tree.n_leaves,
        feature_importance=tuple(grown_tree.feature_importance(tree).tolist()),
        training_metrics=figures(labels, grown_tree.predict_classes(tree, rows)),
        seconds=round(seconds, 6),
    )


def _hand(path: str, summary: str, handle: Callable[[Any, RouteRequest], object], types: Sequence[type]) -> Route:
    body, answer = types
    return Route(
        method="POST",
        path=path,
        summary=summary,
        handle=handle,
        body=body,
        answer=answer,
        max_body_bytes=MOST_BYTES,
    )


HAND_ROUTES = (
    _hand(
        "/train/manual-logistic",
        "Our logistic regression on rows in the body",
        train_logistic,
        (LogisticBody, TrainedLogistic),
    ),
    _hand("/train/manual-tree", "Our decision tree on rows in the body", train_tree, (TreeBody, TrainedTree)),
    _hand(
        "/compare/models",
        "Our models beside scikit-learn's, on rows in the body",
        compare_models,
        (CompareBody, Compared),
    ),
)
