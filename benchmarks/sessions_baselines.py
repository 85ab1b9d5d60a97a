"""Methods that foretell a visit's next view: popularity, item to item, and neighbouring visits, each tuned on the newest visits."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from telltale.contract.estimator import Interactions
from telltale.models.popular import popularity
from telltale.models.sessions.choice import Step, steps_of
from telltale.models.sessions.cutting import Visits, cut_visits
from telltale.models.sessions.index import VisitIndex
from telltale.models.sessions.weighing import NEVER, Weighing

Floats = NDArray[np.float64]
Score = Callable[[list[int]], Floats]
_NEWEST: Final = 0.2
_MOST_STEPS: Final = 600
_TOP: Final = 20
_DAY_S: Final = 86_400.0
_LONGEST: Final = 200


@dataclass(frozen=True)
class Method:
    """A family of settings: what each makes of visits.

    Args:
        settings: what is tried.
        learn: what answers, of what was learnt from visits, given the number of items; called once, then by setting.
    """

    settings: tuple[Any, ...]
    learn: Callable[[Visits, int], Callable[[Any], Score]]


def cut(rows: Interactions) -> Visits:
    """Each user's rows as one visit."""
    return cut_visits(rows, gap_s=np.inf, most_items=_LONGEST)


def tuned(method: Method, visits: Visits, n_items: int) -> tuple[Score, Any]:
    """The setting that is best on the newest fifth of visits, by the mean of hit rate and reciprocal rank, learnt anew on all."""
    first = round(len(visits) * (1.0 - _NEWEST))
    older = visits.part(0, first)
    steps = steps_of(visits.part(first, len(visits)), known=set(older.items.tolist()))[-_MOST_STEPS:]
    learnt, popular = method.learn(older, n_items), _counts(older, n_items)
    best = max(method.settings, key=lambda setting: _gain(learnt(setting), steps, popular))
    return method.learn(visits, n_items)(best), best


def _gain(score: Score, steps: Sequence[Step], popular: Floats) -> float:
    total = 0.0
    for visit, wanted in steps:
        scores = score(visit)
        own = scores[wanted]
        rank = 1 + int(np.count_nonzero((scores > own) | ((scores == own) & (popular > popular[wanted]))))
        total += (1.0 + 1.0 / rank) / 2.0 if rank <= _TOP else 0.0
    return total / max(len(steps), 1)


def _counts(visits: Visits, n_items: int) -> Floats:
    return np.bincount(visits.items, minlength=n_items).astype(np.float64)


def _popular(visits: Visits, n_items: int) -> Callable[[float], Score]:
    """Visits per item, those of so many days before the newest counting half; as the estimator `popular`."""
    lengths = np.diff(visits.starts)
    rows = Interactions(
        users=np.repeat(np.arange(len(visits)), lengths),
        items=visits.items,
        weights=np.ones(len(visits.items)),
        times_s=np.repeat(-visits.ages_days * _DAY_S, lengths),
        n_users=len(visits),
        n_items=n_items,
    )

    def of(half_life_days: float) -> Score:
        scores = popularity(rows, half_life_days=half_life_days)
        return lambda _visit: scores

    return of


def _item_knn(visits: Visits, n_items: int) -> Callable[[tuple[float, float, bool]], Score]:
    """The cosine of two items over visits, shrunk, summed over the items of the visit, each before the last counting less.

    With the third part of a setting an item is like itself, which offers the visit's own items again.
    """
    lengths = np.diff(visits.starts)
    whose = np.repeat(np.arange(len(visits)), lengths)
    pairs = np.unique(whose * n_items + visits.items)
    taken = csr_array((np.ones(len(pairs)), (pairs // n_items, pairs % n_items)), shape=(len(visits), n_items))
    together = (taken.T @ taken).tocsr()
    counts = np.asarray(taken.sum(axis=0)).ravel()

    def of(setting: tuple[float, float, bool]) -> Score:
        shrink, decay, with_itself = setting

        def score(visit: list[int]) -> Floats:
            scores = np.zeros(n_items)
            for back, item in enumerate(reversed(visit)):
                weight = decay**back
                if weight < 1e-3:
                    break
                begin, end = together.indptr[item], together.indptr[item + 1]
                others = together.indices[begin:end]
                alike = together.data[begin:end] / (np.sqrt(counts[item] * counts[others]) + shrink)
                scores[others] += weight * np.where((others == item) & (not with_itself), 0.0, alike)
            return scores

        return score

    return of


def _neighbours(visits: Visits, n_items: int) -> Callable[[Weighing], Score]:
    index = VisitIndex(visits, n_items=n_items)
    return lambda weighing: lambda visit: index.score(visit, weighing)


def _stan(*, quick: bool) -> Iterable[Weighing]:
    """Every combination: more than ours tries, which goes from one parameter to the next."""
    decays = (1.0, 4.0, NEVER) if quick else (1.0, 2.0, 4.0, 8.0, NEVER)
    distances = (1.0, 4.0) if quick else (0.5, 1.0, 2.0, 8.0, NEVER)
    ages = (60.0, NEVER) if quick else (7.0, 30.0, 90.0, NEVER)
    for position, distance, age_days, neighbours, idf in product(
        decays, distances, ages, (50, 200, 500), (False, True)
    ):
        yield Weighing(position=position, distance=distance, age_days=age_days, neighbours=neighbours, idf=idf)


def methods(*, quick: bool) -> dict[str, Method]:
    """By name."""
    shares = (50, 100, 200, 500, 1_500)
    return {
        "popular": Method((0.0, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0), _popular),
        "item_knn": Method(tuple(product((0.0, 1.0, 5.0, 20.0), (0.0, 0.3, 0.6, 0.9), (False, True))), _item_knn),
        "sknn": Method(tuple(Weighing(neighbours=n) for n in shares), _neighbours),
        "vsknn": Method(
            tuple(Weighing(neighbours=n, order="linear", idf=idf) for n in shares for idf in (False, True)), _neighbours
        ),
        "stan": Method(tuple(_stan(quick=quick)), _neighbours),
    }
