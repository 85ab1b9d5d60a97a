"""The figures of what is foretold: hits of a cache that fetches it, what that cost, and how often the next one was named."""

from collections.abc import Sequence

import numpy as np

from telltale.contract.verdict import Measured
from telltale.evaluate.cache_simulator import CacheOutcome
from telltale.evaluate.intervals import rate, undefined

_N_RESAMPLES = 2_000


def cache_metrics(own: CacheOutcome, without: CacheOutcome) -> dict[str, Measured]:
    """`hit_ratio`, `precision`, `coverage` and `extra_traffic` of a cache that fetches ahead.

    The last one rests on what the same cache fetches without; it has no interval, since both are of one run. Intervals
    of the others take accesses as independent, which they are not: they are too narrow.

    Args:
        own: with prefetching.
        without: the same cache, the same accesses, without.
    """
    missed = without.n - without.hits
    extra = own.extra_traffic(without)
    return {
        "hit_ratio": rate(own.hits, own.n),
        "precision": rate(own.used, own.fetched_ahead),
        "coverage": rate(min(own.used, missed), missed),
        "extra_traffic": Measured(value=extra, low=extra, high=extra, n=missed) if missed else undefined(),
    }


def hit_ratio_gain(own: CacheOutcome, other: CacheOutcome, *, seed: int = 0) -> Measured:
    """How much higher a hit ratio is than another's over the same accesses, paired by consecutive parts of them.

    The interval resamples the parts, at most fifty: accesses near each other are alike.
    """
    return mean_gain([own], [other], seed=seed)


def mean_gain(own: Sequence[CacheOutcome], other: Sequence[CacheOutcome], *, seed: int = 0) -> Measured:
    """The same as a mean over several runs, each weighing alike however many accesses it has; parts drawn within each run."""
    pairs = [(mine, its) for mine, its in zip(own, other, strict=True) if mine.n]
    if not pairs:
        return undefined()
    rng = np.random.default_rng(seed)
    drawn = np.zeros(_N_RESAMPLES)
    for mine, its in pairs:
        n_parts = len(mine.n_by_part)
        counts = rng.multinomial(n_parts, np.full(n_parts, 1.0 / n_parts), size=_N_RESAMPLES)
        drawn += (counts @ (mine.hits_by_part - its.hits_by_part)) / (counts @ mine.n_by_part)
    value = float(np.mean([mine.hit_ratio - its.hit_ratio for mine, its in pairs]))
    low, high = np.quantile(drawn / len(pairs), (0.025, 0.975)).tolist()
    return Measured(value=value, low=min(low, value), high=max(high, value), n=sum(mine.n for mine, _ in pairs))
