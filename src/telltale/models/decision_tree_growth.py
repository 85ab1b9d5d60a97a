"""Growing a decision tree in NumPy: all nodes of a level at once, on rows that were sorted once."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Features, Floats
from telltale.models.grown_tree import LEAF, Criterion, Integers, Tree, impurity_of

_WHERE: Final = "decision tree"
# Values no further apart than this are one value, as in scikit-learn.
_SAME_VALUE: Final = np.float32(1e-7)
_SAME_MERIT: Final = 1e-12
_PURE: Final = float(np.finfo(np.float64).eps)


def grow_tree(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    criterion: Criterion = "gini",
    max_depth: int | None = None,
    min_samples_split: int = 2,
    min_samples_leaf: int = 1,
    seed: int | None = None,
) -> Tree:
    """Split every node where that tells the classes apart best, down to pure leaves or to the limits.

    A split lies midway between two values, and a row goes left where its value is not greater: scikit-learn's rule, so
    that both grow the same tree unless two splits are equally good.

    Args:
        features: shape (n, k), finite in float32.
        labels: whole numbers, shape (n,).
        criterion: "gini", or "entropy", whose decrease is the information gain, in bits.
        max_depth: levels of questions; None for no limit.
        min_samples_split: nodes of fewer rows are leaves.
        min_samples_leaf: no leaf has fewer rows.
        seed: of equally good splits the one on a random feature wins, as in scikit-learn, which so favours none; None
            for the first feature. Of one feature the lowest threshold wins.

    Raises:
        UsageError: a limit makes no sense.
        NotEnoughDataError: there is no row.

    References:
        Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984.
    """
    rows = np.asarray(features, dtype=np.float32)
    classes, codes = np.unique(np.asarray(labels, dtype=np.int64), return_inverse=True)
    if (max_depth is not None and max_depth < 1) or min_samples_split < 2 or min_samples_leaf < 1:
        raise UsageError(
            f"max_depth {max_depth}, min_samples_split {min_samples_split}, min_samples_leaf {min_samples_leaf}",
            where=_WHERE,
            mend="Give a depth of 1 or more, 2 or more rows to split, and 1 or more in a leaf.",
        )
    if not len(rows):
        raise NotEnoughDataError("there is no row", where=_WHERE, mend="Give rows with labels.")
    limits = _Limits(
        criterion=criterion,
        max_depth=len(rows) if max_depth is None else max_depth,
        least_to_split=max(min_samples_split, 2 * min_samples_leaf),
        least_in_leaf=min_samples_leaf,
    )
    return _grow(rows, codes.astype(np.intp), classes, limits, None if seed is None else np.random.default_rng(seed))


class _Limits(msgspec.Struct, frozen=True, kw_only=True):
    criterion: Criterion
    max_depth: int
    least_to_split: int
    least_in_leaf: int


class _Level(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The nodes of a level that may be split. Their rows lie one node after the other, sorted within it, by each feature.

    Args:
        orders: the rows, shape (features, places).
        counts: of each class in each node.
        starts, sizes: the first place of each node, and how many there are.
        node: of each place.
    """

    orders: NDArray[np.int32]
    counts: Floats
    starts: Integers
    sizes: Integers
    node: Integers


class _Made(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A whole level, in the tree's own terms."""

    counts: Floats
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers


def _grow(rows: Features, codes: Integers, classes: Integers, limits: _Limits, rng: np.random.Generator | None) -> Tree:
    by_feature = np.ascontiguousarray(rows.T)
    counts = np.bincount(codes, minlength=len(classes)).astype(np.float64)[None, :]
    is_open = _may_split(counts, 0, limits)
    orders = np.argsort(by_feature, axis=1, kind="stable").astype(np.int32)
    level = _level_of(orders if is_open[0] else orders[:, :0], counts[is_open])
    made: list[_Made] = []
    n_made, depth = 1, 0
    while len(counts):
        turn = np.arange(len(by_feature)) if rng is None else rng.permutation(len(by_feature))
        best, cuts = _best_splits(by_feature, level, codes, limits, turn)
        feature, threshold = np.full(len(counts), LEAF), np.zeros(len(counts))
        feature[is_open], threshold[is_open] = best, cuts
        left = np.full(len(counts), LEAF)
        n_split = int((feature != LEAF).sum())
        left[feature != LEAF] = n_made + 2 * np.arange(n_split)
        right = np.where(left == LEAF, LEAF, left + 1)
        made.append(_Made(counts=counts, feature=feature, threshold=threshold, left=left, right=right))
        n_made, depth = n_made + 2 * n_split, depth + 1
        level, counts, is_open = _descend(by_feature, level, codes, best, cuts, depth, limits)
    all_counts = np.concatenate([one.counts for one in made])
    return Tree(
        classes=classes,
        feature=np.concatenate([one.feature for one in made]),
        threshold=np.concatenate([one.threshold for one in made]),
        left=np.concatenate([one.left for one in made]),
        right=np.concatenate([one.right for one in made]),
        counts=all_counts,
        impurity=impurity_of(all_counts, limits.criterion),
        n_features=rows.shape[1],
    )


def _may_split(counts: Floats, depth: int, limits: _Limits) -> NDArray[np.bool_]:
    if depth >= limits.max_depth or not len(counts):
        return np.zeros(len(counts), dtype=bool)
    is_large = counts.sum(axis=1) >= limits.least_to_split
    return np.asarray(is_large & (impurity_of(counts, limits.criterion) > _PURE), dtype=bool)


def _level_of(orders: NDArray[np.int32], counts: Floats) -> _Level:
    sizes = counts.sum(axis=1).astype(np.int64)
    node = np.repeat(np.arange(len(sizes)), sizes)
    return _Level(orders=orders, counts=counts, starts=np.cumsum(sizes) - sizes, sizes=sizes, node=node)


def _best_splits(
    by_feature: Features, level: _Level, codes: Integers, limits: _Limits, turn: Integers
) -> tuple[Integers, Floats]:
    """For each node the feature to ask of (-1 where nothing parts its rows) and the threshold.

    Features are tried in `turn`; a later one must be better than those before.
    """
    n_nodes = len(level.sizes)
    found, cuts = np.full(n_nodes, LEAF), np.zeros(n_nodes)
    if not n_nodes:
        return found, cuts
    best = np.full(n_nodes, -np.inf)
    n_left: Floats = (np.arange(len(level.node)) - level.starts[level.node] + 1).astype(np.float64)
    n_right: Floats = np.asarray(level.sizes[level.node] - n_left, dtype=np.float64)
    # Where no cut is allowed whatever the values: after the last row of a node, and where too few rows would be parted.
    is_barred = (n_left < limits.least_in_leaf) | (n_right < limits.least_in_leaf)
    n_right[n_right == 0] = 1.0  # barred; spares a division by 0
    totals = level.counts[level.node]
    for number in turn:
        order = level.orders[number]
        values = by_feature[number][order]
        merit = _merit(codes[order], n_left, n_right, totals, level, limits.criterion)
        merit[is_barred] = -np.inf
        merit[:-1][values[1:] <= values[:-1] + _SAME_VALUE] = -np.inf
        here = np.maximum.reduceat(merit, level.starts)
        # Sums in another order part what is equally good by a last bit: the first of such cuts is meant.
        slack = np.where(np.isfinite(here), _SAME_MERIT * np.abs(here), 0.0)
        better = np.flatnonzero(here > best + slack)
        if not len(better):
            continue
        places = np.flatnonzero(merit >= (here - slack)[level.node])
        first = places[np.searchsorted(level.node[places], better)]
        low, high = values[first].astype(np.float64), values[first + 1].astype(np.float64)
        cuts[better] = low / 2.0 + high / 2.0  # in float64, where there is room between any two float32
        best[better], found[better] = here[better], number
    return found, cuts


def _merit(  # noqa: PLR0917 - the inner loop's own terms
    codes: Integers, n_left: Floats, n_right: Floats, totals: Floats, level: _Level, criterion: Criterion
) -> Floats:
    """What rises as the impurity below falls, of a cut after each place: only its order within a node means anything."""
    merit = np.zeros(len(codes))
    squares_left, squares_right = np.zeros(len(codes)), np.zeros(len(codes))
    rest = n_left.copy()
    n_classes = totals.shape[1]
    for number in range(n_classes):
        if number < n_classes - 1:
            so_far = np.cumsum(codes == number, dtype=np.float64)
            base = np.where(level.starts > 0, so_far[level.starts - 1], 0.0)
            left = so_far - base[level.node]
            rest -= left
        else:
            left = rest
        right = totals[:, number] - left
        if criterion == "gini":
            squares_left += left * left
            squares_right += right * right
        else:
            merit += _times_log(left) + _times_log(right)
    if criterion == "gini":
        return squares_left / n_left + squares_right / n_right
    return merit - _times_log(n_left) - _times_log(n_right)


def _times_log(counts: Floats) -> Floats:
    return counts * np.log2(np.maximum(counts, 1.0))


def _descend(  # noqa: PLR0917 - what a level is and what was decided on it
    by_feature: Features,
    level: _Level,
    codes: Integers,
    best: Integers,
    cuts: Floats,
    depth: int,
    limits: _Limits,
) -> tuple[_Level, Floats, NDArray[np.bool_]]:
    """The level below: its nodes that may be split, and the counts and the openness of all of its nodes."""
    n_classes, n_split = level.counts.shape[1], int((best != LEAF).sum())
    is_parted = (best != LEAF)[level.node]
    node, orders = level.node[is_parted], level.orders[:, is_parted]
    first_child = np.full(len(best), LEAF)
    first_child[best != LEAF] = 2 * np.arange(n_split)
    goes_left = np.zeros(by_feature.shape[1], dtype=bool)
    rows = orders[0]
    goes_left[rows] = by_feature[best[node], rows] <= cuts[node]
    child = first_child[node] + ~goes_left[rows]
    counts = np.bincount(child * n_classes + codes[rows], minlength=2 * n_split * n_classes).astype(np.float64)
    counts = counts.reshape(2 * n_split, n_classes)
    is_open = _may_split(counts, depth, limits)
    sizes = counts.sum(axis=1).astype(np.int64)
    begins = np.cumsum(sizes) - sizes
    is_kept = np.repeat(is_open, sizes)
    below = np.empty((len(orders), int(is_kept.sum())), dtype=np.int32)
    if below.size:
        left_begin = begins[first_child[node]]
        n_left_before = np.cumsum(sizes[0::2]) - sizes[0::2]
        n_left_before = n_left_before[first_child[node] // 2]
        place = np.arange(len(node))
        laid = np.empty(len(node), dtype=np.int32)
        for number, order in enumerate(orders):
            is_left = goes_left[order]
            # How many rows of the node went left up to here; the others went right.
            n_left = np.cumsum(is_left) - n_left_before
            right_place = begins[first_child[node] + 1] + (place - left_begin) - n_left
            laid[np.where(is_left, left_begin + n_left - 1, right_place)] = order
            below[number] = laid[is_kept]
    return _level_of(below, counts[is_open]), counts, is_open
