"""Item-kNN: items are alike that the same people took; an item seen speaks for those most like it."""

from collections.abc import Mapping, Sequence
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
from telltale.models.recommend.item_weights import SparseWeights, weight_parts
from telltale.models.recommend.taken import most_taken, table


@final
class ItemKnn:
    """Score of an item: the sum of its likeness to each item seen, of the `neighbours` most like that one.

    Likeness is the cosine of who took what, the product of lengths made larger by `shrink`, so that few people in common say little.
    Beyond `max_items` items the least taken have none.

    Not for: the order within a session.

    References:
        Sarwar, Karypis, Konstan & Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001.
    """

    name = "item_knn"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"neighbours": 200, "shrink": 10.0, "max_items": 5_000}
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
        """Likeness of the items kept; nothing is random."""
        del seed
        kept = most_taken(rows, int(parameters["max_items"]))
        taken: Any = table(rows)[:, kept]
        both = np.asarray((taken.T @ taken).toarray(), dtype=np.float64)
        lengths = np.sqrt(np.diag(both))
        likeness = both / (np.outer(lengths, lengths) + float(parameters["shrink"]))
        np.fill_diagonal(likeness, 0.0)
        return weight_parts(likeness, kept, n_items=rows.n_items, most=int(parameters["neighbours"]))

    def load(self, parts: Parts) -> "SumOfWeights":
        """A ranker from its arrays. Raises BundleError."""
        return SumOfWeights(SparseWeights.of(parts, where=self.name))


@final
class SumOfWeights:
    """The sum of the weights of the items seen, each once."""

    def __init__(self, weights: SparseWeights) -> None:
        self._weights = weights

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,)."""
        return self._weights.sums(sorted({*past, *session}))


ESTIMATOR: Final = ItemKnn()
