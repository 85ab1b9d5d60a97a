"""An evaluation as files: pictures, figures, a report, and the answers."""

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.estimator import Scores
from telltale.features.frame import epoch_s
from telltale.home.evaluation import Evaluation, as_document, write_answers
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.models.runtimes import LoadedRuntime
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.segment_runtime import SegmentRuntime
from telltale.models.stream_runtime import StreamRuntime, runs_of
from telltale.models.verify_runtime import VerifyRuntime
from telltale.telemetry.frames import TIME
from telltale.train.prepared import labels_of

# Every feature is shuffled and all rows are scored again: more of them take longer and move a bar by less than chance does.
_IMPORTANCE_ROWS, _IMPORTANCE_POSITIVES = 5_000, 200
EVALUATION_FILE, REPORT_FILE, PREDICTIONS_FILE = "evaluation.json", "report.html", "predictions.csv"


def write_evaluation(
    evaluation: Evaluation, task: Task, runtime: LoadedRuntime, directory: Path, *, save_predictions: bool
) -> dict[str, str]:
    """Write pictures, figures and the report; the paths by file name."""
    from telltale.evaluate.report import write_report

    directory.mkdir(parents=True, exist_ok=True)
    images = _pictures(evaluation, task, runtime, directory)
    files = {name: str(path) for name, path in images.items()}
    if save_predictions:
        path = directory / PREDICTIONS_FILE
        write_answers(path, evaluation.answers, version=evaluation.reference)
        files[PREDICTIONS_FILE] = str(path)
    files |= {name: str(directory / name) for name in (EVALUATION_FILE, REPORT_FILE)}
    document = as_document(evaluation, runtime, files)
    (directory / EVALUATION_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    write_report(
        directory / REPORT_FILE,
        title=f"Evaluation of {evaluation.reference}",
        facts=_facts(evaluation, runtime),
        verdict=evaluation.judged.verdict,
        metrics=evaluation.judged.metrics,
        images=images,
        notes=_notes(evaluation),
    )
    return files


def _facts(evaluation: Evaluation, runtime: LoadedRuntime) -> dict[str, str]:
    manifest = runtime.manifest
    facts = {
        "task": f"{manifest.app}/{manifest.task}",
        "version": evaluation.reference,
        "model": manifest.estimator,
        "trained on": f"{manifest.trained_on.n_rows:,} rows, {manifest.trained_on.kind}",
        "judged on": f"{evaluation.frame.height:,} rows, {evaluation.data_kind}",
    }
    if isinstance(runtime, ScoreRuntime | VerifyRuntime) and manifest.operating_point is not None:
        facts["threshold"] = f"{runtime.threshold:.4f}, from {manifest.operating_point.method}"
    if isinstance(runtime, SegmentRuntime):
        facts |= runtime.told()
    return facts


def _pictures(evaluation: Evaluation, task: Task, runtime: LoadedRuntime, directory: Path) -> dict[str, Path]:
    from telltale.evaluate.kind_plots import write_metrics_plot
    from telltale.evaluate.plots import write_plots

    if isinstance(runtime, VerifyRuntime):
        return _verification_pictures(evaluation, task, runtime, directory)
    if isinstance(runtime, SegmentRuntime):
        return _segment_pictures(evaluation, task, runtime, directory)
    if isinstance(runtime, ForecastRuntime):
        return _forecast_pictures(evaluation, task, runtime, directory)
    if not isinstance(runtime, ScoreRuntime):
        return write_metrics_plot(directory, metrics=evaluation.judged.metrics, targets=task.targets)
    labels = labels_of(evaluation.frame)
    scores = evaluation.answers["score"].to_numpy()
    known = None if labels is None else labels >= 0
    drawn = _timeline(runtime, evaluation.frame, scores, labels, directory)
    return drawn | write_plots(
        directory,
        labels=None if labels is None or known is None else labels[known],
        scores=scores if known is None else scores[known],
        threshold=runtime.threshold,
        targets=task.targets,
        importance=_importance(runtime, evaluation.frame, labels),
    )


def _timeline(
    runtime: ScoreRuntime, frame: pl.DataFrame, scores: Scores, labels: NDArray[np.int8] | None, directory: Path
) -> dict[str, Path]:
    """Of a version whose rows follow each other: those of the entity that most is decided of."""
    if not isinstance(runtime, StreamRuntime) or frame[TIME].null_count():
        return {}
    from telltale.evaluate.timeline_plot import Timeline, write_timeline

    runs = [*runs_of(frame)]
    name, first, end = max(
        runs, key=lambda run: (int((scores[run[1] : run[2]] >= runtime.threshold).sum()), run[2] - run[1])
    )
    own = frame[first:end]
    shown = Timeline(
        name=name,
        times_s=epoch_s(own).to_numpy(),
        columns={column: own[column].to_numpy() for column in runtime.columns},
        scores=scores[first:end],
        labels=None if labels is None else labels[first:end],
    )
    return write_timeline(directory, shown, threshold=runtime.threshold)


def _forecast_pictures(
    evaluation: Evaluation, task: Task, runtime: ForecastRuntime, directory: Path
) -> dict[str, Path]:
    from telltale.evaluate.forecast_plot import write_forecast_plot
    from telltale.evaluate.kind_plots import write_metrics_plot
    from telltale.train.forecast import shown_forecasts

    assert task.forecasting is not None, f"{task.name} does not say what it continues"
    shown = shown_forecasts(task, runtime, evaluation.frame)
    drawn = write_forecast_plot(directory, shown, level=task.forecasting.level)
    return drawn | write_metrics_plot(directory, metrics=evaluation.judged.metrics, targets=task.targets)


def _segment_pictures(evaluation: Evaluation, task: Task, runtime: SegmentRuntime, directory: Path) -> dict[str, Path]:
    from telltale.contract.kinds import Segmenting
    from telltale.evaluate.kind_plots import write_metrics_plot
    from telltale.evaluate.segment_plot import write_segment_plot
    from telltale.train.segment import outcomes_of

    segmenting = task.segmenting or Segmenting()
    later = outcomes_of(evaluation.frame, segmenting)
    which = evaluation.answers["segment"].to_numpy()
    drawn = write_segment_plot(
        directory,
        names=runtime.names,
        rules=runtime.rules,
        which=which,
        later=later[:, 0] if segmenting.outcomes else None,
        outcome=segmenting.outcomes[0] if segmenting.outcomes else "",
    )
    return drawn | write_metrics_plot(directory, metrics=evaluation.judged.metrics, targets=task.targets)


def _verification_pictures(
    evaluation: Evaluation, task: Task, runtime: VerifyRuntime, directory: Path
) -> dict[str, Path]:
    from telltale.evaluate.attack_plot import write_attack_plot
    from telltale.evaluate.verification_plots import write_verification_plots

    found = evaluation.judged.tried
    if found is None or not len(found.labels):
        return {}
    pictures = write_verification_plots(
        directory, labels=found.labels, scores=found.scores, threshold=runtime.threshold, targets=task.targets
    )
    return pictures | write_attack_plot(directory, metrics=evaluation.judged.metrics, attacks=task.attacks)


def _importance(runtime: ScoreRuntime, frame: pl.DataFrame, labels: NDArray[np.int8] | None) -> dict[str, float] | None:
    from telltale.evaluate.importance import permutation_importance

    if labels is None or not (labels == 1).any() or not (labels == 0).any():
        return None
    if runtime.plan.sequence > 1 or isinstance(runtime, StreamRuntime):
        return None  # what several rows make together is no one column to permute
    rng = np.random.default_rng(0)
    known = np.flatnonzero(labels >= 0)
    if len(known) > _IMPORTANCE_ROWS:
        # The rarer rows are all kept while they are few: of three incidents, none may be left out by chance.
        positive = labels[known] == 1
        share = _IMPORTANCE_ROWS / len(known)
        known = known[(rng.random(len(known)) < share) | (positive & (positive.sum() <= _IMPORTANCE_POSITIVES))]
    features = runtime.features_of(frame)[known]
    return permutation_importance(
        runtime.score_features, features, labels[known], runtime.plan.features, rng=rng, repeats=3
    )


def _notes(evaluation: Evaluation) -> list[str]:
    if evaluation.data_kind == "simulated":
        return ["These rows are simulated: they show that the loop works, not how well it does on your service."]
    return []
