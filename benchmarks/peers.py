"""Which peer to ask: regret and tail where peers stay, drift, come and go, and where the best are too busy for all.

A world is 6,000 requests at 50 a second, to twelve peers at a time (`benchmarks.peers_world`): each peer has a way, a
bandwidth, a reliability, and a sensitivity to the network's load of its own; latencies are log-normal, one request in a
hundred stalls (a Pareto tail of exponent 1.5), a failed one takes the time-out of 2 s. Twenty seeds, each a case, under each of
four settings: stationary; drifting (a peer wanders, and every 1,500 requests on average is another than before, or in
trouble); churning (a peer stays for 1,500 requests on average, then another comes in its place); crowded (a peer sends one
block after another, and the best cannot serve all).

All learn in the same way: once a second, from what has come back by then, as the product's one writer does. Choices between
two lessons rest on the same stale state, however many clients make them. Variants learn before every request from all that has
come back.

`regret_*`: how much longer a request is expected to take, in ms, than with the best peer that is there for this very request,
given its size and load, averaged over all requests of a world; each peer's expectation is known, since the world is made up.
`p99_ms`: the 99th percentile of what requests took, averaged over the first three settings; `p99_crowded_ms`: of the
fourth, where regret has no meaning, since choices make the queues.

Ours is `pakit/peers` with its defaults, one configuration for all settings: a policy trained on the log of another stationary
network (2,000 requests, other peers, evenly sent), asked and taught through its own contract. Its defaults were chosen on
worlds of seeds 100 to 107, and so were the parameters of the baselines: of Thompson and UCB1 by regret where peers stay,
of sliding-window UCB by regret where they drift, of P2C-EWMA by its p99 over the first three settings, each from a grid, on a
linear and on a logarithmic scale. Ours alone sees a request's size and the load; the best that one can do without, always the
best peer on average, is under `bounds`.

A last table is of off-policy evaluation: what short logs of even requests say that ours is worth, beside what it is.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

import numpy as np

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.paired import compare
from benchmarks.peers_baselines import Chooser, EpsilonGreedy, Ewma, LeastOutstanding, Random, RoundRobin, Thompson, Ucb
from benchmarks.peers_drive import drive
from benchmarks.peers_off_policy import Estimates, off_policy_estimates, off_policy_table
from benchmarks.peers_ours import Ours, trained
from benchmarks.peers_world import SETTINGS, World, make_world
from benchmarks.results import Averaging, Figures, Result, Row, Table, as_document, average
from telltale.apps.pakit.peers import PEERS_TASK
from telltale.contract.estimator import Parts
from telltale.models.estimators import estimator_named

_SPEC = BENCHMARKS["peers"]
_N, _N_QUICK = 6_000, 1_000
_SEEDS, _SEEDS_QUICK = 20, 2
_BATCH_S: Final = 1.0
_LOG_SEED, _N_LOG = 999, 2_000
_REGRETS: Final = {"stationary": "regret_stationary", "drifting": "regret_drift", "churning": "regret_churn"}
_OURS = "telltale"

BASELINES: Final[dict[str, Callable[[int, int], Chooser]]] = {
    "thompson": partial(Thompson, scale="log", middle=0.75, rows=1.0, spread=0.02),
    "sliding_window_ucb": partial(Ucb, scale="share", width=0.0025, window=3_600),
    "p2c_ewma": partial(Ewma, rate=0.05),
    "ucb1": partial(Ucb, scale="log", width=0.02),
    "epsilon_greedy": partial(EpsilonGreedy, epsilon=0.01),
    "least_outstanding": LeastOutstanding,
    "round_robin": RoundRobin,
    "random": Random,
}


@dataclass(frozen=True)
class Job:
    """One seed, all settings, all methods."""

    seed: int
    n: int
    parts: dict[str, Parts]  # of ours, by estimator


@dataclass(frozen=True)
class Found:
    """By method and setting: mean regret, mean and p99 of what requests took. And of the best fixed peer, its regret.

    `estimates` are of the worth of ours, from logs of the stationary world.
    """

    figures: dict[str, dict[str, tuple[float, float, float]]]
    fixed_regret: dict[str, float]
    seconds: dict[str, float]
    estimates: Estimates


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    n, seeds = (_N_QUICK, _SEEDS_QUICK) if quick else (_N, _SEEDS)
    log = make_world("stationary", n=_N_LOG, seed=_LOG_SEED)
    parts = {name: trained(log, seed=0, estimator=name) for name in PEERS_TASK.estimators}
    jobs = [Job(seed, n, parts) for seed in range(seeds)]
    found: dict[str, Found] = {}
    # Not forked: a thread of Polars may hold a lock at that moment, for ever.
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        for job, one in zip(jobs, pool.map(_one_seed, jobs), strict=True):
            found[f"seed {job.seed}"] = one
            progress(f"seed {job.seed}")
    names = next(iter(found.values())).figures
    rows = [_row(name, found) for name in names]
    ranked = [row for row in rows if row.name == _OURS or row.name in BASELINES]
    return as_document(
        Result(
            benchmark="peers",
            data="simulated",
            cases=seeds,
            rows=tuple(ranked),
            variants=tuple(row for row in rows if row not in ranked),
            bounds=_bounds(found),
            comparisons=compare(ranked, _AVERAGING),
            tables=(_by_setting(found), off_policy_table([one.estimates for one in found.values()])),
            facts={
                "seeds": f"0 to {seeds - 1}; defaults and baselines were chosen on 100 to 107",
                "requests": f"{n} a world, 50 a second, lessons every {_BATCH_S:g} s",
                **describe_machine("numpy"),
            },
            notes=_notes(rows),
        )
    )


_AVERAGING = Averaging(metrics=_SPEC.shown, lower_is_better=_SPEC.lower_is_better)


def _one_seed(job: Job) -> Found:
    figures: dict[str, dict[str, tuple[float, float, float]]] = {}
    seconds: dict[str, float] = {}
    fixed: dict[str, float] = {}
    for setting in SETTINGS:
        world = make_world(setting, n=job.n, seed=job.seed)
        fixed[setting] = _fixed_regret(world)
        for name, (make, batch_s) in _methods(job, world).items():
            started = time.perf_counter()
            driven = drive(world, make(), batch_s=batch_s)
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
            figures.setdefault(name, {})[setting] = (
                float(driven.regret_ms.mean()),
                float(driven.taken_ms.mean()),
                float(np.quantile(driven.taken_ms, 0.99)),
            )
    policy = estimator_named(PEERS_TASK.estimators[0]).load(job.parts[PEERS_TASK.estimators[0]])
    estimates = off_policy_estimates(make_world("stationary", n=job.n, seed=job.seed), policy, seed=job.seed)
    return Found(figures, fixed, seconds, estimates)


def _methods(job: Job, world: World) -> dict[str, tuple[Callable[[], Chooser], float]]:
    """Each with how long it waits for a lesson."""
    n_peers = world.present.shape[1]
    default, *others = PEERS_TASK.estimators

    def ours(estimator: str, *, sees_context: bool = True) -> Chooser:
        policy = estimator_named(estimator).load(job.parts[estimator])
        return Ours(policy, world.names, job.seed, sees_context=sees_context)

    made: dict[str, tuple[Callable[[], Chooser], float]] = {_OURS: (partial(ours, default), _BATCH_S)}
    made |= {name: (partial(make, n_peers, job.seed), _BATCH_S) for name, make in BASELINES.items()}
    made[f"{_OURS}, at once"] = (partial(ours, default), 0.0)
    made[f"{_OURS}, no context"] = (partial(ours, default, sees_context=False), _BATCH_S)
    made |= {f"{_OURS}, {name}": (partial(ours, name), _BATCH_S) for name in others}
    for name in ("thompson", "sliding_window_ucb", "p2c_ewma", "least_outstanding"):
        made[f"{name}, at once"] = (partial(BASELINES[name], n_peers, job.seed), 0.0)
    return made


def _row(name: str, found: dict[str, Found]) -> Row:
    by_case = {case: _figures(one.figures[name]) for case, one in found.items()}
    seconds = sum(one.seconds[name] for one in found.values())
    return Row(name=name, ours=name == _OURS, metrics=average(by_case, _AVERAGING), by_case=by_case, seconds=seconds)


def _figures(by_setting: dict[str, tuple[float, float, float]]) -> Figures:
    made: Figures = {metric: by_setting[setting][0] for setting, metric in _REGRETS.items()}
    made["p99_ms"] = float(np.mean([by_setting[setting][2] for setting in _REGRETS]))
    made["p99_crowded_ms"] = by_setting["crowded"][2]
    return made


def _fixed_regret(world: World) -> float:
    """Of the peer that is best on average over a stationary world; elsewhere the best of each moment is asked for."""
    if world.present.all():
        return float((world.expected_ms.mean(axis=0).min()) - world.best_ms.mean())
    return float("nan")


def _bounds(found: dict[str, Found]) -> dict[str, Any]:
    fixed = [one.fixed_regret["stationary"] for one in found.values()]
    return {
        "oracle": dict.fromkeys(_REGRETS.values(), 0.0),
        "best_fixed_peer": {"regret_stationary": float(np.mean(fixed))},
    }


def _by_setting(found: dict[str, Found]) -> Table:
    names = next(iter(found.values())).figures
    lines = []
    for name in names:
        for setting in SETTINGS:
            regret, mean, p99 = np.mean([one.figures[name][setting] for one in found.values()], axis=0).tolist()
            lines.append((name, setting, None if setting == "crowded" else regret, mean, p99))
    return Table(
        title="By setting, ms",
        columns=("method", "setting", "regret", "mean", "p99"),
        rows=tuple(lines),
    )


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    by_name = {row.name: row.metrics for row in rows}
    own = by_name[_OURS]
    told = []
    for metric, baseline in (
        ("regret_stationary", "thompson"),
        ("regret_drift", "sliding_window_ucb"),
        ("p99_ms", "p2c_ewma"),
        ("p99_crowded_ms", "p2c_ewma"),
    ):
        ratio = (own[metric] or 0.0) / (by_name[baseline][metric] or float("nan"))
        told.append(f"{metric}: {ratio:.2f} of {baseline}'s")
    return (
        "; ".join(told) + ".",
        "Ours sees the size and the load of a request, the baselines do not; without a context (a variant) it is like for like.",
        "The policy spreads 0.5 % of the requests evenly, so that its log can judge other policies: that is in its figures.",
    )
