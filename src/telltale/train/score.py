"""Tasks that score: a plan and a model on all training rows, a threshold from scores that no fitted row had a part in."""

import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.estimator import Estimator, Parameters, Scores
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics, verifies
from telltale.models.manifest import OperatingPoint
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY
from telltale.train.calibration import calibrate
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.prepared import Prepared, fit_on, labels_of, left_out, prepare
from telltale.train.search import search
from telltale.train.split import N_FOLDS
from telltale.train.threshold import threshold_from_labels, threshold_from_share, threshold_from_tail

# Fewer labelled anomalies than this say too little about where to cut.
_LEAST_POSITIVES = 10
# Rows score higher under a model that knows a quarter of the days less, and lower under one that was fitted on them; what
# new rows score lies between, as in the .632 rule (Efron 1983), whose share of the fitted is .368.
_FITTED_SHARE = 0.3


def fit_score(request: FitRequest) -> Fitted:
    """Search parameters where asked, fit the model on all rows and set the threshold.

    Raises:
        NotEnoughDataError: too few rows that are not labelled anomalous.
        UsageError: tuning is asked for without labels.
    """
    task, estimator, choices = request.task, request.estimator, request.choices
    is_given = _threshold_of(task, request) is not None and choices.contamination is None
    n_folds = 1 if estimator.traits.is_costly else N_FOLDS
    prepared = prepare(
        task,
        request.frame,
        request.columns,
        progress=request.progress,
        sequence=int(request.parameters.get("sequence", 1)),
        n_folds=0 if is_given and not (choices.n_trials or choices.grid_search) else n_folds,
    )
    parameters = search(request, prepared)
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
    verdict = judge(task.targets, metrics, n=counts.n, n_positive=counts.n_positive)
    calibration = calibrate(labels[known], scores[known], runtime.threshold)
    return Judged(verdict=verdict, metrics=metrics, result=result, calibration=calibration)


def _threshold_of(task: Task, request: FitRequest) -> float | None:
    return task.threshold if request.estimator.traits.is_probability else None


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
    parts = fit_on(estimator, prepared.features, prepared, parameters, seed=seed, tell=request.tell)
    n_positive = 0 if prepared.labels is None else int((prepared.labels == 1).sum())
    if prepared.folds:
        fitted_scores = estimator.load(parts).score(prepared.features)
        threshold, point = _operating_point(request, prepared, others.whole, fitted_scores)
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


def _operating_point(
    request: FitRequest, prepared: Prepared, left_out: Scores, fitted_scores: Scores
) -> tuple[float, OperatingPoint]:
    task, choices = request.task, request.choices
    is_left_out = np.isfinite(left_out)
    scores = left_out[is_left_out]
    labels = None if prepared.labels is None else prepared.labels[is_left_out]
    known = np.zeros(len(scores), dtype=bool) if labels is None else labels >= 0
    n_positive = 0 if labels is None else int((labels == 1).sum())
    if choices.contamination is not None:
        point = OperatingPoint(method="given", n=len(scores), n_positive=n_positive)
        return threshold_from_share(scores, choices.contamination), point
    if labels is not None and n_positive >= _LEAST_POSITIVES and n_positive < known.sum():
        rng = np.random.default_rng(choices.seed)
        share = 0.0 if request.estimator.traits.is_costly else _FITTED_SHARE
        expected = (1.0 - share) * scores + share * fitted_scores[is_left_out]
        threshold = threshold_from_labels(labels[known], expected[known], task.targets, rng=rng)
        return threshold, OperatingPoint(method="labels", n=int(known.sum()), n_positive=n_positive)
    normal = scores if labels is None else scores[labels != 1]
    budget = task.false_alarms_per_day
    threshold = threshold_from_tail(normal, false_alarms_per_day=budget, rows_per_day=prepared.rows_per_day)
    point = OperatingPoint(method="tail", n=len(normal), n_positive=n_positive, false_alarms_per_day=budget)
    return threshold, point
