"""A small tree that chooses: of least mean regret on rows of which every choice's cost is known.

What a boosted model says of a row takes as long as some rows are worth. A few comparisons take a microsecond.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Leaf:
    """The place of a choice."""

    choice: int


@dataclass(frozen=True)
class Fork:
    """Rows whose column is at most `cut` go to `low`, the others, and those without a value, to `high`."""

    column: int
    cut: float
    low: "Leaf | Fork"
    high: "Leaf | Fork"


@dataclass(frozen=True)
class _Split:
    gain: float
    column: int
    cut: float


def grow_choice_tree(
    values: Floats, regrets: Floats, *, most_leaves: int, least_rows: int, least_gain: float = 0.0
) -> Leaf | Fork:
    """Best first: the leaf whose split saves most is split, until there are enough leaves or nothing is saved.

    Not for: many rows or columns; every cut of every column is tried.

    Args:
        values: shape (n, k); finite.
        regrets: what each choice costs each row too much, weighed as the row counts, shape (n, c).
        most_leaves: at least 1.
        least_rows: in a leaf.
        least_gain: a split that saves less, summed over rows, is none.

    References:
        Turney, "Cost-sensitive classification", JAIR 2 (1995), for trees that mind costs in place of errors.
    """
    cuts: dict[tuple[int, ...], _Split] = {}
    leaves: dict[tuple[int, ...], tuple[Places, _Split | None]] = {}

    def add(path: tuple[int, ...], rows: Places) -> None:
        leaves[path] = rows, _best_split(values[rows], regrets[rows], least_rows=least_rows, least_gain=least_gain)

    add((), np.arange(len(values)))
    while len(leaves) < most_leaves:
        open_leaves = [(split.gain, path) for path, (_, split) in leaves.items() if split is not None]
        if not open_leaves:
            break
        path = max(open_leaves)[1]
        rows, split = leaves.pop(path)
        assert split is not None, "only leaves that can be split were asked"
        cuts[path] = split
        is_low = values[rows, split.column] <= split.cut
        add((*path, 0), rows[is_low])
        add((*path, 1), rows[~is_low])

    def built(path: tuple[int, ...]) -> Leaf | Fork:
        if path in cuts:
            split = cuts[path]
            return Fork(split.column, split.cut, built((*path, 0)), built((*path, 1)))
        return Leaf(int(regrets[leaves[path][0]].sum(axis=0).argmin()))

    return built(())


def leaf_of(tree: Leaf | Fork, value: float) -> int:
    """The choice of a tree over one column, for one row."""
    while isinstance(tree, Fork):
        tree = tree.low if value <= tree.cut else tree.high
    return tree.choice


def tree_choices(tree: Leaf | Fork, values: Floats) -> Places:
    """The choice for each row, shape (n,)."""
    if isinstance(tree, Leaf):
        return np.full(len(values), tree.choice, dtype=np.int64)
    is_low = values[:, tree.column] <= tree.cut
    return np.where(is_low, tree_choices(tree.low, values), tree_choices(tree.high, values))


def _best_split(values: Floats, regrets: Floats, *, least_rows: int, least_gain: float) -> _Split | None:
    n = len(values)
    if n < 2 * least_rows:
        return None
    whole = float(regrets.sum(axis=0).min())
    best: _Split | None = None
    for column in range(values.shape[1]):
        order = np.argsort(values[:, column], kind="stable")
        ordered, sums = values[order, column], np.cumsum(regrets[order], axis=0)
        saved = whole - sums[:-1].min(axis=1) - (sums[-1] - sums[:-1]).min(axis=1)
        saved[ordered[1:] <= ordered[:-1]] = -np.inf
        saved[: least_rows - 1] = -np.inf
        saved[n - least_rows :] = -np.inf
        at = int(saved.argmax())
        if saved[at] > max(least_gain, best.gain if best else 0.0):
            best = _Split(float(saved[at]), column, float((ordered[at] + ordered[at + 1]) / 2.0))
    return best
