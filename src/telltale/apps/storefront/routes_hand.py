"""Promised paths that train our own logistic regression and decision tree on rows in the body, and beside scikit-learn's.

The answer comes at once and nothing is kept, so that the work is bounded beforehand: by rows, columns, classes and steps.
"""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from telltale.apps.storefront.hand_comparison import Compared, compare
from telltale.apps.storefront.hand_models import TrainedLogistic, TrainedTree, told_logistic, told_tree
from telltale.apps.storefront.hand_rows import (
    MOST_BYTES,
    MOST_DEPTH,
    BodyFeatures,
    BodyLabels,
    bound_work,
    check_names,
    checked_rows,
)
from telltale.contract.route import Route, RouteRequest
from telltale.models import grown_tree
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import Criterion
from telltale.models.logistic_fit import Penalty, fit_logistic
from telltale.serve.routes.route_context import RouteContext

Picture = Literal["svg"]
FeatureNames = tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...]


class LogisticBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes as whole numbers, and how to descend: plain steps of `learning_rate`, or null for our own.

    With `picture` "svg" the answer has the cost history and the importance as a picture, by `feature_names` where they are given.
    """

    features: BodyFeatures
    labels: BodyLabels
    learning_rate: Annotated[float, Meta(gt=0)] | None = 0.01
    n_iterations: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    regularization: Penalty | None = "l2"
    lambda_reg: Annotated[float, Meta(ge=0)] = 0.01
    feature_names: FeatureNames = ()
    picture: Picture | None = None


class TreeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes as whole numbers, and how far to grow and to prune; with `picture` "svg" the tree is drawn too."""

    features: BodyFeatures
    labels: BodyLabels
    max_depth: Annotated[int, Meta(ge=1, le=MOST_DEPTH)] = 5
    criterion: Criterion = "gini"
    min_samples_split: Annotated[int, Meta(ge=2)] = 2
    min_samples_leaf: Annotated[int, Meta(ge=1)] = 1
    ccp_alpha: Annotated[float, Meta(ge=0)] = 0.0
    feature_names: FeatureNames = ()
    picture: Picture | None = None


class CompareBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows, their classes, the share held out to be judged on, and the seed that chooses them."""

    features: BodyFeatures
    labels: BodyLabels
    test_size: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0


def train_logistic(_context: RouteContext, request: RouteRequest) -> TrainedLogistic:
    """Our logistic regression on these rows."""
    asked: LogisticBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    check_names(asked.feature_names, rows)
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
    is_drawn = asked.picture is not None
    return told_logistic(model, rows, labels, seconds=seconds, names=asked.feature_names, picture=is_drawn)


def compare_models(_context: RouteContext, request: RouteRequest) -> Compared:
    """Our models beside scikit-learn's, each with its defaults."""
    asked: CompareBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    return compare(rows, labels, test_size=asked.test_size, seed=asked.seed)


def train_tree(_context: RouteContext, request: RouteRequest) -> TrainedTree:
    """Our decision tree on these rows."""
    asked: TreeBody = request.body
    rows, labels = checked_rows(asked.features, asked.labels)
    check_names(asked.feature_names, rows)
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
    return told_tree(
        tree,
        rows,
        labels,
        criterion=asked.criterion,
        seconds=seconds,
        names=asked.feature_names,
        picture=asked.picture is not None,
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
