"""A version from rows: prepare, tune where asked, fit, judge on held-out rows, write the bundle."""

import math
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Estimator, Parameter, Scores
from telltale.contract.verdict import Measured, Verdict
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import DetectionResult, detection_metrics
from telltale.features.frame import run_plan
from telltale.models.bundle import BundleFiles, load_bundle, save_bundle
from telltale.models.estimators import estimator_named
from telltale.models.manifest import DataKind, Manifest, Summary, TrainedOn
from telltale.models.runtime import ScoreRuntime
from telltale.train.fit import Fitted, Prepared, Progress, fit, labels_of, prepare, span_of
from telltale.train.rows import hash_rows, refuse_overlap, snapshot_sha256
from telltale.train.tune import grid_search, tune

_LIBRARIES = ("numpy", "scikit-learn", "onnx", "polars")
_QUANTILES = tuple(round(level, 2) for level in np.linspace(0, 1, 21).tolist())


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Checked rows to train on and to be judged on. `held_out` may be empty: then the gate has no evidence.

    `n_quarantined` rows of the source were set aside by the check.
    """

    kind: DataKind
    train: pl.DataFrame
    held_out: pl.DataFrame
    columns: tuple[str, ...]
    n_quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingChoices:
    """What a person may choose; everything else follows from the task and the rows."""

    estimator: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    contamination: float | None = None
    seed: int = 0
    n_trials: int = 0
    grid_search: bool = False


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A version as trained, before it is registered. `result` is None where no held-out row is labelled."""

    directory: Path
    files: BundleFiles
    manifest: Manifest
    result: DetectionResult | None


def train_version(
    app: App, task: Task, rows: TrainingRows, choices: TrainingChoices, *, directory: Path, progress: Progress
) -> Trained:
    """Train a version of a task and write its bundle into `directory`.

    Raises:
        UsageError: an estimator or parameter is not known, or tuning is asked for without labels.
        NotEnoughDataError: too few rows that are not labelled anomalous.
    """
    estimator = _estimator(task, choices)
    parameters = _parameters(estimator, choices)
    prepared = prepare(task, rows.train, rows.columns, progress=progress)
    parameters = _search(estimator, prepared, parameters, choices, progress=progress)
    fitted = fit(
        task,
        estimator,
        prepared,
        parameters=parameters,
        contamination=choices.contamination,
        seed=choices.seed,
        progress=progress,
    )
    unjudged = _manifest(app, task, rows, fitted, estimator, seed=choices.seed)
    trained_rows = hash_rows(rows.train, rows.columns)
    save_bundle(directory, unjudged, fitted.parts, trained_rows)
    runtime = ScoreRuntime(load_bundle(directory))
    refuse_overlap(rows.held_out, rows.columns, trained_rows, where=f"{app.name}/{task.name}: held-out rows")
    verdict, result = judge_version(task, runtime, rows.held_out)
    manifest = _judged(unjudged, verdict, result, reference=_reference(runtime, rows.train, rows.columns))
    files = save_bundle(directory, manifest, fitted.parts, trained_rows)
    return Trained(directory=directory, files=files, manifest=manifest, result=result)


def judge_version(task: Task, runtime: ScoreRuntime, frame: pl.DataFrame) -> tuple[Verdict, DetectionResult | None]:
    """What the gate says of a version on rows it was not trained on; without labels, that there is no evidence."""
    labels = labels_of(frame) if not frame.is_empty() else None
    if labels is None:
        return judge(task.targets, {}, n=frame.height, n_positive=0), None
    known = labels >= 0
    scores = runtime.score_frame(frame)
    result = detection_metrics(labels[known], scores[known], runtime.threshold)
    counts = result.counts
    return judge(task.targets, result.metrics, n=counts.n, n_positive=counts.n_positive), result


def _estimator(task: Task, choices: TrainingChoices) -> Estimator:
    name = choices.estimator or task.estimators[0]
    if name not in task.estimators:
        raise UsageError.not_one_of(name, task.estimators, where=f"estimator of {task.name}")
    return estimator_named(name)


def _parameters(estimator: Estimator, choices: TrainingChoices) -> dict[str, Parameter]:
    unknown = choices.parameters.keys() - estimator.defaults.keys()
    if unknown:
        raise UsageError.not_one_of(min(unknown), estimator.defaults, where=f"parameter of {estimator.name}")
    parameters = {**estimator.defaults, **choices.parameters}
    if choices.contamination is not None:
        if not 0 < choices.contamination < 0.5:
            raise UsageError(
                f"contamination {choices.contamination}", where="train", mend="Give a share between 0 and 0.5."
            )
        if "contamination" in parameters:
            parameters["contamination"] = choices.contamination
    return parameters


def _search(
    estimator: Estimator,
    prepared: Prepared,
    parameters: dict[str, Parameter],
    choices: TrainingChoices,
    *,
    progress: Progress,
) -> dict[str, Parameter]:
    if choices.grid_search:
        parameters = grid_search(estimator, prepared, parameters, seed=choices.seed, progress=progress).parameters
    if choices.n_trials:
        found = tune(estimator, prepared, parameters, n_trials=choices.n_trials, seed=choices.seed, progress=progress)
        parameters = found.parameters
    return parameters


def _manifest(app: App, task: Task, rows: TrainingRows, fitted: Fitted, estimator: Estimator, *, seed: int) -> Manifest:
    labels = labels_of(rows.train)
    first, last = span_of(rows.train)
    return Manifest(
        app=app.name,
        task=task.name,
        kind=task.kind,
        event=app.event(task.event),
        plan=fitted.plan,
        estimator=estimator.name,
        parameters=fitted.parameters,
        seed=seed,
        threshold=fitted.threshold,
        operating_point=fitted.operating_point,
        trained_on=TrainedOn(
            kind=rows.kind,
            sha256=snapshot_sha256(rows.train, rows.columns),
            n_rows=rows.train.height,
            n_positive=None if labels is None else int((labels == 1).sum()),
            first=first,
            last=last,
        ),
        reference={},
        verdict=Verdict(outcome="not_enough_evidence", targets=(), n=0, n_positive=0),
        metrics={},
        libraries={name: installed_version(name) for name in _LIBRARIES},
    )


def _judged(
    manifest: Manifest, verdict: Verdict, result: DetectionResult | None, *, reference: dict[str, Summary]
) -> Manifest:
    from msgspec.structs import replace

    metrics = {} if result is None else {name: figure(found) for name, found in result.metrics.items()}
    return replace(manifest, verdict=verdict, metrics=metrics, reference=reference)


def figure(measured: Measured) -> float | None:
    """A figure as JSON can carry it: None where it is not defined."""
    return measured.value if math.isfinite(measured.value) else None


def figure_or_none(value: object) -> object:
    """The value, or None for a number that JSON cannot carry."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _reference(runtime: ScoreRuntime, frame: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, Summary]:
    done = run_plan(runtime.plan, frame)
    names = (*columns, *runtime.plan.features)
    found = {name: _summary(done[name].to_numpy().astype(np.float64)) for name in names}
    return found | {"score": _summary(runtime.score_frame(frame))}


def _summary(values: Scores) -> Summary:
    return Summary(
        n=len(values),
        mean=float(values.mean()),
        sd=float(values.std()),
        levels=_QUANTILES,
        values=tuple(np.quantile(values, _QUANTILES).tolist()),
    )
