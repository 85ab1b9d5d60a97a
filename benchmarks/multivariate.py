"""Machines with many metrics: SMD, ASD, the channels of SMAP and MSL, or any folder of pairs `NAME.train.*`, `NAME.test.*`.

A case is a machine: fitted on its own training rows, none of them labelled, and scored row by row on its test rows, whose
labels nobody has seen. With `--test` the machines of that folder are scored, each fitted on its own training rows (of either
folder); one that has none on all rows of `--data` with its columns. Without `--data`, two made-up machines, for a check
that it runs.

Ours is what `telltale train eyenet/anomaly --data FILE` gives with its defaults on a file of those columns: the columns have
no names that eyenet knows, and the rows no times. It goes on from the last training row: each test row is scored by those
before it, then learned. A machine without a labelled anomaly is left out of all means; what share of its rows passes the cut
of ours is told.

`vus_pr` has a buffer of the machine's period (the median over columns of the lag, up to 300 rows, at which the
autocorrelation of the training rows peaks), 100 rows where there is none. `event_recall_at_1pct_fp` and `delay_rows` (of the
anomalies found) are at the score that 1 % of the normal test rows exceed. `points_per_s` is rows of ten metrics scored per
second, features included, on one thread, of made-up rows: the median of as many runs over all of them as take a second. Every machine's figures are in `by_case`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.multivariate_cases import Machine, read_machines
from benchmarks.multivariate_detectors import (
    BASELINES,
    VARIANTS,
    Matrix,
    n_components,
    reconstruction_error,
    scaled,
    train_ours,
)
from benchmarks.multivariate_made import made_machine
from benchmarks.paired import compare, interval_of_mean
from benchmarks.range_metrics import events_found, period_of, segments, vus_pr
from benchmarks.results import Averaging, Comparison, Figures, Result, Row, as_document, average, defined
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Scores
from telltale.evaluate.ranking import average_precision

_SPEC: Final = BENCHMARKS["multivariate"]
_HOW: Final = Averaging(metrics=_SPEC.shown, lower_is_better=_SPEC.lower_is_better)
_OURS: Final = "telltale"
_TREES: Final = "half_space_trees"
_FALSE_POSITIVE_RATE: Final = 0.01
_N_MADE, _N_MADE_QUICK, _N_TIMED = 4_000, 1_200, 20_000
_TIMED_S, _TIMED_S_QUICK = 1.0, 0.1
_MOST_DIFFERENCE: Final = 1e-6


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    """Run it. Raises UsageError, NotFoundError."""
    if data is None and test is not None:
        raise UsageError("--test without --data", where="multivariate", mend="Name the folder to fit on with --data.")
    n_made = _N_MADE_QUICK if quick else _N_MADE
    made = data is None
    machines = (
        [made_machine(n_made, seed=seed) for seed in range(2)]
        if data is None
        else read_machines(data, test, progress=progress)
    )
    machines = machines[:1] if quick and not made else machines
    buffers = {machine.name: period_of(machine.matrices()[0]) for machine in machines}
    speed = _speeds(quick=quick, progress=progress)
    ours, flagged = _row_of_ours(machines, buffers, speed, progress)
    rows = [ours, *(_row(name, machines, buffers, progress, fit=fit, speed=speed) for name, fit in BASELINES.items())]
    variants = [_row(name, machines, buffers, progress, fit=fit, speed=speed) for name, fit in VARIANTS.items()]
    return as_document(
        Result(
            benchmark="multivariate",
            data=f"{data}, scored on {test}" if test else "made up" if made else str(data),
            cases=len(machines),
            rows=tuple(rows),
            variants=tuple(variants),
            comparisons=tuple(dict.fromkeys((*_against_pca_error(rows), *compare(rows, _HOW)))),
            facts={
                "buffers": ", ".join(f"{name} {rows}" for name, rows in buffers.items()),
                "pca_error against another implementation": f"{pca_difference(machines[0]):.1e}",
                **flagged,
                **describe_machine("telltale-loop", "scikit-learn"),
            },
            notes=_notes(made=made),
        )
    )


def _notes(*, made: bool) -> tuple[str, ...]:
    told = [
        ""
        if made
        else "Where we lose: a quarter of the channels of SMAP and MSL, where a single column of few values tells (knn, l2_norm); "
        "single machines of SMD, whose long anomalies differ little from what is usual. A machine whose usual level moves for "
        "good scores high from then on until it is trained anew: ranks among its own rows do not show that.",
        "Random scores have an event recall of their own: the longer anomalies are, the higher.",
        "The machines are made up: no figure here is one of ours to quote." if made else "",
    ]
    return tuple(line for line in told if line)


def _row_of_ours(
    machines: Sequence[Machine], buffers: Mapping[str, int], speed: Mapping[str, float], progress: Progress
) -> tuple[Row, dict[str, str]]:
    """Ours, and what share of the rows of machines without an anomaly it flags."""
    started = time.perf_counter()
    by_case: dict[str, Figures] = {}
    flagged: dict[str, str] = {}
    for machine in machines:
        progress(f"{_OURS}: {machine.name}")
        runtime = train_ours(machine)
        scores = runtime.score_frame(machine.test)
        by_case[machine.name] = _figures(machine, scores, buffers[machine.name])
        if not machine.labels.any():
            flagged[f"flagged of {machine.name}, which has no anomaly"] = f"{(scores >= runtime.threshold).mean():.4f}"
    return _as_row(_OURS, by_case, speed, started), flagged


def _row(
    name: str,
    machines: Sequence[Machine],
    buffers: Mapping[str, int],
    progress: Progress,
    *,
    fit: Callable[[Matrix], Callable[[Matrix], Scores]],
    speed: Mapping[str, float],
) -> Row:
    started = time.perf_counter()
    by_case: dict[str, Figures] = {}
    for machine in machines:
        progress(f"{name}: {machine.name}")
        train, test = machine.matrices()
        by_case[machine.name] = _figures(machine, fit(train)(test), buffers[machine.name])
    return _as_row(name, by_case, speed, started)


def _as_row(name: str, by_case: dict[str, Figures], speed: Mapping[str, float], started: float) -> Row:
    metrics = average(by_case, _HOW)
    points, trees = speed.get(name), speed.get(_TREES)
    metrics = {**metrics, "points_per_s": points, "vs_half_space_trees": points / trees if points and trees else None}
    return Row(
        name=name,
        ours=name == _OURS,
        metrics=metrics,
        by_case=by_case,
        seconds=round(time.perf_counter() - started, 3),
    )


def _figures(machine: Machine, scores: Scores, buffer: int) -> Figures:
    recall, delay = events_found(machine.labels, scores, false_positive_rate=_FALSE_POSITIVE_RATE)
    return {
        "average_precision": defined(average_precision(machine.labels, scores)),
        "vus_pr": defined(vus_pr(machine.labels, scores, buffer=buffer)),
        "event_recall_at_1pct_fp": defined(recall),
        "delay_rows": defined(delay),
        "anomalies": float(len(segments(machine.labels))),
    }


def _speeds(*, quick: bool, progress: Progress) -> dict[str, float]:
    """Rows of ten metrics per second, of ours and of each baseline."""
    progress("points per second")
    machine = made_machine(_N_MADE_QUICK if quick else _N_TIMED, seed=0)
    train, test = machine.matrices()
    runtime = train_ours(machine)
    at_least_s = _TIMED_S_QUICK if quick else _TIMED_S
    with threadpool_limits(1):
        found = {_OURS: _rows_per_s(lambda: runtime.score_frame(machine.test), len(test), at_least_s)}
        for name, fit in BASELINES.items():
            score = fit(train)
            found[name] = _rows_per_s(lambda score=score: score(test), len(test), at_least_s)  # type: ignore[misc]  # bound early
    return found


def _rows_per_s(score: Callable[[], Scores], n_rows: int, at_least_s: float) -> float:
    score()
    took: list[float] = []
    while sum(took) < at_least_s:
        started = time.perf_counter()
        score()
        took.append(time.perf_counter() - started)
    return n_rows / float(np.median(took))


def _against_pca_error(rows: Sequence[Row]) -> tuple[Comparison, ...]:
    """Ours less `pca_error`, whether or not that is the best baseline, paired by machine."""
    ours, baseline = (next(row for row in rows if row.name == name) for name in (_OURS, "pca_error"))
    made = []
    for metric in ("average_precision", "vus_pr"):
        pairs = [
            (own, other)
            for case, figures in ours.by_case.items()
            if (own := figures[metric]) is not None and (other := baseline.by_case[case][metric]) is not None
        ]
        if pairs:
            apart = np.array([own - other for own, other in pairs])
            low, high = interval_of_mean(apart)
            made.append(
                Comparison(
                    metric=metric,
                    baseline="pca_error",
                    difference=float(apart.mean()),
                    low=low,
                    high=high,
                    n_cases=len(pairs),
                )
            )
    return tuple(made)


def pca_difference(machine: Machine) -> float:
    """How far reconstruction errors are from those by scikit-learn's PCA, at most. Raises ValueError above 1e-6."""
    from sklearn.decomposition import PCA

    train, test = machine.matrices()
    scale = scaled(train)
    pca = PCA(n_components(train.shape[1]), svd_solver="full").fit(scale(train))
    other = np.abs(scale(test) - pca.inverse_transform(pca.transform(scale(test))))
    found = float(np.abs(reconstruction_error(train)(test) - other).max())
    if found > _MOST_DIFFERENCE:
        msg = f"{machine.name}: reconstruction errors differ from scikit-learn's by {found:.1e}"
        raise ValueError(msg)
    return found
