"""A world that no closed form was told of: some nodes hear and ask, and pass nothing on. The product's policy learns of it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.gossip_policies import Policy, closed_form, context_of, drawn, of_runtime
from benchmarks.results import Cell, Table
from telltale.apps.pakit.gossip.levels import measured
from telltale.apps.pakit.gossip.network import Networks, spread
from telltale.apps.pakit.gossip.reward import reward_of
from telltale.apps.pakit.gossip.simulate import drawn_networks
from telltale.contract.query import ActQuery
from telltale.models.act_runtime import ActRuntime
from telltale.models.acting import action_name
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE

SILENT: Final = 0.3
_SIZES: Final = (96, 384, 900)
_LOSS, _LATENCY_MS = 0.05, 100.0
_RUMOURS: Final = 100
_AT_A_TIME, _EACH = 6, 40  # networks, and rumours in each, between two steps of learning
_SALT, _TEACH = 2_128, 2_129


def off_model_table(runtimes: Sequence[ActRuntime], *, quick: bool, progress: Progress) -> Table:
    """Each policy where three nodes of ten are silent, before and after it has learned from rumours that it spread there."""
    steps = (0, 10) if quick else (0, 5, 20, 80)
    rows: list[tuple[Cell, ...]] = [("closed_form", 0, *_means([closed_form] * len(runtimes)))]
    learned, done = list(runtimes), 0
    for step in steps:
        learned = [_taught(runtime, seed, done, step) for seed, runtime in enumerate(learned)]
        done = step
        n_rumours = step * _AT_A_TIME * _EACH
        rows.append(("telltale", n_rumours, *_means([of_runtime(runtime) for runtime in learned])))
        progress(f"silent nodes: learned from {n_rumours:,} rumours")
    return Table(
        title=f"{SILENT:.0%} of nodes silent, 5 % loss, 96 to 900 nodes: before and after learning there",
        columns=("policy", "rumours learned from", "coverage", "messages a node", "rounds ratio", "reward"),
        rows=tuple(rows),
    )


def _taught(runtime: ActRuntime, seed: int, begin: int, end: int) -> ActRuntime:
    """The runtime after it has spread rumours in networks of drawn sizes and conditions, by its own draws."""
    for step in range(begin, end):
        rng = np.random.default_rng([_TEACH, seed, step])
        networks = drawn_networks(rng, _AT_A_TIME)
        parts = [_lesson(runtime, networks.taken(np.full(_EACH, number)), rng) for number in range(_AT_A_TIME)]
        runtime = runtime.learn(pl.concat(parts))
    return runtime


def _lesson(runtime: ActRuntime, networks: Networks, rng: np.random.Generator) -> pl.DataFrame:
    """Rumours in one network as rows of the event, checked."""
    chances = runtime.probabilities(ActQuery(context=context_of(networks)))
    plan = drawn(chances, _EACH, rng)
    found = spread(networks, fanout=plan.fanout, ttl=plan.ttl, rng=rng, silent=SILENT)
    fanout, ttl = plan.fanout.astype(np.float64), plan.ttl.astype(np.float64)
    names = [action_name({"fanout": a, "ttl": b}) for a, b in zip(fanout.tolist(), ttl.tolist(), strict=True)]
    return pl.DataFrame(
        {
            ENTITY: ["network"] * _EACH,
            TIME: pl.Series([None] * _EACH, dtype=TIME_DTYPE),
            "fanout": fanout,
            "ttl": ttl,
            "reward": reward_of(networks, found),
            **measured(networks),
            "propensity": [chances[name] for name in names],
        }
    )


def _means(policies: Sequence[Policy]) -> tuple[float, ...]:
    """Coverage, messages a node, rounds to log2 n and reward; means over sizes and seeds."""
    found: list[NDArray[np.float64]] = []
    for seed, policy in enumerate(policies):
        for n_nodes in _SIZES:
            rng = np.random.default_rng([_SALT, seed, n_nodes])
            networks = Networks(
                n_nodes=np.full(_RUMOURS, n_nodes, dtype=np.int64),
                loss=np.full(_RUMOURS, _LOSS),
                latency_ms=np.full(_RUMOURS, _LATENCY_MS),
                churn=np.zeros(_RUMOURS),
            )
            plan = policy(networks, rng)
            told = spread(networks, fanout=plan.fanout, ttl=plan.ttl, rng=rng, tries=plan.tries, silent=SILENT)
            figures = (
                told.coverage,
                told.messages / n_nodes,
                told.rounds / np.log2(n_nodes),
                reward_of(networks, told),
            )
            found.append(np.array([float(one.mean()) for one in figures]))
    return tuple(np.mean(found, axis=0).round(4).tolist())
