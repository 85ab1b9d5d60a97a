"""Judging a version on rows it has not seen, and the files that show it."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Scores
from telltale.contract.verdict import Verdict
from telltale.evaluate.metrics import DetectionResult
from telltale.features.frame import feature_matrix
from telltale.models.estimators import estimator_named
from telltale.models.runtime import ScoreRuntime
from telltale.retrain.training import targets_document
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.fit import labels_of
from telltale.train.rows import refuse_overlap
from telltale.train.version import figure, judge_version

EVALUATION_FILE, REPORT_FILE, PREDICTIONS_FILE = "evaluation.json", "report.html", "predictions.csv"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a version is worth on some rows. `result` is None where no row is labelled."""

    reference: str
    data_kind: str
    frame: pl.DataFrame
    scores: Scores
    verdict: Verdict
    result: DetectionResult | None
    threshold: float
    n_quarantined: int = 0


def evaluate_rows(
    task: Task, runtime: ScoreRuntime, frame: pl.DataFrame, *, reference: str, data_kind: str, n_quarantined: int = 0
) -> Evaluation:
    """Score and judge checked rows.

    Raises:
        OverlapError: some of the rows were trained on.
        NotEnoughDataError: there are none.
    """
    if frame.is_empty():
        raise NotEnoughDataError(
            "no row can be used", where=reference, mend="See the reasons with `telltale validate`."
        )
    refuse_overlap(frame, runtime.columns, runtime.bundle.trained_rows, where=reference)
    verdict, result = judge_version(task, runtime, frame)
    return Evaluation(
        reference=reference,
        data_kind=data_kind,
        frame=frame,
        scores=runtime.score_frame(frame),
        verdict=verdict,
        result=result,
        threshold=runtime.threshold,
        n_quarantined=n_quarantined,
    )


def as_document(evaluation: Evaluation, runtime: ScoreRuntime, files: dict[str, str]) -> dict[str, object]:
    """The evaluation as `evaluate --json` prints it."""
    manifest = runtime.manifest
    result = evaluation.result
    prevalence = evaluation.verdict.prevalence
    return {
        "app": manifest.app,
        "task": manifest.task,
        "version": evaluation.reference,
        "data_kind": evaluation.data_kind,
        "n": evaluation.frame.height,
        "n_quarantined": evaluation.n_quarantined,
        "n_train": manifest.trained_on.n_rows,
        "metrics": {} if result is None else {name: figure(found) for name, found in result.metrics.items()},
        "counts": None if result is None else msgspec.to_builtins(result.counts),
        "targets": targets_document(evaluation.verdict),
        "verdict": evaluation.verdict.outcome,
        "prevalence": None if math.isnan(prevalence) else prevalence,
        "threshold": evaluation.threshold,
        "files": files,
    }


def write_evaluation(
    evaluation: Evaluation, task: Task, runtime: ScoreRuntime, directory: Path, *, save_predictions: bool
) -> dict[str, str]:
    """Write plots, figures and the report; the paths by file name."""
    from telltale.evaluate.plots import write_plots
    from telltale.evaluate.report import write_report

    labels = labels_of(evaluation.frame)
    known = None if labels is None else labels >= 0
    directory.mkdir(parents=True, exist_ok=True)
    images = write_plots(
        directory,
        labels=None if labels is None or known is None else labels[known],
        scores=evaluation.scores if known is None else evaluation.scores[known],
        threshold=evaluation.threshold,
        targets=task.targets,
        importance=_importance(runtime, evaluation.frame, labels),
    )
    files = {name: str(path) for name, path in images.items()}
    if save_predictions:
        path = directory / PREDICTIONS_FILE
        write_scores(
            path, evaluation.frame, evaluation.scores, threshold=evaluation.threshold, version=evaluation.reference
        )
        files[PREDICTIONS_FILE] = str(path)
    files |= {name: str(directory / name) for name in (EVALUATION_FILE, REPORT_FILE)}
    document = as_document(evaluation, runtime, files)
    (directory / EVALUATION_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    trained_on = runtime.manifest.trained_on
    write_report(
        directory / REPORT_FILE,
        title=f"Evaluation of {evaluation.reference}",
        facts={
            "task": f"{runtime.manifest.app}/{runtime.manifest.task}",
            "version": evaluation.reference,
            "model": runtime.manifest.estimator,
            "trained on": f"{trained_on.n_rows:,} rows, {trained_on.kind}",
            "judged on": f"{evaluation.frame.height:,} rows, {evaluation.data_kind}",
            "threshold": f"{evaluation.threshold:.4f}, from {runtime.manifest.operating_point.method}",
        },
        verdict=evaluation.verdict,
        metrics={} if evaluation.result is None else evaluation.result.metrics,
        images=images,
        notes=_notes(evaluation),
    )
    return files


def write_scores(path: Path, frame: pl.DataFrame, scores: Scores, *, threshold: float, version: str) -> None:
    """CSV with entity, time, score, decision, threshold, version; and the label where there is one."""
    labels = labels_of(frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(
            ["entity", "time", "score", "decision", "threshold", "version", *(["label"] if labels is not None else [])]
        )
        for i, (entity, time, score) in enumerate(zip(frame[ENTITY], frame[TIME], scores.tolist(), strict=True)):
            stamp = "" if time is None else time.isoformat()
            row = [entity, stamp, repr(score), int(score >= threshold), repr(threshold), version]
            out.writerow([*row, "" if labels[i] < 0 else int(labels[i])] if labels is not None else row)


def _importance(runtime: ScoreRuntime, frame: pl.DataFrame, labels: NDArray[np.int8] | None) -> dict[str, float] | None:
    from telltale.evaluate.importance import permutation_importance

    if labels is None or not (labels == 1).any() or not (labels == 0).any():
        return None
    scorer = estimator_named(runtime.manifest.estimator).load(runtime.bundle.parts)
    known = labels >= 0
    features = feature_matrix(runtime.plan, frame)[known]
    return permutation_importance(
        scorer.score, features, labels[known], runtime.plan.features, rng=np.random.default_rng(0), repeats=3
    )


def _notes(evaluation: Evaluation) -> list[str]:
    if evaluation.data_kind == "simulated":
        return ["These rows are simulated: they show that the loop works, not how well it does on your service."]
    return []
