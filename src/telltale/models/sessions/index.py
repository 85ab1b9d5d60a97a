"""Which visits the current one is like, and what was looked at there: an inverted index in flat arrays.

Bounds keep a query short however many visits there were: of each item the newest `MOST_VISITS` visits with it are looked at,
and of the current visit the last `MOST_ITEMS` items.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats
from telltale.models.sessions.cutting import Visits
from telltale.models.sessions.returns import newest_places
from telltale.models.sessions.weighing import Weighing
from telltale.models.similarity.ragged import places_of

MOST_VISITS: Final = 500
MOST_ITEMS: Final = 30

Numbers = NDArray[np.int64]


class VisitIndex:
    """Visits, found by the items in them.

    An item that came several times in a visit stands where it came last. A visit with a single item tells of no other, and is left out.

    Args:
        visits: oldest first.
        n_items: of the catalogue.
    """

    def __init__(self, visits: Visits, *, n_items: int) -> None:
        whose = np.repeat(np.arange(len(visits)), np.diff(visits.starts))
        _, last = np.unique((whose * n_items + visits.items)[::-1], return_index=True)
        places = np.sort(len(whose) - 1 - last)
        lengths = np.bincount(whose[places], minlength=len(visits))
        places = places[lengths[whose[places]] > 1]
        kept, numbers = np.unique(whose[places], return_inverse=True)
        self._n_items = n_items
        self._ages_days = visits.ages_days[kept]
        self._items = visits.items[places]
        self._positions = (places - visits.starts[whose[places]]).astype(np.float64)
        self._starts = np.searchsorted(numbers, np.arange(len(kept) + 1))
        self._lengths = np.diff(self._starts)
        # Of each item: the visits with it, newest first, and where in them it stands.
        order = np.lexsort((-numbers, self._items))
        rank = np.arange(len(order)) - np.searchsorted(self._items[order], self._items[order])
        order = order[rank < MOST_VISITS]
        self._of_item = numbers[order]
        self._place_in = self._positions[order]
        self._item_starts = np.searchsorted(self._items[order], np.arange(n_items + 1))
        self._idf = np.log1p(len(kept) / np.maximum(np.diff(self._item_starts), 1))

    def score(self, visit: Sequence[int], weighing: Weighing) -> Floats:
        """A score for every item, shape (n items,); 0 of one that no neighbour has.

        Args:
            visit: the items of the current visit, oldest first.
            weighing: how matches count.
        """
        places_back = newest_places(visit[-MOST_ITEMS:])
        items = np.fromiter(places_back, dtype=np.int64, count=len(places_back))
        backs = np.fromiter(places_back.values(), dtype=np.float64, count=len(places_back))
        length = min(len(visit), MOST_ITEMS)
        begins = self._item_starts[items]
        counts = self._item_starts[items + 1] - begins
        places = places_of(begins, counts)
        if not len(places):
            return np.zeros(self._n_items)
        weights = weighing.of_positions(backs, length)
        if weighing.idf:
            weights = weights * self._idf[items]
        found = self._of_item[places]
        sums = np.bincount(found, np.repeat(weights, counts), minlength=len(self._lengths))
        at = np.flatnonzero(sums)
        alike: Floats = sums[at] / np.sqrt(self._lengths[at] * float(len(items)))
        alike *= np.exp(-self._ages_days[at] / weighing.age_days)
        if len(at) > weighing.neighbours:
            best = np.argpartition(-alike, weighing.neighbours)[: weighing.neighbours]
            at, alike = at[best], alike[best]
        # The newest match is written last, over the older ones.
        matched_at = np.empty(len(self._lengths))
        matched_at[found[::-1]] = self._place_in[places[::-1]]
        if weighing.order == "linear":
            matched_back = np.empty(len(self._lengths))
            matched_back[found[::-1]] = np.repeat(backs, counts)[::-1]
            alike = alike * weighing.of_matches(matched_back[at])
        lengths = self._lengths[at]
        members = places_of(self._starts[at], lengths)
        apart = np.abs(self._positions[members] - np.repeat(matched_at[at], lengths))
        said = np.repeat(alike, lengths) * np.exp(-apart / weighing.distance)
        return np.bincount(self._items[members], said, minlength=self._n_items).astype(np.float64)
