"""Implicit matrix factorisation by alternating least squares: a vector for each item, and for whoever has seen some items."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from telltale.contract.estimator import Floats, Interactions
from telltale.models.recommend.taken import Whole, pairs

_START_SD: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Factorising:
    """How: so many dimensions, the weight of what was not taken, the penalty, and how often both sides are solved."""

    n_factors: int
    unobserved: float
    l2: float
    n_epochs: int


def item_factors(rows: Interactions, how: Factorising, *, seed: int) -> Floats:
    """A vector for each item, shape (n items, k).

    Of every pair of a user and an item, those taken count 1 towards 1 and all count `unobserved` towards 0. The penalty of a user
    is `l2` times how many they took plus `unobserved` times how many there are; of an item likewise.

    References:
        Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008. Rendle, Krichene, Zhang &
        Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022.
    """
    rng = np.random.default_rng(seed)
    users, items = pairs(rows)
    by_item = np.lexsort((users, items))
    factors = rng.normal(0.0, _START_SD / np.sqrt(how.n_factors), (rows.n_items, how.n_factors))
    for _ in range(how.n_epochs):
        of_users = _solved(factors, users, items, rows.n_users, how)
        factors = _solved(of_users, items[by_item], users[by_item], rows.n_items, how)
    return factors


def squares(factors: Floats, how: Factorising) -> Floats:
    """What all items together say of a vector, shape (k, k): what a fold-in begins with."""
    return how.unobserved * factors.T @ factors


def folded_in(own: Floats, of_all: Floats, *, n_items: int, unobserved: float, l2: float) -> Floats:
    """The vector of one who has seen items with these vectors (shape (n, k)): one system of k equations."""
    k = own.shape[1]
    left = of_all + own.T @ own + l2 * (len(own) + unobserved * n_items) * np.eye(k, dtype=own.dtype)
    return np.asarray(np.linalg.solve(left, own.sum(axis=0)))


def _solved(other: Floats, lines: Whole, columns: Whole, n_lines: int, how: Factorising) -> Floats:
    """A vector for each line, sorted by line; 0 for one without entries. As `folded_in`, by Cholesky, which is quicker."""
    from scipy.linalg.lapack import dposv

    of_all = squares(other, how)
    diagonal = np.arange(how.n_factors)
    starts = np.searchsorted(lines, np.arange(n_lines + 1)).tolist()
    solved = np.zeros((n_lines, how.n_factors))
    for line in np.unique(lines).tolist():
        own = other[columns[starts[line] : starts[line + 1]]]
        left = own.T @ own
        left += of_all
        left[diagonal, diagonal] += how.l2 * (len(own) + how.unobserved * len(other))
        _, solved[line], _ = dposv(left, own.sum(axis=0), overwrite_a=1)
    return solved
