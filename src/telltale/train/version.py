"""A version from rows: choose the model, fit, judge on held-out rows, write the bundle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.app import App, Task
from telltale.contract.estimator import AnyEstimator, Scores, Tell, silent
from telltale.contract.split import LastOfEach
from telltale.contract.verdict import Measured, Verdict
from telltale.features.frame import arrange_features, run_plan
from telltale.models.bundle import BundleFiles, load_bundle, save_bundle
from telltale.models.estimators import estimator_named
from telltale.models.manifest import DataKind, Manifest, Summary, TrainedOn
from telltale.models.runtimes import LoadedRuntime, runtime_of
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.stream_runtime import StreamRuntime
from telltale.telemetry.frames import TIME, sort_checked
from telltale.train.drift_reference import drift_reference
from telltale.train.estimator_choice import choose_estimator, complete_parameters
from telltale.train.fitted import FitRequest, Fitted, Judged, Progress, TrainingChoices
from telltale.train.kinds import training_of
from telltale.train.prepared import labels_of
from telltale.train.rows import hash_rows, refuse_overlap, snapshot_sha256

_LIBRARIES = ("numpy", "scikit-learn", "onnx", "polars")
# Where a checkpoint or a curve lies says nothing of the version.
_OF_THE_MACHINE = frozenset({"checkpoint_dir", "tensorboard_dir"})
_QUANTILES = tuple(round(level, 2) for level in np.linspace(0, 1, 21).tolist())
_UNJUDGED = Verdict(outcome="not_enough_evidence", targets=(), n=0, n_positive=0)


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
class Trained:
    """A version as trained, before it is registered."""

    directory: Path
    files: BundleFiles
    manifest: Manifest
    judged: Judged


def train_version(
    app: App,
    task: Task,
    rows: TrainingRows,
    choices: TrainingChoices,
    *,
    directory: Path,
    progress: Progress,
    tell: Tell = silent,
) -> Trained:
    """Train a version of a task and write its bundle into `directory`.

    Raises:
        UsageError: an estimator or parameter is not known or cannot be used, or tuning is asked for without labels.
        NotEnoughDataError: too few rows.
    """
    kind = training_of(task.kind)
    declared = tuple(column.name for column in app.event(task.event).columns)
    chosen = choose_estimator(task, choices, rows.train, columns=rows.columns, declared=declared)
    for name, why in chosen.passed_over.items():
        if estimator_named(name).traits.columns == "any":  # that there are as many columns as there are is no news
            tell(f"Not with {name}, which {why}: with {chosen.estimator.name}.")
    estimator = chosen.estimator

    parameters = complete_parameters(estimator, choices)

    def fit(frame: pl.DataFrame) -> tuple[Fitted, LoadedRuntime, Manifest, NDArray[np.uint64]]:
        fitted = kind.fit(
            FitRequest(
                app=app,
                task=task,
                estimator=estimator,
                parameters=parameters,
                frame=frame,
                columns=rows.columns,
                choices=choices,
                progress=progress,
                tell=tell,
            )
        )
        manifest = _manifest(app, task, rows.kind, frame, rows.columns, fitted, estimator, seed=choices.seed)
        trained_rows = hash_rows(frame, rows.columns)
        save_bundle(directory, manifest, fitted.parts, trained_rows)
        return fitted, runtime_of(load_bundle(directory)), manifest, trained_rows

    fitted, runtime, manifest, trained_rows = fit(rows.train)
    refuse_overlap(rows.held_out, rows.columns, trained_rows, where=f"{app.name}/{task.name}: held-out rows")
    judged = kind.judge(task, runtime, rows.held_out)
    calibration = judged.calibration
    train = rows.train
    if isinstance(task.split, LastOfEach) and not rows.held_out.is_empty():
        tell("Judged without the last rows; fitting once more with them.")
        train = together(rows)
        fitted, runtime, manifest, trained_rows = fit(train)
        calibration = None  # it is of the scores of the model before
    manifest = replace(
        manifest,
        verdict=judged.verdict,
        metrics=figures(judged.metrics),
        reference=_reference(runtime, train),
        calibration=calibration,
    )
    held_out = rows.held_out if train is rows.train else rows.held_out.clear()
    drift = drift_reference(runtime, train, held_out, left_out=fitted.left_out)
    files = save_bundle(directory, manifest, fitted.parts, trained_rows, drift=drift)
    return Trained(directory=directory, files=files, manifest=manifest, judged=judged)


def together(rows: TrainingRows) -> pl.DataFrame:
    """Training rows and held-out rows, sorted as checked rows are."""
    return sort_checked(pl.concat([rows.train, rows.held_out], how="diagonal"))


def span_of(frame: pl.DataFrame) -> tuple[str, str]:
    """First and last event time as ISO 8601, or two empty texts."""
    if frame.is_empty() or frame[TIME].null_count():
        return "", ""
    first, last = frame[TIME].min(), frame[TIME].max()
    return first.isoformat(), last.isoformat()  # type: ignore[union-attr]  # no null was counted


def figure(measured: Measured) -> float | None:
    """A figure as JSON can carry it: None where it is not defined."""
    return measured.value if math.isfinite(measured.value) else None


def figures(metrics: Mapping[str, Measured]) -> dict[str, float | None]:
    """Every figure as JSON can carry it."""
    return {name: figure(found) for name, found in metrics.items()}


def _manifest(  # noqa: PLR0917 - each of them is a part of the manifest
    app: App,
    task: Task,
    kind: DataKind,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    fitted: Fitted,
    estimator: AnyEstimator,
    *,
    seed: int,
) -> Manifest:
    labels = labels_of(frame)
    first, last = span_of(frame)
    return Manifest(
        app=app.name,
        task=task.name,
        kind=task.kind,
        event=app.event(task.event),
        columns=columns,
        plan=fitted.plan,
        estimator=estimator.name,
        parameters={name: value for name, value in fitted.parameters.items() if name not in _OF_THE_MACHINE},
        seed=seed,
        threshold=fitted.threshold,
        operating_point=fitted.operating_point,
        choices=fitted.choices,
        ranking=task.ranking,
        forecasting=task.forecasting,
        verification=task.verification,
        similarity=task.similarity,
        succession=task.succession,
        acting=task.acting,
        trained_on=TrainedOn(
            kind=kind,
            sha256=snapshot_sha256(frame, columns),
            n_rows=frame.height,
            n_positive=None if labels is None else int((labels == 1).sum()),
            first=first,
            last=last,
        ),
        reference={},
        verdict=_UNJUDGED,
        metrics={},
        libraries=_libraries((*_LIBRARIES, *estimator.traits.needs)),
    )


def _libraries(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = installed_version(name)
        except PackageNotFoundError:
            continue
    return found


def _reference(runtime: LoadedRuntime, frame: pl.DataFrame) -> dict[str, Summary]:
    """What columns, features and the score looked like in training; only for kinds that have features."""
    plan = runtime.manifest.plan
    if plan is None:
        return {}
    done = run_plan(plan, frame)
    names = dict.fromkeys((*(name for name in plan.columns if name not in plan.text), *plan.features))
    found = {name: _summary(done[name].drop_nulls().to_numpy().astype(np.float64)) for name in names}
    found = {name: summary for name, summary in found.items() if summary.n}
    if isinstance(runtime, StreamRuntime):
        found["score"] = _summary(runtime.score_frame(frame))
    elif isinstance(runtime, ScoreRuntime):
        found["score"] = _summary(runtime.score_features(arrange_features(plan, done)))
    return found


def _summary(values: Scores) -> Summary:
    if not len(values):
        return Summary(n=0, mean=0.0, sd=0.0, levels=(), values=())
    return Summary(
        n=len(values),
        mean=float(values.mean()),
        sd=float(values.std()),
        levels=_QUANTILES,
        values=tuple(np.quantile(values, _QUANTILES).tolist()),
    )
