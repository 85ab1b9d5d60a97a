"""eyenet/anomaly on made-up networks, other devices and other days than those trained on; and how fast it answers.

Two networks of 35 devices, a row a minute, seven days each: methods are fitted on 15 devices with their labels (5 % of
rows in a fault) and scored on the 20 others, of which no row was trained on, three weeks later and with other random numbers (2 % in a
fault). `auroc` is over rows. A fault is found (`event_recall`) where a row of it is decided positive; decided rows
up to five minutes apart are one alarm, and one that no fault has a part in is false (`false_alarms_per_device_week`);
`delay_s` is the median from a fault's first row to its first alarm. Thresholds are set by the product's own rule on training rows;
`event_recall_at_1` is at the cut with one false alarm a device and week, read off the scored rows: for comparing methods.
Suffix `_known`: later days of the devices that were trained on. Suffix `_10s`: a network at a row every 10 s, ten devices
fitted on and ten others scored, two days and a quarter each.

Ours is what `telltale train eyenet/anomaly` gives with its defaults. `isolation_forest` and `lstm` are its other models on
the same features; `z_score` and `plain_forest` see the measured metrics, standardised device by device.

How fast it answers is measured on real servers, as `benchmarks.eyenet_speed` says; `--quick` leaves that out.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.eyenet_cases import FULL, QUICK, Scored, Trial, trials
from benchmarks.eyenet_detectors import METHODS, OURS, VARIANTS, Fitted, Method
from benchmarks.eyenet_speed import measure
from benchmarks.machine import describe_machine
from benchmarks.paired import compare
from benchmarks.results import Averaging, Figures, Result, Row, as_document, average, defined
from telltale.evaluate.ranking import auroc
from telltale.telemetry.frames import ENTITY

_SPEC = BENCHMARKS["eyenet"]
_QUALITY: Final = (
    *("auroc", "event_recall", "false_alarms_per_device_week", "delay_s", "event_recall_at_1"),
    *("auroc_known", "event_recall_known", "false_alarms_per_device_week_known", "event_recall_at_1_known"),
    *("auroc_10s", "event_recall_10s", "false_alarms_per_device_week_10s", "event_recall_at_1_10s"),
)
_HOW = Averaging(metrics=_QUALITY, lower_is_better=_SPEC.lower_is_better)


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    cases = list(trials(QUICK if quick else FULL))
    rows = [_row(name, method, cases, progress) for name, method in METHODS.items() if not (quick and name == "lstm")]
    speed = None if quick else measure(progress, quick=False)
    if speed is not None:
        rows[0] = msgspec.structs.replace(rows[0], metrics={**rows[0].metrics, **speed.metrics})
    variants = () if quick else tuple(_row(name, method, cases, progress) for name, method in VARIANTS.items())
    return as_document(
        Result(
            benchmark="eyenet",
            data="simulated",
            cases=len({trial.name for trial in cases}),
            rows=tuple(rows),
            variants=variants,
            comparisons=compare(rows, _HOW),
            tables=() if speed is None else speed.tables,
            facts={**_sizes(cases), **describe_machine("telltale-loop", "scikit-learn", "onnxruntime")},
            notes=_NOTES,
        )
    )


_NOTES: Final = (
    "Simulated rows: they show that the loop works, and how models compare, not how well they do on a real network.",
    "z_score and plain_forest know the mean and deviation of a new device from all its scored rows; ours from its last 30.",
)


def _row(name: str, method: Method, cases: Sequence[Trial], progress: Progress) -> Row:
    started = time.perf_counter()
    by_case: dict[str, Figures] = {}
    for trial in cases:
        progress(f"{name}: {trial.name}{trial.suffix}")
        fitted = method(trial)
        by_case.setdefault(trial.name, {}).update(_figures(fitted, trial.new, trial.suffix))
        if not trial.suffix:
            by_case[trial.name].update(_figures(fitted, trial.known, "_known"))
    return Row(
        name=name,
        ours=name == OURS,
        metrics=average(by_case, _HOW),
        by_case=by_case,
        seconds=round(time.perf_counter() - started, 3),
    )


def _figures(fitted: Fitted, scored: Scored, suffix: str) -> Figures:
    scores = fitted.score(scored.frame)
    found = scored.alarms(scores >= fitted.threshold)
    figures = {
        "auroc": auroc(scored.labels, scores),
        "event_recall": found.event_recall,
        "false_alarms_per_device_week": found.false_alarms_per_entity_week,
        "delay_s": found.delay_s,
        "event_recall_at_1": scored.recall_at_one(scores),
        "n_events": float(found.n_events),
        "device_weeks": found.entity_weeks,
    }
    return {f"{metric}{suffix}": defined(value) for metric, value in figures.items()}


def _sizes(cases: Sequence[Trial]) -> dict[str, str]:
    return {f"{trial.name}{trial.suffix}": _size(trial) for trial in cases}


def _size(trial: Trial) -> str:
    new, known = trial.new.frame, trial.known.frame
    n_faults = trial.new.alarms(trial.new.labels == 1).n_events
    return (
        f"{trial.rows.train.height:,} rows of {known[ENTITY].n_unique()} devices fitted on; scored {new.height:,} of "
        f"{new[ENTITY].n_unique()} new ones with {n_faults} faults"
        + ("" if trial.suffix else f", and {known.height:,} of the known ones")
    )
