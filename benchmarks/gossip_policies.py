"""How rumours are spread: by the product, by fixed fan-out, by closed forms."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.pakit import APP
from telltale.apps.pakit.gossip.closed_form import best_actions, certain_fanout, expected
from telltale.apps.pakit.gossip.network import TRIES, Networks
from telltale.apps.pakit.gossip.reward import ACTIONS, cost_of
from telltale.apps.pakit.gossip.task import GOSSIP_TASK
from telltale.contract.app import Task
from telltale.contract.query import ActQuery
from telltale.contract.simulation import Simulation
from telltale.models.act_runtime import ActRuntime
from telltale.models.acting import actions_by_name
from telltale.models.runtimes import load_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_simulated
from telltale.train.version import train_version

Ints = NDArray[np.int64]

UNTIL_NOBODY: Final = 64  # hops; pushing ends by itself long before


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Fan-out and TTL of each rumour, shape (r,), and how often a node asks that has not heard."""

    fanout: Ints
    ttl: Ints
    tries: int = TRIES


# Of rumours under the same conditions.
Policy = Callable[[Networks, np.random.Generator], Plan]


def trained(seed: int, *, task: Task = GOSSIP_TASK) -> ActRuntime:
    """What `telltale train pakit/gossip` gives with its defaults where nothing is stored, by one seed."""
    rows = rows_simulated(APP, task, Simulation(seed=seed))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        choices = TrainingChoices(seed=seed)
        train_version(APP, task, rows, choices, directory=folder, progress=lambda _what, _done, _of: None)
        runtime = load_runtime(folder)
    assert isinstance(runtime, ActRuntime), "gossip acts"
    return runtime


def trained_without_closed_form(seed: int) -> ActRuntime:
    """The same from the simulated days alone: what Q-learning makes of them by itself."""
    return trained(seed, task=replace(GOSSIP_TASK, beforehand=None))


def of_runtime(runtime: ActRuntime, *, columns: tuple[str, ...] = ()) -> Policy:
    """Actions drawn as the endpoint draws them, told all that is measured or, with `columns`, those alone."""

    def plan(networks: Networks, rng: np.random.Generator) -> Plan:
        chances = runtime.probabilities(ActQuery(context=context_of(networks, columns)))
        return drawn(chances, len(networks.loss), rng)

    return plan


def context_of(networks: Networks, columns: tuple[str, ...] = ()) -> dict[str, float]:
    """What is measured of the first network."""
    measured = {
        "avg_latency_ms": float(networks.latency_ms[0]),
        "message_loss_rate": float(networks.loss[0]),
        "n_nodes": float(networks.n_nodes[0]),
        "churn_rate": float(networks.churn[0]),
    }
    return {name: value for name, value in measured.items() if not columns or name in columns}


def drawn(chances: dict[str, float], n: int, rng: np.random.Generator) -> Plan:
    """Draws of actions with these probabilities."""
    assert GOSSIP_TASK.acting is not None, "gossip acts"
    actions = actions_by_name(GOSSIP_TASK.acting)
    names = rng.choice(list(chances), size=n, p=np.array(list(chances.values())) / sum(chances.values()))
    fanout = np.array([actions[name]["fanout"] for name in names], dtype=np.int64)
    return Plan(fanout=fanout, ttl=np.array([actions[name]["ttl"] for name in names], dtype=np.int64))


def fixed_fanout(networks: Networks, rng: np.random.Generator) -> Plan:
    """Fan-out ln n + 7, without end, and nobody asks."""
    del rng
    n = len(networks.loss)
    fanout = np.full(n, certain_fanout(int(networks.n_nodes[0])), dtype=np.int64)
    return Plan(fanout=fanout, ttl=np.full(n, UNTIL_NOBODY, dtype=np.int64), tries=0)


def fixed_fanout_asking(networks: Networks, rng: np.random.Generator) -> Plan:
    """The same, and who has not heard after ten hops asks, as under the product's policy."""
    plan = fixed_fanout(networks, rng)
    return replace(plan, ttl=np.full_like(plan.ttl, 10), tries=TRIES)


def closed_form(networks: Networks, rng: np.random.Generator) -> Plan:
    """The best of the allowed actions by expected values, which know the protocol and the true conditions."""
    del rng
    fanout, ttl = best_actions(networks.taken(np.zeros(1, dtype=np.int64)))[0]
    n = len(networks.loss)
    return Plan(fanout=np.full(n, fanout, dtype=np.int64), ttl=np.full(n, ttl, dtype=np.int64))


def closed_form_push_only(networks: Networks, rng: np.random.Generator) -> Plan:
    """The same where nobody asks: for rumours that come unannounced."""
    del rng
    first = networks.taken(np.zeros(1, dtype=np.int64))
    found = expected(first, fanout=ACTIONS[:, 0], ttl=ACTIONS[:, 1], tries=0)
    seconds = found.rounds * first.latency_ms[:, None] / 1e3
    fanout, ttl = ACTIONS[int(np.argmax(cost_of(found.missed, found.messages_a_node, seconds)[0]))]
    n = len(networks.loss)
    return Plan(fanout=np.full(n, fanout, dtype=np.int64), ttl=np.full(n, ttl, dtype=np.int64), tries=0)
