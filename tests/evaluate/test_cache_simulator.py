"""Caches led through accesses, with something that fetches ahead of time."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import pytest

from telltale.contract.learners import Foretold
from telltale.evaluate.cache_policies import POLICIES
from telltale.evaluate.cache_simulator import CacheOutcome, simulate_cache, simulate_prefetching
from telltale.evaluate.next_metrics import cache_metrics, hit_ratio_gain, mean_gain

SCAN = [str(number) for number in range(400)]


class Foreteller:
    """Foretells so many that follow, right or wrong."""

    def __init__(self, n: int, *, has: Collection[str] = (), by: int = 0) -> None:
        self.n, self.by, self.has = n, by, has

    def step(self, item: str) -> Foretold:
        items = tuple(str(int(item) + ahead + self.by) for ahead in range(1, self.n + 1))
        return Foretold(items=items, scores=(0.5,) * len(items), source="stride", precision=None)


def test_a_scan_never_hits_and_foretold_rightly_always_hits() -> None:
    without = simulate_cache(SCAN, POLICIES["lru"](10))
    ahead = simulate_prefetching(SCAN, POLICIES["lru"](10), Foreteller(2))

    assert (without.hits, without.fetched) == (0, 400)
    assert ahead.hits == 399
    assert ahead.precision == pytest.approx(399 / 401)
    assert ahead.fetched == 402
    assert ahead.extra_traffic(without) == pytest.approx(2 / 400)
    assert ahead.coverage(without) == pytest.approx(399 / 400)


def test_what_is_fetched_in_vain_is_traffic_and_pushes_out_what_is_needed() -> None:
    loop = [str(number % 8) for number in range(400)]
    without = simulate_cache(loop, POLICIES["lru"](10))
    in_vain = simulate_prefetching(loop, POLICIES["lru"](10), Foreteller(6, by=1_000))

    assert without.hits == 392
    assert in_vain.used == 0
    assert in_vain.hits < without.hits
    assert in_vain.fetched > without.fetched
    assert math.isnan(without.precision)


def test_what_left_before_it_was_asked_for_is_not_used() -> None:
    items = ["1", *[str(number) for number in range(100, 200)], "2"]
    one_step_ahead = [Foreteller(1), *[Foreteller(0)] * (len(items) - 1)]

    kept = simulate_prefetching(items, POLICIES["lru"](200), one_step_ahead)
    lost = simulate_prefetching(items, POLICIES["lru"](50), one_step_ahead)

    assert (kept.fetched_ahead, kept.used, kept.hits) == (1, 1, 1)
    assert (lost.fetched_ahead, lost.used, lost.hits) == (1, 0, 0)


def test_every_access_asks_the_follower_of_its_entity() -> None:
    items = ["1", "101", "2", "102"]
    quiet, loud = Foreteller(0), Foreteller(1)

    found = simulate_prefetching(items, POLICIES["lru"](10), [quiet, loud, quiet, loud])

    assert (found.hits, found.used) == (1, 1)


def outcome(hits: Sequence[int], n: int) -> CacheOutcome:
    return CacheOutcome(
        n=n * len(hits),
        hits=sum(hits),
        fetched_ahead=10,
        used=7,
        hits_by_part=np.array(hits),
        n_by_part=np.full(len(hits), n),
    )


def test_a_gain_is_paired_and_its_interval_is_of_the_parts() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(20, 60, 50)
    other, own = outcome(base.tolist(), 100), outcome((base + 5).tolist(), 100)

    gain = hit_ratio_gain(own, other)

    assert gain.value == pytest.approx(0.05)
    assert gain.low == pytest.approx(0.05)  # every part gains the same: nothing is left to chance
    assert gain.high == pytest.approx(0.05)
    mixed = hit_ratio_gain(outcome((base + rng.integers(-20, 21, 50)).tolist(), 100), other)
    assert mixed.low < mixed.value < mixed.high
    both = mean_gain([own, other], [other, other])
    assert both.value == pytest.approx(0.025)
    assert math.isnan(mean_gain([], []).value)


def test_metrics_carry_their_counts() -> None:
    own, without = outcome([60, 40], 100), outcome([20, 20], 100)

    metrics = cache_metrics(own, without)

    assert metrics["hit_ratio"].value == 0.5
    assert (metrics["precision"].value, metrics["precision"].n) == (0.7, 10)
    assert metrics["extra_traffic"].n == 160
