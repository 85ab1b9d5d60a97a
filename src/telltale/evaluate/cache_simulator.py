"""A cache of a fixed number of blocks, led through accesses, with something that fetches ahead of time or without.

What is fetched ahead costs as much as what is asked for, takes a place in the cache, and may push out what is needed. It is
taken to arrive at once: a hit says that it was fetched in time only as far as order tells time.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.learners import Follower
from telltale.evaluate.cache_policies import CachePolicy

_N_PARTS = 50


class CacheOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a cache was worth.

    Args:
        n: accesses.
        hits: those of what was there.
        fetched_ahead: blocks fetched before they were asked for.
        used: those of them that were asked for while they were still there.
        hits_by_part, n_by_part: the same for at most fifty consecutive parts, shape (parts,): neighbours are alike, so
            that a resample takes whole parts.
    """

    n: int
    hits: int
    fetched_ahead: int
    used: int
    hits_by_part: NDArray[np.int64]
    n_by_part: NDArray[np.int64]

    @property
    def hit_ratio(self) -> float:
        """Hits per access."""
        return self.hits / self.n if self.n else float("nan")

    @property
    def fetched(self) -> int:
        """All that was fetched."""
        return self.n - self.hits + self.fetched_ahead

    @property
    def precision(self) -> float:
        """Of what was fetched ahead, the share that was used; NaN where nothing was."""
        return self.used / self.fetched_ahead if self.fetched_ahead else float("nan")

    def extra_traffic(self, without: "CacheOutcome") -> float:
        """What more was fetched than by the same cache without prefetching, as a share of that."""
        return self.fetched / without.fetched - 1.0 if without.fetched else float("nan")

    def coverage(self, without: "CacheOutcome") -> float:
        """Of what the same cache would miss without prefetching, the share that it had because of it."""
        missed = without.n - without.hits
        return self.used / missed if missed else float("nan")


def simulate_cache(items: Sequence[str], cache: CachePolicy) -> CacheOutcome:
    """Accesses in order, and nothing fetched ahead; some five million a second."""
    touch, admit = cache.touch, cache.admit
    hits_by_part, n_by_part = [], []
    for part in _parts(items):
        hits = 0
        for item in part:
            if touch(item):
                hits += 1
            else:
                admit(item)
        hits_by_part.append(hits)
        n_by_part.append(len(part))
    return _outcome(hits_by_part, n_by_part, 0, 0)


def simulate_prefetching(
    items: Sequence[str], cache: CachePolicy, followers: Sequence[Follower] | Follower
) -> CacheOutcome:
    """Accesses in order; whatever is foretold at each, and is not there, is fetched at once.

    Args:
        items: what is asked for.
        cache: empty.
        followers: whose foretellings are fetched, made with `has=cache.members`: one for all accesses, or for each access
            the one of its entity.
    """
    touch, admit, members = cache.touch, cache.admit, cache.members
    hits_by_part, n_by_part = [], []
    ahead: set[str] = set()
    fetched = used = place = 0
    one = None if isinstance(followers, Sequence) else followers.step
    for part in _parts(items):
        hits = 0
        for item in part:
            step = one if one is not None else followers[place].step  # type: ignore[index]  # a sequence where not one
            place += 1
            foretold = step(item).items
            if touch(item):
                hits += 1
                if item in ahead:
                    ahead.discard(item)
                    used += 1
            else:
                admit(item)
                ahead.discard(item)
            for wanted in foretold:
                if wanted not in members:
                    admit(wanted)
                    ahead.add(wanted)
                    fetched += 1
        hits_by_part.append(hits)
        n_by_part.append(len(part))
    return _outcome(hits_by_part, n_by_part, fetched, used)


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    size = max(1, -(-len(items) // _N_PARTS))
    return [items[start : start + size] for start in range(0, len(items), size)]


def _outcome(hits_by_part: list[int], n_by_part: list[int], fetched_ahead: int, used: int) -> CacheOutcome:
    return CacheOutcome(
        n=sum(n_by_part),
        hits=sum(hits_by_part),
        fetched_ahead=fetched_ahead,
        used=used,
        hits_by_part=np.array(hits_by_part, dtype=np.int64),
        n_by_part=np.array(n_by_part, dtype=np.int64),
    )
