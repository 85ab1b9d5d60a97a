"""SLIM: a sparse linear model of which items go together, by coordinate descent on the items' Gram matrix."""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np

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
from telltale.models.item_knn import SumOfWeights
from telltale.models.recommend.item_weights import SparseWeights, weight_parts
from telltale.models.recommend.taken import most_taken, table

_STILL: Final = 1e-3  # no weight moves by more: done
_NOTICED: Final = 1e-6


@final
class Slim:
    """Score of an item: the sum of what each item seen says for it, most saying nothing.

    The weights W, none below 0 and with a diagonal of 0, minimise `|X - XW|^2 / 2 + l2 |W|^2 / 2 + l1 |W|`, X being who took what (0
    or 1). Beyond `max_items` items the least taken have no weights.

    Not for: catalogues of tens of thousands of items, on which it takes minutes where EASE takes seconds.

    References:
        Ning & Karypis, "SLIM: sparse linear methods for top-N recommender systems", ICDM 2011.
    """

    name = "slim"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"l1": 1.0, "l2": 50.0, "n_sweeps": 6, "max_items": 5_000}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        rows: Interactions,
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Weights of the items kept; nothing is random."""
        del seed
        kept = most_taken(rows, int(parameters["max_items"]))
        taken: Any = table(rows)[:, kept]
        gram = np.asarray((taken.T @ taken).toarray(), dtype=np.float64)
        weights = sparse_weights(
            gram, l1=float(parameters["l1"]), l2=float(parameters["l2"]), n_sweeps=int(parameters["n_sweeps"])
        )
        return weight_parts(weights, kept, n_items=rows.n_items, most=len(kept))

    def load(self, parts: Parts) -> SumOfWeights:
        """A ranker from its arrays. Raises BundleError."""
        return SumOfWeights(SparseWeights.of(parts, where=self.name))


def sparse_weights(gram: Floats, *, l1: float, l2: float, n_sweeps: int) -> Floats:
    """From an item seen (row) to an item (column), shape (k, k): one item seen after another, for all items at once.

    In single precision: what takes the time is to read what is left.
    """
    n = len(gram)
    single = gram.astype(np.float32)
    left, weights = single.copy(), np.zeros((n, n), dtype=np.float32)  # by item, then by item seen
    for _ in range(n_sweeps):
        most_moved = 0.0
        for seen in range(n):
            size = single[seen, seen]
            moved = np.maximum(left[:, seen] + size * weights[:, seen] - np.float32(l1), 0.0) / (size + np.float32(l2))
            moved[seen] = 0.0
            by = moved - weights[:, seen]
            lines = np.flatnonzero(np.abs(by) > _NOTICED)
            if len(lines):
                left[lines] -= by[lines, None] * single[seen]
                weights[lines, seen] = moved[lines]
                most_moved = max(most_moved, float(np.abs(by[lines]).max()))
        if most_moved < _STILL:
            break
    return np.asarray(weights.T, dtype=np.float64)


ESTIMATOR: Final = Slim()
