"""EASE: a linear model of which items go together, solved in closed form from the items' Gram matrix."""

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Floats,
    Interactions,
    Parameter,
    Parameters,
    Parts,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind

# Penalties tried where nobody says, and the one taken where there is nothing to try them on.
CANDIDATES: Final = (10.0, 30.0, 100.0, 300.0, 1_000.0)
_L2: Final = 100.0
# They are tried on so many items (eigenvectors cost the cube) and users, who have so many items or more.
_MOST_TRIED_ITEMS: Final = 1_000
_MOST_TRIED_USERS: Final = 2_000
_LEAST_ITEMS: Final = 5
_LEFT_OUT: Final = 0.2
_TOP: Final = 10


@final
class Ease:
    """Score of an item: the sum of what each item seen says for it. Item to item, so that nobody need be known before.

    The weights B minimise `|X - XB|^2 + l2 |B|^2` with a diagonal of 0, X being who took what (0 or 1). With `l2` 0 the
    penalty is chosen on the training rows: by the NDCG at 10 of a fifth of the users' items, left out. Beyond `max_items`
    items the least taken have no weights and come last.

    Not for: catalogues of tens of thousands of items that all matter, and the order within a session.

    References:
        Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
    """

    name = "ease"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"l2": 0.0, "max_items": 5_000}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        rows: Interactions,
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Weights of the items kept, the most taken first; the seed draws what is left out to choose the penalty."""
        taken = np.unique(rows.users * rows.n_items + rows.items) % rows.n_items
        counts = np.bincount(taken, minlength=rows.n_items)
        order = np.lexsort((np.arange(rows.n_items), -counts))
        kept = order[: min(int(parameters["max_items"]), int((counts > 0).sum()))]
        l2 = float(parameters["l2"]) or _chosen_l2(rows, kept[:_MOST_TRIED_ITEMS], seed=seed, tell=tell)
        gram = _gram(rows, kept)
        weights = _weights(np.asarray(np.linalg.inv(gram + l2 * np.eye(len(kept))), dtype=np.float64))
        return Parts(
            arrays={
                "kept": kept.astype(np.int64),
                "n_items": np.array([rows.n_items], dtype=np.int64),
                "weights": weights.astype(np.float32),
                "l2": np.array([l2]),
            }
        )

    def load(self, parts: Parts) -> "ItemWeights":
        """A ranker from its arrays."""
        if not {"kept", "n_items", "weights"} <= parts.arrays.keys():
            raise BundleError("the bundle has no weights of items", where=self.name, mend="Train the version again.")
        kept, weights = parts.arrays["kept"], parts.arrays["weights"]
        if weights.shape != (len(kept), len(kept)):
            raise BundleError(
                f"{len(kept)} items and weights of shape {weights.shape}", where=self.name, mend="Train again."
            )
        return ItemWeights(kept, weights, n_items=int(parts.arrays["n_items"][0]))


@final
class ItemWeights:
    """The sum of the rows of the weight matrix that belong to the items seen."""

    def __init__(self, kept: NDArray[np.int64], weights: NDArray[np.float32], *, n_items: int) -> None:
        self._kept, self._weights = kept, weights
        self._place = np.full(n_items, -1, dtype=np.int64)
        self._place[kept] = np.arange(len(kept))

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,); those without weights share the lowest."""
        places = self._place[np.unique(np.asarray([*past, *session], dtype=np.int64))]
        own = self._weights[places[places >= 0]].sum(axis=0, dtype=np.float64)
        scores = np.full(len(self._place), own.min(initial=0.0))
        scores[self._kept] = own
        return scores


def _gram(rows: Interactions, kept: NDArray[np.int64]) -> Floats:
    """How many users took both, for each pair of the items kept; shape (k, k)."""
    place = np.full(rows.n_items, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    columns = place[rows.items]
    pairs = np.unique(rows.users[columns >= 0] * rows.n_items + columns[columns >= 0])
    return _gram_of(pairs // rows.n_items, pairs % rows.n_items, n_users=rows.n_users, n_items=len(kept))


def _gram_of(users: NDArray[np.int64], items: NDArray[np.int64], *, n_users: int, n_items: int) -> Floats:
    from scipy.sparse import csr_array

    taken = csr_array((np.ones(len(users)), (users, items)), shape=(n_users, n_items))
    return np.asarray((taken.T @ taken).toarray(), dtype=np.float64)


def _weights(inverse: Floats) -> Floats:
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def _chosen_l2(rows: Interactions, kept: NDArray[np.int64], *, seed: int, tell: Tell) -> float:
    """The penalty whose order puts a fifth of each user's items, left out, highest.

    A random fifth and not the last item: with one item a user, the penalties would differ by less than by chance.
    """
    place = np.full(rows.n_items, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    columns = place[rows.items]
    pairs = np.unique(rows.users[columns >= 0] * rows.n_items + rows.items[columns >= 0])
    users, items = pairs // rows.n_items, place[pairs % rows.n_items]
    rng = np.random.default_rng(seed)
    enough = np.flatnonzero(np.bincount(users, minlength=rows.n_users) >= _LEAST_ITEMS)
    judged = np.sort(rng.permutation(enough)[:_MOST_TRIED_USERS])
    is_out = (rng.random(len(pairs)) < _LEFT_OUT) & np.isin(users, judged)
    if not is_out.any():
        return _L2
    line = np.full(rows.n_users, -1, dtype=np.int64)
    line[judged] = np.arange(len(judged))
    taken = np.zeros((len(judged), len(kept)))
    wanted = np.zeros((len(judged), len(kept)), dtype=np.bool_)
    known = ~is_out & (line[users] >= 0)
    taken[line[users[known]], items[known]] = 1.0
    wanted[line[users[is_out]], items[is_out]] = True
    # One decomposition serves every penalty.
    values, vectors = np.linalg.eigh(_gram_of(users[~is_out], items[~is_out], n_users=rows.n_users, n_items=len(kept)))
    found: dict[float, float] = {}
    for l2 in CANDIDATES:
        weights = _weights((vectors / (np.maximum(values, 0.0) + l2)) @ vectors.T)
        found[l2] = _ndcg(np.where(taken > 0, -np.inf, taken @ weights), wanted)
    best = max(found, key=lambda l2: found[l2])
    told = ", ".join(f"{l2:g}: {value:.3f}" for l2, value in found.items())
    tell(f"Penalty {best:g}; NDCG at 10 of a fifth of {len(judged)} users' items, left out, by penalty: {told}.")
    return best


def _ndcg(scores: Floats, wanted: NDArray[np.bool_]) -> float:
    """Mean NDCG at 10 of the users who want something."""
    there = wanted.any(axis=1)
    top = np.argsort(-scores[there], axis=1, kind="stable")[:, :_TOP]
    discount = 1.0 / np.log2(np.arange(2, top.shape[1] + 2))
    gained = np.take_along_axis(wanted[there], top, axis=1) @ discount
    ideal = np.cumsum(discount)[np.minimum(wanted[there].sum(axis=1), len(discount)) - 1]
    return float((gained / ideal).mean())


ESTIMATOR: Final = Ease()
