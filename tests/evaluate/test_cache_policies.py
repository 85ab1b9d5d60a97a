"""Cache policies beside libCacheSim's, and what each of them is."""

from collections.abc import Callable
from typing import Any

import libcachesim
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.cache_policies import POLICIES, CachePolicy, S3Fifo, prefetch_cache

PEERS = {"fifo": libcachesim.FIFO, "lru": libcachesim.LRU, "sieve": libcachesim.Sieve, "s3fifo": libcachesim.S3FIFO}


def accesses(seed: int, n: int = 20_000) -> list[int]:
    """Popular items, with a scan now and then, and a loop."""
    rng = np.random.default_rng(seed)
    popular = rng.zipf(1.2, n) % 2_000
    scans = np.arange(n) % 5_000
    others = np.where(rng.random(n) < 0.5, scans, 7_000 + np.arange(n) % 90)
    found: list[int] = np.where(rng.random(n) < 0.7, popular, others).tolist()
    return found


def hits_of(cache: CachePolicy, items: list[str]) -> list[bool]:
    found = []
    for item in items:
        found.append(cache.touch(item))
        if not found[-1]:
            cache.admit(item)
    return found


@pytest.mark.parametrize("size", [20, 200, 1_500])
@pytest.mark.parametrize("name", POLICIES)
def test_every_access_hits_or_misses_as_in_libcachesim(name: str, size: int) -> None:
    numbers = accesses(size)
    cache: Any = PEERS[name](size)
    request = libcachesim.Request()
    request.obj_size = 1
    expected = []
    for number in numbers:
        request.obj_id = number + 1
        expected.append(bool(cache.get(request)))

    assert hits_of(POLICIES[name](size), [str(number) for number in numbers]) == expected
    assert 0 < sum(expected) < len(expected)


@pytest.mark.parametrize("make", [*POLICIES.values(), prefetch_cache])
@given(items=st.lists(st.integers(0, 12).map(str), max_size=80), size=st.integers(1, 9))
def test_a_cache_never_holds_more_than_its_size_and_always_what_came_last(
    make: Callable[[int], CachePolicy], items: list[str], size: int
) -> None:
    cache = make(size)
    for item in items:
        was_there = item in cache.members
        assert cache.touch(item) is was_there
        if not was_there:
            cache.admit(item)

        assert item in cache.members
        assert len(cache.members) <= size
        assert len(cache.members) <= len(set(items))


def test_lru_drops_what_was_used_longest_ago() -> None:
    cache = POLICIES["lru"](2)

    assert hits_of(cache, ["a", "b", "a", "c", "a", "b"]) == [False, False, True, False, True, False]
    assert set(cache.members) == {"a", "b"}


def test_a_scan_leaves_what_was_asked_for_twice_in_the_main_queue() -> None:
    cache = S3Fifo(20)
    hits_of(cache, ["often"] * 3 + [f"filler-{number}" for number in range(19)])

    hits_of(cache, [f"scan-{number}" for number in range(100)])

    assert "often" in cache.members
    assert "filler-0" not in cache.members


def test_a_small_cache_to_prefetch_into_has_most_of_its_places_for_what_is_new() -> None:
    small, large = prefetch_cache(80), prefetch_cache(4_000)
    ahead = [f"ahead-{number}" for number in range(60)]
    for cache in (small, large):
        hits_of(cache, [f"kept-{number}" for number in range(80)] * 3)
        for item in ahead:
            cache.admit(item)

    # With a tenth of the places, eight of them, the first of sixty would have left before the last came.
    assert set(ahead) <= set(small.members)
    assert set(ahead) <= set(large.members)
