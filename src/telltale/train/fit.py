"""The fit: a plan and a model on all training rows, a threshold from scores that no fitted row had a part in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Estimator, Features, Parameter, Parameters, Parts, Scores
from telltale.contract.plan import Plan
from telltale.features.frame import feature_matrix
from telltale.models.manifest import OperatingPoint
from telltale.telemetry.frames import LABEL, TIME
from telltale.train.split import N_FOLDS, folds
from telltale.train.threshold import threshold_from_labels, threshold_from_share, threshold_from_tail

Progress = Callable[[str, int, int], None]  # what, done, of how many

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

    Plans do not depend on an estimator's parameters, so tuning prepares once and fits many times.
    """

    plan: Plan
    features: Features
    labels: NDArray[np.int8] | None
    folds: tuple[Fold, ...]
    rows_per_day: float


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted version before it is judged."""

    plan: Plan
    parts: Parts
    parameters: dict[str, Parameter]
    threshold: float
    operating_point: OperatingPoint


def labels_of(frame: pl.DataFrame) -> NDArray[np.int8] | None:
    """Labels as 0, 1 and -1 for unknown; None where no row is labelled."""
    if LABEL not in frame.columns or frame[LABEL].null_count() == frame.height:
        return None
    return frame[LABEL].fill_null(int(_NOT_LABELLED)).to_numpy().astype(np.int8)


def prepare(task: Task, frame: pl.DataFrame, columns: tuple[str, ...], *, progress: Progress) -> Prepared:
    """Fit plans and make features. Raises NotEnoughDataError where normal rows are too few."""
    fold = folds(frame)
    made = []
    for number in range(N_FOLDS):
        progress("features", number, N_FOLDS + 1)
        fitted_on = fold != number
        plan = task.derive_plan(frame.filter(pl.Series(fitted_on)), columns)
        made.append(Fold(fitted_on=fitted_on, features=feature_matrix(plan, frame)))
    progress("features", N_FOLDS, N_FOLDS + 1)
    plan = task.derive_plan(frame, columns)
    features = feature_matrix(plan, frame)
    if not np.isfinite(features).all():
        raise NotEnoughDataError(
            "some features are not finite", where="train", mend="Look for values beyond 1e30 or constant columns."
        )
    rows_per_day = 86_400.0 / plan.interval_s if plan.interval_s else 1_440.0
    progress("features", N_FOLDS + 1, N_FOLDS + 1)
    return Prepared(plan=plan, features=features, labels=labels_of(frame), folds=tuple(made), rows_per_day=rows_per_day)


def left_out_scores(estimator: Estimator, prepared: Prepared, parameters: Parameters, *, seed: int) -> Scores:
    """A score for every row by a plan and model fitted on the other folds."""
    scores = np.empty(len(prepared.features))
    for fold in prepared.folds:
        labels = None if prepared.labels is None else prepared.labels[fold.fitted_on]
        parts = estimator.fit(fold.features[fold.fitted_on], labels=labels, parameters=parameters, seed=seed)
        scores[~fold.fitted_on] = estimator.load(parts).score(fold.features[~fold.fitted_on])
    return scores


def fit(
    task: Task,
    estimator: Estimator,
    prepared: Prepared,
    *,
    parameters: Parameters,
    contamination: float | None,
    seed: int,
    progress: Progress,
) -> Fitted:
    """Fit the model on all rows and set the threshold.

    Args:
        task: its targets weigh the labelled threshold, its alert budget sets the unlabelled one.
        estimator: the model.
        prepared: the rows' features.
        parameters: for the estimator, complete.
        contamination: the share of rows to flag, where a person says it; None to use labels or the budget.
        seed: for the model and the resamples.
        progress: told after each step.
    """
    progress("model", 0, 2)
    scores = left_out_scores(estimator, prepared, parameters, seed=seed)
    progress("model", 1, 2)
    parts = estimator.fit(prepared.features, labels=prepared.labels, parameters=parameters, seed=seed)
    fitted_scores = estimator.load(parts).score(prepared.features)
    threshold, point = _operating_point(task, prepared, scores, fitted_scores, contamination=contamination, seed=seed)
    progress("model", 2, 2)
    return Fitted(
        plan=prepared.plan,
        parts=parts,
        parameters=dict(parameters),
        threshold=threshold,
        operating_point=point,
    )


def _operating_point(
    task: Task,
    prepared: Prepared,
    scores: Scores,
    fitted_scores: Scores,
    *,
    contamination: float | None,
    seed: int,
) -> tuple[float, OperatingPoint]:
    labels = prepared.labels
    known = np.zeros(len(scores), dtype=bool) if labels is None else labels >= 0
    n_positive = 0 if labels is None else int((labels == 1).sum())
    if contamination is not None:
        point = OperatingPoint(method="given", n=len(scores), n_positive=n_positive)
        return threshold_from_share(scores, contamination), point
    if labels is not None and n_positive >= _LEAST_POSITIVES and n_positive < known.sum():
        rng = np.random.default_rng(seed)
        expected = (1.0 - _FITTED_SHARE) * scores + _FITTED_SHARE * fitted_scores
        threshold = threshold_from_labels(labels[known], expected[known], task.targets, rng=rng)
        return threshold, OperatingPoint(method="labels", n=int(known.sum()), n_positive=n_positive)
    normal = scores if labels is None else scores[labels != 1]
    budget = task.false_alarms_per_day
    threshold = threshold_from_tail(normal, false_alarms_per_day=budget, rows_per_day=prepared.rows_per_day)
    point = OperatingPoint(method="tail", n=len(normal), n_positive=n_positive, false_alarms_per_day=budget)
    return threshold, point


def span_of(frame: pl.DataFrame) -> tuple[str, str]:
    """First and last event time as ISO 8601, or two empty texts."""
    if frame.is_empty() or frame[TIME].null_count():
        return "", ""
    first, last = frame[TIME].min(), frame[TIME].max()
    return first.isoformat(), last.isoformat()  # type: ignore[union-attr]  # no null was counted
