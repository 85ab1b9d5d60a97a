"""A grown decision tree: asking it, pruning it, drawing it."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from telltale.contract.estimator import Floats

Criterion = Literal["gini", "entropy"]
Integers = NDArray[np.int64]

LEAF: Final = -1
_ROUNDING: Final = 1e-12


class Tree(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Arrays with an entry for each node, the root first and each level before the next.

    Args:
        classes: the labels, ascending.
        feature: what the node asks of, or -1 in a leaf.
        threshold: a row goes left where its value is not greater.
        left, right: the nodes below, -1 in a leaf.
        counts: training rows of each class in the node, shape (nodes, classes).
        impurity: of those rows.
        n_features: of the training rows.
    """

    classes: Integers
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    counts: Floats
    impurity: Floats
    n_features: int

    @property
    def n_leaves(self) -> int:
        """How many leaves there are."""
        return int((self.feature == LEAF).sum())

    @property
    def depth(self) -> int:
        """Questions on the longest way down."""
        return int(depths(self).max())


def impurity_of(counts: Floats, criterion: Criterion) -> Floats:
    """Gini impurity, or entropy in bits, of nodes with these counts of each class, shape (..., classes).

    >>> impurity_of(np.array([[2.0, 2.0], [4.0, 0.0]]), "entropy").tolist()
    [1.0, 0.0]
    """
    shares = counts / counts.sum(axis=-1, keepdims=True)
    if criterion == "gini":
        return np.asarray(1.0 - (shares**2).sum(axis=-1), dtype=np.float64)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.abs((shares * logs).sum(axis=-1)), dtype=np.float64)


def leaves_of(
    features: ArrayLike, *, feature: Integers, threshold: Floats, left: Integers, right: Integers
) -> Integers:
    """The node in which each row ends; values are compared in float32, as they were in growing."""
    rows = np.asarray(features, dtype=np.float32)
    node = np.zeros(len(rows), dtype=np.int64)
    on_the_way = np.arange(len(rows)) if feature[0] != LEAF else np.empty(0, dtype=np.int64)
    while len(on_the_way):
        at = node[on_the_way]
        below = np.where(rows[on_the_way, feature[at]] <= threshold[at], left[at], right[at])
        node[on_the_way] = below
        on_the_way = on_the_way[feature[below] != LEAF]
    return node


def class_shares(tree: Tree, features: ArrayLike) -> Floats:
    """The share of each class among the training rows of a row's leaf, shape (n, classes)."""
    leaf = leaves_of(features, feature=tree.feature, threshold=tree.threshold, left=tree.left, right=tree.right)
    counts = tree.counts[leaf]
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def predict_classes(tree: Tree, features: ArrayLike) -> Integers:
    """The most frequent class of each row's leaf, the lower label where two are."""
    return np.asarray(tree.classes[class_shares(tree, features).argmax(axis=1)], dtype=np.int64)


def split_gains(tree: Tree) -> Floats:
    """How much impurity each node's question takes away from its rows, on average; 0 in a leaf.

    Of a tree grown by entropy that is the information gain of the split, in bits.

    >>> from telltale.models.decision_tree_growth import grow_tree
    >>> split_gains(grow_tree([[1.0], [2.0], [4.0], [5.0]], [0, 0, 1, 1], criterion="entropy")).tolist()
    [1.0, 0.0, 0.0]
    """
    size = tree.counts.sum(axis=1)
    held = size * tree.impurity
    inner = np.flatnonzero(tree.feature != LEAF)
    gains = np.zeros(len(size))
    gains[inner] = (held[inner] - held[tree.left[inner]] - held[tree.right[inner]]) / size[inner]
    return gains


def feature_importance(tree: Tree) -> Floats:
    """How much impurity the questions about each feature took away, as shares of 1 (0 where none was asked).

    It favours features of many values; for what a model rests on, permutation says more.
    """
    inner = np.flatnonzero(tree.feature != LEAF)
    gain = split_gains(tree) * tree.counts.sum(axis=1)
    total = np.bincount(tree.feature[inner], weights=gain[inner], minlength=tree.n_features)
    return np.asarray(total / max(total.sum(), np.finfo(np.float64).tiny), dtype=np.float64)


def prune(tree: Tree, alpha: float) -> Tree:
    """The smallest tree under this one of the least cost: impurity of the leaves, by share of rows, plus `alpha` a leaf.

    With 0 the tree stays as it is.

    References:
        Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984, section 3.3.
    """
    if alpha <= 0:
        return tree
    size = tree.counts.sum(axis=1)
    cost = tree.impurity * size / size[0] + alpha
    is_inner = tree.feature != LEAF
    for node in np.flatnonzero(is_inner)[::-1]:  # children come after their parent
        below = cost[tree.left[node]] + cost[tree.right[node]]
        is_inner[node] = below < cost[node] - _ROUNDING
        cost[node] = min(cost[node], below)
    is_kept = np.zeros(len(size), dtype=bool)
    is_kept[0] = True
    for node in np.flatnonzero(is_inner):
        is_kept[[tree.left[node], tree.right[node]]] = is_kept[node]
    number = np.cumsum(is_kept) - 1
    is_leaf = ~is_inner[is_kept]
    return msgspec.structs.replace(
        tree,
        feature=np.where(is_leaf, LEAF, tree.feature[is_kept]),
        threshold=np.where(is_leaf, 0.0, tree.threshold[is_kept]),
        left=np.where(is_leaf, LEAF, number[tree.left[is_kept]]),
        right=np.where(is_leaf, LEAF, number[tree.right[is_kept]]),
        counts=tree.counts[is_kept],
        impurity=tree.impurity[is_kept],
    )


def draw(tree: Tree, names: Sequence[str] = (), *, max_depth: int | None = None) -> str:
    """The tree as text, a line a node.

    Args:
        tree: the tree.
        names: of the features; x0, x1, … where none are given.
        max_depth: deeper nodes are left out, and counted.

    >>> from telltale.models.decision_tree_growth import grow_tree
    >>> print(draw(grow_tree([[1.0], [2.0], [4.0]], [0, 0, 1]), ["age"]))
    age <= 3: 3 rows
    |- yes: class 0 (2 of 2)
    `- no: class 1 (1 of 1)
    """
    levels = depths(tree)
    known = names or [f"x{number}" for number in range(tree.n_features)]
    lines = []
    waiting = [(0, "", "")]
    while waiting:
        node, before, indent = waiting.pop()
        counts = tree.counts[node]
        n_rows, top = int(counts.sum()), int(counts.argmax())
        leaf = f"class {tree.classes[top]} ({int(counts[top])} of {n_rows})"
        if tree.feature[node] == LEAF:
            lines.append(before + leaf)
        elif max_depth is not None and levels[node] >= max_depth:
            lines.append(f"{before}{leaf}, further questions left out")
        else:
            lines.append(f"{before}{known[tree.feature[node]]} <= {tree.threshold[node]:.6g}: {n_rows} rows")
            waiting.append((int(tree.right[node]), f"{indent}`- no: ", f"{indent}   "))
            waiting.append((int(tree.left[node]), f"{indent}|- yes: ", f"{indent}|  "))
    return "\n".join(lines)


def depths(tree: Tree) -> Integers:
    """Questions above each node."""
    found = np.zeros(len(tree.feature), dtype=np.int64)
    for node in np.flatnonzero(tree.feature != LEAF):
        found[[tree.left[node], tree.right[node]]] = found[node] + 1
    return found
