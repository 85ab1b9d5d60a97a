"""Made-up rounds of gossip: rumours in simulated networks, with a fan-out and a TTL drawn at random from what is allowed."""

from typing import Final

import numpy as np
import polars as pl

from telltale.apps.pakit.gossip.levels import levels_of, measured
from telltale.apps.pakit.gossip.network import Floats, Networks, spread
from telltale.apps.pakit.gossip.reward import ACTIONS, reward_of

_PART: Final = 240
_AT_A_TIME: Final = _PART // len(ACTIONS)
_N_NETWORKS: Final = 48
_FEWEST, _MOST = 10.0, 1_500.0
_GOSSIP: Final = 4


def gossip_rows(seed: int, part: int) -> pl.DataFrame:
    """Rumours in six networks at a time, each of which tries every action once, in an order drawn at random.

    So any row's action is any of them with the same probability, and all are tried under the same conditions. The networks
    take turns; whenever its turn comes, a network is of another size and meets another loss, latency and churn.
    """
    rng = np.random.default_rng([seed, _GOSSIP, part])
    order = rng.permutation(_PART)
    which, actions = order // len(ACTIONS), ACTIONS[order % len(ACTIONS)]
    networks = drawn_networks(rng, _AT_A_TIME).taken(which)
    fanout, ttl = actions.T
    found = spread(networks, fanout=fanout.astype(np.int64), ttl=ttl.astype(np.int64), rng=rng)
    return pl.DataFrame(
        {
            "network_id": [f"network-{(part * _AT_A_TIME + number) % _N_NETWORKS:02d}" for number in which],
            "fanout": fanout,
            "ttl": ttl,
            "reward": reward_of(networks, found),
            "state": levels_of(networks).astype(np.float64).tolist(),
            **measured(networks),
            "propensity": np.full(_PART, 1.0 / len(ACTIONS)),
        }
    )


def drawn_networks(rng: np.random.Generator, n: int) -> Networks:
    """What networks there may be, and what they meet: as many have 10 to 20 nodes as 700 to 1,400.

    A third of them lose nothing worth naming, and half of them hold together.
    """
    n_nodes = np.exp(rng.uniform(np.log(_FEWEST), np.log(_MOST), n)).astype(np.int64)
    loss = np.where(rng.random(n) < 1 / 3, rng.uniform(0.0, 0.01, n), rng.uniform(0.0, 0.3, n))
    latency: Floats = np.exp(rng.normal(np.log(100.0), 0.7, n))
    churn = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0.0, 0.2, n))
    return Networks(n_nodes=n_nodes, loss=loss, latency_ms=latency, churn=churn)
