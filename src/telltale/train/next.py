"""Tasks that foretell what comes next: sequences from rows, a model, and a cache to judge what it is worth."""

import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.learners import Follower, NextEstimator
from telltale.contract.query import NextQuery
from telltale.contract.verdict import Measured
from telltale.evaluate.cache_policies import POLICIES, CachePolicy, prefetch_cache
from telltale.evaluate.cache_simulator import CacheOutcome, simulate_cache, simulate_prefetching
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import rate
from telltale.evaluate.next_metrics import cache_metrics, hit_ratio_gain
from telltale.models.next_runtime import NextRuntime, sequences
from telltale.models.sequential import ReadAhead
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.search import refuse_search

_LEAST_ITEMS = 2
# The cache that a version is judged with: this share of the different items, and no fewer than so many.
_CACHE_SHARE, _LEAST_CACHE = 0.01, 128
# The read-ahead it is judged beside: chosen by nobody, as many file systems begin.
_READ_AHEAD = 4
_TOP_K, _TOP = 32, 4
_RECENT, _MOST_ASKED = 32, 400


def fit_next(request: FitRequest) -> Fitted:
    """Fit on the items of every entity, oldest first.

    Raises:
        NotEnoughDataError: no entity came to two items.
        UsageError: a search is asked for; a parameter is out of range.
    """
    refuse_search(request)
    assert request.task.succession is not None, f"{request.task.name} does not say what it foretells"
    estimator: NextEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    item = request.task.succession.item
    followed = [items for items in sequences(request.frame, item).values() if len(items) >= _LEAST_ITEMS]
    if not followed:
        raise NotEnoughDataError(
            f"no entity came to {_LEAST_ITEMS} values of {item}",
            where="train",
            mend="Give rows of an entity in the order it came to them; some thousands are better.",
        )
    request.progress("model", 0, 1)
    parts = estimator.fit(followed, parameters=request.parameters, seed=request.choices.seed, tell=request.tell)
    request.progress("model", 1, 1)
    return Fitted(parts=parts, parameters=request.parameters)


def judge_next(task: Task, runtime: NextRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a version, by a cache that fetches what it foretells, and by how often the next one was named.

    All entities share one cache, of a hundredth of the different items and at least 128 of them, which begins empty; each is
    followed by itself. Figures:

    - hit_ratio, precision, coverage, extra_traffic: of the cache (S3-FIFO) with prefetching;
    - hit_ratio_lru_readahead: of an LRU cache of that size that reads four blocks ahead, and hit_ratio_gain over it;
    - hit_ratio_lru, hit_ratio_no_prefetch: of an LRU cache, and of the same one, without;
    - next_hit_rate_4: of up to 400 questions with the last 32 items, the share whose next item was among four named.
    """
    assert task.succession is not None, f"{task.name} does not say what it foretells"
    item = task.succession.item
    rows = frame.filter(pl.col(item).is_not_null()).sort(TIME, LINE)
    items: list[str] = rows[item].to_list()
    if not items:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=None), metrics={})
    size = max(_LEAST_CACHE, int(_CACHE_SHARE * len(set(items))))
    entities: list[str] = rows[ENTITY].to_list()
    without = simulate_cache(items, prefetch_cache(size))
    own = _followed(items, entities, runtime, prefetch_cache(size))
    ahead = _read_ahead(items, size)
    plain = simulate_cache(items, POLICIES["lru"](size))
    metrics = {
        **cache_metrics(own, without),
        "hit_ratio_gain": hit_ratio_gain(own, ahead),
        "hit_ratio_lru_readahead": rate(ahead.hits, ahead.n),
        "hit_ratio_lru": rate(plain.hits, plain.n),
        "hit_ratio_no_prefetch": rate(without.hits, without.n),
        "next_hit_rate_4": _next_hit_rate(runtime, frame, item),
    }
    return Judged(verdict=judge(task.targets, metrics, n=len(items), n_positive=None), metrics=metrics)


def _followed(items: list[str], entities: list[str], runtime: NextRuntime, cache: CachePolicy) -> CacheOutcome:
    followers: dict[str, Follower] = {}
    for entity in entities:
        if entity not in followers:
            followers[entity] = runtime.successor.follow(top_k=_TOP_K, has=cache.members)
    return simulate_prefetching(items, cache, [followers[entity] for entity in entities])


def _read_ahead(items: list[str], size: int) -> CacheOutcome:
    cache = POLICIES["lru"](size)
    return simulate_prefetching(items, cache, ReadAhead(_READ_AHEAD).follow(top_k=_READ_AHEAD, has=cache.members))


def _next_hit_rate(runtime: NextRuntime, frame: pl.DataFrame, item: str) -> Measured:
    """Questions are evenly spread over the accesses of all entities."""
    asked = [
        (items[max(0, place - _RECENT) : place], items[place])
        for items in sequences(frame, item).values()
        for place in range(1, len(items))
    ]
    asked = asked[:: max(1, len(asked) // _MOST_ASKED)]
    answers = runtime.ask([NextQuery(recent=tuple(recent), top_k=_TOP) for recent, _ in asked])
    named = [
        any(ranked.item == wanted for ranked in answer.items)
        for answer, (_, wanted) in zip(answers, asked, strict=True)
    ]
    return rate(sum(named), len(named))
