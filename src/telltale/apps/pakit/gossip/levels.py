"""The conditions of a network told in levels: the state of an episode, as (size, loss, latency, churn)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from telltale.apps.pakit.gossip.network import Floats, Ints, Networks
from telltale.contract.errors import SchemaError

# The columns of the event by their place in a state; where levels meet, a value there being of the level above; and a value
# that stands for each level.
LEVEL_ENDS: Final[dict[str, tuple[float, ...]]] = {
    "n_nodes": (32.0, 128.0, 512.0),
    "message_loss_rate": (0.01, 0.1),
    "avg_latency_ms": (50.0, 100.0, 200.0),
    "churn_rate": (0.02, 0.1),
}
LEVEL_VALUES: Final[dict[str, tuple[float, ...]]] = {
    "n_nodes": (18.0, 64.0, 256.0, 900.0),
    "message_loss_rate": (0.0, 0.05, 0.2),
    "avg_latency_ms": (35.0, 70.0, 140.0, 280.0),
    "churn_rate": (0.0, 0.05, 0.15),
}
N_LEVELS: Final = tuple(len(values) for values in LEVEL_VALUES.values())


def measured(networks: Networks) -> dict[str, Floats]:
    """The columns of the event that tell the conditions, shape (r,) each, in the order of a state."""
    columns = (networks.n_nodes.astype(np.float64), networks.loss, networks.latency_ms, networks.churn)
    return dict(zip(LEVEL_ENDS, columns, strict=True))


def levels_of(networks: Networks) -> Ints:
    """The state of each network, shape (r, 4)."""
    levels = [np.digitize(column, LEVEL_ENDS[name]) for name, column in measured(networks).items()]
    return np.column_stack(levels).astype(np.int64)


def conditions_at(state: Iterable[int]) -> dict[str, float]:
    """A value for each column of the event, by the levels of a state. Raises SchemaError where there is no such level.

    >>> conditions_at((1, 2, 0, 1))
    {'n_nodes': 64.0, 'message_loss_rate': 0.2, 'avg_latency_ms': 35.0, 'churn_rate': 0.05}
    """
    levels = tuple(state)
    if len(levels) != len(N_LEVELS) or not all(0 <= level < n for level, n in zip(levels, N_LEVELS, strict=True)):
        raise SchemaError(
            f"state {levels}",
            where="gossip",
            mend=f"Give the levels of {', '.join(LEVEL_VALUES)}, counted from 0, of which there are {N_LEVELS}.",
        )
    return {name: values[level] for (name, values), level in zip(LEVEL_VALUES.items(), levels, strict=True)}


def rows_of_episodes(episodes: Iterable[Mapping[str, Any]], *, network_id: str = "network") -> pl.DataFrame:
    """Rows of the event from episodes as `{"state": (1, 2, 0, 1), "action": (6, 10), "reward": 0.8}`, one each, in their order.

    A fan-out or TTL that is none of those allowed stays as it is: training leaves such rows out, and says so. The propensity
    is that of the episode, or not known. Raises SchemaError.
    """
    rows = []
    for episode in episodes:
        missing = {"state", "action", "reward"} - episode.keys()
        if missing:
            raise SchemaError.missing(sorted(missing), list(episode), where="gossip episode")
        fanout, ttl = episode["action"]
        rows.append(
            {
                "network_id": network_id,
                "fanout": float(fanout),
                "ttl": float(ttl),
                "reward": float(episode["reward"]),
                "state": [float(level) for level in episode["state"]],
                **conditions_at(episode["state"]),
                "propensity": episode.get("propensity"),
            }
        )
    return pl.DataFrame(rows, schema_overrides={"propensity": pl.Float64})
