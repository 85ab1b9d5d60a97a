"""What each item seen says for others: the largest weights of each, kept as arrays, summed over what has been seen."""

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Parts
from telltale.models.recommend.taken import Whole

STARTS, ITEMS, VALUES = "weight_starts", "weight_items", "weight_values"


def weight_parts(weights: Floats, kept: Whole, *, n_items: int, most: int) -> Parts:
    """Of a table of weights of the items kept, shape (k, k), the `most` largest of each row by size.

    A row is an item seen. Items that are not kept have none.
    """
    k = len(kept)
    lines: list[Whole] = [np.empty(0, dtype=np.int64)] * n_items
    for place, item in enumerate(kept.tolist()):
        own = np.abs(weights[place])
        best = np.argpartition(-own, most)[:most] if most < k else np.arange(k)
        lines[item] = np.sort(best[own[best] > 0])
    counts = [len(line) for line in lines]
    place_of = {item: place for place, item in enumerate(kept.tolist())}
    values = [weights[place_of[item], line] for item, line in enumerate(lines) if len(line)]
    columns = [kept[line] for line in lines if len(line)]
    return Parts(
        arrays={
            STARTS: np.cumsum([0, *counts], dtype=np.int64),
            ITEMS: np.concatenate([np.empty(0, dtype=np.int64), *columns]).astype(np.int32),
            VALUES: np.concatenate([np.empty(0), *values]).astype(np.float32),
        }
    )


@final
class SparseWeights:
    """Sums weights over items seen."""

    def __init__(self, starts: Whole, items: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        self._starts: list[int] = starts.tolist()
        self._items, self._values = items.astype(np.int64), values.astype(np.float64)

    @classmethod
    def of(cls, parts: Parts, *, where: str) -> "SparseWeights":
        """From what `weight_parts` gave. Raises BundleError."""
        missing = sorted({STARTS, ITEMS, VALUES} - parts.arrays.keys())
        if missing:
            raise BundleError(f"the bundle lacks {missing}", where=where, mend="Train the version again.")
        starts, items, values = (parts.arrays[name] for name in (STARTS, ITEMS, VALUES))
        if len(items) != len(values) or starts[-1] != len(items):
            raise BundleError("weights of items of another shape", where=where, mend="Train the version again.")
        return cls(starts, items, values)

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self._starts) - 1

    def sums(self, seen: Sequence[int], shares: Sequence[float] | None = None) -> Floats:
        """What items seen say for each item, shape (n items,); each as much as its share, 1 where none is given."""
        if not len(seen):
            return np.zeros(self.n_items)
        spans = [slice(self._starts[item], self._starts[item + 1]) for item in seen]
        items = np.concatenate([self._items[span] for span in spans])
        values = np.concatenate([self._values[span] for span in spans])
        if shares is not None:
            values *= np.repeat(shares, [span.stop - span.start for span in spans])
        return np.bincount(items, weights=values, minlength=self.n_items).astype(np.float64, copy=False)
