"""Tasks that score: a plan and a model on all training rows, a threshold from scores that no fitted row had a part in."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Estimator, Features, Parameters, Scores, Tell, silent
from telltale.contract.plan import Plan
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import detection_metrics
from telltale.features.frame import feature_matrix
from telltale.models.manifest import OperatingPoint
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import LABEL
from telltale.train.fitted import FitRequest, Fitted, Judged, Progress
from telltale.train.search import search
from telltale.train.split import N_FOLDS, folds
from telltale.train.threshold import threshold_from_labels, threshold_from_share, threshold_from_tail

# Fewer labelled anomalies than this say too little about where to cut.
_LEAST_POSITIVES = 10
_NOT_LABELLED = np.int8(-1)
# Rows score higher under a model that knows a quarter of the days less, and lower under one that was fitted on them; what
# new rows score lies between, as in the .632 rule (Efron 1983), whose share of the fitted is .368.
_FITTED_SHARE = 0.3


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold's features under a plan fitted on the other folds."""

    fitted_on: NDArray[np.bool_]
    features: Features


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Training rows turned into features: once on all rows, and once per fold without it.

    Plans do not depend on an estimator's parameters, so tuning prepares once and fits many times. `folds` has all four,
    or for a costly estimator one, or none where no threshold is to be set.
    """

    plan: Plan
    features: Features
    labels: NDArray[np.int8] | None
    folds: tuple[Fold, ...]
    rows_per_day: float


def labels_of(frame: pl.DataFrame) -> NDArray[np.int8] | None:
    """Labels as 0, 1 and -1 for unknown; None where no row is labelled."""
    if LABEL not in frame.columns or frame[LABEL].null_count() == frame.height:
        return None
    return frame[LABEL].fill_null(int(_NOT_LABELLED)).to_numpy().astype(np.int8)


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
        return Judged(verdict=judge(task.targets, {}, n=frame.height, n_positive=0), metrics={})
    known = labels >= 0
    scores = runtime.score_frame(frame)
    result = detection_metrics(labels[known], scores[known], runtime.threshold)
    counts = result.counts
    verdict = judge(task.targets, result.metrics, n=counts.n, n_positive=counts.n_positive)
    return Judged(verdict=verdict, metrics=result.metrics, result=result)


def prepare(
    task: Task,
    frame: pl.DataFrame,
    columns: tuple[str, ...],
    *,
    progress: Progress,
    sequence: int = 1,
    n_folds: int = N_FOLDS,
) -> Prepared:
    """Fit plans and make features. Raises NotEnoughDataError where normal rows are too few."""
    assert task.derive_plan is not None, f"{task.name} has no features"
    fold = folds(frame, task.split)
    made = []
    for number in range(n_folds):
        progress("features", number, n_folds + 1)
        fitted_on = fold != number
        plan = task.derive_plan(frame.filter(pl.Series(fitted_on)), columns, sequence=sequence)
        made.append(Fold(fitted_on=fitted_on, features=feature_matrix(plan, frame)))
    progress("features", n_folds, n_folds + 1)
    plan = task.derive_plan(frame, columns, sequence=sequence)
    features = feature_matrix(plan, frame)
    if not np.isfinite(features).all():
        raise NotEnoughDataError(
            "some features are not finite", where="train", mend="Look for values beyond 1e30 or constant columns."
        )
    rows_per_day = 86_400.0 / plan.interval_s if plan.interval_s else 1_440.0
    progress("features", n_folds + 1, n_folds + 1)
    return Prepared(plan=plan, features=features, labels=labels_of(frame), folds=tuple(made), rows_per_day=rows_per_day)


def left_out_scores(
    estimator: Estimator, prepared: Prepared, parameters: Parameters, *, seed: int, tell: Tell = silent
) -> Scores:
    """A score for every row that a fold left out, by a plan and model fitted on the other folds; NaN for the others."""
    scores = np.full(len(prepared.features), np.nan)
    for fold in prepared.folds:
        labels = None if prepared.labels is None else prepared.labels[fold.fitted_on]
        parts = estimator.fit(fold.features[fold.fitted_on], labels=labels, parameters=parameters, seed=seed, tell=tell)
        scores[~fold.fitted_on] = estimator.load(parts).score(fold.features[~fold.fitted_on])
    return scores


def _threshold_of(task: Task, request: FitRequest) -> float | None:
    return task.threshold if request.estimator.traits.is_probability else None


def _fit(request: FitRequest, prepared: Prepared, parameters: Parameters) -> Fitted:
    """Fit the model on all rows and set the threshold: as a person says, as the task says, or from left-out scores."""
    estimator: Estimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    seed, progress = request.choices.seed, request.progress
    progress("model", 0, 2)
    if prepared.folds and estimator.traits.is_costly:
        request.tell("Fitting once without a part of the rows, to set the threshold with that part.")
    scores = left_out_scores(estimator, prepared, parameters, seed=seed, tell=request.tell)
    progress("model", 1, 2)
    parts = estimator.fit(
        prepared.features, labels=prepared.labels, parameters=parameters, seed=seed, tell=request.tell
    )
    n_positive = 0 if prepared.labels is None else int((prepared.labels == 1).sum())
    if prepared.folds:
        fitted_scores = estimator.load(parts).score(prepared.features)
        threshold, point = _operating_point(request, prepared, scores, fitted_scores)
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
