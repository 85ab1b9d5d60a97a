"""How often the next item of a visit is one that the visit had before, by how long ago that was."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.contract.estimator import Floats
from telltale.models.sessions.cutting import Visits

FURTHEST: Final = 30  # items back
_MOST_VISITS: Final = 10_000  # the newest so many are enough for thirty rates
# Made-up chances without a return, so that two of three chances far back are not taken for two thirds.
_PRIOR: Final = 10.0


def return_rates(visits: Visits) -> Floats:
    """The share of steps that went to the item `back` items before the last one, shape (FURTHEST,), each in [0, 1).

    An item that stands several times in a visit counts where it came last.
    """
    chances, taken = np.zeros(FURTHEST), np.zeros(FURTHEST)
    for number in range(max(0, len(visits) - _MOST_VISITS), len(visits)):
        items = visits.of(number).tolist()
        for place in range(1, len(items)):
            backs = newest_places(items[max(0, place - FURTHEST) : place])
            for item, back in backs.items():
                chances[back] += 1
                taken[back] += item == items[place]
    return taken / (chances + _PRIOR)


def newest_places(visit: Sequence[int]) -> dict[int, int]:
    """How many items before the last one each item of a visit came last; the newest first.

    >>> newest_places([4, 7, 4, 9])
    {9: 0, 4: 1, 7: 2}
    """
    backs: dict[int, int] = {}
    for back, item in enumerate(reversed(visit)):
        backs.setdefault(item, back)
    return backs
