"""Plain orders of items beside ours: each tuned on rows left out of training, the same ones that ours chooses by."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.catalogue import Progress
from benchmarks.recommend_cases import Case
from benchmarks.recommend_ours import TASK, Lists
from telltale.contract.estimator import Floats, Interactions, Parameter, RankEstimator
from telltale.models.estimators import estimator_named
from telltale.models.popular import popularity
from telltale.models.recommend.blend import Judged
from telltale.models.recommend.left_out import LeftOut, leave_out
from telltale.models.recommend.taken import only
from telltale.train.rank import interactions

_TOP: Final = 20
_USERS: Final = 600  # to tune on, as ours does
_RECENT_S: Final = 30 * 86_400.0
OWN: Final = "own_frequency"

Score = Callable[[Sequence[int]], Floats]
Grid = Mapping[str, tuple[Parameter, ...]]

# Beside an estimator's defaults, in order; the first of each is where the search begins, and what a quick run takes.
GRIDS: Final[Mapping[str, Grid]] = {
    "user_knn": {"neighbours": (100, 25, 50, 200, 400)},
    "item_knn": {"neighbours": (200, 50, 100, 500, 1_000), "shrink": (10.0, 0.0, 30.0, 100.0)},
    "ease": {"l2": (300.0, 30.0, 100.0, 200.0, 500.0, 800.0, 1_200.0, 2_000.0)},
    "slim": {"l1": (1.0, 0.1, 0.3, 3.0), "l2": (150.0, 50.0, 300.0, 600.0)},
    "ials": {
        "l2": (0.03, 0.005, 0.01, 0.02, 0.04, 0.06),
        "unobserved": (0.1, 0.05, 0.2, 0.4),
        "n_factors": (64, 32, 128),
    },
}
_ROUNDS: Final = 2
# The most taken, on which penalties are tried where inverses cost the cube; ours tries on 1,200.
_TRIED_ITEMS: Final = 1_500


@dataclass(frozen=True)
class Baseline:
    """A tuned order: what was chosen for it, and how long tuning and the last fit took."""

    name: str
    score: Score
    chosen: str
    seconds: float


def baselines(case: Case, *, quick: bool, progress: Progress) -> tuple[list[Baseline], Callable[[Score], Lists]]:
    """Every baseline fitted on a case's rows, and how one is asked for the case's questions."""
    assert TASK.ranking is not None
    _, items, rows = interactions(case.frame, TASK.ranking)
    out = None if quick else leave_out(rows, seed=0, most_users=_USERS)
    made = [
        Baseline("popular", _same(popularity(rows, half_life_days=0.0)), "", 0.0),
        Baseline("recent_popular", _same(_recent(rows)), "", 0.0),
    ]
    if case.again:
        made.append(Baseline(OWN, _own_frequency(rows), "", 0.0))
    with threadpool_limits(1, user_api="blas"):
        for name, grid in GRIDS.items():
            progress(f"{case.name}: {name}")
            made.append(_tuned(name, grid, rows, out))
    number = {item: place for place, item in enumerate(items)}
    return made, lambda score: _lists(case, score, items, number)


def _tuned(name: str, grid: Grid, rows: Interactions, out: LeftOut | None) -> Baseline:
    """From the first of each, one parameter after another is moved to the best of its values, twice through."""
    estimator: RankEstimator = estimator_named(name)
    started = time.perf_counter()
    best = {parameter: values[0] for parameter, values in grid.items()}
    if out is not None:
        best = _search(estimator, grid, best, out)
    fitted = estimator.load(estimator.fit(rows, parameters={**estimator.defaults, **best}, seed=0))
    chosen = ", ".join(f"{key} {value:g}" for key, value in best.items())
    return Baseline(name, fitted.score, chosen, time.perf_counter() - started)


def _search(estimator: RankEstimator, grid: Grid, start: dict[str, Parameter], out: LeftOut) -> dict[str, Parameter]:
    judged = Judged.of(out.past, out.wanted, n_items=out.rows.n_items, again=False)
    fewer = {"max_items": _TRIED_ITEMS} if "max_items" in estimator.defaults else {}
    found: dict[tuple[Parameter, ...], float] = {}

    def figure(tried: dict[str, Parameter]) -> float:
        key = tuple(tried.values())
        if key not in found:
            parameters = {**estimator.defaults, **tried, **fewer}
            ranker = estimator.load(estimator.fit(out.rows, parameters=parameters, seed=0))
            found[key] = judged.ndcg(np.stack([ranker.score(own) for own in out.past]).astype(np.float32))
        return found[key]

    best = start
    for _ in range(_ROUNDS):
        for parameter, values in grid.items():
            best = max(({**best, parameter: value} for value in values), key=figure)
    return best


def _lists(case: Case, score: Score, items: Sequence[str], number: Mapping[str, int]) -> Lists:
    started = time.perf_counter()
    new: list[tuple[str, ...]] = []
    anything: list[tuple[str, ...]] = []
    for question in case.questions:
        own = [number[item] for item in question.past if item in number]
        scores = np.asarray(score(own), dtype=np.float64)
        if case.again:
            anything.append(_best(scores, items))
        scores = scores.copy()
        scores[own] = -np.inf
        new.append(_best(scores, items))
    return Lists(new, anything, time.perf_counter() - started)


def _best(scores: Floats, items: Sequence[str]) -> tuple[str, ...]:
    order = np.lexsort((np.arange(len(scores)), -scores))[:_TOP].tolist()
    return tuple(items[place] for place in order if scores[place] > -np.inf)


def _same(scores: Floats) -> Score:
    return lambda _own: scores


def _recent(rows: Interactions) -> Floats:
    """Users per item in the last thirty days; all rows where they have no time."""
    is_recent = rows.times_s >= rows.times_s.max() - _RECENT_S
    return popularity(only(rows, is_recent), half_life_days=0.0)


def _own_frequency(rows: Interactions) -> Score:
    """How often one took it oneself; of equal ones, and after all of these, the more popular of the last thirty days."""
    share = _recent(rows) / (1.0 + rows.n_users)
    return lambda own: np.bincount(np.asarray(own, dtype=np.int64), minlength=rows.n_items) + share
