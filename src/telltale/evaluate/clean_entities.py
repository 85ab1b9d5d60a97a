"""How many entities that no event is of were alarmed about at all: what false alarms come to for those behind them.

One client flagged once is one client kept from buying, however many of its requests are.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.intervals import rate
from telltale.evaluate.ranking import Scores

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

CLEAN_FLAGGED: Final = "clean_clients_flagged"
# So far up from where few clean entities are flagged to where events begin to be missed.
_TOWARDS_EVENTS: Final = 0.5
# A share is asked for with room to spare; where events would be missed for it, so many times as much may be flagged.
_WHOLE_SHARE: Final = 2.5
# Of events, where both cannot be had.
_GIVEN_UP: Final = 0.1


def counts_clean(targets: Iterable[Target]) -> bool:
    """Whether a task is judged by them."""
    return any(target.metric == CLEAN_FLAGGED for target in targets)


def clean_entities_flagged(events: Flags, decided: Flags, entities: Places) -> Measured:
    """The share of entities without an event of which a row is decided 1.

    Args:
        events: labels, shape (n,).
        decided: shape (n,).
        entities: a number for each row's entity, shape (n,).

    >>> clean_entities_flagged(np.array([True, False, False]), np.array([True, True, False]), np.array([0, 1, 2])).value
    0.5
    """
    found, place = np.unique(entities, return_inverse=True)
    has_event, is_flagged = (np.bincount(place, weights=rows, minlength=len(found)) > 0 for rows in (events, decided))
    return rate(int((is_flagged & ~has_event).sum()), int((~has_event).sum()))


def threshold_of_clean_entities(
    events: Flags, scores: Scores, entities: Places, *, share: float, recall: float, seen: float = 1.0
) -> float:
    """A cut that flags no more than a share of the entities without an event, where it can and still find the events.

    Where a higher cut still finds so many of the events, it is half way there: whoever comes again is looked at more often.
    Where so many are found below that cut alone, entities are given up before one event in ten more is.

    Args:
        events: labels, shape (n,); rows sorted by entity and time.
        scores: shape (n,).
        entities: a number for each row's entity, shape (n,).
        share: of entities without an event.
        recall: of events, runs of rows labelled 1 of one entity, that are to be found.
        seen: the share of its rows by which an entity is known here: of few rows, few are flagged.

    >>> scores = np.array([9.0, 1.0, 2.0, 3.0])
    >>> threshold_of_clean_entities(scores > 8.0, scores, np.arange(4), share=0.0, recall=0.9)
    7.5
    """
    found, place = np.unique(entities, return_inverse=True)
    has_event = np.bincount(place, weights=events, minlength=len(found)) > 0
    clean = np.sort(_highest(scores, place, len(found))[~has_event])[::-1]
    if not len(clean):
        return float(scores.min())
    given_up = int(share * seen * len(clean))
    low = _above(scores, clean[min(given_up, len(clean) - 1)])
    begins = events & ~(np.append([False], events[:-1]) & np.append([False], place[1:] == place[:-1]))
    n_events = int(begins.sum())
    if not n_events:
        return low
    peaks = np.sort(_highest(scores[events], np.cumsum(begins)[events] - 1, n_events))
    high = float(peaks[int((1.0 - recall) * n_events)])
    if low <= high:
        return low + (high - low) * _TOWARDS_EVENTS
    # All of the share, and of the next entity as much as is left of it: a cut between two of them.
    place_of_share = min(_WHOLE_SHARE * share * seen * len(clean), len(clean) - 1.0)
    whole = float(np.interp(place_of_share, np.arange(len(clean)), clean))
    return min(max(whole, high), low, float(peaks[int((1.0 - recall + _GIVEN_UP) * n_events)]))


def _above(scores: Scores, kept: float) -> float:
    """Half way from a score to the next one above."""
    above = scores[scores > kept]
    return float(kept + above.min()) / 2.0 if len(above) else float(np.nextafter(kept, np.inf))


def _highest(scores: Scores, place: Places, n: int) -> Scores:
    highest = np.full(n, -np.inf)
    np.maximum.at(highest, place, scores)
    return highest
