"""Made-up reads of blocks, tries of peers, and rounds of gossip; what was done was drawn at random, with its probability."""

from typing import Final

import numpy as np
import polars as pl

from telltale.apps.pakit.schema import BLOCK_BYTES

_PART = 240
_N_OBJECTS, _OBJECT_BLOCKS = 60, 40
_PEERS: Final = tuple(f"peer-{number:02d}" for number in range(12))
_FANOUTS, _TTLS = np.arange(2, 13), np.arange(3, 13)
_N_NODES = 256
_ACCESS, _PEER, _GOSSIP = 2, 3, 4


def access_rows(seed: int, part: int) -> pl.DataFrame:
    """Streams that read objects in order, jump to popular ones, and now and then to anywhere."""
    rng = np.random.default_rng([seed, _ACCESS, part])
    popular = 1.0 / np.arange(1, _N_OBJECTS + 1)
    popular /= popular.sum()
    place = rng.integers(0, _N_OBJECTS * _OBJECT_BLOCKS, 4)
    streams, blocks = [], []
    for _ in range(_PART):
        stream = int(rng.integers(0, 4))
        chance = rng.random()
        if chance < 0.75:
            place[stream] += 1
        elif chance < 0.95:
            place[stream] = rng.choice(_N_OBJECTS, p=popular) * _OBJECT_BLOCKS
        else:
            place[stream] = rng.integers(0, _N_OBJECTS * _OBJECT_BLOCKS)
        place[stream] %= _N_OBJECTS * _OBJECT_BLOCKS
        streams.append(f"stream-{stream}")
        blocks.append(f"{int(place[stream]):08x}")
    return pl.DataFrame(
        {
            "stream": streams,
            "block_hash": blocks,
            "block_size": np.full(_PART, float(BLOCK_BYTES)),
            "operation": np.where(rng.random(_PART) < 0.9, "read", "write"),
            "was_prefetched": (rng.random(_PART) < 0.1).astype(np.float64),
            "propensity": np.full(_PART, 0.1),
        }
    )


def peer_rows(seed: int, part: int) -> pl.DataFrame:
    """Peers tried at random: each has a latency and a reliability of its own, and every part one of them is in trouble."""
    own = np.random.default_rng([seed, _PEER])
    latency, reliability = np.exp(own.normal(4.0, 0.7, len(_PEERS))), own.uniform(0.8, 0.999, len(_PEERS))
    rng = np.random.default_rng([seed, _PEER, part])
    latency[int(rng.integers(0, len(_PEERS)))] *= 6.0
    chosen = rng.integers(0, len(_PEERS), _PART)
    load = np.clip(rng.beta(2, 4, _PART), 0.0, 1.0)
    size = rng.uniform(3.0, 6.0, _PART)
    success = rng.random(_PART) < reliability[chosen] * (1.0 - 0.3 * load**2)
    taken = latency[chosen] * np.exp(0.4 * rng.normal(size=_PART)) * (1.0 + 2.0 * load) + 10.0 ** (size - 5.0)
    return pl.DataFrame(
        {
            "peer_id": [_PEERS[place] for place in chosen],
            "success": success.astype(np.float64),
            "latency_ms": [float(ms) if done else None for ms, done in zip(taken, success, strict=True)],
            "block_size_log": size,
            "time_of_day": (part * _PART + np.arange(_PART)) % 1_440 / 1_440.0,
            "network_load": load,
            "available_peers": [list(_PEERS)] * _PART,
            "propensity": np.full(_PART, 1.0 / len(_PEERS)),
        }
    )


def gossip_rows(seed: int, part: int) -> pl.DataFrame:
    """Rounds with a fan-out and a time to live drawn at random; the reward is what was reached, less what it cost.

    References:
        Kermarrec, Massoulié & Ganesh, "Probabilistic reliable dissemination in large-scale systems", IEEE TPDS 14 (2003).
    """
    rng = np.random.default_rng([seed, _GOSSIP, part])
    loss = rng.choice((0.0, 0.05, 0.2), _PART)
    latency = np.exp(rng.normal(4.5, 0.5, _PART))
    fanout, ttl = rng.choice(_FANOUTS, _PART), rng.choice(_TTLS, _PART)
    delivered = fanout * (1.0 - loss)
    reached = np.exp(-np.exp(-(delivered - np.log(_N_NODES)))) * (delivered**ttl >= _N_NODES)
    reward = reached - 0.02 * fanout - 0.005 * ttl + 0.02 * rng.normal(size=_PART)
    levels = np.column_stack(
        [
            np.digitize(latency, (50.0, 100.0, 200.0)),
            np.digitize(loss, (0.01, 0.1)),
            np.zeros(_PART),
            rng.integers(0, 2, _PART),
        ]
    )
    return pl.DataFrame(
        {
            "network_id": ["network-1"] * _PART,
            "fanout": fanout.astype(np.float64),
            "ttl": ttl.astype(np.float64),
            "reward": reward,
            "state": levels.astype(np.float64).tolist(),
            "avg_latency_ms": latency,
            "message_loss_rate": loss,
            "propensity": np.full(_PART, 1.0 / (len(_FANOUTS) * len(_TTLS))),
        }
    )
