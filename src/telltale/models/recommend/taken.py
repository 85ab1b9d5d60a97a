"""Who took what as sparse tables: each pair of a user and an item once, and users' items in the order they came."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Interactions

Whole = NDArray[np.int64]


def pairs(rows: Interactions) -> tuple[Whole, Whole]:
    """Users and items, each pair once, sorted by user and item."""
    different = np.unique(rows.users * rows.n_items + rows.items)
    return different // rows.n_items, different % rows.n_items


def most_taken(rows: Interactions, n: int) -> Whole:
    """The items that most users took, the most taken first, those that nobody did left out; at most `n`."""
    counts = np.bincount(pairs(rows)[1], minlength=rows.n_items)
    order = np.lexsort((np.arange(rows.n_items), -counts))
    return order[: min(n, int((counts > 0).sum()))].astype(np.int64)


def places_of(kept: Whole, n_items: int) -> Whole:
    """Where each item stands among those kept; -1 where it does not."""
    place = np.full(n_items, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return place


def table(rows: Interactions) -> Any:
    """1 where a user took an item; a SciPy array in compressed rows, shape (n users, n items)."""
    from scipy.sparse import csr_array

    users, items = pairs(rows)
    return csr_array((np.ones(len(users)), (users, items)), shape=(rows.n_users, rows.n_items))


def histories(rows: Interactions, users: Whole) -> list[list[int]]:
    """The items of some users, oldest first, repeats and all."""
    starts = np.searchsorted(rows.users, users).tolist()
    ends = np.searchsorted(rows.users, users, side="right").tolist()
    return [rows.items[start:end].tolist() for start, end in zip(starts, ends, strict=True)]


def only(rows: Interactions, keep: NDArray[np.bool_]) -> Interactions:
    """Some of the rows; users and items keep their numbers."""
    return Interactions(
        users=rows.users[keep],
        items=rows.items[keep],
        weights=rows.weights[keep],
        times_s=rows.times_s[keep],
        n_users=rows.n_users,
        n_items=rows.n_items,
        attributes=rows.attributes,
        segments=rows.segments,
    )
