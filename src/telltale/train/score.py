"""Tasks that score: a plan and a model on all training rows, a threshold from scores that no fitted row had a part in."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.estimator import Estimator, Parameters, Scores
from telltale.contract.verdict import Measured
from telltale.evaluate.alarm_figures import (
    ALARM_METRICS,
    EVENT_RECALL,
    alarm_metrics,
    counts_alarms,
)
from telltale.evaluate.clean_entities import (
    CLEAN_FLAGGED,
    clean_entities_flagged,
    counts_clean,
)
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import rate, undefined
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics, verifies
from telltale.models.manifest import OperatingPoint
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.stream_runtime import StreamRuntime
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.calibration import calibrate
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.operating_point import operating_point, reach_s, when_and_whose, whose
from telltale.train.prepared import Prepared, fit_on, labels_of, left_out, prepare
from telltale.train.score_objective import ScoreObjective
from telltale.train.search import is_searched, search
from telltale.train.split import N_FOLDS
from telltale.train.stream import fit_stream


def fit_score(request: FitRequest) -> Fitted:
    """Search parameters where asked, fit the model on all rows and set the threshold.

    Raises:
        NotEnoughDataError: too few rows that are not labelled anomalous.
        UsageError: tuning is asked for without labels.
    """
    task, estimator, choices = request.task, request.estimator, request.choices
    if estimator.traits.adapts:
        return fit_stream(request)
    is_given = _threshold_of(task, request) is not None and choices.contamination is None
    n_folds = 1 if estimator.traits.is_costly else N_FOLDS
    prepared = prepare(
        task,
        request.frame,
        request.columns,
        progress=request.progress,
        sequence=int(request.parameters.get("sequence", 1)),
        n_folds=0 if is_given and not is_searched(request) else n_folds,
    )
    parameters = request.parameters
    if is_searched(request):
        parameters = search(request, ScoreObjective(estimator, prepared))  # type: ignore[arg-type]  # it scores
    return _fit(request, prepared, parameters)


def judge_score(task: Task, runtime: ScoreRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a version on rows it was not trained on; without labels, that there is no evidence."""
    labels = labels_of(frame) if not frame.is_empty() else None
    if labels is None:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=0), metrics={})
    known = labels >= 0
    scores = runtime.score_frame(frame)
    result = detection_metrics(labels[known], scores[known], runtime.threshold)
    counts, metrics = result.counts, result.metrics
    if verifies(task.targets):
        entities = frame[ENTITY].to_numpy()[known]
        metrics = {**metrics, **verification_metrics(labels[known], scores[known], runtime.threshold, entities)}
    if counts_alarms(task.targets) or isinstance(runtime, StreamRuntime):  # which alarms once an event
        metrics = {**metrics, **_alarms(runtime, frame.filter(pl.Series(known)), labels[known], scores[known])}
    if counts_clean(task.targets):
        flags = labels[known] == 1, scores[known] >= runtime.threshold
        metrics = {**metrics, CLEAN_FLAGGED: clean_entities_flagged(*flags, whose(frame)[known])}
    verdict = judge(task.targets, metrics, n=counts.n, n_positive=counts.n_positive)
    calibration = calibrate(labels[known], scores[known], runtime.threshold)
    return Judged(verdict=verdict, metrics=metrics, result=result, calibration=calibration)


def _alarms(
    runtime: ScoreRuntime, frame: pl.DataFrame, labels: NDArray[np.int8], scores: Scores
) -> dict[str, Measured]:
    """What decisions come to as alarms; where rows have no time, each positive one is an event by itself."""
    events, decided = labels == 1, scores >= runtime.threshold
    if frame[TIME].null_count():
        found = rate(int((events & decided).sum()), int(events.sum()))
        return {**dict.fromkeys(ALARM_METRICS, undefined()), EVENT_RECALL: found}
    return alarm_metrics(events, decided, *when_and_whose(frame), memory_s=reach_s(runtime.plan))


def _threshold_of(task: Task, request: FitRequest) -> float | None:
    return task.thresholds.get(request.estimator.name)


def _fit(request: FitRequest, prepared: Prepared, parameters: Parameters) -> Fitted:
    """Fit the model on all rows and set the threshold: as a person says, as the task says, or from left-out scores."""
    estimator: Estimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    seed, progress = request.choices.seed, request.progress
    progress("model", 0, 2)
    if prepared.folds and estimator.traits.is_costly:
        request.tell("Fitting once without a part of the rows, to set the threshold with that part.")
    others = left_out(estimator, prepared, request.frame, parameters, seed=seed, tell=request.tell)
    progress("model", 1, 2)
    if prepared.folds and estimator.traits.is_costly:
        request.tell("Fitting on all rows.")
    parts = fit_on(estimator, prepared, prepared, parameters, seed=seed, tell=request.tell)
    n_positive = 0 if prepared.labels is None else int((prepared.labels == 1).sum())
    if prepared.folds:
        fitted_scores = estimator.load(parts).score(prepared.features)
        threshold, point = operating_point(request, prepared, others, fitted_scores)
    else:
        given = _threshold_of(request.task, request)
        assert given is not None  # there are folds where none is given
        threshold = given
        point = OperatingPoint(method="task", n=len(prepared.features), n_positive=n_positive)
    progress("model", 2, 2)
    return Fitted(
        plan=prepared.plan,
        parts=parts,
        parameters=dict(parameters),
        threshold=threshold,
        operating_point=point,
        left_out=others if prepared.folds else None,
    )
