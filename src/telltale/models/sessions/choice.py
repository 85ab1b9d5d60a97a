"""Decays chosen on the newest visits of the rows that a model is fitted on, one parameter after another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from telltale.contract.estimator import Floats, Tell
from telltale.models.sessions.cutting import Visits
from telltale.models.sessions.index import VisitIndex
from telltale.models.sessions.weighing import NEVER, Weighing

# Taken where there is nothing to try on: about what Garg et al. and Ludewig et al. found for shops.
START: Final = Weighing(neighbours=200, position=4.0, age_days=60.0, distance=2.0, idf=True)
_TRIED: Final[Mapping[str, tuple[float, ...]]] = {
    "position": (1.0, 2.0, 4.0, 8.0, NEVER),
    "distance": (0.5, 1.0, 2.0, 8.0, NEVER),
    "age_days": (7.0, 30.0, 60.0, NEVER),
    "neighbours": (50, 200, 500),
    "idf": (False, True),
}
_ROUNDS: Final = 2
_NEWEST: Final = 0.2
_MOST_STEPS: Final = 600
_LEAST_STEPS: Final = 50
_TOP: Final = 20

# The items of a visit so far, and the one that came next.
Step = tuple[list[int], int]


def choose_weighing(visits: Visits, said: Mapping[str, float], *, n_items: int, tell: Tell) -> Weighing:
    """The weighing that puts the next item of the newest fifth of visits highest, the others being known.

    Highest is the mean of hit rate and reciprocal rank at 20, of the last steps of those visits, at most so many that it
    takes seconds. Items of which the other visits tell nothing are passed over.

    Args:
        visits: oldest first.
        said: parameters that are not to be chosen.
        n_items: of the catalogue.
        tell: what was found.
    """
    begun = replace(START, **said)
    first = round(len(visits) * (1.0 - _NEWEST))
    older = visits.part(0, first)
    steps = steps_of(visits.part(first, len(visits)), known=set(older.items.tolist()))[-_MOST_STEPS:]
    if len(steps) < _LEAST_STEPS:
        return begun
    index = VisitIndex(older, n_items=n_items)
    popularity = np.bincount(older.items, minlength=n_items).astype(np.float64)
    found: dict[Weighing, float] = {}

    def gain(weighing: Weighing) -> float:
        if weighing not in found:
            found[weighing] = _gain(lambda visit: index.score(visit, weighing), steps, popularity)
        return found[weighing]

    best = begun
    for _ in range(_ROUNDS):
        before = best
        for name, values in _TRIED.items():
            if name not in said:
                # The one there is goes first: it stays where others are no better.
                best = max((best, *(replace(best, **{name: value}) for value in values)), key=gain)
        if best == before:
            break
    tell(f"Visits: {len(found)} weighings tried on {len(steps)} steps of the newest; mean of hit rate and reciprocal "
         f"rank at {_TOP} {found[best]:.3f}, {gain(begun):.3f} to begin with.")  # fmt: skip
    return best


def steps_of(visits: Visits, *, known: set[int]) -> list[Step]:
    """Every step of every visit, from its first item on; items that are not known are passed over."""
    steps = []
    for number in range(len(visits)):
        items = [item for item in visits.of(number).tolist() if item in known]
        steps += [(items[:place], items[place]) for place in range(1, len(items))]
    return steps


def _gain(score: Callable[[list[int]], Floats], steps: Sequence[Step], popularity: Floats) -> float:
    total = 0.0
    for visit, wanted in steps:
        scores = score(visit)
        own = scores[wanted]
        is_before = (scores > own) | ((scores == own) & (popularity > popularity[wanted]))
        rank = 1 + int(np.count_nonzero(is_before))
        if rank <= _TOP:
            total += (1.0 + 1.0 / rank) / 2.0
    return total / len(steps)
