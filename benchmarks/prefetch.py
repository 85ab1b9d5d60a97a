"""Fetching blocks ahead of time into a cache: ours, caches alone, sequential read-ahead, and association after MITHRIL.

Every trace is cut in half by the number of accesses: the first half trains and tunes, the second is scored, by caches that begin
empty, of .1, 1 and 10 % of the trace's different blocks, and no fewer than 32. A case is a trace and a size; `metrics` are means over cases, and
`by_case` has each of them, and the mean over traces at each size. Which columns make which accesses: `prefetch_traces.py`.
All accesses are alike, reads and writes; a block that is fetched ahead arrives at once, takes a place, and is counted as traffic.

- hit_ratio: accesses whose block was there;
- precision: of blocks fetched ahead, those that were asked for while they were there;
- extra_traffic: what more was fetched than by the same cache without prefetching, as a share of that;
- sieve_difference, s3fifo_difference: the largest difference, over all cases, of our simulator's hit ratio from that of
  libCacheSim on the scored half.

Ours is a version of `pakit/prefetch` as `telltale train` makes one of the first half, with its defaults, followed as a store that
embeds it would: `runtime.successor.follow(top_k=32, has=cache)`. Its cache is `prefetch_cache`: S3-FIFO with a small queue of a quarter
of the places, or 64. So that the cache's part can be told from the foretelling's, variants show ours into LRU, read-ahead into our
cache, and our cache alone.

`lru+readahead` reads ahead by as many blocks as gave the highest hit ratio at that size on the end of the first half, whatever the
traffic; the variant `lru+readahead_within_20` took the best of those within precision .5 and 20 % extra traffic there, which are
the limits that ours keeps. `mithril-like` has the same read-ahead, is tuned on the same rows, by hit ratio alone, and led through
them before it is scored; its variant has the read-ahead that keeps the limits.
The constants of ours were set on the first halves of the three traces of `block_traces`, cut in half again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.prefetch_libcachesim import differences
from benchmarks.prefetch_mithril import Mining, MithrilLike
from benchmarks.prefetch_ours import train
from benchmarks.prefetch_traces import Trace, read_traces
from benchmarks.results import Averaging, Comparison, Figures, Result, Row, as_document, average, defined
from telltale.contract.learners import Follower
from telltale.evaluate.cache_policies import POLICIES, CachePolicy, prefetch_cache
from telltale.evaluate.cache_simulator import CacheOutcome, simulate_cache, simulate_prefetching
from telltale.evaluate.next_metrics import mean_gain
from telltale.models.sequential import ReadAhead

_SPEC = BENCHMARKS["prefetch"]
SHARES: Final = (0.001, 0.01, 0.1)
TOP_K: Final = 32
_TUNED_ON, _TUNED_ON_QUICK = 200_000, 20_000
_DEGREES: Final = (1, 2, 4, 8, 16, 32, 64)
_LEAST_PRECISION, _MOST_EXTRA = 0.5, 0.2
_LEAST_CACHE = 32
_METRICS: Final = ("hit_ratio", "precision", "extra_traffic")
_OURS: Final = "telltale"
_VARIANTS: Final = (
    "telltale_on_lru",
    "our_cache_alone",
    "our_cache+readahead",
    "lru+readahead_within_20",
    "mithril-like_readahead_within_20",
)

Make = Callable[[CachePolicy], Follower]


@dataclass(frozen=True)
class Case:
    """A trace and a size of cache."""

    trace: Trace
    share: float

    @property
    def name(self) -> str:
        """As in "w106 10%"."""
        return f"{self.trace.name} {self.share:.1%}".replace(".0%", "%")

    @property
    def size(self) -> int:
        """Places."""
        return max(_LEAST_CACHE, int(self.trace.n_distinct * self.share))


def run(*, quick: bool, progress: Progress, data: Path | None = None) -> dict[str, Any]:
    traces = read_traces(data, quick=quick)
    outcomes: dict[str, dict[str, CacheOutcome]] = {}
    figures: dict[str, dict[str, Figures]] = {}
    seconds: dict[str, float] = {}
    facts: dict[str, str] = {}
    cases = []
    for trace in traces:
        progress(f"{trace.name}: training on {len(trace.training):,} accesses")
        with TemporaryDirectory(prefix="telltale-") as scratch:
            successor, facts[f"bundle of {trace.name}"] = train(trace, Path(scratch) / "version")
        for share in SHARES:
            case = Case(trace, share)
            cases.append(case)
            for name, make_cache, make in _methods(case, successor.follow, quick=quick, progress=progress):
                progress(f"{case.name}: {name}")
                started = time.perf_counter()
                own, without = _outcome(case, make_cache, make)
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
                outcomes.setdefault(name, {})[case.name] = own
                figures.setdefault(name, {})[case.name] = _figures(own, without, is_prefetching=make is not None)
    equal = _libcachesim(cases, outcomes, progress)
    rows = {name: _row(name, figures[name], cases, seconds[name], equal) for name in figures}
    return as_document(
        Result(
            benchmark="prefetch",
            data=str(data) if data else "simulated",
            cases=len(cases),
            rows=tuple(row for name, row in rows.items() if name not in _VARIANTS),
            variants=tuple(row for name, row in rows.items() if name in _VARIANTS),
            comparisons=tuple(
                _comparison(outcomes[_OURS], outcomes[name], name)
                for name in ("lru+readahead", "mithril-like", "s3fifo")
            ),
            facts={
                **{f"accesses scored of {trace.name}": f"{len(trace.scored):,}" for trace in traces},
                **{f"different blocks of {trace.name}": f"{trace.n_distinct:,}" for trace in traces},
                **facts,
                "a step of ours takes": f"{1e6 * seconds[_OURS] / sum(len(case.trace.scored) for case in cases):.1f} us",
                **describe_machine("telltale-loop", "polars"),
            },
            notes=_notes(cases, outcomes),
        )
    )


def _methods(
    case: Case, follow: Callable[..., Follower], *, quick: bool, progress: Progress
) -> Sequence[tuple[str, Callable[[int], CachePolicy], Make | None]]:
    """Name, cache, and what fetches ahead, of every method; what is tuned is tuned here, on the end of the first half."""
    progress(f"{case.name}: tuning")
    rows = case.trace.training[-(_TUNED_ON_QUICK if quick else _TUNED_ON) :]
    lru = POLICIES["lru"]
    degree, degree_within = _tuned_degrees(rows, lru, case.size)
    degree_ours, _ = _tuned_degrees(rows, prefetch_cache, case.size)
    mithril = _tuned_mithril(rows, case.size, degree)
    return (
        (_OURS, prefetch_cache, lambda cache: follow(top_k=TOP_K, has=cache.members)),
        *((name, POLICIES[name], None) for name in ("fifo", "lru", "sieve", "s3fifo")),
        ("lru+readahead", lru, partial(_read_ahead, degree)),
        ("mithril-like", lru, lambda cache: _warm_mithril(mithril, rows, case.size, cache)),
        (
            "mithril-like_readahead_within_20",
            lru,
            lambda cache: _warm_mithril(replace(mithril, degree=degree_within), rows, case.size, cache),
        ),
        ("telltale_on_lru", lru, lambda cache: follow(top_k=TOP_K, has=cache.members)),
        ("our_cache_alone", prefetch_cache, None),
        ("our_cache+readahead", prefetch_cache, partial(_read_ahead, degree_ours)),
        ("lru+readahead_within_20", lru, partial(_read_ahead, degree_within)),
    )


def _outcome(
    case: Case, make_cache: Callable[[int], CachePolicy], make: Make | None
) -> tuple[CacheOutcome, CacheOutcome]:
    """Of the scored half, with and without what fetches ahead."""
    items = case.trace.scored
    if make is None:
        alone = simulate_cache(items, make_cache(case.size))
        return alone, alone
    cache = make_cache(case.size)
    return simulate_prefetching(items, cache, make(cache)), simulate_cache(items, make_cache(case.size))


def _read_ahead(degree: int, cache: CachePolicy) -> Follower:
    return ReadAhead(degree).follow(top_k=degree, has=cache.members)


def _tuned_degrees(rows: list[str], make_cache: Callable[[int], CachePolicy], size: int) -> tuple[int, int]:
    """The best number of blocks to read ahead by hit ratio, and the best of those within the limits; 1 where none is."""
    without = simulate_cache(rows, make_cache(size))
    ratios, within = {}, {1: 0.0}
    for degree in _DEGREES:
        cache = make_cache(size)
        found = simulate_prefetching(rows, cache, _read_ahead(degree, cache))
        ratios[degree] = found.hit_ratio
        if found.precision >= _LEAST_PRECISION and found.extra_traffic(without) <= _MOST_EXTRA:
            within[degree] = found.hit_ratio
    return max(ratios, key=lambda one: ratios[one]), max(within, key=lambda one: within[one])


def _tuned_mithril(rows: list[str], size: int, degree: int) -> Mining:
    half = len(rows) // 2
    ratios = {}
    for mining in (Mining(support, reach, degree) for support in (2, 4) for reach in (20, 100)):
        cache = POLICIES["lru"](size)
        warm = _warm_mithril(mining, rows[:half], size, cache)
        ratios[mining] = simulate_prefetching(rows[half:], cache, warm).hit_ratio
    return max(ratios, key=lambda one: ratios[one])


def _warm_mithril(mining: Mining, rows: list[str], size: int, cache: CachePolicy) -> MithrilLike:
    first = POLICIES["lru"](size)
    found = MithrilLike(mining, first.members)
    simulate_prefetching(rows, first, found)
    found.bind(cache.members)
    return found


def _figures(own: CacheOutcome, without: CacheOutcome, *, is_prefetching: bool) -> Figures:
    return {
        "hit_ratio": own.hit_ratio,
        "precision": defined(own.precision),
        "extra_traffic": defined(own.extra_traffic(without)) if is_prefetching else 0.0,
        "coverage": defined(own.coverage(without)) if is_prefetching else 0.0,
    }


def _libcachesim(
    cases: Sequence[Case], outcomes: dict[str, dict[str, CacheOutcome]], progress: Progress
) -> dict[str, float | None]:
    """The largest difference of each policy over all cases, by the metric's name; None where the library is not installed."""
    worst: dict[str, float | None] = {"sieve_difference": None, "s3fifo_difference": None}
    for case in cases:
        progress(f"{case.name}: libCacheSim")
        for name, difference in differences(case.trace.scored, case.size, outcomes, case.name).items():
            worst[f"{name}_difference"] = max(worst[f"{name}_difference"] or 0.0, difference)
    return worst


def _row(
    name: str, by_case: dict[str, Figures], cases: Sequence[Case], seconds: float, equal: dict[str, float | None]
) -> Row:
    metrics = average(by_case, Averaging(metrics=_METRICS, lower_is_better=_SPEC.lower_is_better))
    if name == _OURS:
        metrics |= equal
    elif f"{name}_difference" in equal:
        metrics[f"{name}_difference"] = equal[f"{name}_difference"]
    by_size: dict[str, Figures] = {}
    for share in SHARES:
        of_size = {case.name: by_case[case.name] for case in cases if case.share == share}
        found = average(of_size, Averaging(metrics=_METRICS))
        by_size[f"{share:.1%}".replace(".0%", "%")] = {metric: found[metric] for metric in _METRICS}
    return Row(name=name, ours=name == _OURS, metrics=metrics, by_case={**by_size, **by_case}, seconds=seconds)


def _comparison(own: dict[str, CacheOutcome], other: dict[str, CacheOutcome], name: str) -> Comparison:
    gain = mean_gain([own[case] for case in own], [other[case] for case in own])
    return Comparison(
        metric="hit_ratio", baseline=name, difference=gain.value, low=gain.low, high=gain.high, n_cases=len(own)
    )


def _notes(cases: Sequence[Case], outcomes: dict[str, dict[str, CacheOutcome]]) -> tuple[str, ...]:
    own, ahead = outcomes[_OURS], outcomes["lru+readahead"]
    below = [case.name for case in cases if own[case.name].hit_ratio < ahead[case.name].hit_ratio]
    by_trace = {
        case.trace.name: float(
            np.mean([own[one.name].hit_ratio - ahead[one.name].hit_ratio for one in cases if one.trace is case.trace])
        )
        for case in cases
    }
    return (
        "Ours less lru+readahead, mean over sizes: "
        + ", ".join(f"{name} {difference:+.4f}" for name, difference in by_trace.items())
        + ".",
        f"Ours is below lru+readahead at: {', '.join(below) or 'none'}.",
        "lru+readahead, and mithril-like with it, is tuned for hits whatever the traffic: see extra_traffic.",
        "Intervals resample fifty consecutive parts of each scored half; three traces are three traces.",
    )
