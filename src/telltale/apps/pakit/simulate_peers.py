"""Made-up requests to peers, each sent to one of those that are there, drawn evenly: a log that any policy can be judged on."""

from typing import Final

import numpy as np
import polars as pl

from telltale.apps.pakit.peers import TIME_OUT_MS

_PART = 240
_PEERS: Final = tuple(f"peer-{number:02d}" for number in range(12))
_STREAM: Final = 3
_AWAY = 0.15  # share of the peers that are not there, in each part
_TROUBLE = 6.0  # times as slow, and
_TROUBLE_FAILS = 0.3  # so often in vain, for the one peer that is in trouble in a part


def peer_rows(seed: int, part: int) -> pl.DataFrame:
    """Requests of one part. What a peer is like belongs to its name, whatever the seed; the seed draws what happens to it.

    A peer has a way to it, a bandwidth, a reliability, and a share of its time that the network's load adds to: which is best
    depends on the block's size. In every part some are away, and one is in trouble.
    """
    own = np.random.default_rng(_STREAM)
    n = len(_PEERS)
    way_ms, rate = np.exp(own.normal(3.6, 0.6, n)), np.exp(own.normal(1.0, 0.6, n))  # ms; 1e6 bytes per s
    fails, strain = np.minimum(0.01 * np.exp(own.normal(0.0, 1.2, n)), 0.2), own.uniform(0.3, 2.5, n)
    rng = np.random.default_rng([seed, _STREAM, part])
    way_ms, fails = way_ms.copy(), fails.copy()
    troubled = int(rng.integers(0, n))
    way_ms[troubled] *= _TROUBLE
    fails[troubled] += _TROUBLE_FAILS
    present = np.flatnonzero(rng.random(n) >= _AWAY)
    present = present if len(present) else np.arange(n)

    chosen = rng.choice(present, _PART)
    load, size = rng.beta(2, 4, _PART), rng.uniform(3.0, 6.0, _PART)
    usual = way_ms[chosen] + 10.0**size / (1e3 * rate[chosen])
    taken = usual * (1.0 + strain[chosen] * load) * np.exp(0.4 * rng.normal(size=_PART))
    done = (rng.random(_PART) >= fails[chosen]) & (taken < TIME_OUT_MS)
    return pl.DataFrame(
        {
            "peer_id": [_PEERS[place] for place in chosen],
            "success": done.astype(np.float64),
            "latency_ms": [ms if came else None for ms, came in zip(taken.tolist(), done.tolist(), strict=True)],
            "block_size_log": size,
            "time_of_day": (part * _PART + np.arange(_PART)) % 1_440 / 1_440.0,
            "network_load": load,
            "available_peers": [[_PEERS[place] for place in present]] * _PART,
            "propensity": np.full(_PART, 1.0 / len(present)),
        }
    )
