"""A comparison that is looked at again and again: how often it stops without reason, and how often with one.

Each experiment is looked at after every 50 observations, up to 5,000, and stops at the first look that names A or B. In
2,000 experiments of each case A and B are the same: a stop is false. In 500 more they differ, by the effect in the table: a
stop for the better one is right.

Groups (an entity is assigned to A or B by a fair coin, one outcome each): binary of 2 % and of 20 %, and money, lognormal
(deviation of the logarithm 1, a tenth of the entities brings nothing). Pairs (both decide the same labelled rows): right
decisions, of which A and B differ in 4 %; and costs of 20 for a miss and 1 for a false alarm, where under the null A catches
more and pays for it with false alarms.

`false_stop_rate` is the worst over cases, `power` the mean over cases; the median number of observations at a right stop
is under `by_case`. `telltale` is `evaluate.group_comparison` and `evaluate.paired_comparison` with their defaults;
`fixed_horizon_peeked` is Welch's test (pairs: the paired t-test) at p < 0.05, made for one look, looked at in the same way.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, Table, as_document
from telltale.evaluate.group_comparison import GroupComparison
from telltale.evaluate.paired_comparison import PairedComparison

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEVEL: Final = 0.05
EVERY: Final = 50
_OURS, _PEEKED = "telltale", "fixed_horizon_peeked"
_METHODS = (_OURS, _PEEKED)
_MISS = 20.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of outcome.

    Args:
        name: of the case.
        effect: in words.
        draw: outcomes and assignments (groups), or labels and decisions of A and B (pairs), with an effect or without.
        is_paired: which of the two.
    """

    name: str
    effect: str
    draw: Callable[[np.random.Generator, int, bool], tuple[NDArray[Any], ...]]
    is_paired: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """Experiments of one case."""

    case: str
    n_experiments: int
    horizon: int
    has_effect: bool
    seed: int


@dataclass(kw_only=True)
class Stops:
    """By method: looks at which A was named, and how often B was."""

    for_a: dict[str, list[int]] = field(default_factory=lambda: {method: [] for method in _METHODS})
    for_b: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_METHODS, 0))
    seconds: float = 0.0


def _binary(rate: float, better: float) -> Callable[[np.random.Generator, int, bool], tuple[Floats, Flags]]:
    def draw(rng: np.random.Generator, n: int, has_effect: bool) -> tuple[Floats, Flags]:
        to_a = rng.random(n) < 0.5
        return (rng.random(n) < np.where(to_a & has_effect, better, rate)).astype(np.float64), to_a

    return draw


def _money(rng: np.random.Generator, n: int, has_effect: bool) -> tuple[Floats, Flags]:
    to_a = rng.random(n) < 0.5
    spent = np.exp(rng.normal(3.0, 1.0, n)) * (rng.random(n) < 0.9)
    return np.where(to_a & has_effect, 1.2, 1.0) * spent, to_a


def _pairs(
    shares: Mapping[str, float], better: Mapping[str, float]
) -> Callable[[np.random.Generator, int, bool], tuple[Flags, Flags, Flags]]:
    """A tenth of the rows is positive; `shares` of all rows: what only one of the two gets right."""

    def draw(rng: np.random.Generator, n: int, has_effect: bool) -> tuple[Flags, Flags, Flags]:
        used = better if has_effect else shares
        kinds = rng.choice(5, size=n, p=[*used.values(), 1 - sum(used.values())])
        agreed_positive = (kinds == 4) & (rng.random(n) < 0.1)
        labels = (kinds < 2) | agreed_positive
        only_a, only_b = (kinds == 0) | (kinds == 3), (kinds == 1) | (kinds == 2)
        return labels, only_a | agreed_positive, only_b | agreed_positive

    return draw


def _shares(a_caught: float, b_caught: float, a_spared: float, b_spared: float) -> dict[str, float]:
    return {"a_caught": a_caught, "b_caught": b_caught, "a_spared": a_spared, "b_spared": b_spared}


CASES: Final = (
    Case(name="binary 2 %", effect="4 % instead", draw=_binary(0.02, 0.04)),
    Case(name="binary 20 %", effect="25 % instead", draw=_binary(0.2, 0.25)),
    Case(name="money", effect="a fifth more each", draw=_money),
    Case(
        name="paired decisions",
        effect="1.5 points more right",
        draw=_pairs(_shares(0.01, 0.01, 0.01, 0.01), _shares(0.015, 0.0075, 0.0125, 0.005)),
        is_paired=True,
    ),
    Case(
        name="paired costs",
        effect="0.15 of cost saved a row",
        draw=_pairs(_shares(0.0055, 0.004, 0.0, 0.03), _shares(0.013, 0.004, 0.0, 0.03)),
        is_paired=True,
    ),
)


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    jobs = list(_jobs(quick=quick))
    found: dict[tuple[str, bool], Stops] = {}
    # Not forked: a thread of Polars may hold a lock at that moment, for ever.
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        for job, stops in zip(jobs, pool.map(_experiments, jobs), strict=True):
            what = "with an effect" if job.has_effect else "without"
            n_stopped = len(stops.for_a[_OURS]) + stops.for_b[_OURS]
            progress(f"{job.case}, {what}: {n_stopped} of {job.n_experiments:,} stopped")
            found[job.case, job.has_effect] = stops
    sizes = {(job.case, job.has_effect): job.n_experiments for job in jobs}
    rows = tuple(_row(method, found, sizes) for method in _METHODS)
    return as_document(
        Result(
            benchmark="ab",
            data="simulated",
            cases=len(CASES),
            rows=rows,
            tables=(_table(rows),),
            facts={
                "experiments a case": f"{jobs[0].n_experiments:,} without effect, {jobs[1].n_experiments:,} with",
                "observations": f"{jobs[0].horizon:,}, looked at after every {EVERY}",
                "level": f"{LEVEL:g}",
                **describe_machine("numpy", "scipy"),
            },
            notes=(
                "A right stop of the peeked test is worth nothing: it stops as readily where nothing differs.",
                "Where we lose: of one look at the end alone, planned beforehand, a fixed-horizon test finds smaller effects.",
            ),
        )
    )


def _jobs(*, quick: bool) -> Iterator[Job]:
    for seed, case in enumerate(CASES):
        horizon = 1_000 if quick else 5_000
        yield Job(case=case.name, n_experiments=60 if quick else 2_000, horizon=horizon, has_effect=False, seed=seed)
        yield Job(case=case.name, n_experiments=20 if quick else 500, horizon=horizon, has_effect=True, seed=seed)


def _experiments(job: Job) -> Stops:
    rng = np.random.default_rng([2_026, job.seed, job.has_effect])
    case = next(case for case in CASES if case.name == job.case)
    stops = Stops()
    for _ in range(job.n_experiments):
        drawn = case.draw(rng, job.horizon, job.has_effect)
        started = time.perf_counter()
        _keep(stops, _OURS, _first_named(drawn, is_paired=case.is_paired, has_costs="costs" in case.name))
        stops.seconds += time.perf_counter() - started
        _keep(stops, _PEEKED, _first_below(*_differences(drawn, case)))
    return stops


def _keep(stops: Stops, method: str, look: tuple[int, bool] | None) -> None:
    if look is None:
        return
    if look[1]:
        stops.for_a[method].append(look[0])
    else:
        stops.for_b[method] += 1


def _first_named(drawn: tuple[NDArray[Any], ...], *, is_paired: bool, has_costs: bool) -> tuple[int, bool] | None:
    """The observations at the first look that names one, and whether it was A."""
    paired = PairedComparison(cost_miss=_MISS if has_costs else 1.0)
    groups = GroupComparison()
    for start in range(0, len(drawn[0]), EVERY):
        part = [column[start : start + EVERY] for column in drawn]
        if is_paired:
            paired = paired.update(part[0], part[1], part[2])
            said = paired.answer(level=LEVEL)
        else:
            groups = groups.update(part[0], part[1])
            said = groups.answer(level=LEVEL)
        if said.conclusion in {"A", "B"}:
            return said.n, said.conclusion == "A"
    return None


def _differences(drawn: tuple[NDArray[Any], ...], case: Case) -> tuple[Floats, Floats]:
    """At each look, the difference of means and its standard error."""
    ends = np.arange(EVERY, len(drawn[0]) + 1, EVERY) - 1
    if case.is_paired:
        labels, a, b = drawn
        saved = np.where(labels, _MISS if "costs" in case.name else 1.0, 1.0) * ((a == labels) * 1.0 - (b == labels))
        mean, variance, n = _running(saved, np.ones(len(saved), dtype=bool))
        return mean[ends], np.sqrt(variance / n)[ends]
    outcomes, to_a = drawn
    mean_a, variance_a, n_a = _running(outcomes, to_a)
    mean_b, variance_b, n_b = _running(outcomes, ~to_a)
    return (mean_a - mean_b)[ends], np.sqrt(variance_a / n_a + variance_b / n_b)[ends]


def _running(values: Floats, used: Flags) -> tuple[Floats, Floats, Floats]:
    n = np.maximum(np.cumsum(used), 1).astype(np.float64)
    mean = np.cumsum(values * used) / n
    variance = (np.cumsum(values**2 * used) / n - mean**2) * n / np.maximum(n - 1, 1)
    return mean, np.maximum(variance, 0.0), n


def _first_below(differences: Floats, errors: Floats) -> tuple[int, bool] | None:
    from scipy.special import stdtr

    n = np.arange(1, len(differences) + 1) * EVERY
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 0, np.abs(differences) / errors, 0.0)
    hits = np.flatnonzero(2.0 * stdtr(n - 2.0, -t) < LEVEL)
    return None if len(hits) == 0 else (int(n[hits[0]]), bool(differences[hits[0]] > 0))


def _row(method: str, found: Mapping[tuple[str, bool], Stops], sizes: Mapping[tuple[str, bool], int]) -> Row:
    by_case: dict[str, Figures] = {}
    for case in CASES:
        null, real = found[case.name, False], found[case.name, True]
        at = real.for_a[method]
        by_case[case.name] = {
            "false_stop_rate": (len(null.for_a[method]) + null.for_b[method]) / sizes[case.name, False],
            "power": len(at) / sizes[case.name, True],
            "wrong_stop_rate": real.for_b[method] / sizes[case.name, True],
            "median_n_at_stop": float(np.median(at)) if at else None,
        }
    metrics: Figures = {
        "false_stop_rate": max(figures["false_stop_rate"] or 0.0 for figures in by_case.values()),
        "power": float(np.mean([figures["power"] or 0.0 for figures in by_case.values()])),
    }
    seconds = sum(stops.seconds for stops in found.values()) if method == _OURS else None
    return Row(name=method, ours=method == _OURS, metrics=metrics, by_case=by_case, seconds=seconds)


def _table(rows: tuple[Row, ...]) -> Table:
    figures = ("false_stop_rate", "power", "median_n_at_stop")
    columns = ("case", "effect", *(f"{row.name} {figure}" for row in rows for figure in figures))
    return Table(
        title="Each case",
        columns=columns,
        rows=tuple(
            (case.name, case.effect, *(row.by_case[case.name][figure] for row in rows for figure in figures))
            for case in CASES
        ),
    )
