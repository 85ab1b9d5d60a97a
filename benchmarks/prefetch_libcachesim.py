"""Our cache policies beside libCacheSim's, on the same accesses."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from telltale.evaluate.cache_simulator import CacheOutcome


def differences(
    items: Sequence[str], size: int, outcomes: Mapping[str, Mapping[str, CacheOutcome]], case: str
) -> dict[str, float]:
    """How far our hit ratio is from libCacheSim's, by policy, at its defaults; nothing where it is not installed."""
    if find_spec("libcachesim") is None:
        return {}
    import libcachesim

    numbers: dict[str, int] = {}
    accesses = [numbers.setdefault(item, len(numbers) + 1) for item in items]
    found = {}
    for name, make in (("sieve", libcachesim.Sieve), ("s3fifo", libcachesim.S3FIFO)):
        cache, request, hits = make(size), libcachesim.Request(), 0
        request.obj_size = 1
        for number in accesses:
            request.obj_id = number
            hits += cache.get(request)
        found[name] = abs(hits / len(items) - outcomes[name][case].hit_ratio)
    return found
