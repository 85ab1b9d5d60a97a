"""Rows of people with a taste, for tests of models that order items."""

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Interactions

Table = NDArray[np.int64]


def interactions(taken: Table, *, seed: int | None = None) -> Interactions:
    """From a table of users by items, 1 where taken; in the order of items, or one drawn."""
    users, items = np.nonzero(taken)
    if seed is not None:
        order = np.lexsort((np.random.default_rng(seed).random(len(users)), users))
        users, items = users[order], items[order]
    return Interactions(
        users=users.astype(np.int64),
        items=items.astype(np.int64),
        weights=np.ones(len(users)),
        times_s=np.zeros(len(users)),
        n_users=taken.shape[0],
        n_items=taken.shape[1],
    )


def tastes(seed: int = 0, *, n_users: int = 120, n_items: int = 40) -> Table:
    """Two kinds of people, each with a half of the items that they like."""
    rng = np.random.default_rng(seed)
    likes_first = rng.random(n_users) < 0.5
    is_first = np.arange(n_items) < n_items // 2
    chance = np.where(likes_first[:, None] == is_first[None, :], 0.35, 0.03)
    return (rng.random((n_users, n_items)) < chance).astype(np.int64)
