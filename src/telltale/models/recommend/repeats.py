"""What an item is worth that somebody has had: by how often, how long ago, and how popular it is of late. Learnt from the rows."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.contract.estimator import Floats
from telltale.models.recommend.taken import Whole

# Having had it, the logarithm of how often, minus that of how long ago, how popular of late, the logarithm of what all members say, and
# that itself.
AS_ANY: Final = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
AS_OWN: Final = (30.0, 2.0, 0.0, 0.75, 0.1, 0.0)
_LATELY: Final = 20.0  # rows


def repeat_terms(history: Sequence[int]) -> tuple[Whole, Floats]:
    """The different items of a history, and for each: 1, the logarithm of how often, and minus that of how long ago.

    How long ago is counted in rows of the history since its last. Shapes (n,) and (n, 3).
    """
    items, counts = np.unique(np.asarray(history, dtype=np.int64), return_counts=True)
    last = np.zeros(len(items))
    last[np.searchsorted(items, history)] = np.arange(len(history))  # of repeats the last one stays
    ago = len(history) - 1 - last
    return items, np.stack([np.ones(len(items)), np.log(counts), -np.log1p(ago / _LATELY)], axis=1)


def all_terms(history: Sequence[int], scores: Floats, *, trending: Floats) -> tuple[Whole, Floats]:
    """The different items of a history, and the six terms of each, as in `AS_ANY`; shapes (n,) and (n, 6)."""
    items, terms = repeat_terms(history)
    said = scores[items]
    # A few scores are ten times the others: among what one has had they would decide alone.
    return items, np.column_stack([terms, trending[items], np.sign(said) * np.log1p(np.abs(said)), said])


def rescore(scores: Floats, history: Sequence[int], *, trending: Floats, again: Floats) -> None:
    """Give the items of a history the score that they have as repeats, in place.

    Args:
        scores: what all members say, shape (n items,).
        history: oldest first, repeats and all.
        trending: how popular each item is of late, standardised, shape (n items,).
        again: what each of the six terms is worth, as in `AS_ANY`.
    """
    items, terms = all_terms(history, scores, trending=trending)
    scores[items] = terms @ again
