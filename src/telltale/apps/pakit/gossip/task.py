"""How a rumour is spread: to how many peers each node tells it, and for how many hops, before those that missed it ask."""

from typing import Final

import numpy as np
import polars as pl

from telltale.apps.pakit.gossip.closed_form import expected_rewards
from telltale.apps.pakit.gossip.levels import measured
from telltale.apps.pakit.gossip.reward import ACTIONS, FANOUTS, TTLS
from telltale.apps.pakit.gossip.simulate import drawn_networks
from telltale.contract.app import Task
from telltale.contract.kinds import Acting, Reward
from telltale.contract.verdict import Target

_N_KNOWN: Final = 500
_SEED: Final = 9


def expected_rows() -> pl.DataFrame:
    """What the closed form expects of every action in some hundreds of networks, as rows of the event."""
    networks = drawn_networks(np.random.default_rng(_SEED), _N_KNOWN)
    rewards = expected_rewards(networks)
    each = networks.taken(np.repeat(np.arange(_N_KNOWN), len(ACTIONS)))
    fanout, ttl = np.tile(ACTIONS, (_N_KNOWN, 1)).T
    return pl.DataFrame(
        {
            "network_id": ["closed form"] * len(fanout),
            "fanout": fanout,
            "ttl": ttl,
            "reward": rewards.ravel(),
            **measured(each),
            "propensity": np.full(len(fanout), 1.0 / len(ACTIONS)),
        }
    )


GOSSIP_TASK: Final = Task(
    name="gossip",
    kind="act",
    event="gossip",
    estimators=("tabular_q",),
    targets=(
        Target(metric="gain_dr", op=">=", limit=0.0),  # against how the logged rumours were spread
    ),
    acting=Acting(
        action=("fanout", "ttl"),
        options={"fanout": FANOUTS, "ttl": TTLS},
        context=("avg_latency_ms", "message_loss_rate", "n_nodes", "churn_rate"),
        reward=Reward(column="reward"),
    ),
    beforehand=expected_rows,
    minimum_rows=500,
    schedule="15 3 * * *",  # daily; between them it learns from what is stored
)
