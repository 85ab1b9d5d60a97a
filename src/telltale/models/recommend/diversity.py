"""A list whose items are unlike each other: what is alike to one that stands before it is put back."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats

Numbers = NDArray[np.int64]

# Places that are looked at, and items tried for each: people look at no more, and a place costs what was tried for it.
MOST_PLACES: Final = 50
_TRIED: Final = 5


def diversify(
    order: Numbers, scores: Floats, likeness: Callable[[Numbers], Floats], *, top_k: int, diversity: float
) -> Numbers:
    """The first places of an order, the best first and each next one good and unlike those before.

    An item is worth `(1 - diversity) * relevance - diversity * likeness`, relevance being the score among those tried from 0 to
    1, likeness that to the most alike item before it. The first 50 places are filled from five times as many; after
    them stands what is left, in the order as it was.

    Args:
        order: item numbers, best first; more than `top_k` where there are more.
        scores: of every item, shape (n items,).
        likeness: of each two of some items, shape (n, n), in [0, 1].
        top_k: places.
        diversity: in [0, 1].

    References:
        Carbonell, Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries", SIGIR 1998.
    """
    places = min(top_k, MOST_PLACES, len(order))
    tried = order[: _TRIED * places]
    if places < 2 or diversity <= 0:
        return order[:top_k]
    own = scores[tried]
    relevance = (own - own[-1]) / max(float(own[0] - own[-1]), 1e-12)
    alike = likeness(tried)
    nearest = alike[0].copy()
    is_left = np.ones(len(tried), dtype=np.bool_)
    is_left[0] = False
    chosen = [0]
    while len(chosen) < places:
        worth = np.where(is_left, (1.0 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(worth.argmax())
        chosen.append(best)
        is_left[best] = False
        np.maximum(nearest, alike[best], out=nearest)
    left = np.concatenate((tried[is_left], order[len(tried) :]))
    return np.concatenate((tried[chosen], left))[:top_k]
