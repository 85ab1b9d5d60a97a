"""EASE that knows how close in a history two items stood: the Gram matrix of who took both is mixed with one of what stood together."""

from typing import Any, Final

import numpy as np

from telltale.contract.estimator import Floats, Interactions
from telltale.models.recommend.taken import Whole, places_of

REACH: Final = 10.0  # places over which closeness falls to 1 / e
_FURTHEST: Final = 30
_ACTIVITY: Final = 0.5  # a user's weight falls with so much of a power of how many items they took
_NOTHING: Final = 1e-12
_ATTRIBUTE: Final = 10.0  # how much an attribute's value says, beside a user


def gram_matrices(rows: Interactions, kept: Whole, *, memory: float = 0.0) -> tuple[Floats, Floats]:
    """Who took both, and what stood close, for each pair of items kept; shape (k, k) each, of one scale.

    In the first each user counts the less, the more they took; a value of an attribute counts as a user who took every item that
    has it. In the second a pair of rows of one history counts `exp(-places between / REACH)`. With a `memory` above 0 rows count
    the less, the older: half where they are so much of all the rows' time older than the last.

    References:
        Jeunen, Van Balen & Goethals, "Closed-form models for collaborative filtering with side-information", RecSys 2020,
        for attributes as more users.
    """
    from scipy.sparse import csr_array, diags_array, vstack

    age = _ages(rows)
    worth = np.ones(len(age)) if memory <= 0 else 0.5 ** (age / memory)
    users, items, root = _latest_worth(rows, np.sqrt(worth))
    taken: Any = csr_array((root, (users, items)), shape=(rows.n_users, rows.n_items))[:, kept]
    counts = np.asarray((taken**2).sum(axis=0), dtype=np.float64).ravel()
    activity = np.bincount(users, minlength=rows.n_users) + 1e-9
    weighted = diags_array(activity ** (-_ACTIVITY / 2)) @ taken
    # As much as there are pairs of a user and an item, so that a penalty means the same whatever rows are worth.
    n_pairs = float((taken > 0).sum())
    scale = np.sqrt(max(float((weighted**2).sum()), _NOTHING) / max(n_pairs, 1.0))
    both: Any = vstack([weighted / scale, *_attribute_rows(rows, kept)])
    gram = np.asarray((both.T @ both).toarray(), dtype=np.float64)
    return gram, _close(rows, kept, counts, np.sqrt(worth)) * (n_pairs / max(counts.sum(), _NOTHING))


def _ages(rows: Interactions) -> Floats:
    """How old each row is, as a share of the time of all; 0 where they have no time."""
    last, first = rows.times_s.max(initial=0.0), rows.times_s.min(initial=np.inf)
    return (last - rows.times_s) / (last - first) if last > first else np.zeros(len(rows.times_s))


def _latest_worth(rows: Interactions, worth: Floats) -> tuple[Whole, Whole, Floats]:
    """Each pair of a user and an item once, and what its latest row is worth."""
    different, where = np.unique(rows.users * rows.n_items + rows.items, return_inverse=True)
    most = np.zeros(len(different))
    np.maximum.at(most, where, worth)
    return different // rows.n_items, different % rows.n_items, most


def weights_of(gram: Floats, *, l2: float) -> Floats:
    """EASE's weights of a Gram matrix: from an item seen (row) to an item (column)."""
    inverse = _inverse(gram + l2 * np.eye(len(gram)))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, dtype=np.float64)


def _inverse(positive: Floats) -> Floats:
    """Of a symmetric positive definite matrix, by Cholesky in single precision: a fifth of the time, and nobody's order moves."""
    from scipy.linalg.lapack import spotrf, spotri

    factor, failed = spotrf(positive.astype(np.float32), lower=1)
    inverse, failed_too = (factor, failed) if failed else spotri(factor, lower=1)
    if failed or failed_too:
        return np.asarray(np.linalg.inv(positive), dtype=np.float64)
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(inverse, -1).T, dtype=np.float64)


def _close(rows: Interactions, kept: Whole, counts: Floats, worth: Floats) -> Floats:
    from scipy.sparse import coo_array

    place = places_of(kept, rows.n_items)[rows.items]
    here = place >= 0
    users, places, worth = rows.users[here], place[here], worth[here]
    n = len(kept)
    close = np.zeros((n, n))
    for apart in range(1, _FURTHEST + 1):
        together = users[apart:] == users[:-apart]
        if together.any():
            first, second = places[:-apart][together], places[apart:][together]
            said = np.exp(-apart / REACH) * (worth[:-apart] * worth[apart:])[together]
            close += coo_array((said, (first, second)), shape=(n, n)).toarray()
    close += close.T
    np.fill_diagonal(close, counts)
    return close


def _attribute_rows(rows: Interactions, kept: Whole) -> list[Any]:
    """For each attribute a table of its values and the items kept that have them, the common ones counting less."""
    from scipy.sparse import csr_array

    tables = []
    for values in rows.attributes.values():
        different = {value: number for number, value in enumerate(sorted({one for of in values for one in of}))}
        said = [(different[value], place) for place, item in enumerate(kept.tolist()) for value in values[item]]
        if not said:
            continue
        lines, places = np.array(said, dtype=np.int64).T
        common = np.bincount(lines, minlength=len(different)) + 1.0
        entries = np.sqrt(_ATTRIBUTE / common[lines])
        tables.append(csr_array((entries, (lines, places)), shape=(len(different), len(kept))))
    return tables
